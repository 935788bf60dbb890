"""Answers the calls of one assistant turn: rules first, drawn failures, memory, and then whoever plays the tool."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from simia_tui.checks import Hints
from simia_tui.checks.world import is_read
from simia_tui.model import Fault, Finding, Record, ToolCall, Turn
from simia_tui.simulate.ask import AskedCall, Doubted, SimulatorFault, Unreadable
from simia_tui.simulate.calls import failure, malformed, told
from simia_tui.simulate.consistency import Answer, Examined, PatchError, examine, learned
from simia_tui.simulate.controls import Task
from simia_tui.simulate.ledger import Contradiction, Ledger, Op
from simia_tui.simulate.tools import ToolBackend, Trust, View
from simia_tui.simulate.world import World, call_key, exchange_line, kept_key

Source = Literal["rules", "drawn failure", "memory", "simulated", "rule-checked", "executed"]


class Entry(Record):
    """One answered call as the ledger's log keeps it.

    `observation` is what the tool answered, before `feedback` shortened it for the policy. `refused` are contradictions
    in replies that went back, `kept` those in the answer that was taken; `mended` says that rules corrected it. `asked`
    are the numbers of the requests made for it; the last one brought the answer.
    """

    call: ToolCall
    observation: str
    is_error: bool = False
    source: Source
    version: int = 0
    patch: tuple[Op, ...] = ()
    refused: tuple[Contradiction, ...] = ()
    kept: tuple[Contradiction, ...] = ()
    mended: bool = False
    asked: tuple[int, ...] = ()


class _Taken(NamedTuple):
    entry: Entry
    state: str


class Toolbox:
    """The tools of one episode, in one state of a `World`."""

    def __init__(
        self, task: Task, world: World, default: ToolBackend, hints: Hints, special: Mapping[str, ToolBackend]
    ) -> None:
        self.task, self.world, self._hints = task, world, hints
        self._default, self._special = default, special
        self._state = world.start.state
        self._made: Counter[str] = Counter()
        self.log: list[Entry] = []

    @property
    def ledger(self) -> Ledger:
        """What is true now in the world of this episode."""
        return self.world.current(self._state)

    async def answer(
        self, calls: Sequence[ToolCall], wrong: Mapping[int, list[Finding]], record: list[AskedCall]
    ) -> tuple[Turn, ...]:
        """One tool turn for each call, in order. Reads that stand side by side are asked at once, writes one by one.

        Raises:
            SimulatorFault: a call could not be answered.
        """
        turns: list[Turn] = []
        position = 0
        while position < len(calls):
            end = position + 1
            while end < len(calls) and all(self._reads(calls[at]) for at in (end - 1, end)):
                end += 1
            group = range(position, end)
            asked = [self._one(calls[at], wrong.get(at), record) for at in group]
            for taken in await asyncio.gather(*asked, return_exceptions=True):
                if isinstance(taken, BaseException):
                    raise taken
                self._state = taken.state
                self.log.append(taken.entry)
                turns.append(self._turn(taken.entry))
            position = end
        return tuple(turns)

    def _reads(self, call: ToolCall) -> bool:
        return is_read(call.name, self._hints)

    def _turn(self, entry: Entry) -> Turn:
        feedback = self.task.controls.feedback
        text = entry.observation if entry.source == "rules" else told(entry.observation, entry.is_error, feedback)
        return Turn(
            role="tool", content=text, call_id=entry.call.call_id, name=entry.call.name, is_error=entry.is_error
        )

    async def _one(self, call: ToolCall, wrong: list[Finding] | None, record: list[AskedCall]) -> _Taken:
        controls, ledger = self.task.controls, self.ledger
        if wrong:
            text = malformed(call, wrong, self.task.seed.tools, controls.feedback)
            return self._unchanged(call, text, "rules")
        key = call_key(call)
        self._made[key] += 1
        struck = self.task.drawn_error(key, self._made[key])
        if struck is not None:
            return self._unchanged(call, failure(struck), "drawn failure")
        backend = self._special.get(call.name, self._default)
        if backend.trust is Trust.EXECUTED:
            return await self._executed(backend, call, record)
        remembered = kept_key(call)
        if remembered is None:
            return await self._simulated(backend, call, None, record)
        async with self.world.lock(ledger.state, remembered):
            kept = self.world.answer(ledger.state, remembered)
            if kept is None:
                return await self._simulated(backend, call, remembered, record)
        entry = Entry(
            call=call,
            observation=kept.answer.text,
            is_error=kept.answer.is_error,
            source="memory",
            version=kept.ledger.version,
            patch=kept.answer.patch,
        )
        return _Taken(entry, kept.ledger.state)

    def _unchanged(self, call: ToolCall, text: str, source: Source) -> _Taken:
        ledger = self.ledger
        entry = Entry(call=call, observation=text, is_error=True, source=source, version=ledger.version)
        return _Taken(entry, ledger.state)

    def _view(self, record: list[AskedCall], accept: Callable[[Answer], None]) -> View:
        shown = [exchange_line(entry.call, entry.observation, entry.is_error) for entry in self.log if _lasting(entry)]
        return View(self.task, self.ledger, shown, accept, record)

    async def _executed(self, backend: ToolBackend, call: ToolCall, record: list[AskedCall]) -> _Taken:
        answer = await backend.answer(call, self._view(record, lambda answer: None))
        before = self.ledger
        after = learned(before, call, answer, self._reads(call))
        self.world.keep(before.state, None, answer, after)
        entry = Entry(
            call=call,
            observation=answer.text,
            is_error=answer.is_error,
            source="executed",
            version=after.version,
            patch=answer.patch,
        )
        return _Taken(entry, after.state)

    async def _simulated(
        self, backend: ToolBackend, call: ToolCall, key: str | None, record: list[AskedCall]
    ) -> _Taken:
        """Asks the simulator; under `rule-checked` an answer with firm contradictions goes back to it once."""
        strict, reads, state = backend.trust is Trust.RULE_CHECKED, self._reads(call), self._state
        refused: list[Contradiction] = []

        def accept(answer: Answer) -> None:
            firm = [item for item in self._examined(call, answer, reads, state).contradictions if item.firm]
            if strict and firm and not refused:
                refused.extend(firm)
                raise Doubted(_correction(firm))

        own: list[AskedCall] = []
        try:
            answer = await backend.answer(call, self._view(own, accept))
        finally:
            numbers = _adopted(record, own)
        try:
            examined = self._examined(call, answer, reads, state)
        except Unreadable as problem:
            raise SimulatorFault(Fault.TOOL_SIMULATOR, f"{call.name} was answered without use: {problem}") from None
        taken = examined.mended if strict else answer._replace(patch=examined.mended.patch)
        self.world.keep(state, key, taken, examined.ledger)
        entry = Entry(
            call=call,
            observation=taken.text,
            is_error=taken.is_error,
            source=backend.trust.value,
            version=examined.ledger.version,
            patch=taken.patch,
            refused=tuple(refused),
            kept=examined.contradictions,
            mended=taken.text != answer.text,
            asked=numbers,
        )
        return _Taken(entry, examined.ledger.state)

    def _examined(self, call: ToolCall, answer: Answer, reads: bool, state: str) -> Examined:
        """The answer held against the ledger as it is now: other members may have read more meanwhile."""
        try:
            return examine(self.world.current(state), call, answer, reads)
        except PatchError as error:
            raise Unreadable(str(error)) from None


def _lasting(entry: Entry) -> bool:
    """Whether a call tells the simulator something of the world; malformed calls and drawn failures do not."""
    return entry.source not in ("rules", "drawn failure")


def _adopted(record: list[AskedCall], own: list[AskedCall]) -> tuple[int, ...]:
    """Puts the requests of one call on the record of the episode; returns their numbers there."""
    numbers = tuple(range(len(record), len(record) + len(own)))
    record.extend(asked.replace(n=n) for n, asked in zip(numbers, own, strict=True))
    return numbers


def _correction(found: Sequence[Contradiction]) -> str:
    listed = "\n".join(f"- {item.message}" for item in found[:8])
    return f"It does not agree with the ledger:\n{listed}\nKeep to what the ledger holds."
