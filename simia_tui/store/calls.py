"""The requests within an episode that is played: each has its row before it is sent, and its cost counts at once."""

import sqlite3
import time
from typing import NamedTuple

from simia_tui.model import Attempt
from simia_tui.store.attempts import end_within, funds_left
from simia_tui.store.codec import unpack
from simia_tui.store.connection import write
from simia_tui.store.tasks import Task


class Answered(NamedTuple):
    """A good reply to a request of an episode; `text` is what was kept of it."""

    role: str
    prompt_sha: str
    text: str


def begin(db: sqlite3.Connection, task: Task, role: str, reserve: int | None, budget_nano: int | None) -> int | None:
    """Opens the row of a request and returns its number; None where the budget does not cover it.

    `reserve` is the most that the request can cost, in 1e-9 USD. What the task's own row held back is free from then
    on: it was there so that no episode starts that cannot be gone on with.
    """
    now = time.time()
    with write(db):
        where = (task.job, task.ord)
        db.execute(
            "UPDATE attempts SET reserved_nano = NULL WHERE job = ? AND ord = ? AND role IS NULL AND ended IS NULL",
            where,
        )
        if budget_nano is not None and funds_left(db, task.job, budget_nano) < (reserve or 0):
            return None
        (n,) = db.execute("SELECT 1 + max(n) FROM attempts WHERE job = ? AND ord = ?", where).fetchone()
        db.execute(
            "INSERT INTO attempts (job, ord, n, role, started, reserved_nano) VALUES (?, ?, ?, ?, ?, ?)",
            (*where, n, role, now, reserve),
        )
    return int(n)


def end(db: sqlite3.Connection, attempt: Attempt) -> None:
    """Writes how a request ended, and counts its tokens and its cost."""
    with write(db):
        end_within(db, attempt)


def answered(db: sqlite3.Connection, task: Task) -> list[Answered]:
    """The good replies that an earlier start of the same episode has paid for, oldest first.

    An episode that came to an end is another one: only those of the task's present `draw` count.
    """
    found = db.execute(
        "SELECT role, prompt_sha, raw FROM attempts WHERE job = ? AND ord = ? AND role IS NOT NULL AND outcome = 'ok'"
        " AND params ->> 'draw' = ? AND raw IS NOT NULL ORDER BY n",
        (task.job, task.ord, task.draw),
    ).fetchall()
    return [Answered(role, sha, unpack(raw)) for role, sha, raw in found]
