"""Rules on what the tools say over time: the first, simple part of a ledger of the simulated world.

The rules know nothing of a domain. They hold only what must be true of any world: without a write between,
the same question has the same answer. Every tool that is not known to read counts as a write unless it was
refused (`is_error`), and a write clears what was known, except for what it reports itself. So they stay
silent rather than guess.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from simia_tui.checks.context import Context, Hints
from simia_tui.checks.rule import Note, check
from simia_tui.checks.schema import show
from simia_tui.model import Severity, ToolCall, Trajectory, Turn, canonical_json

_READ_VERBS = re.compile(
    r"get|list|search|find|check|lookup|look|calculate|read|view|show|fetch|query|count|think|verify|describe|compare"
    r"|browse|retrieve"
)
_MOVING = re.compile(r"now|time|clock|random|weather|joke|quote|news|fact|trivia")
"""Words in the name of a tool whose answer may change by itself."""

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def is_read(name: str, hints: Hints) -> bool:
    """Whether a tool only reads: by the domain's hints, else by the verb that its name begins with."""
    if name in hints.reads or name in hints.writes:
        return name not in hints.writes
    words = [word.casefold() for word in _WORDS.findall(name.rpartition(".")[2])]
    return bool(words) and _READ_VERBS.fullmatch(words[0]) is not None


def _moves(name: str) -> bool:
    return any(_MOVING.fullmatch(word.casefold()) for word in _WORDS.findall(name))


class Exchange(NamedTuple):
    """A call and its observation; `turn` is the index of the tool turn.

    `before` and `after` number the states of the world: equal numbers mean that nothing was written between.
    """

    call: ToolCall
    observation: Turn
    turn: int
    before: int
    after: int
    reads: bool

    @property
    def key(self) -> str | None:
        """Equal for equal calls; None where the arguments are unknown, no JSON, or the answer may change by itself."""
        if self.call.arguments is None or _moves(self.call.name):
            return None
        try:
            return canonical_json([self.call.name, self.call.arguments])
        except (ValueError, TypeError, RecursionError):
            return None


def exchanges(trajectory: Trajectory, context: Context) -> list[Exchange]:
    """Every answered call, in order. Calls beside a write in the same turn stand in a state of their own."""
    answers = context.pairing(trajectory).answers
    found: list[Exchange] = []
    state = 0
    for index, turn in enumerate(trajectory.turns):
        writes = 0
        places = [(call, answers.get((index, position))) for position, call in enumerate(turn.tool_calls)]
        for call, answer in places:
            refused = answer is not None and trajectory.turns[answer].is_error
            writes += not refused and not is_read(call.name, context.hints)
        alone = len(places) > 1 and writes > 0
        before, after = (-1 - index, -1 - index) if alone else (state, state + writes)
        state += writes
        for call, answer in places:
            if answer is not None:
                reads = is_read(call.name, context.hints)
                found.append(Exchange(call, trajectory.turns[answer], answer, before, after, reads))
    return found


@check(
    "state.read-changed",
    Severity.WARNING,
    "The same question with nothing written in between must get the same answer; a simulator that forgets, invents.",
)
def read_changed(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    answers: dict[tuple[int, str], Exchange] = {}
    known: dict[tuple[int, _Place], _Fact] = {}
    for exchange in exchanges(trajectory, context):
        if exchange.observation.is_error:
            continue
        value = _parsed(exchange.observation.content)
        key = exchange.key
        first = answers.setdefault((exchange.after, key), exchange) if key and exchange.reads else exchange
        if first is not exchange and _normal(first.observation.content) != _normal(exchange.observation.content):
            yield Note(
                f"{show(exchange.call.name)} answers the same call otherwise than in turn {first.turn}.", exchange.turn
            )
        elif not _moves(exchange.call.name):
            yield from _contradictions(exchange, value, known)


class _Fact(NamedTuple):
    value: Any
    turn: int


_Place = tuple[tuple[str, ...], str]
"""What a fact is about: the ids from the top of an observation down to the object, and the field."""


def _contradictions(exchange: Exchange, value: Any, known: dict[tuple[int, _Place], _Fact]) -> Iterator[Note]:
    """Compares each fact in an observation with what was said since the last write, and remembers it."""
    facts = _facts(value)
    for place, now in facts.items():
        before = known.setdefault((exchange.after, place), _Fact(now, exchange.turn))
        if before.turn != exchange.turn and not _same(before.value, now):
            (*_, owner), field = place
            told = f"{show(before.value)} in turn {before.turn} and {show(now)} here"
            yield Note(f"{show(field)} of {owner} is {told}, with no write between.", exchange.turn)
            return


def _facts(value: Any) -> dict[_Place, Any]:
    """The plain members of every object that has an id, without those that one observation states in two ways.

    The ids of the objects around it belong to the place of a fact, so that the amount of a payment in one order
    is not compared with that in another.
    """
    facts: dict[_Place, Any] = {}
    unclear: set[_Place] = set()
    for chain, item in _owned(value, ()):
        for field, plain in item.items():
            if isinstance(plain, dict | list):
                continue
            place = (chain, field)
            if place in facts and not _same(facts[place], plain):
                unclear.add(place)
            facts[place] = plain
    return {place: plain for place, plain in facts.items() if place not in unclear}


def _owned(value: Any, chain: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Every object in `value` that has an id, with the ids from the top down to its own, each as `name value`."""
    if isinstance(value, list):
        for inner in value:
            yield from _owned(inner, chain)
    elif isinstance(value, dict):
        own = next((f"{name} {key}" for name, key in value.items() if _is_id(name, key)), None)
        if own is not None:
            chain = (*chain, own)
            yield chain, value
        for inner in value.values():
            if isinstance(inner, dict | list):
                yield from _owned(inner, chain)


def _is_id(name: str, value: Any) -> bool:
    return (name == "id" or name.endswith("_id")) and isinstance(value, str | int)


def _same(left: Any, right: Any) -> bool:
    """Whether two plain values say the same; 3.2 and "3.2" do, as tools differ in how they print."""
    return bool(left == right) or (type(left) is not bool and type(right) is not bool and str(left) == str(right))


def _parsed(text: str | None) -> Any:
    if not text or text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _normal(text: str | None) -> str:
    """The text that is compared: JSON without regard to the order of members, else without regard to white space."""
    value = _parsed(text)
    try:
        return " ".join((text or "").split()) if value is None else canonical_json(value)
    except (ValueError, RecursionError):
        return text or ""


@check(
    "observation.unlike-error",
    Severity.WARNING,
    "A call that fails and, with nothing written in between, also succeeds has an error without a cause.",
)
def unlike_error(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    worked: dict[tuple[int, str], int] = {}
    failed: list[tuple[Exchange, tuple[int, str]]] = []
    for exchange in exchanges(trajectory, context):
        key = exchange.key
        if key is None:
            continue
        place = (exchange.before, key)
        if exchange.observation.is_error:
            failed.append((exchange, place))
        else:
            worked.setdefault(place, exchange.turn)
    for exchange, place in failed:
        if place in worked:
            yield Note(
                f"{show(exchange.call.name)} fails here but the same call works in turn {worked[place]}.", exchange.turn
            )


_DENIAL = re.compile(
    r"\bnot found\b|\bthere is no\b|\bdoes not exist\b|\bdoesn't exist\b|\bno such\b|\bunknown\b", re.IGNORECASE
)


@check(
    "observation.denies-known",
    Severity.WARNING,
    "An error says that something does not exist which an earlier observation showed, and nothing removed it.",
)
def denies_known(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    shown: dict[tuple[int, str], int] = {}
    for exchange in exchanges(trajectory, context):
        text = exchange.observation.content or ""
        if not exchange.observation.is_error:
            for chain, _ in _owned(_parsed(text), ()):
                shown.setdefault((exchange.after, chain[-1]), exchange.turn)
            continue
        arguments = exchange.call.arguments or {}
        if not exchange.reads or not _DENIAL.search(text) or len(arguments) != 1:
            continue
        for name, value in arguments.items():
            turn = shown.get((exchange.before, f"{name} {value}"))
            if turn is not None:
                yield Note(f"The error denies {name} {show(value)}, which turn {turn} shows.", exchange.turn)


_OUTAGE = re.compile(
    r"\binternal[ _](?:server[ _])?error\b|\btimed? ?out\b|\btry again later\b|\bunavailable\b"
    r"|\bstatus(?: code)? 5\d\d\b|\bconnection (?:refused|reset|lost)\b",
    re.IGNORECASE,
)


@check(
    "observation.outage",
    Severity.WARNING,
    "An outage has no cause in the conversation, so the agent can learn nothing from it but to distrust its tools.",
)
def outage(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    for index, turn in enumerate(trajectory.turns):
        text = (turn.content or "")[:2000]
        match = _OUTAGE.search(text) if turn.role == "tool" and turn.is_error else None
        if match is not None:
            yield Note(f"The error speaks of an outage ({show(match.group())}), not of the call.", index)


RULES = (read_changed, unlike_error, denies_known, outage)
