"""Filters kept under a name, and the place where each reviewer left off."""

import json
import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from simia_tui.errors import UsageError
from simia_tui.model import Kind
from simia_tui.store.connection import write
from simia_tui.store.query import Query

_NAME = re.compile(r"[\w.-]{1,40}")


class View(NamedTuple):
    """A filter line under a name; names are of one kind of trajectory and shared by all reviewers."""

    name: str
    line: str
    reviewer: str
    at: float


class Place(NamedTuple):
    """Where a reviewer was: the filter line, the trajectory and the turn under the cursor."""

    line: str
    trajectory: int | None
    turn: int | None
    at: float


def save(db: sqlite3.Connection, kind: Kind, name: str, line: str, reviewer: str) -> None:
    """Keeps `line` under `name`, in place of what was there.

    Raises:
        UsageError: the name is not one word, or the line is no filter.
    """
    _require_name(name)
    Query.parse(kind, line)
    with write(db), _logged(db, kind, reviewer, [name]):
        _put(db, kind, View(name, line, reviewer, time.time()))


def rename(db: sqlite3.Connection, kind: Kind, name: str, new: str, reviewer: str) -> None:
    """Gives a view another name.

    Raises:
        UsageError: there is none of this name, the new one is taken, or it is not one word.
    """
    found = view(db, kind, name)
    _require_name(new)
    if new != name and any(one.name == new for one in views(db, kind)):
        raise UsageError(f"There is a view {new!r} of {kind}s already; choose another name.")
    with write(db), _logged(db, kind, reviewer, [name, new]):
        db.execute("DELETE FROM views WHERE kind = ? AND name = ?", (kind, name))
        _put(db, kind, found._replace(name=new))


def remove(db: sqlite3.Connection, kind: Kind, name: str, reviewer: str) -> View:
    """Forgets a view; returns what it was.

    Raises:
        UsageError: there is none of this name.
    """
    found = view(db, kind, name)
    with write(db), _logged(db, kind, reviewer, [name]):
        db.execute("DELETE FROM views WHERE kind = ? AND name = ?", (kind, name))
    return found


def undo(db: sqlite3.Connection, kind: Kind, reviewer: str) -> list[str] | None:
    """Takes back the reviewer's latest change of the views of a kind, also after a restart.

    Returns the names of the views that are back or gone; None where nothing is left to take back.

    Raises:
        UsageError: somebody has changed one of these views since.
    """
    found = db.execute(
        "SELECT pk, before, after FROM view_acts WHERE reviewer = ? AND kind = ? AND NOT undone"
        " ORDER BY pk DESC LIMIT 1",
        (reviewer, kind),
    ).fetchone()
    if found is None:
        return None
    pk, before, after = found[0], *(_views(json.loads(text)) for text in found[1:])
    names = sorted({*before, *after})
    with write(db):
        if _standing(db, kind, names) != after:
            raise UsageError(f"Somebody has changed {', '.join(names)} since; it stays as it is.")
        db.executemany("DELETE FROM views WHERE kind = ? AND name = ?", [(kind, name) for name in names])
        for one in before.values():
            _put(db, kind, one)
        db.execute("UPDATE view_acts SET undone = 1 WHERE pk = ?", (pk,))
    return names


def _require_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise UsageError("A view's name is one word of letters, digits, dots and dashes (at most 40); choose another.")


@contextmanager
def _logged(db: sqlite3.Connection, kind: Kind, reviewer: str, names: Sequence[str]) -> Iterator[None]:
    """Writes down what the views `names` were before, and what they are after; part of the caller's transaction."""
    before = _standing(db, kind, names)
    yield
    after = _standing(db, kind, names)
    db.execute(
        "INSERT INTO view_acts (at, reviewer, kind, before, after) VALUES (?, ?, ?, ?, ?)",
        (time.time(), reviewer, kind, json.dumps(list(before.values())), json.dumps(list(after.values()))),
    )


def _standing(db: sqlite3.Connection, kind: Kind, names: Sequence[str]) -> dict[str, View]:
    return {found.name: found for found in views(db, kind) if found.name in names}


def _views(values: list[Any]) -> dict[str, View]:
    return {one[0]: View._make(one) for one in values}


def _put(db: sqlite3.Connection, kind: Kind, found: View) -> None:
    db.execute(
        "INSERT INTO views VALUES (?, ?, ?, ?, ?) ON CONFLICT (kind, name) DO UPDATE SET line = excluded.line,"
        " reviewer = excluded.reviewer, at = excluded.at",
        (kind, *found),
    )


def views(db: sqlite3.Connection, kind: Kind) -> list[View]:
    """All views of a kind, by name."""
    found = db.execute("SELECT name, line, reviewer, at FROM views WHERE kind = ? ORDER BY name", (kind,)).fetchall()
    return [View._make(values) for values in found]


def view(db: sqlite3.Connection, kind: Kind, name: str) -> View:
    """One view.

    Raises:
        UsageError: there is none of this name; the sentence lists those there are.
    """
    known = {found.name: found for found in views(db, kind)}
    if name not in known:
        told = f"there are {', '.join(known)}" if known else "none is saved yet"
        raise UsageError(f"There is no view {name!r} of {kind}s; {told}.")
    return known[name]


def leave(
    db: sqlite3.Connection, reviewer: str, kind: Kind, line: str, trajectory: int | None, turn: int | None = None
) -> None:
    """Notes where a reviewer is."""
    with write(db):
        db.execute(
            "INSERT INTO places VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (reviewer, kind) DO UPDATE SET"
            " line = excluded.line, trajectory = excluded.trajectory, turn = excluded.turn, at = excluded.at",
            (reviewer, kind, line, trajectory, turn, time.time()),
        )


def place(db: sqlite3.Connection, reviewer: str, kind: Kind) -> Place | None:
    """Where the reviewer left off; None who was never here."""
    found = db.execute(
        "SELECT line, trajectory, turn, at FROM places WHERE reviewer = ? AND kind = ?", (reviewer, kind)
    ).fetchone()
    return Place._make(found) if found else None


def latest_place(db: sqlite3.Connection, reviewer: str) -> tuple[Kind, Place] | None:
    """The kind and the place where the reviewer was last."""
    found = db.execute(
        "SELECT kind, line, trajectory, turn, at FROM places WHERE reviewer = ? ORDER BY at DESC LIMIT 1", (reviewer,)
    ).fetchone()
    return (found[0], Place._make(found[1:])) if found else None
