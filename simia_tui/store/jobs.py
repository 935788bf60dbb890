"""Jobs: making, listing and steering them, and reading what their attempts brought. The worker's part is in `tasks`."""

import json
import sqlite3
import time
from collections.abc import Sequence
from typing import Literal

from simia_tui.errors import UsageError
from simia_tui.model import Attempt, Job, JobSpec, JobStatus
from simia_tui.store.codec import to_json, unpack
from simia_tui.store.connection import write

Desired = Literal["running", "paused", "cancelled"]
DEAD_S = 120.0
"""Seconds without a sign of life after which nobody is taken to work on a running job."""

_JOB = (
    "SELECT j.pk, j.kind, j.status, j.spec, j.target, j.done, j.failed, j.cost_nano, j.tokens_in, j.tokens_out,"
    " j.reason, j.created, j.started, j.ended, j.heartbeat, j.estimated_nano, j.tokens_cached, j.priority,"
    " j.copies,"
    " CASE WHEN j.status = 'paused' THEN j.resume_at END,"
    " (SELECT count(*) FROM tasks t WHERE t.job = j.pk AND t.state = 'inflight') FROM jobs j"
)
_AT_VENDOR = "EXISTS (SELECT 1 FROM submissions s WHERE s.job = j.pk AND s.ended IS NULL)"
"""That an endpoint works on a batch of a job `j`: a worker has to call it off, and to fetch what is done and paid."""


def create(db: sqlite3.Connection, spec: JobSpec, seeds: Sequence[int], priority: int = 0) -> int:
    """Queues a job with one task per entry of `seeds` (keys of trajectories, in task order)."""
    with write(db):
        return create_within(db, spec, seeds, priority)


def create_within(db: sqlite3.Connection, spec: JobSpec, seeds: Sequence[int], priority: int = 0) -> int:
    """`create` as part of a transaction that the caller holds."""
    cursor = db.execute(
        "INSERT INTO jobs (kind, spec, demo, target, created, priority) VALUES (?, ?, ?, ?, ?, ?)",
        (spec.kind, to_json(spec), spec.demo, len(seeds), time.time(), priority),
    )
    job = cursor.lastrowid
    assert job is not None
    db.executemany(
        "INSERT INTO tasks (job, ord, seed) VALUES (?, ?, ?)",
        ((job, ord_, seed) for ord_, seed in enumerate(seeds)),
    )
    return job


def jobs(db: sqlite3.Connection) -> list[Job]:
    """All jobs, newest first."""
    return [_job(values) for values in db.execute(f"{_JOB} ORDER BY j.pk DESC").fetchall()]


def job(db: sqlite3.Connection, pk: int) -> Job:
    """One job.

    Raises:
        UsageError: there is no such job.
    """
    found = db.execute(f"{_JOB} WHERE j.pk = ?", (pk,)).fetchone()
    if found is None:
        raise UsageError(f"There is no job {pk}; `simia jobs list` shows them.")
    return _job(found)


def _job(values: tuple[object, ...]) -> Job:
    names = (
        *("id", "kind", "status", "spec", "target", "done", "failed", "cost_nano", "tokens_in", "tokens_out"),
        *("reason", "created", "started", "ended", "heartbeat", "estimated_nano", "tokens_cached", "priority"),
        *("copies", "resume_at", "in_flight"),
    )
    fields = dict(zip(names, values, strict=True))
    return Job.model_validate({**fields, "spec": {"kind": fields["kind"], **json.loads(str(fields["spec"]))}})


def runnable(db: sqlite3.Connection) -> list[Job]:
    """The jobs that a worker should be at: the highest priority first, then the oldest."""
    found = db.execute(
        f"{_JOB} WHERE (j.desired = 'running' AND (j.status IN ('queued', 'running')"
        " OR (j.status = 'paused' AND j.resume_at <= ?)))"
        f" OR (j.desired = 'cancelled' AND j.status IN ('queued', 'running') AND {_AT_VENDOR})"
        " ORDER BY j.priority DESC, j.pk",
        (time.time(),),
    ).fetchall()
    return [_job(values) for values in found]


def next_job(db: sqlite3.Connection) -> Job | None:
    """The first of them; None when there is nothing to do."""
    return next(iter(runnable(db)), None)


def next_resume(db: sqlite3.Connection) -> float | None:
    """When the next paused job goes on by itself; None when none does."""
    found = db.execute("SELECT min(resume_at) FROM jobs WHERE desired = 'running' AND status = 'paused'").fetchone()
    return None if found[0] is None else float(found[0])


def ahead(db: sqlite3.Connection) -> float:
    """How many seconds the latest sign of life of any job lies in the future: so far has the clock been set back."""
    (latest,) = db.execute("SELECT max(heartbeat) FROM jobs").fetchone()
    return max(0.0, (latest or 0.0) - time.time())


def move_waits(db: sqlite3.Connection, seconds: float) -> None:
    """Moves whatever waits for a time by `seconds`, after the clock itself was moved."""
    with write(db):
        db.execute(
            "UPDATE tasks SET next_at = max(0, next_at + ?) WHERE state = 'pending' AND next_at > 0"
            " AND job IN (SELECT pk FROM jobs WHERE ended IS NULL)",
            (seconds,),
        )
        db.execute("UPDATE jobs SET resume_at = resume_at + ? WHERE status = 'paused'", (seconds,))
        db.execute("UPDATE jobs SET heartbeat = min(heartbeat, ?)", (time.time(),))


def desired(db: sqlite3.Connection, pk: int) -> Desired:
    """What the user wants of a job."""
    (value,) = db.execute("SELECT desired FROM jobs WHERE pk = ?", (pk,)).fetchone()
    answer: Desired = value
    return answer


def set_desired(db: sqlite3.Connection, pk: int, wanted: Desired) -> Job:
    """Pauses, resumes or cancels; a running worker sees it within a second, without one it holds at once.

    Raises:
        UsageError: the job is not there or has ended.
    """
    current = job(db, pk)
    if current.status.ended:
        raise UsageError(f"Job {pk} is {current.status}; only a job that is not over can be {wanted}.")
    with write(db):
        db.execute("UPDATE jobs SET desired = ?, reason = NULL, resume_at = NULL WHERE pk = ?", (wanted, pk))
        if wanted == "running":
            db.execute("UPDATE jobs SET status = 'queued' WHERE pk = ? AND status = 'paused'", (pk,))
        elif current.status is not JobStatus.RUNNING or abs(time.time() - (current.heartbeat or 0.0)) > DEAD_S:
            _end(db, pk, JobStatus.PAUSED if wanted == "paused" else JobStatus.CANCELLED, None)
    return job(db, pk)


def set_priority(db: sqlite3.Connection, pk: int, priority: int) -> Job:
    """Lets a job go before those of a lower priority; one at work sees it with its next commit.

    Raises:
        UsageError: the job is not there or has ended.
    """
    current = job(db, pk)
    if current.status.ended:
        raise UsageError(f"Job {pk} is {current.status}; only a job that is not over can have a priority.")
    with write(db):
        db.execute("UPDATE jobs SET priority = ? WHERE pk = ?", (priority, pk))
    return job(db, pk)


def retry_failed(db: sqlite3.Connection, pk: int) -> int:
    """Gives the failed tasks of a job back to the worker; returns how many.

    Raises:
        UsageError: there is no such job, or it was cancelled.
    """
    if job(db, pk).status is JobStatus.CANCELLED:
        raise UsageError(f"Job {pk} was cancelled; start a new one for what it left undone.")
    with write(db):
        cursor = db.execute(
            "UPDATE tasks SET state = 'pending', tries = 0, next_at = 0, why = NULL WHERE job = ? AND state = 'failed'",
            (pk,),
        )
        if cursor.rowcount:
            db.execute(
                "UPDATE jobs SET failed = 0, desired = 'running', reason = NULL, resume_at = NULL, ended = NULL,"
                " status = CASE WHEN status = 'running' THEN status ELSE 'queued' END WHERE pk = ?",
                (pk,),
            )
    return cursor.rowcount


def start(db: sqlite3.Connection, pk: int, worker: int) -> None:
    """Marks a job as running under process `worker`."""
    now = time.time()
    with write(db):
        db.execute(
            "UPDATE jobs SET status = 'running', worker = ?, started = coalesce(started, ?), heartbeat = ?,"
            " reason = NULL WHERE pk = ?",
            (worker, now, now, pk),
        )


def end(
    db: sqlite3.Connection, pk: int, status: JobStatus, reason: str | None = None, resume_at: float | None = None
) -> None:
    """Ends, pauses or queues a job again, with a sentence for the user; `resume_at` lets a paused one go on itself."""
    with write(db):
        _end(db, pk, status, reason, resume_at)


def _end(
    db: sqlite3.Connection, pk: int, status: JobStatus, reason: str | None, resume_at: float | None = None
) -> None:
    if desired(db, pk) == "cancelled" and not status.ended:
        status, reason = JobStatus.CANCELLED, None
    if status is JobStatus.DONE and _left(db, pk):
        status, reason = JobStatus.QUEUED, None  # failed tasks were given another round in the last moment
    if (
        status is JobStatus.CANCELLED
        and db.execute(f"SELECT 1 FROM jobs j WHERE pk = ? AND {_AT_VENDOR}", (pk,)).fetchone()
    ):
        status, reason = (
            JobStatus.QUEUED,
            "It ends when the endpoint has called off the batch and what is done is fetched.",
        )
    if status is JobStatus.PAUSED and reason is None and desired(db, pk) == "running":
        status = JobStatus.QUEUED  # the user paused it, and let it go on before its last request had ended
    stays = status is JobStatus.PAUSED and resume_at is None
    db.execute(
        "UPDATE jobs SET status = ?, reason = ?, resume_at = ?, ended = CASE WHEN ? THEN ? END,"
        " desired = CASE WHEN ? AND desired = 'running' THEN 'paused' ELSE desired END WHERE pk = ?",
        (status, reason, resume_at, status.ended, time.time(), stays, pk),
    )


def _left(db: sqlite3.Connection, pk: int) -> bool:
    found = db.execute("SELECT 1 FROM tasks WHERE job = ? AND state IN ('pending', 'inflight') LIMIT 1", (pk,))
    return found.fetchone() is not None


def log(db: sqlite3.Connection, pk: int, limit: int = 40) -> list[tuple[float, str]]:
    """The latest lines of a job's story as `(time, text)`, oldest first."""
    found = db.execute("SELECT at, text FROM job_log WHERE job = ? ORDER BY pk DESC LIMIT ?", (pk, limit)).fetchall()
    return found[::-1]


def attempts(db: sqlite3.Connection, pk: int, limit: int = 50, only_faults: bool = False) -> list[Attempt]:
    """The latest attempts of a job, newest first, without their raw replies."""
    where = " AND outcome NOT IN ('ok')" if only_faults else ""
    found = db.execute(
        "SELECT job, ord, n, outcome, status_code, model, response_id, prompt_sha, prompt_version, params, tokens,"
        f" cost_nano, latency_ms, started, ended, message FROM attempts WHERE job = ?{where}"
        " ORDER BY pk DESC LIMIT ?",
        (pk, limit),
    ).fetchall()
    return [_attempt(values) for values in found]


def _attempt(values: tuple[object, ...]) -> Attempt:
    names = (
        *("job", "ord", "n", "outcome", "status_code", "model", "response_id", "prompt_sha", "prompt_version"),
        *("params", "usage", "cost_nano", "latency_ms", "started", "ended", "message"),
    )
    fields = dict(zip(names, values, strict=True))
    for name in ("params", "usage"):
        fields[name] = json.loads(str(fields[name] or "{}"))
    return Attempt.model_validate(fields)


def outcome_counts(db: sqlite3.Connection, pk: int) -> dict[str, int]:
    """How the attempts of a job ended; those under way count as `in flight`."""
    found = db.execute(
        "SELECT coalesce(outcome, 'in flight'), count(*) FROM attempts WHERE job = ? GROUP BY outcome ORDER BY 2 DESC",
        (pk,),
    ).fetchall()
    return dict(found)


def raw_reply(db: sqlite3.Connection, job_pk: int, ord_: int) -> str | None:
    """The reply that task `ord_` of a job was last answered with, as received."""
    found = db.execute(
        "SELECT raw FROM attempts WHERE job = ? AND ord = ? AND raw IS NOT NULL ORDER BY n DESC LIMIT 1",
        (job_pk, ord_),
    ).fetchone()
    return unpack(found[0]) if found else None


def answered(db: sqlite3.Connection, pk: int | None = None) -> list[tuple[int, str]]:
    """`(trajectory key, response id)` of every episode that an attempt brought, of one job or of all."""
    return db.execute(
        "SELECT t.pk, a.response_id FROM attempts a JOIN trajectories t ON t.job = a.job AND t.ord = a.ord"
        " WHERE a.outcome = 'ok' AND a.response_id IS NOT NULL AND (? IS NULL OR a.job = ?) ORDER BY t.pk",
        (pk, pk),
    ).fetchall()
