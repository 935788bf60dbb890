"""Rules on what the tools say over time that hold in any world.

Without a write between, the same question has the same answer. A write clears what was known, except for what
it reports itself. So the rules stay silent rather than guess. What a write did is judged in `ledger`.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from simia_tui.checks import traits
from simia_tui.checks.context import Context
from simia_tui.checks.rule import Note, check
from simia_tui.checks.schema import show
from simia_tui.checks.world import Chain, Exchange, Thing, exchanges, same, things
from simia_tui.model import Severity, Trajectory, canonical_json


@check(
    "state.read-changed",
    Severity.WARNING,
    "The same question with nothing written in between must get the same answer; a simulator that forgets, invents.",
    needs=traits.CALLS,
)
def read_changed(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    answers: dict[tuple[int, str], Exchange] = {}
    known: dict[tuple[int, Chain], list[_Told]] = {}
    answered = [exchange for exchange in exchanges(trajectory, context) if not exchange.observation.is_error]
    crowds = Counter([exchange.after for exchange in answered])
    for exchange in answered:
        if crowds[exchange.after] == 1:
            continue
        key = exchange.key
        first = answers.setdefault((exchange.after, key), exchange) if key and exchange.tool.reads else exchange
        if first is not exchange and not _alike(first, exchange, context):
            yield Note(
                f"{show(exchange.call.name)} answers the same call otherwise than in turn {first.turn}.", exchange.turn
            )
        elif not exchange.tool.moves:
            yield from _contradictions(exchange, things(exchange, trajectory, context), known)


def _alike(first: Exchange, later: Exchange, context: Context) -> bool:
    left, right = first.observation.content, later.observation.content
    return left == right or _normal(left, context) == _normal(right, context)


def _normal(text: str | None, context: Context) -> str:
    """The text that is compared: JSON without regard to the order of members, else without regard to white space."""
    value = context.parsed(text)
    try:
        return " ".join((text or "").split()) if value is None else canonical_json(value)
    except (ValueError, RecursionError):
        return text or ""


class _Told(NamedTuple):
    """What an observation told of a thing; `by_write`: a write answered with this thing and nothing around it."""

    turn: int
    members: dict[str, Any]
    by_write: bool


def _contradictions(
    exchange: Exchange, told: list[Thing], known: dict[tuple[int, Chain], list[_Told]]
) -> Iterator[Note]:
    """Compares what an observation states of things with what was said since the last write, and remembers it.

    The ids of the objects around it belong to the place of a fact, so that the amount of a payment in one order
    is not compared with that in another. Lists and objects are compared where a write has shown the thing as it now
    is: two looks may well show different parts of a list.
    """
    unclear = _unclear(told)
    for thing in told:
        place = (exchange.after, thing.chain)
        for turn, before, by_write in known.get(place, ()):
            if turn == exchange.turn:
                continue
            if before == thing.members:
                continue
            whole = by_write and before.keys() == thing.members.keys()
            for field, value in thing.members.items():
                if field not in before or same(before[field], value) or (thing.chain, field) in unclear:
                    continue
                if not whole and (_is_box(value) or _is_box(before[field])):
                    continue
                stated = f"{show(before[field])} in turn {turn} and {show(value)} here"
                yield Note(f"{show(field)} of {thing.owner} is {stated}, with no write between.", exchange.turn)
                return
    for thing in told:
        clear = thing.members
        if unclear:
            clear = {key: value for key, value in clear.items() if (thing.chain, key) not in unclear}
        by_write = not exchange.tool.reads and thing is told[0]
        known.setdefault((exchange.after, thing.chain), []).append(_Told(exchange.turn, clear, by_write))


def _is_box(value: Any) -> bool:
    return type(value) is dict or type(value) is list


def _unclear(told: list[Thing]) -> set[tuple[Chain, str]]:
    """The members that one observation states in two ways."""
    seen: dict[Chain, dict[str, Any]] = {}
    if len({thing.chain for thing in told}) == len(told):
        return set()
    unclear: set[tuple[Chain, str]] = set()
    for chain, members in told:
        before = seen.setdefault(chain, members)
        if before is members:
            continue
        for field, value in members.items():
            if field in before and not same(before[field], value):
                unclear.add((chain, field))
        seen[chain] = {**before, **members}
    return unclear


@check(
    "observation.unlike-error",
    Severity.WARNING,
    "A call that fails and, with nothing written in between, also succeeds has an error without a cause.",
    needs=traits.ERRORS,
)
def unlike_error(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    answered = exchanges(trajectory, context)
    failed = [exchange for exchange in answered if exchange.observation.is_error and exchange.key is not None]
    if not failed:
        return
    worked: dict[tuple[int, str | None], int] = {}
    for exchange in answered:
        if not exchange.observation.is_error:
            worked.setdefault((exchange.before, exchange.key), exchange.turn)
    for exchange in failed:
        turn = worked.get((exchange.before, exchange.key))
        if turn is not None:
            yield Note(f"{show(exchange.call.name)} fails here but the same call works in turn {turn}.", exchange.turn)


_DENIAL = re.compile(
    r"\bnot found\b|\bthere is no\b|\bdoes not exist\b|\bdoesn't exist\b|\bno such\b|\bunknown\b", re.IGNORECASE
)


@check(
    "observation.denies-known",
    Severity.WARNING,
    "An error says that something does not exist which an earlier observation showed, and nothing removed it.",
    needs=traits.ERRORS,
)
def denies_known(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    answered = exchanges(trajectory, context)
    if not [exchange for exchange in answered if exchange.observation.is_error]:
        return
    shown: dict[tuple[int, str], int] = {}
    for exchange in answered:
        if not exchange.observation.is_error:
            for thing in things(exchange, trajectory, context):
                shown.setdefault((exchange.after, thing.owner), exchange.turn)
            continue
        arguments = exchange.call.arguments or {}
        if not exchange.tool.reads or len(arguments) != 1 or not _DENIAL.search(exchange.observation.content or ""):
            continue
        for name, value in arguments.items():
            turn = shown.get((exchange.before, f"{name} {value}"))
            if turn is not None:
                yield Note(f"The error denies {name} {show(value)}, which turn {turn} shows.", exchange.turn)


_OUTAGE = re.compile(
    r"\binternal[ _](?:server[ _])?error\b|\btry again later\b|\bunavailable\b"
    # A command that runs for too long has its cause in the call.
    r"|(?<!\bcommand )(?<!\bexecution )(?<!\bprocess )(?<!\bscript )\btimed? ?out\b"
    r"|\bstatus(?: code)? 5\d\d\b|\bconnection (?:refused|reset|lost)\b",
    re.IGNORECASE,
)


@check(
    "observation.outage",
    Severity.WARNING,
    "An outage has no cause in the conversation, so the agent can learn nothing from it but to distrust its tools.",
    needs=traits.ERRORS,
)
def outage(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    for index, turn in enumerate(trajectory.turns):
        match = _OUTAGE.search((turn.content or "")[:2000]) if turn.is_error and turn.role == "tool" else None
        if match is not None:
            yield Note(f"The error speaks of an outage ({show(match.group())}), not of the call.", index)


@check(
    "observation.unlisted-error",
    Severity.WARNING,
    "The domain's pack lists every error that the real tools give; another one was made up.",
    needs=traits.ERRORS,
)
def unlisted_error(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    catalogue, declared = context.hints.errors, context.box.declared
    for exchange in exchanges(trajectory, context) if catalogue is not None else ():
        call, text = exchange.call, exchange.observation.content or ""
        # What a tool says to a call that it cannot take is its framework's business, and no catalogue holds it.
        if not exchange.observation.is_error or call.arguments is None or context.faults(call):
            continue
        if not call.name or (declared and call.name not in declared):
            continue
        if catalogue is not None and not catalogue.knows(call.name, text):
            yield Note(
                f"The error {show(text[:80])} of {show(call.name)} is none that the real tool gives.", exchange.turn
            )


RULES = (read_changed, unlike_error, denies_known, outage, unlisted_error)
