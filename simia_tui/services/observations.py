"""Observations of tools, read out of trajectories: what error cards are drawn from and compared with."""

import json
import random
import re
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from simia_tui.checks.pairing import pair
from simia_tui.evaluation.calibration import template
from simia_tui.model import Finding, Severity, ToolCall, Trajectory, Turn
from simia_tui.store import cards, trajectories
from simia_tui.store.cards import Card

MOST_REAL = 120
"""Seeds opened for each tool when the nearest real observation is sought."""
_COMPARED_CHARS = 4000
_CHUNK = 500

_word = re.compile(r"\w+")


class Found(NamedTuple):
    """One answered call. `why` is what an open finding says against its success."""

    trajectory: int
    revision: int
    turn: int
    call_turn: int
    call: int
    tool: str
    refused: bool
    text: str
    template: str
    why: str | None


def sampled(db: sqlite3.Connection, pks: Sequence[int], most: int, rng: random.Random) -> list[Found]:
    """The observations of `pks`, or of a random `most` of them."""
    chosen = sorted(rng.sample(pks, most)) if len(pks) > most else list(pks)
    return [item for pk, revision in _revisions(db, chosen) for item in observations(db, pk, revision)]


def _revisions(db: sqlite3.Connection, pks: Sequence[int]) -> Iterator[tuple[int, int]]:
    for start in range(0, len(pks), _CHUNK):
        for row in trajectories.rows(db, pks[start : start + _CHUNK]):
            yield row.pk, row.revision


def observations(db: sqlite3.Connection, pk: int, revision: int) -> list[Found]:
    """Every answered call of one body, in the order of the calls."""
    body = trajectories.get(db, pk, revision)
    doubts = _doubts(trajectories.findings(db, pk, revision))
    found = []
    for (call_turn, position), turn in pair(body).answers.items():
        call, answer = body.turns[call_turn].tool_calls[position], body.turns[turn]
        text = answer.content or ""
        why = doubts.get((call_turn, position)) or doubts.get((turn, None))
        wording = template(text, call.arguments)
        found.append(Found(pk, revision, turn, call_turn, position, call.name, answer.is_error, text, wording, why))
    return found


def _doubts(findings: Sequence[Finding]) -> dict[tuple[int, int | None], str]:
    """Why a success cannot be: by the place of the call, or by that of the observation."""
    doubts: dict[tuple[int, int | None], str] = {}
    for finding in findings:
        if finding.repaired or finding.turn is None:
            continue
        if finding.severity is Severity.ERROR and finding.call is not None:
            doubts.setdefault((finding.turn, finding.call), finding.message)
        elif finding.rule.startswith("state."):
            doubts.setdefault((finding.turn, None), finding.message)
    return doubts


def likeness(left: frozenset[str], right: frozenset[str]) -> float:
    """The share of words that two texts have in common (P. Jaccard 1901): 0 to 1; two empty texts are alike."""
    return len(left & right) / len(left | right) if left or right else 1.0


def words(text: str) -> frozenset[str]:
    """The words of the start of `text`, without case."""
    return frozenset(_word.findall(text[:_COMPARED_CHARS].casefold()))


class _Real(NamedTuple):
    place: tuple[int, int, int]
    refused: bool
    words: frozenset[str]


class Nearest:
    """Finds the real observation most like a simulated one: of the same tool, in the seeds, refusals before successes.

    Holds the words of what it has read; make one for a deck and drop it.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._bodies: dict[int, list[Found]] = {}
        self._tools: dict[str, list[_Real]] = {}

    def of(self, item: Found) -> tuple[int, int, int] | None:
        """`(trajectory, revision, turn)`; None where no seed has called the tool."""
        real = self._of_tool(item.tool)
        if item.refused:
            real = [one for one in real if one.refused] or real
        if not real:
            return None
        mine = words(item.text)
        return max(real, key=lambda one: likeness(mine, one.words)).place

    def _of_tool(self, tool: str) -> list[_Real]:
        if tool not in self._tools:
            pks = cards.using(self._db, tool, errors_first=True, limit=MOST_REAL)
            new = [pk for pk in pks if pk not in self._bodies]
            for pk, revision in _revisions(self._db, new):
                self._bodies[pk] = observations(self._db, pk, revision)
            self._tools[tool] = [
                _Real((one.trajectory, one.revision, one.turn), one.refused, words(one.text))
                for pk in pks
                for one in self._bodies.get(pk, [])
                if one.tool == tool
            ]
        return self._tools[tool]


# -- one card ---------------------------------------------------------------------------------------------------------


class Argument(NamedTuple):
    """One argument of a call beside its schema: `value` as JSON text, None where it was not given."""

    name: str
    value: str | None
    declared: str | None
    required: bool


class CardView(NamedTuple):
    """What a card shows. `user` is the last user turn before the call, `move` the agent's next turn."""

    card: Card
    user: Turn | None
    call: ToolCall
    arguments: tuple[Argument, ...]
    observation: Turn
    move: Turn | None
    near: Turn | None
    near_call: ToolCall | None


def view(db: sqlite3.Connection, card: Card) -> CardView:
    """Reads what a card shows: one body, and that of the nearest real observation."""
    body = trajectories.get(db, card.trajectory, card.revision)
    call = body.turns[card.call_turn].tool_calls[card.call]
    near, near_call = _near(db, card)
    return CardView(
        card,
        next((turn for turn in reversed(body.turns[: card.call_turn]) if turn.role == "user"), None),
        call,
        arguments_of(body, call),
        body.turns[card.turn],
        next((turn for turn in body.turns[card.turn + 1 :] if turn.role == "assistant"), None),
        near,
        near_call,
    )


def _near(db: sqlite3.Connection, card: Card) -> tuple[Turn | None, ToolCall | None]:
    if card.near is None:
        return None, None
    pk, revision, turn = card.near
    body = trajectories.get(db, pk, revision)
    place = pair(body).call_of(turn)
    return body.turns[turn], body.turns[place[0]].tool_calls[place[1]] if place else None


def arguments_of(body: Trajectory, call: ToolCall) -> tuple[Argument, ...]:
    """The slice of the tool's schema that the call touches: what was given, then what was required and is missing."""
    spec = next((tool for tool in body.tools if tool.name == call.name), None)
    schema = spec.parameters if spec and spec.parameters else {}
    known = schema.get("properties")
    known = known if isinstance(known, dict) else {}
    required = schema.get("required")
    needed = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
    given = call.arguments or {}
    return tuple(
        Argument(
            name,
            json.dumps(given[name], ensure_ascii=False) if name in given else None,
            _declared(known[name]) if name in known else None,
            name in needed,
        )
        for name in [*given, *(name for name in needed if name not in given)]
    )


def _declared(schema: Any) -> str:
    """A property's type, choices and description in one line."""
    if not isinstance(schema, dict):
        return "anything"
    kind = schema.get("type", "any type")
    parts = [" or ".join(map(str, kind)) if isinstance(kind, list) else str(kind)]
    if isinstance(schema.get("enum"), list):
        parts.append("one of " + ", ".join(json.dumps(choice, ensure_ascii=False) for choice in schema["enum"]))
    if isinstance(schema.get("description"), str):
        parts.append(schema["description"])
    return ": ".join(parts)
