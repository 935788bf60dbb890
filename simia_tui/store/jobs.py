"""Jobs, their tasks and attempts.

Order of writes: a claim (task in flight, attempt row) is committed before the request is sent; the answer goes in
with its attempt, its task and the job's counters in one transaction; a worker that starts finds attempts without an
end, marks them lost and gives their tasks back. So a result is recorded exactly once.
"""

import json
import sqlite3
import time
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from simia_tui.errors import UsageError
from simia_tui.model import Attempt, Job, JobStatus, Outcome, SynthesizeSpec
from simia_tui.store import trajectories
from simia_tui.store.codec import pack, to_json, unpack
from simia_tui.store.connection import write

Desired = Literal["running", "paused", "cancelled"]
LOG_CHARS = 1_000_000
"""How much of one raw reply is kept."""


class Task(NamedTuple):
    """A claimed task: `n` numbers its attempts from 1, `tries` counts those that used up a try."""

    job: int
    ord: int
    seed: int
    tries: int
    n: int


class Result(NamedTuple):
    """How an attempt ended. `state` is where the task goes; `new` the trajectory that came of it, if any."""

    task: Task
    attempt: Attempt
    state: Literal["pending", "done", "failed"]
    new: trajectories.New | None = None
    next_at: float = 0.0
    counts_as_try: bool = True
    why: str | None = None


_JOB = (
    "SELECT j.pk, j.kind, j.status, j.spec, j.target, j.done, j.failed, j.cost_nano, j.tokens_in, j.tokens_out,"
    " j.reason, j.created, j.started, j.ended, j.heartbeat,"
    " (SELECT count(*) FROM tasks t WHERE t.job = j.pk AND t.state = 'inflight') FROM jobs j"
)


def create(db: sqlite3.Connection, spec: SynthesizeSpec, seeds: Sequence[int]) -> int:
    """Queues a job with one task per entry of `seeds` (keys of seed trajectories, in task order)."""
    with write(db):
        cursor = db.execute(
            "INSERT INTO jobs (kind, spec, demo, target, created) VALUES (?, ?, ?, ?, ?)",
            (spec.kind, to_json(spec), spec.demo, len(seeds), time.time()),
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
        *("reason", "created", "started", "ended", "heartbeat", "in_flight"),
    )
    fields = dict(zip(names, values, strict=True))
    return Job.model_validate({**fields, "spec": json.loads(str(fields["spec"]))})


def next_job(db: sqlite3.Connection) -> Job | None:
    """The oldest job that a worker should be at."""
    found = db.execute(
        f"{_JOB} WHERE j.status IN ('queued', 'running') AND j.desired = 'running' ORDER BY j.pk LIMIT 1"
    ).fetchone()
    return _job(found) if found else None


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
        db.execute("UPDATE jobs SET desired = ?, reason = NULL WHERE pk = ?", (wanted, pk))
        if wanted == "running":
            db.execute("UPDATE jobs SET status = 'queued' WHERE pk = ? AND status = 'paused'", (pk,))
        elif current.status is not JobStatus.RUNNING:
            _end(db, pk, JobStatus.PAUSED if wanted == "paused" else JobStatus.CANCELLED, None)
    return job(db, pk)


def retry_failed(db: sqlite3.Connection, pk: int) -> int:
    """Gives the failed tasks of a job back to the worker; returns how many."""
    job(db, pk)
    with write(db):
        cursor = db.execute(
            "UPDATE tasks SET state = 'pending', tries = 0, next_at = 0, why = NULL WHERE job = ? AND state = 'failed'",
            (pk,),
        )
        if cursor.rowcount:
            db.execute(
                "UPDATE jobs SET failed = 0, status = 'queued', desired = 'running', reason = NULL, ended = NULL"
                " WHERE pk = ?",
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


def heartbeat(db: sqlite3.Connection, pk: int) -> None:
    """Says that the worker of a job is alive."""
    with write(db):
        db.execute("UPDATE jobs SET heartbeat = ? WHERE pk = ?", (time.time(), pk))


def end(db: sqlite3.Connection, pk: int, status: JobStatus, reason: str | None = None) -> None:
    """Ends or pauses a job with a sentence for the user."""
    with write(db):
        _end(db, pk, status, reason)


def _end(db: sqlite3.Connection, pk: int, status: JobStatus, reason: str | None) -> None:
    db.execute(
        "UPDATE jobs SET status = ?, reason = ?, ended = CASE WHEN ? THEN ? END,"
        " desired = CASE WHEN ? THEN 'paused' ELSE desired END WHERE pk = ?",
        (status, reason, status.ended, time.time(), status is JobStatus.PAUSED, pk),
    )


def recover(db: sqlite3.Connection) -> int:
    """Marks what a dead worker had in flight as lost and gives the tasks back; returns how many.

    Call it only while holding the worker lock: then no attempt without an end can belong to a living worker.
    """
    with write(db):
        cursor = db.execute(
            "UPDATE attempts SET outcome = ?, ended = ?, message = ? WHERE ended IS NULL",
            (Outcome.LOST, time.time(), "The worker ended before the answer was recorded."),
        )
        db.execute("UPDATE tasks SET state = 'pending' WHERE state = 'inflight'")
    return cursor.rowcount


def claim(db: sqlite3.Connection, pk: int, limit: int, now: float) -> list[Task]:
    """Takes up to `limit` tasks that are due and writes their attempt rows, before any request is sent."""
    with write(db):
        found = db.execute(
            "SELECT t.job, t.ord, t.seed, t.tries, 1 + (SELECT count(*) FROM attempts a WHERE a.job = t.job"
            " AND a.ord = t.ord) FROM tasks t WHERE t.job = ? AND t.state = 'pending' AND t.next_at <= ?"
            " ORDER BY t.next_at, t.ord LIMIT ?",
            (pk, now, limit),
        ).fetchall()
        tasks = [Task(*values) for values in found]
        db.executemany("UPDATE tasks SET state = 'inflight' WHERE job = ? AND ord = ?", [(t.job, t.ord) for t in tasks])
        db.executemany(
            "INSERT INTO attempts (job, ord, n, started) VALUES (?, ?, ?, ?)",
            [(t.job, t.ord, t.n, now) for t in tasks],
        )
    return tasks


def seeds_of(db: sqlite3.Connection, pk: int) -> list[int]:
    """The distinct seeds of a job's tasks."""
    found = db.execute("SELECT DISTINCT seed FROM tasks WHERE job = ? ORDER BY seed", (pk,)).fetchall()
    return [seed for (seed,) in found]


def next_due(db: sqlite3.Connection, pk: int) -> float | None:
    """When the next waiting task of a job is due; None when none waits."""
    found = db.execute("SELECT min(next_at) FROM tasks WHERE job = ? AND state = 'pending'", (pk,)).fetchone()
    return None if found[0] is None else float(found[0])


def record(db: sqlite3.Connection, results: Iterable[Result]) -> None:
    """Writes what came of attempts: attempt, trajectory, task and counters in one transaction."""
    with write(db):
        for result in results:
            _record(db, result)


def _record(db: sqlite3.Connection, result: Result) -> None:
    task, attempt = result.task, result.attempt
    cursor = db.execute(
        "UPDATE attempts SET outcome = ?, status_code = ?, model = ?, response_id = ?, prompt_sha = ?,"
        " prompt_version = ?, params = ?, tokens = ?, cost_nano = ?, latency_ms = ?, ended = ?, message = ?, raw = ?"
        " WHERE job = ? AND ord = ? AND n = ? AND ended IS NULL",
        (
            attempt.outcome,
            attempt.status_code,
            attempt.model,
            attempt.response_id,
            attempt.prompt_sha,
            attempt.prompt_version,
            json.dumps(attempt.params),
            to_json(attempt.usage),
            attempt.cost_nano,
            attempt.latency_ms,
            attempt.ended,
            attempt.message,
            pack(attempt.raw[:LOG_CHARS]) if attempt.raw is not None else None,
            task.job,
            task.ord,
            task.n,
        ),
    )
    if cursor.rowcount != 1:
        return  # another worker has given this attempt up for lost; its result is no longer wanted
    db.execute(
        "UPDATE tasks SET state = ?, tries = tries + ?, next_at = ?, why = ? WHERE job = ? AND ord = ?",
        (result.state, result.counts_as_try, result.next_at, result.why, task.job, task.ord),
    )
    if result.new is not None:
        trajectories.add_within(db, [result.new])
    db.execute(
        "UPDATE jobs SET done = done + ?, failed = failed + ?, tokens_in = tokens_in + ?, tokens_out = tokens_out + ?,"
        " cost_nano = CASE WHEN ? IS NULL THEN cost_nano ELSE coalesce(cost_nano, 0) + ? END, heartbeat = ?"
        " WHERE pk = ?",
        (
            result.state == "done",
            result.state == "failed",
            attempt.usage.prompt,
            attempt.usage.completion,
            attempt.cost_nano,
            attempt.cost_nano,
            time.time(),
            task.job,
        ),
    )


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
