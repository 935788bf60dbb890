"""Batches that an endpoint works on: which requests are in one, and how far it is.

Order of writes: the batch's row, the claims and their attempts go in together before anything is sent; the time of each
call that may make the batch goes in before that call, the endpoint's id after it. A row with that time and without an
id may have a batch at the endpoint: it is looked for by its mark before it is made again. The id of the file
stays until the endpoint has deleted it.
"""

import sqlite3
import time
from collections.abc import Mapping
from typing import NamedTuple

from simia_tui.store.connection import write
from simia_tui.store.tasks import DRAW, Task, claim_within, log_within


class Submission(NamedTuple):
    """One batch. `mark` is our own name for it; `asked` is when the endpoint was last asked to make it."""

    pk: int
    job: int
    mark: str
    file: str | None
    batch: str | None
    asked: float | None
    status: str | None
    created: float


_ROW = "SELECT pk, job, mark, file, batch, asked, status, created FROM submissions"


def prepare(
    db: sqlite3.Connection, job: int, mark: str, want: int, reserve: Mapping[int, int], budget_nano: int | None
) -> tuple[int, bool]:
    """Claims up to `want` tasks for a new batch: how many it holds (0: no batch is made), and whether funds were short.

    `reserve` and `budget_nano` are as in `tasks.turn`.
    """
    now = time.time()
    with write(db):
        tasks, short = claim_within(db, job, want, now, reserve, budget_nano)
        if tasks:
            cursor = db.execute("INSERT INTO submissions (job, mark, created) VALUES (?, ?, ?)", (job, mark, now))
            db.executemany(
                "UPDATE attempts SET submission = ? WHERE job = ? AND ord = ? AND n = ?",
                [(cursor.lastrowid, task.job, task.ord, task.n) for task in tasks],
            )
    return len(tasks), short


def under_way(db: sqlite3.Connection, job: int) -> list[Submission]:
    """The batches of a job that are not settled, oldest first."""
    found = db.execute(f"{_ROW} WHERE job = ? AND ended IS NULL ORDER BY pk", (job,)).fetchall()
    return [Submission(*values) for values in found]


def tasks_of(db: sqlite3.Connection, pk: int) -> list[Task]:
    """The tasks of a batch that have no result yet, as they were claimed."""
    found = db.execute(
        f"SELECT t.job, t.ord, t.seed, t.tries, a.n, {DRAW}"
        " FROM attempts a JOIN tasks t ON t.job = a.job AND t.ord = a.ord"
        " WHERE a.submission = ? AND a.ended IS NULL ORDER BY a.ord",
        (pk,),
    ).fetchall()
    return [Task(*values) for values in found]


def uploaded(db: sqlite3.Connection, pk: int, file: str) -> None:
    """Notes the file of requests that the endpoint has."""
    with write(db):
        db.execute("UPDATE submissions SET file = ? WHERE pk = ?", (file, pk))


def asking(db: sqlite3.Connection, pk: int) -> None:
    """Notes that the endpoint is about to be asked to make the batch."""
    with write(db):
        db.execute("UPDATE submissions SET asked = ? WHERE pk = ?", (time.time(), pk))


def made(db: sqlite3.Connection, submission: Submission, batch: str, says: str) -> None:
    """Notes the id of the batch at the endpoint, with a line of the job's story."""
    with write(db):
        db.execute("UPDATE submissions SET batch = ? WHERE pk = ?", (batch, submission.pk))
        log_within(db, submission.job, [says], time.time())


def heard(db: sqlite3.Connection, submission: Submission, status: str, says: str) -> None:
    """Notes what the endpoint says of the batch, with a line of the job's story."""
    with write(db):
        db.execute("UPDATE submissions SET status = ? WHERE pk = ?", (status, submission.pk))
        log_within(db, submission.job, [says], time.time())


def left_behind(db: sqlite3.Connection, job: int) -> list[Submission]:
    """Batches that are over and whose file of requests still is at the endpoint of `job`, its own and other jobs'."""
    asked = "(SELECT spec ->> '$.base_url', spec ->> '$.key_env' FROM jobs WHERE pk = {})"
    found = db.execute(
        f"{_ROW} s WHERE file IS NOT NULL AND ended IS NOT NULL AND {asked.format('s.job')} IS {asked.format('?')}"
        " ORDER BY pk",
        (job,),
    ).fetchall()
    return [Submission(*values) for values in found]


def deleted(db: sqlite3.Connection, pk: int) -> None:
    """Notes that the endpoint has deleted the file of requests."""
    with write(db):
        db.execute("UPDATE submissions SET file = NULL WHERE pk = ?", (pk,))


def settle(db: sqlite3.Connection, submission: Submission, says: str) -> None:
    """Ends a batch all of whose tasks have a result or wait again, with a line of the job's story."""
    with write(db):
        db.execute("UPDATE submissions SET ended = ? WHERE pk = ?", (time.time(), submission.pk))
        log_within(db, submission.job, [says], time.time())
