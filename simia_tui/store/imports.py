"""What was imported, and what could not be: the quarantine keeps every refused row with its reason."""

import sqlite3
import time
from typing import NamedTuple

from simia_tui.model import Kind
from simia_tui.store.connection import write


class Refused(NamedTuple):
    """A row that could not be read: its number from 1, why, and the start of its text."""

    row: int
    reason: str
    raw: str


class Quarantined(NamedTuple):
    """A refused row with the file it stood in."""

    path: str
    row: int
    reason: str
    raw: str


def begin(db: sqlite3.Connection, path: str, format_name: str, kind: Kind) -> int:
    """Opens the record of one imported file."""
    with write(db):
        cursor = db.execute(
            "INSERT INTO imports (at, path, format, kind) VALUES (?, ?, ?, ?)", (time.time(), path, format_name, kind)
        )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def record(db: sqlite3.Connection, pk: int, added: int, duplicates: int, refused: list[Refused]) -> None:
    """Adds the figures of a portion; rows that an earlier import of the same file refused are not kept twice."""
    with write(db):
        db.executemany(
            "INSERT INTO quarantine (import, row, reason, raw) SELECT ?, ?, ?, ? WHERE NOT EXISTS ("
            " SELECT 1 FROM quarantine q JOIN imports i ON i.pk = q.import JOIN imports me ON me.pk = ?"
            " WHERE i.path = me.path AND q.row = ? AND q.raw = ?)",
            [(pk, row, reason, _clean(raw), pk, row, _clean(raw)) for row, reason, raw in refused],
        )
        db.execute(
            "UPDATE imports SET added = added + ?, duplicates = duplicates + ?, quarantined = quarantined + ?"
            " WHERE pk = ?",
            (added, duplicates, len(refused), pk),
        )


def _clean(raw: str) -> str:
    """Lone surrogates cannot be stored as text; they show as their escapes."""
    return raw.encode("utf-8", "backslashreplace").decode("utf-8")


def quarantined(db: sqlite3.Connection, limit: int = 1000) -> list[Quarantined]:
    """Refused rows, newest file first."""
    found = db.execute(
        "SELECT i.path, q.row, q.reason, q.raw FROM quarantine q JOIN imports i ON i.pk = q.import"
        " ORDER BY q.import DESC, q.row LIMIT ?",
        (limit,),
    ).fetchall()
    return [Quarantined(*values) for values in found]


def quarantine_count(db: sqlite3.Connection) -> int:
    """How many rows stand in quarantine."""
    (n,) = db.execute("SELECT count(*) FROM quarantine").fetchone()
    return int(n)
