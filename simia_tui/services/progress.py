"""A job as it stands: what there is to know of it beside its own counters."""

import sqlite3
from typing import NamedTuple

from simia_tui.model import Attempt, Job
from simia_tui.services import coverage, processes
from simia_tui.store import Workspace, jobs, screenings, yields
from simia_tui.store.yields import Failed

FAULTS, REASONS, STORY = 8, 8, 12
"""How many of the latest faults, of the reasons of failures, and of the latest lines of the log are read."""


class Standing(NamedTuple):
    """What was read of a job.

    `outcomes` counts its attempts by how they ended, `verdicts` what a prefilter job said, `statuses` its episodes by
    status. `hit` says how many of them show the target, where there is one. `worker` is a process, None where none is
    at work.
    """

    job: Job
    outcomes: dict[str, int]
    verdicts: dict[str, int]
    statuses: dict[str, int]
    failures: list[Failed]
    faults: list[Attempt]
    story: list[tuple[float, str]]
    hit: str | None
    worker: int | None


def standing(workspace: Workspace, db: sqlite3.Connection, pk: int) -> Standing:
    """Reads all that is told of one job. Takes 0.1 s for 100,000 attempts: use a thread.

    Raises:
        UsageError: there is no such job.
    """
    job = jobs.job(db, pk)
    return Standing(
        job=job,
        outcomes=jobs.outcome_counts(db, pk),
        verdicts={str(opinion): n for opinion, n in screenings.counts(db, pk).items()},
        statuses=yields.statuses(db, pk),
        failures=yields.failures(db, pk, REASONS),
        faults=jobs.attempts(db, pk, FAULTS, only_faults=True),
        story=jobs.log(db, pk, STORY),
        hit=coverage.told(db, job),
        worker=processes.worker_pid(workspace),
    )
