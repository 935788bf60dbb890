"""Prompt texts by version, what their attempts brought, and comparisons of two versions."""

import sqlite3
import time
from typing import NamedTuple

from simia_tui.errors import UsageError
from simia_tui.store.connection import write


class Kept(NamedTuple):
    """A text that was saved or used once. `at` is when, in seconds since 1970."""

    domain: str
    kind: str
    version: str
    text: str
    at: float


class Used(NamedTuple):
    """What the attempts with a version brought, over the seeds of one domain.

    `answered` counts usable answers, `episodes` what came of them, of which `whole` break no rule.
    """

    attempts: int
    answered: int
    episodes: int
    whole: int
    approved: int
    cost_nano: int | None


class Tried(NamedTuple):
    """What came of a task: the key of its episode, if there is one, with its number of findings and its status.

    `unreadable` says that a reply to it could not be parsed, `whole` that the episode breaks no rule.
    """

    ord: int
    episode: int | None
    unreadable: bool
    whole: bool
    findings: int
    status: str | None


class Comparison(NamedTuple):
    """Two versions of a prompt that were set to work on the same seeds, a job each."""

    pk: int
    at: float
    domain: str
    kind: str
    version_a: str
    version_b: str
    job_a: int
    job_b: int


def keep(db: sqlite3.Connection, domain: str, kind: str, version: str, text: str) -> None:
    """Stores a text under its version, once."""
    known = "SELECT 1 FROM prompt_texts WHERE domain = ? AND kind = ? AND version = ?"
    if db.execute(known, (domain, kind, version)).fetchone() is None:
        with write(db):
            values = (domain, kind, version, text, time.time())
            db.execute("INSERT OR IGNORE INTO prompt_texts VALUES (?, ?, ?, ?, ?)", values)


def kept(db: sqlite3.Connection, domain: str, kind: str) -> list[Kept]:
    """The texts that are known of a prompt, newest first."""
    found = db.execute(
        "SELECT domain, kind, version, text, at FROM prompt_texts WHERE domain = ? AND kind = ?"
        " ORDER BY at DESC, version",
        (domain, kind),
    ).fetchall()
    return [Kept._make(values) for values in found]


def text(db: sqlite3.Connection, domain: str, kind: str, version: str) -> str:
    """The text of a version.

    Raises:
        UsageError: it was never kept.
    """
    found = db.execute(
        "SELECT text FROM prompt_texts WHERE domain = ? AND kind = ? AND version = ?", (domain, kind, version)
    ).fetchone()
    if found is None:
        raise UsageError(
            f"The text of version {version} of {kind} for {domain} is not kept; `simia prompts versions` lists them."
        )
    return str(found[0])


def used(db: sqlite3.Connection) -> dict[tuple[str, str], Used]:
    """What each version was used for, by domain of the seed and version."""
    found = db.execute(
        "SELECT s.domain, a.prompt_version, count(*), sum(a.outcome = 'ok'), count(DISTINCT t.pk),"
        " count(DISTINCT CASE WHEN t.verdict != 'broken' THEN t.pk END),"
        " count(DISTINCT CASE WHEN t.status = 'approved' THEN t.pk END), sum(a.cost_nano)"
        " FROM attempts a JOIN tasks k ON k.job = a.job AND k.ord = a.ord JOIN trajectories s ON s.pk = k.seed"
        " LEFT JOIN trajectories t ON a.outcome = 'ok' AND t.job = a.job AND t.ord = a.ord"
        " WHERE a.prompt_version IS NOT NULL GROUP BY 1, 2"
    ).fetchall()
    return {(domain, version): Used._make(values) for domain, version, *values in found}


def results(db: sqlite3.Connection, job: int) -> list[Tried]:
    """What came of each task of a job, in task order."""
    found = db.execute(
        "SELECT k.ord, t.pk, EXISTS (SELECT 1 FROM attempts a WHERE a.job = k.job AND a.ord = k.ord"
        " AND a.outcome = 'unparsable'), t.verdict != 'broken', coalesce(t.findings, 0), t.status"
        " FROM tasks k LEFT JOIN trajectories t ON t.job = k.job AND t.ord = k.ord"
        " WHERE k.job = ? AND k.state IN ('done', 'failed') ORDER BY k.ord",
        (job,),
    ).fetchall()
    return [Tried(ord_, pk, bool(bad), bool(whole), n, status) for ord_, pk, bad, whole, n, status in found]


def compare(db: sqlite3.Connection, domain: str, kind: str, versions: tuple[str, str], jobs: tuple[int, int]) -> int:
    """Notes that two jobs compare two versions; returns the number of the comparison."""
    with write(db):
        cursor = db.execute(
            "INSERT INTO comparisons (at, domain, kind, version_a, version_b, job_a, job_b)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (time.time(), domain, kind, *versions, *jobs),
        )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


_COMPARISON = "SELECT pk, at, domain, kind, version_a, version_b, job_a, job_b FROM comparisons"


def comparisons(db: sqlite3.Connection) -> list[Comparison]:
    """All comparisons, newest first."""
    return [Comparison._make(values) for values in db.execute(f"{_COMPARISON} ORDER BY pk DESC").fetchall()]


def comparison(db: sqlite3.Connection, pk: int) -> Comparison:
    """One comparison.

    Raises:
        UsageError: there is none with this number.
    """
    found = db.execute(f"{_COMPARISON} WHERE pk = ?", (pk,)).fetchone()
    if found is None:
        raise UsageError(f"There is no comparison {pk}; `simia prompts compared` lists them.")
    return Comparison._make(found)
