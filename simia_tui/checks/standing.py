"""How the simulated world stands after a turn: what the observations have told of each thing, and what calls set.

A pure reading of the same exchanges that the rules on the state compare; it judges nothing.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from simia_tui.checks.context import Context
from simia_tui.checks.hints import Hints
from simia_tui.checks.ledger import sets_members
from simia_tui.checks.world import Exchange, exchanges, same, things
from simia_tui.model import ToolSpec, Trajectory


class Entry(NamedTuple):
    """One member of one thing as it became known in `turn`. `told` is False where only a call has set it."""

    turn: int
    owner: str
    member: str
    value: Any
    told: bool
    tool: str


class Member(NamedTuple):
    """A member as it stands: its latest entry, and the entry with another value before that."""

    entry: Entry
    former: Entry | None


def entries(trajectory: Trajectory, tools: tuple[ToolSpec, ...], hints: Hints | None = None) -> list[Entry]:
    """Every entry of the ledger, in the order of the turns. A refused call enters nothing."""
    context = Context(tools, hints or Hints())
    found: list[Entry] = []
    known: set[str] = set()
    for exchange in exchanges(trajectory, context):
        if exchange.observation.is_error:
            continue
        if sets_members(exchange):
            found += _set(exchange, known)
        for thing in things(exchange, trajectory, context):
            known.add(thing.owner)
            found += [
                Entry(exchange.turn, thing.owner, name, value, True, exchange.call.name)
                for name, value in thing.members.items()
                if f"{name} {value}" != thing.owner
            ]
    return found


def _set(exchange: Exchange, known: Iterable[str]) -> list[Entry]:
    """What the arguments set of the one known thing that they name."""
    arguments = exchange.call.arguments or {}
    owners = [owner for owner in known if owner in {f"{name} {value}" for name, value in arguments.items()}]
    if len(owners) != 1:
        return []
    return [
        Entry(exchange.turn, owners[0], name, value, False, exchange.call.name)
        for name, value in arguments.items()
        if f"{name} {value}" != owners[0]
    ]


def standing(ledger: Iterable[Entry], turn: int) -> dict[str, dict[str, Member]]:
    """The things that are known after `turn` (its index), the one touched last first, with their members."""
    world: dict[str, dict[str, Member]] = {}
    for entry in ledger:
        if entry.turn > turn:
            continue
        members = world.pop(entry.owner, {})
        world[entry.owner] = members
        before = members.get(entry.member)
        if before is None:
            members[entry.member] = Member(entry, None)
        elif same(before.entry.value, entry.value):
            members[entry.member] = Member(entry, before.former)
        else:
            members[entry.member] = Member(entry, before.entry)
    return dict(reversed(world.items()))
