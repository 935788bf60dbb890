"""How each reviewer likes to have things shown."""

import sqlite3

from simia_tui.store.connection import write


def habit(db: sqlite3.Connection, reviewer: str, name: str) -> str | None:
    """What the reviewer chose under `name`; None who has not chosen yet."""
    found = db.execute("SELECT value FROM habits WHERE reviewer = ? AND name = ?", (reviewer, name)).fetchone()
    return str(found[0]) if found else None


def keep(db: sqlite3.Connection, reviewer: str, name: str, value: str) -> None:
    """Remembers the choice in place of a former one."""
    with write(db):
        db.execute(
            "INSERT INTO habits VALUES (?, ?, ?) ON CONFLICT (reviewer, name) DO UPDATE SET value = excluded.value",
            (reviewer, name, value),
        )
