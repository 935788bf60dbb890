"""Who answers a call: an LLM that plays the tool, or a real function. Any server of tools fits the same protocol."""

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from simia_tui.domains import Pack
from simia_tui.errors import SimiaError
from simia_tui.model import Fault, ToolCall
from simia_tui.simulate.ask import (
    Ask,
    AskedCall,
    Patience,
    Request,
    SimulatorFault,
    Unreadable,
    converse,
    find_object,
    lines,
)
from simia_tui.simulate.consistency import Answer
from simia_tui.simulate.controls import Controls, Feedback, Task
from simia_tui.simulate.ledger import Ledger
from simia_tui.simulate.schemas import ANSWER
from simia_tui.simulate.synthesize import tool_line
from simia_tui.simulate.world import recorded_exchanges


class Trust(StrEnum):
    """How far a tool's word is believed.

    `simulated`: an LLM answers, contradictions are only recorded. `rule-checked`: an LLM answers, and what contradicts
    the ledger goes back to it and is at last put right by rule. `executed`: a real tool answers, the ledger follows.
    """

    SIMULATED = "simulated"
    RULE_CHECKED = "rule-checked"
    EXECUTED = "executed"


class View(NamedTuple):
    """What a backend may know when it answers: the task, the ledger, and the calls answered so far in this episode.

    `accept` takes an answer or raises `Unreadable` with what is wrong with it; the backend then tries again.
    """

    task: Task
    ledger: Ledger
    exchanges: Sequence[dict[str, Any]]
    accept: Callable[[Answer], None]
    record: list[AskedCall]


class ToolBackend(Protocol):
    """Answers well-formed calls of one tool or of many."""

    @property
    def trust(self) -> Trust: ...

    async def answer(self, call: ToolCall, view: View) -> Answer:
        """The answer to `call`. Raises `SimulatorFault` when none can be had."""
        ...


_FEEDBACK: dict[Feedback, str] = {
    "rich": "An error names its cause and what would be possible instead, as the best of real tools do.",
    "terse": "An error is a short code with one short sentence; it does not say what would be possible instead.",
    "binary": "An error says only that the call failed.",
}


class SimulatedTools:
    """An LLM that plays every tool it is given. `pack` brings the template `simulate_tool`."""

    def __init__(
        self, ask: Ask, pack: Pack, trust: Trust = Trust.RULE_CHECKED, patience: Patience | None = None
    ) -> None:
        if trust is Trust.EXECUTED:
            raise ValueError("a simulated tool is not executed")
        self._ask, self._template, self._trust = ask, pack.template("simulate_tool"), trust
        self._errors = pack.refusals
        self._patience = patience or Patience()

    @property
    def trust(self) -> Trust:
        return self._trust

    def prompt(self, call: ToolCall, view: View) -> str:
        """The request: what stays the same for all calls of a task stands first."""
        task = view.task
        return self._template.fill(
            {
                "policy": task.seed.policy or "(none)",
                "tools": lines([tool_line(tool) for tool in task.seed.tools]),
                "errors": self._errors,
                "examples": lines(recorded_exchanges(task.seed)),
                "feedback": _FEEDBACK[task.controls.feedback],
                "weaknesses": "\n".join(f"- {text}" for text in task.controls.errors.weaknesses) or "- none",
                "ledger": view.ledger.text(),
                "exchanges": lines(view.exchanges),
                "call": lines([{"name": call.name, "arguments": call.arguments}]),
            }
        )

    async def answer(self, call: ToolCall, view: View) -> Answer:
        def read(text: str) -> Answer:
            answer = read_answer(text, view.task.controls)
            view.accept(answer)
            return answer

        text = self.prompt(call, view)
        request = Request("tool simulator", Fault.TOOL_SIMULATOR, text, self._template.version, ANSWER)
        return await converse(self._ask, request, read, view.record, self._patience)


def read_answer(text: str, controls: Controls) -> Answer:
    """The answer in a simulator's reply. An observation that is no text is written as JSON.

    Raises:
        Unreadable: the reply is not of the form that was asked for.
    """
    value = find_object(text, "observation")
    observation, is_error, patch = value["observation"], value.get("is_error", False), value.get("patch")
    if isinstance(is_error, str) and is_error.casefold() in ("true", "false"):
        is_error = is_error.casefold() == "true"
    if not isinstance(is_error, bool):
        raise Unreadable('"is_error" must be true or false.')
    patch = [] if patch is None else patch
    if not isinstance(patch, list) or not all(isinstance(op, dict) for op in patch):
        raise Unreadable('"patch" must be a list of RFC 6902 operations, empty when nothing changes.')
    written = observation if isinstance(observation, str) else json.dumps(observation, ensure_ascii=False)
    if not written.strip():
        raise Unreadable('"observation" is empty; a tool always answers something.')
    if len(written) > controls.observation_chars:
        raise Unreadable(
            f'"observation" is longer than {controls.observation_chars} characters; answer as a tool would.'
        )
    return Answer(written, is_error, tuple(patch))


class ToolRefusal(Exception):
    """Raised by an executed tool to refuse a call; the message is the observation."""


class ExecutedTools:
    """Python functions that are the tools, called with the arguments as keywords. Coroutine functions are awaited.

    A text is taken as the observation as it stands, an `Answer` as it is, anything else is written as JSON.
    Make a new one for each episode, with functions that share that episode's state.
    """

    trust = Trust.EXECUTED

    def __init__(self, functions: Mapping[str, Callable[..., Any]]) -> None:
        self.functions = dict(functions)

    async def answer(self, call: ToolCall, view: View) -> Answer:
        try:
            value = self.functions[call.name](**(call.arguments or {}))
            if inspect.isawaitable(value):
                value = await value
        except ToolRefusal as refusal:
            return Answer(str(refusal), True)
        except SimiaError as error:
            raise SimulatorFault(Fault.INFRASTRUCTURE, f"The tool {call.name} cannot answer: {error}") from error
        except Exception as error:
            # A tool of others may fail in any way; the episode is invalid and says so.
            reason = f"The tool {call.name} failed with {type(error).__name__}: {error}"[:300]
            raise SimulatorFault(Fault.INFRASTRUCTURE, reason) from error
        if isinstance(value, Answer):
            return value
        return Answer(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
