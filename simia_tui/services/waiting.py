"""Waiting in a terminal for background work: restarts a worker that died, but not one that cannot live."""

import sqlite3
import time
from collections.abc import Callable

from simia_tui.errors import SimiaError
from simia_tui.model import Job, JobStatus, Metric, Run
from simia_tui.services import processes, training
from simia_tui.store import Workspace, jobs, runs

POLL_S = 0.3
MAX_RESTARTS = 3
"""Workers that may die one after the other without having ended a single task."""


def wait_for_job(
    workspace: Workspace, db: sqlite3.Connection, pk: int, tell: Callable[[Job], None] = lambda _: None
) -> Job:
    """Waits until a job has ended or is paused; `tell` hears of every change.

    Raises:
        SimiaError: workers die at once, one after the other; the sentence names their log.
    """
    before, restarts = (-1, -1), 0
    grace = time.monotonic() + 1.0
    while True:
        job = jobs.job(db, pk)
        if (job.done, job.failed) != before:
            before, restarts = (job.done, job.failed), 0
            tell(job)
        if job.status.ended or (job.status is JobStatus.PAUSED and not _outlasts(job)):
            return job
        # A worker needs a moment until it holds its lock.
        if time.monotonic() > grace and processes.worker_pid(workspace) is None:
            restarts += 1
            if restarts > MAX_RESTARTS:
                raise SimiaError(f"The worker dies as soon as it starts; {workspace.logs / 'worker.log'} says why.")
            processes.start_worker(workspace)
            grace = time.monotonic() + 5.0
        time.sleep(POLL_S)


def _outlasts(job: Job) -> bool:
    """Whether a pause is worth waiting out: it ends by itself, and the endpoint has answered before.

    One that never answered is more likely set up wrongly than down; the user should hear of it now.
    """
    return job.resume_at is not None and job.done > 0


def wait_for_run(
    workspace: Workspace, db: sqlite3.Connection, pk: int, tell: Callable[[Run, Metric], None] = lambda *_: None
) -> Run:
    """Waits until a training run has ended; `tell` hears of every logged step."""
    seen = -1
    while True:
        training.reconcile(db)
        run = runs.run(db, pk)
        for metric in runs.metrics(db, pk, seen):
            seen = metric.step
            tell(run, metric)
        if run.status.ended:
            return run
        time.sleep(POLL_S)
