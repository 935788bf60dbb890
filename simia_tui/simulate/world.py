"""One simulated world that several rollouts start from: the same question in the same state has one answer."""

import asyncio
from collections.abc import Iterator
from typing import Any, NamedTuple

from simia_tui.checks import Hints
from simia_tui.checks.world import is_read, moves
from simia_tui.model import ToolCall, Trajectory, Turn, canonical_json
from simia_tui.simulate.consistency import Answer, learned
from simia_tui.simulate.controls import Task
from simia_tui.simulate.ledger import Ledger


class Kept(NamedTuple):
    """An accepted answer and the ledger as it stood after it."""

    answer: Answer
    ledger: Ledger


class World:
    """The ledger and the answers that all members of a group share. Use one World from one event loop only.

    A member is in a state; its writes lead it to another, and whoever writes the same is in the same. What a read
    reveals is revealed to everyone in that state. Nothing a member writes is seen by a member that has not written it.
    """

    def __init__(self, start: Ledger) -> None:
        self.start = start
        self._ledgers: dict[str, Ledger] = {start.state: start}
        self._answers: dict[tuple[str, str], Kept] = {}
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}

    @classmethod
    def of(cls, task: Task, hints: Hints | None = None, recorded: bool = True) -> "World":
        """The world at the start of `task`.

        With `recorded`, what the seed's tools answered before anything was written is true here too: the records go
        into the ledger, and the same reads get the same answers, word for word.
        """
        world = cls(Ledger.start(task.ledger))
        if recorded:
            for call, observation in recorded_reads(task.seed, hints or Hints()):
                answer = Answer(observation.content or "", observation.is_error)
                ledger = learned(world.current(world.start.state), call, answer, reads=True)
                world.keep(world.start.state, kept_key(call), answer, ledger)
        return world

    def current(self, state: str) -> Ledger:
        """What is known of the world in `state` now, also from what other members have read there."""
        return self._ledgers[state]

    def answer(self, state: str, key: str) -> Kept | None:
        """What the call `key` was answered in `state`, if it was ever made there."""
        return self._answers.get((state, key))

    def keep(self, state: str, key: str | None, answer: Answer, ledger: Ledger) -> None:
        """Remember an accepted answer and what it has revealed or changed; with `key` None only the latter."""
        if ledger.state == state:
            self._ledgers[state] = ledger
        else:
            # Another member may be there already and have read more.
            self._ledgers.setdefault(ledger.state, ledger)
        if key is not None:
            self._answers[state, key] = Kept(answer, ledger)

    def lock(self, state: str, key: str) -> asyncio.Lock:
        """Held while the call `key` is asked in `state`, so that members who ask the same wait for one answer."""
        return self._locks.setdefault((state, key), asyncio.Lock())


def call_key(call: ToolCall) -> str:
    """Equal for calls of the same tool with the same arguments."""
    return canonical_json([call.name, call.arguments])


def kept_key(call: ToolCall) -> str | None:
    """The key under which an answer is remembered; None for a tool whose answer changes by itself, like a clock."""
    return None if moves(call.name) else call_key(call)


def recorded_reads(seed: Trajectory, hints: Hints) -> Iterator[tuple[ToolCall, Turn]]:
    """The answered calls of `seed` up to its first successful write, with their observations."""
    answers = {turn.call_id: turn for turn in seed.turns if turn.role == "tool" and turn.call_id}
    for _, _, call in seed.calls():
        turn = answers.get(call.call_id) if call.call_id else None
        if turn is None or call.arguments is None:
            continue
        if not is_read(call.name, hints):
            if not turn.is_error:
                return
            continue
        yield call, turn


def recorded_exchanges(seed: Trajectory) -> list[dict[str, Any]]:
    """Every answered call of `seed` as an example of form for the tool simulator."""
    answers = {turn.call_id: turn for turn in seed.turns if turn.role == "tool" and turn.call_id}
    pairs = [(call, answers.get(call.call_id or "")) for _, _, call in seed.calls()]
    return [exchange_line(call, turn.content or "", turn.is_error) for call, turn in pairs if turn is not None]


def exchange_line(call: ToolCall, text: str, is_error: bool) -> dict[str, Any]:
    """A call and its observation as they stand in a prompt."""
    return {"name": call.name, "arguments": call.arguments, "observation": text, "is_error": is_error}
