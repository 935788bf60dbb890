"""Which trajectories make a row together where reviewers have decided: pairs, labels, first bad steps."""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Literal, NamedTuple

from simia_tui import formats
from simia_tui.formats import Issue, Preflight, RowError, Sink, decided
from simia_tui.model import Trajectory
from simia_tui.services.bodies import body
from simia_tui.store import Query, trajectories
from simia_tui.store.trajectories import Row

CANDIDATES = 8
"""How many approved episodes of a seed are looked at for the one that shares the longest beginning."""

_PORTION = 500
_BLAMELESS = "rejected for what was not the agent's doing"


class Made(NamedTuple):
    """What came of one trajectory: a row, or the reason why there is none. `note` tells of what deserves a look."""

    pk: int
    id: str
    row: dict[str, Any] | None
    reason: str | None = None
    note: str | None = None


def made(db: sqlite3.Connection, query: Query, name: str) -> Iterator[Made]:
    """The rows of a format of `formats.DECIDED`, from what `query` selects, whatever was decided on it."""
    return _MAKERS[name](db, query)


def preflight(db: sqlite3.Connection, query: Query, name: str, sink: Sink | None = None) -> tuple[Preflight, set[int]]:
    """How many rows there are and why others make none; and which trajectories the rows are made from.

    The rows go into `sink`, where there is one.

    Nothing here is a loss: what is left out was never whole. Words are not counted.
    """
    kept = 0
    used: set[int] = set()
    found: dict[str, list[Any]] = {}
    for entry in made(db, query, name):
        if entry.row is not None:
            kept += 1
            used.add(entry.pk)
            if sink is not None:
                sink.add(entry.row)
        if sentence := entry.reason or entry.note:
            found.setdefault(sentence, [0, entry.id, entry.row is None])[0] += 1
    left = sum(count for count, _, out in found.values() if out)
    issues = tuple(
        Issue(reason=f"left out: {sentence}" if out else sentence, severity="note", count=count, example=example)
        for sentence, (count, example, out) in sorted(found.items(), key=lambda item: -item[1][0])
    )
    return Preflight(target=name, rows=kept + left, kept=kept, dropped=left, issues=issues), used


def _rows(db: sqlite3.Connection, query: Query, status: Literal["approved", "rejected"]) -> Iterator[Row]:
    pks = iter(trajectories.ids(db, query.but(status=status, order="source")))
    while portion := list(islice(pks, _PORTION)):
        yield from trajectories.rows(db, portion)


def _made(row: Row, make: Callable[[], dict[str, Any]], note: Callable[[dict[str, Any]], str | None]) -> Made:
    try:
        value = make()
    except RowError as error:
        return Made(row.pk, row.id, None, str(error))
    return Made(row.pk, row.id, value, None, note(value))


def _no_note(_: dict[str, Any]) -> None:
    return None


def _kto(db: sqlite3.Connection, query: Query) -> Iterator[Made]:
    for row in _rows(db, query, "approved"):
        yield _labelled(row, body(db, row.pk), True)
    for row in _rows(db, query, "rejected"):
        blameless = row.fault in decided.BLAMELESS
        yield Made(row.pk, row.id, None, _BLAMELESS) if blameless else _labelled(row, body(db, row.pk), False)


def _labelled(row: Row, trajectory: Trajectory, label: bool) -> Made:
    return _made(row, lambda: decided.kto_row(trajectory, label), _no_note)


def _preference(db: sqlite3.Connection, query: Query) -> Iterator[Made]:
    approved: dict[int, list[int]] = defaultdict(list)
    edited: list[Row] = []
    for row in _rows(db, query, "approved"):
        if row.seed is not None and len(approved[row.seed]) < CANDIDATES:
            approved[row.seed].append(row.pk)
        if row.revision:
            edited.append(row)
    for row in _rows(db, query, "rejected"):
        reason = _unpaired(row, approved)
        yield Made(row.pk, row.id, None, reason) if reason else _pair(db, row, approved[row.seed or 0])
    for row in edited:
        if (before := original(db, row)) is not None:
            yield _preferred(row, body(db, row.pk), before)


def _unpaired(row: Row, approved: dict[int, list[int]]) -> str | None:
    if row.fault in decided.BLAMELESS:
        return _BLAMELESS
    if row.seed is None:
        return "rejected, but made from no seed"
    return None if approved.get(row.seed) else "rejected, and no episode of the same seed is approved"


def _pair(db: sqlite3.Connection, row: Row, candidates: Sequence[int]) -> Made:
    """The rejected episode with the approved one that goes along with it the longest; the first of equals."""
    rejected = body(db, row.pk)
    found = (body(db, pk) for pk in candidates)
    chosen = max(found, key=lambda t: decided.common_length(t.turns, rejected.turns))
    return _preferred(row, chosen, rejected)


def _preferred(row: Row, chosen: Trajectory, rejected: Trajectory) -> Made:
    return _made(row, lambda: decided.preference_row(chosen, rejected), _user_differs)


def _user_differs(row: dict[str, Any]) -> str | None:
    if {row["chosen"][0]["role"], row["rejected"][0]["role"]} == {"assistant"}:
        return None
    return "the two differ before the assistant speaks; the trainer compares the user's words as well"


def original(db: sqlite3.Connection, row: Row) -> Trajectory | None:
    """What a reviewer's edit replaced, None where the body that counts was not edited."""
    made = trajectories.as_made(db, row.pk)
    return trajectories.get(db, row.pk, made) if row.revision > made else None


def _stepwise(db: sqlite3.Connection, query: Query) -> Iterator[Made]:
    for row in _rows(db, query, "approved"):
        good = body(db, row.pk)
        yield _steps(row, good, None)
        before = original(db, row) if row.revision else None
        if before is not None and (bad := decided.first_changed(before, good)) is not None:
            yield _steps(row, before, bad)
    for row in _rows(db, query, "rejected"):
        if row.fault in decided.BLAMELESS:
            yield Made(row.pk, row.id, None, _BLAMELESS)
            continue
        rejected = body(db, row.pk)
        bad = decided.first_bad(rejected, trajectories.findings(db, row.pk))
        if bad is None:
            yield Made(row.pk, row.id, None, "rejected, but no finding says at which turn")
        else:
            yield _steps(row, rejected, bad)


def _steps(row: Row, trajectory: Trajectory, bad: int | None) -> Made:
    return _made(row, lambda: decided.stepwise_row(trajectory, bad), _no_note)


_MAKERS: dict[str, Callable[[sqlite3.Connection, Query], Iterator[Made]]] = {
    decided.PREFERENCE.name: _preference,
    decided.KTO.name: _kto,
    decided.STEPWISE.name: _stepwise,
}
assert set(_MAKERS) == set(formats.DECIDED)
