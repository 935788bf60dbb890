"""Judges a finished episode: 0 or 1 with reasons and evidence, or no reward at all and who is to blame for that.

A judge can be talked round by what the policy writes (2507.08794, 2601.14691), so it reads no reasoning of the policy,
and is given by rule which writes have succeeded: what was only claimed earns nothing.
"""

import asyncio
import json
import random
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Protocol

from simia_tui.checks import Hints
from simia_tui.checks.world import is_read
from simia_tui.domains import Pack
from simia_tui.errors import UsageError
from simia_tui.model import Fault, Record, Trajectory
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
from simia_tui.simulate.controls import Ending, Task, Termination
from simia_tui.simulate.ledger import Ledger
from simia_tui.simulate.schemas import VERDICT
from simia_tui.simulate.synthesize import tool_line
from simia_tui.simulate.toolbox import Entry
from simia_tui.simulate.user import goal_of, numbered

Reward = Literal[0, 1]


class Sample(Record):
    """One reply of a judge."""

    reward: Reward
    reasoning: str = ""
    evidence_turns: tuple[int, ...] = ()


class Verdict(Record):
    """What became of an episode: 0 or 1, or between them where a group was ranked.

    `reward` None: it is invalid, for the `reason` and by the `fault` given.

    `by` rule: no judge was asked. `disagreement` is the share of samples against the verdict (0 to 0.5). `second` is
    the opinion of another model, asked for a share of the episodes; it has no vote.
    """

    reward: float | None
    reasoning: str = ""
    evidence_turns: tuple[int, ...] = ()
    by: Literal["judge", "rule"] = "judge"
    samples: tuple[Sample, ...] = ()
    disagreement: float = 0.0
    second: Sample | None = None
    fault: Fault | None = None
    reason: str = ""


class Case(NamedTuple):
    """All that is judged: the episode as it went, its answered calls, and the ledger at its end."""

    task: Task
    trajectory: Trajectory
    ending: Ending
    log: Sequence[Entry]
    ledger: Ledger
    hints: Hints


class Judging(Protocol):
    """Whoever judges."""

    async def verdict(self, case: Case, record: list[AskedCall]) -> Verdict: ...


def ruled(ending: Ending) -> Verdict | None:
    """The verdict where none is to be asked for: 0 for an end that the policy caused, none for a spoilt episode."""
    if ending.termination is Termination.INVALID:
        return Verdict(reward=None, by="rule", fault=ending.fault, reason=ending.reason)
    if ending.termination.by_policy:
        return Verdict(reward=0, by="rule", reasoning=ending.reason)
    return None


def writes(case: Case) -> list[dict[str, Any]]:
    """Every call that is no mere read: whether it succeeded and what it changed. Claims are held against this."""
    entries = {entry.call.call_id: entry for entry in case.log}
    rows = []
    for index, _, call in case.trajectory.calls():
        if is_read(call.name, case.hints):
            continue
        entry = entries.get(call.call_id)
        done = entry is not None and not entry.is_error
        row = {"turn": index, "name": call.name, "arguments": call.arguments, "succeeded": done}
        if entry is not None and done:
            row["changes"] = list(entry.patch)
        rows.append(row)
    return rows


class Judge:
    """An LLM as judge. `pack` brings the template `judge`.

    `samples` verdicts (an odd number) are asked for at once and the majority counts. `second` is another model, asked
    about `second_share` (0 to 1) of the episodes, chosen by the episode's content.

    Raises:
        UsageError: the number of samples is even or below 1.
    """

    def __init__(
        self,
        ask: Ask,
        pack: Pack,
        samples: int = 1,
        second: Ask | None = None,
        second_share: float = 0.0,
        patience: Patience | None = None,
    ) -> None:
        if samples < 1 or samples % 2 == 0:
            raise UsageError(f"A judge is asked {samples} times; give an odd number, so that there is a majority.")
        self._ask, self._template, self._samples = ask, pack.template("judge"), samples
        self._second, self._share = second, second_share
        self._patience = patience or Patience()

    def prompt(self, case: Case) -> str:
        """The request: policy, tools and goal first, then what happened."""
        task = case.task
        return self._template.fill(
            {
                "policy": task.seed.policy or "(none)",
                "tools": lines([tool_line(tool) for tool in task.seed.tools]),
                "goal": goal_of(task),
                "ledger": case.ledger.text(),
                "writes": lines(writes(case)),
                "transcript": lines(numbered(case.trajectory)),
            }
        )

    async def verdict(self, case: Case, record: list[AskedCall]) -> Verdict:
        """The verdict on a finished episode. A judge that fails gives a verdict without reward, never 0."""
        if (known := ruled(case.ending)) is not None:
            return known
        request = Request("judge", Fault.JUDGE, self.prompt(case), self._template.version, VERDICT)
        turns = len(case.trajectory.turns)
        asks = [(self._ask, request)] * self._samples
        if self._second is not None and random.Random(case.trajectory.id).random() < self._share:
            asks.append((self._second, request._replace(role="judge2")))
        asked = await asyncio.gather(*(self._sample(ask, said, turns, record) for ask, said in asks))
        return _counted(asked[: self._samples], asked[self._samples :])

    async def _sample(self, ask: Ask, request: Request, turns: int, record: list[AskedCall]) -> Sample | SimulatorFault:
        def read(text: str) -> Sample:
            sample = read_verdict(text)
            cited = tuple(turn for turn in sample.evidence_turns if turn < turns)
            return sample.replace(evidence_turns=cited)

        try:
            return await converse(ask, request, read, record, self._patience)
        except SimulatorFault as fault:
            return fault


def _counted(asked: Sequence[Sample | SimulatorFault], second: Sequence[Sample | SimulatorFault]) -> Verdict:
    samples = tuple(item for item in asked if isinstance(item, Sample))
    faults = [item for item in asked if isinstance(item, SimulatorFault)]
    other = next((item for item in second if isinstance(item, Sample)), None)
    votes = sum(sample.reward for sample in samples)
    reward: Reward = 1 if 2 * votes > len(asked) else 0
    # Every verdict that is missing may have gone either way: only a majority of all that were asked for counts.
    if 2 * max(votes, len(samples) - votes) <= len(asked):
        fault = faults[0]
        return Verdict(reward=None, samples=samples, second=other, fault=fault.fault, reason=fault.reason)
    leading = next(sample for sample in samples if sample.reward == reward)
    return Verdict(
        reward=reward,
        reasoning=leading.reasoning,
        evidence_turns=leading.evidence_turns,
        samples=samples,
        disagreement=sum(sample.reward != reward for sample in samples) / len(samples),
        second=other,
    )


def read_verdict(text: str) -> Sample:
    """The verdict in a reply (simia-method.md §6.4: what cannot be read is asked for again, and never 0).

    Raises:
        Unreadable: there is no verdict, or its reward is neither 0 nor 1.
    """
    value = find_object(text, "reward")
    reasoning, evidence = value.get("reasoning"), value.get("evidence_turns")
    turns = [turn for turn in evidence if type(turn) is int and turn >= 0] if isinstance(evidence, list) else []
    return Sample(
        reward=_reward(value["reward"]),
        reasoning=reasoning if isinstance(reasoning, str) else "" if reasoning is None else json.dumps(reasoning),
        evidence_turns=tuple(dict.fromkeys(turns)),
    )


def _reward(value: Any) -> Reward:
    if isinstance(value, str):
        value = {"0": 0, "1": 1}.get(value.strip())
    if isinstance(value, bool | int | float) and value in (0, 1):
        return 1 if value else 0
    raise Unreadable('"reward" must be the number 0 or 1.')
