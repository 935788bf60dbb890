"""What the tools show of their world: calls with their observations, and the things with ids in them.

The rules that build on this know nothing of a domain. Every tool that is not known to read counts as a write
unless it was refused (`is_error`).
"""

from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from simia_tui.checks.context import Context
from simia_tui.checks.toolbox import Tool, is_read, moves
from simia_tui.model import ToolCall, Trajectory, Turn

__all__ = ["Chain", "Exchange", "Thing", "exchanges", "is_read", "moves", "same", "things"]


class Exchange(NamedTuple):
    """A call and its observation; `turn` is the index of the tool turn.

    `before` and `after` number the states of the world: equal numbers mean that nothing was written between.
    `key` is equal for equal calls; None where no other call is of the same tool, where the arguments are unknown, or
    where the answer may change by itself.
    """

    call: ToolCall
    tool: Tool
    observation: Turn
    turn: int
    before: int
    after: int
    key: str | None


def _key(call: ToolCall, tool: Tool) -> str | None:
    if call.arguments is None or tool.moves:
        return None
    try:
        return f"{call.name} {sorted(call.arguments.items())!r}"
    except RecursionError:
        return None


def exchanges(trajectory: Trajectory, context: Context) -> list[Exchange]:
    """Every answered call, in order. Calls beside a write in the same turn stand in a state of their own."""
    return context.view(trajectory, _exchanges)


def _exchanges(trajectory: Trajectory, context: Context) -> list[Exchange]:
    turns, answers, box = trajectory.turns, context.pairing(trajectory).answers, context.box
    found: list[Exchange] = []
    calls = context.calls(trajectory)
    names = [call.name for _, _, call in calls]
    state = 0
    for index, group in groupby(calls, _TURN):
        writes = 0
        places = []
        for _, position, call in group:
            answer, tool = answers.get((index, position)), box[call.name]
            writes += not tool.reads and (answer is None or not turns[answer].is_error)
            places.append((call, tool, answer))
        alone = len(places) > 1 and writes > 0
        before, after = (-1 - index, -1 - index) if alone else (state, state + writes)
        state += writes
        for call, tool, answer in places:
            if answer is not None:
                key = _key(call, tool) if names.count(call.name) > 1 else None
                found.append(Exchange(call, tool, turns[answer], answer, before, after, key))
    return found


_TURN = itemgetter(0)


Chain = tuple[str, ...]
"""The ids of a thing, from the top of an observation down to its own, each as `name value`."""


class Thing(NamedTuple):
    """An object that has an id: what an observation tells of one thing in the world."""

    chain: Chain
    members: dict[str, Any]

    @property
    def owner(self) -> str:
        """The thing's own id, as `name value`."""
        return self.chain[-1]


def things(exchange: Exchange, trajectory: Trajectory, context: Context) -> list[Thing]:
    """Every object with an id in the observation of `exchange`, those outside before those inside."""
    known = context.view(trajectory, _known_things)
    try:
        return known[exchange.turn]
    except KeyError:
        text = exchange.observation.content or ""
        # Most long answers name no id at all, and to see that takes no parsing.
        found = known[exchange.turn] = _things(context.parsed(text)) if 'id"' in text else []
        return found


def _known_things(trajectory: Trajectory, context: Context) -> dict[int, list[Thing]]:
    return {}


def _things(value: Any) -> list[Thing]:
    found: list[Thing] = []
    if value is not None:
        _gather(value, (), found)
    return found


def _gather(box: Any, chain: Chain, found: list[Thing]) -> None:
    """Adds the things in `box`; the parser of observations lets nothing nest deeper than 200 levels."""
    parts = box
    if type(box) is dict:
        for name in _id_names(tuple(box)):
            own = box[name]
            if own is not None and type(own) not in _NO_ID:
                chain = (*chain, f"{name} {own}")
                found.append(Thing(chain, box))
                break
        parts = box.values()
    for part in parts:
        kind = type(part)
        if kind is dict or kind is list:
            _gather(part, chain, found)


_NO_ID = frozenset((dict, list, float))


@lru_cache(maxsize=4096)
def _id_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of an object's names that may hold its id; most objects of an observation have the same names."""
    return tuple([name for name in names if name[-2:] == "id" and (name == "id" or name[-3:] == "_id")])


def same(left: Any, right: Any) -> bool:
    """Whether two plain values say the same; 3.2 and "3.2" do, as tools differ in how they print."""
    return bool(left == right) or (type(left) is not bool and type(right) is not bool and str(left) == str(right))
