"""Filters kept under a name, and the place where each reviewer left off."""

import re
import sqlite3
import time
from typing import NamedTuple

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
    if not _NAME.fullmatch(name):
        raise UsageError("A view's name is one word of letters, digits, dots and dashes (at most 40); choose another.")
    Query.parse(kind, line)
    with write(db):
        db.execute(
            "INSERT INTO views VALUES (?, ?, ?, ?, ?) ON CONFLICT (kind, name) DO UPDATE SET line = excluded.line,"
            " reviewer = excluded.reviewer, at = excluded.at",
            (kind, name, line, reviewer, time.time()),
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


def remove(db: sqlite3.Connection, kind: Kind, name: str) -> View:
    """Forgets a view; returns what it was, so that `save` can bring it back.

    Raises:
        UsageError: there is none of this name.
    """
    found = view(db, kind, name)
    with write(db):
        db.execute("DELETE FROM views WHERE kind = ? AND name = ?", (kind, name))
    return found


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
