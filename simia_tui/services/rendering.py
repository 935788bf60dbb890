"""Prompts as they are sent: a template filled in for a real seed."""

import sqlite3
from dataclasses import replace

from simia_tui import checks, domains
from simia_tui.domains import Pack, PromptTemplate
from simia_tui.errors import UsageError
from simia_tui.llm import Reply
from simia_tui.model import Trajectory, content_hash
from simia_tui.simulate import prefilter, synthesize
from simia_tui.simulate.ask import Messages
from simia_tui.simulate.consistency import Answer
from simia_tui.simulate.controls import Ending, Task, Termination
from simia_tui.simulate.judge import Case, Judge
from simia_tui.simulate.ledger import Ledger
from simia_tui.simulate.replay import log_of
from simia_tui.simulate.synthesize import Prompt
from simia_tui.simulate.tools import SimulatedTools, View
from simia_tui.simulate.user import SimulatedUser
from simia_tui.store import Workspace, trajectories


def rendered(
    workspace: Workspace, db: sqlite3.Connection, kind: str, pk: int, template: PromptTemplate | None = None
) -> Prompt:
    """The request as it would be sent about seed `pk`, with the template in force or with another one.

    Of a synthesize job it is that of its first task. Prompts about a session under way are shown as they would be in
    the seed's own session: the user is asked for the second message, the tools for the answer to the first call, the
    judge at the end. Where neither seed nor pack declares tools, a job infers them from all its seeds; here it is from
    this one.

    Raises:
        UsageError: the template is wrong, or the seed has nothing that it could be about.
    """
    seed = trajectories.get(db, pk)
    pack = domains.load(seed.domain, workspace.prompt_roots())
    if template is not None:
        pack = replace(pack, templates={kind: template})
    tools = seed.tools or pack.tools or domains.infer_tools([seed])
    if kind == "synthesize":
        return synthesize.Writer(pack, seed, tools).prompt(0, 0)
    if kind == "prefilter":
        said = prefilter.remarks(trajectories.findings(db, pk))
        return prefilter.Writer(pack, seed, tools, said).prompt()
    version = pack.template(kind).version
    text = _of_session(kind, pack, seed.replace(tools=tools))
    messages = [{"role": "user", "content": text}]
    return Prompt(messages, content_hash(messages), version)


def _of_session(kind: str, pack: Pack, seed: Trajectory) -> str:
    task = Task(seed=seed)
    if kind == "simulate_user":
        spoken = next((n for n, turn in enumerate(seed.turns) if turn.role == "assistant" and turn.content), 0)
        return SimulatedUser(_nobody, pack).prompt(task, seed.turns[: spoken + 1])
    if kind == "simulate_tool":
        call = next((call for _, _, call in seed.calls()), None)
        if call is None:
            raise UsageError("This seed calls no tool; choose another one for the preview.")
        return SimulatedTools(_nobody, pack).prompt(call, View(task, Ledger(), [], _accept, []))
    if kind == "judge":
        hints = checks.Hints.of(pack.data)
        case = Case(task, seed, Ending(termination=Termination.USER_DONE), log_of(seed), Ledger(), hints)
        return Judge(_nobody, pack).prompt(case)
    raise UsageError(f"The prompt {kind!r} is about work that a seed alone does not show, so it has no preview.")


def _accept(_answer: Answer) -> None:
    """A preview has no answers to hold against anything."""


async def _nobody(_messages: Messages) -> Reply:
    raise AssertionError("a preview asks nobody")
