"""Verdicts of the prefilter: kept by what was judged, so that the same content is not asked about twice."""

import json
import sqlite3
import time
from collections.abc import Iterable
from typing import NamedTuple

from simia_tui.model import Opinion, Screening, Trajectory, content_hash
from simia_tui.store.codec import to_json
from simia_tui.store.connection import write


class Screened(NamedTuple):
    """A verdict and what it is about: a trajectory at a revision, with the hash of what was judged.

    `job` and `ord` name the task that asked for it; None where nothing was asked.
    """

    trajectory: int
    revision: int
    sha: str
    screening: Screening
    job: int | None = None
    ord: int | None = None


def judged_hash(trajectory: Trajectory, findings: Iterable[str]) -> str:
    """The content hash of what a verdict rests on: the trajectory and what the rules said of it."""
    return content_hash([trajectory.id, *findings])


def add(db: sqlite3.Connection, screened: Iterable[Screened]) -> None:
    """Adds verdicts in one transaction.

    Raises:
        SimiaError: the database cannot be written; nothing was added.
    """
    with write(db):
        for one in screened:
            add_within(db, one)


def add_within(db: sqlite3.Connection, one: Screened) -> None:
    """`add` of one verdict as part of a transaction that the caller holds."""
    verdict = one.screening
    db.execute(
        "INSERT INTO screenings (trajectory, revision, sha, asked_by, version, opinion, verdict, job, ord, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(one.trajectory, one.revision, one.sha, verdict.by, verdict.version, verdict.opinion),
            *(to_json(verdict), one.job, one.ord, time.time()),
        ),
    )


def latest(db: sqlite3.Connection, pk: int) -> Screening | None:
    """The verdict on the body of a trajectory that counts now; None where there is none."""
    found = db.execute(
        "SELECT s.verdict FROM screenings s JOIN trajectories t ON t.pk = s.trajectory AND t.revision = s.revision"
        " WHERE t.pk = ? ORDER BY s.pk DESC LIMIT 1",
        (pk,),
    ).fetchone()
    return Screening.model_validate(json.loads(found[0])) if found else None


def known(db: sqlite3.Connection, sha: str, by: str, version: str) -> Screening | None:
    """The verdict that this model has given on the same content with the same prompt; an `error` is none."""
    found = db.execute(
        "SELECT verdict FROM screenings WHERE sha = ? AND asked_by = ? AND version = ? AND opinion <> ?"
        " ORDER BY pk DESC LIMIT 1",
        (sha, by, version, Opinion.ERROR),
    ).fetchone()
    return Screening.model_validate(json.loads(found[0])) if found else None


def counts(db: sqlite3.Connection, job: int) -> dict[Opinion, int]:
    """What the verdicts of a job say, each task counted with its latest."""
    found = db.execute(
        "SELECT opinion, count(*) FROM screenings s WHERE job = ? AND NOT EXISTS"
        " (SELECT 1 FROM screenings l WHERE l.job = s.job AND l.ord = s.ord AND l.pk > s.pk) GROUP BY opinion",
        (job,),
    ).fetchall()
    return {Opinion(opinion): n for opinion, n in found}
