"""What the worker writes of a job: claims before requests, results after them, and what a dead worker left behind.

Order of writes: a claim (task in flight, attempt row) is committed before its request is sent; the answer goes in with
its attempt, its task and the job's counters in one transaction; a worker that starts finds attempts without an end,
marks them lost and gives their tasks back. So a result is recorded exactly once, and no request goes without a row.
"""

import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from simia_tui.model import Attempt, Finding, Outcome, Severity
from simia_tui.store import judgements, remakes, screenings, trajectories
from simia_tui.store.attempts import end_within, funds_left
from simia_tui.store.connection import write
from simia_tui.store.entries import New
from simia_tui.store.jobs import Desired
from simia_tui.store.judgements import Judged, Played
from simia_tui.store.likeness import Likeness, nearest, put
from simia_tui.store.remakes import Remade
from simia_tui.store.screenings import Screened

NEAR_DUPLICATE = "job.near-duplicate"
"""The finding on an episode that is nearly a copy."""

THRESHOLD = 0.7
"""The share of common text from which an episode counts as a near-duplicate."""

MAX_ATTEMPTS = 50
"""Requests of one task, whatever came of them, after which it is given up."""

_REPLIED = (Outcome.UNPARSABLE, Outcome.TRUNCATED, Outcome.REFUSED, Outcome.EMPTY, Outcome.CONTENT_FILTER)
DRAW = (
    "(SELECT count(*) FROM attempts d WHERE d.job = t.job AND d.ord = t.ord AND d.role IS NULL"
    f" AND d.outcome IN ({', '.join(repr(outcome.value) for outcome in _REPLIED)}))"
)
"""`Task.draw` of a task `t`, in SQL."""


class Task(NamedTuple):
    """A claimed task. `n` numbers its attempts from 1, `tries` counts those that used up a try.

    `draw` counts the replies that were of no use: the next request asks for another one. It does not count requests
    without a reply, so that a task asked again after a crash sends the same text.
    """

    job: int
    ord: int
    seed: int
    tries: int
    n: int
    draw: int = 0


class Result(NamedTuple):
    """How an attempt ended. `state` is where the task goes; `new`, `screened`, `remade` or `judged` is what came of it.

    `played` says how `new` was played; `calls` are requests within the attempt that end with it.
    """

    task: Task
    attempt: Attempt
    state: Literal["pending", "done", "failed"]
    new: New | None = None
    next_at: float = 0.0
    counts_as_try: bool = True
    why: str | None = None
    likeness: Likeness | None = None
    screened: Screened | None = None
    remade: Remade | None = None
    played: Played | None = None
    judged: Judged | None = None
    calls: tuple[Attempt, ...] = ()


class Turn(NamedTuple):
    """What one commit gave: claimed tasks, and how the job stands after it.

    `due` is when the next waiting task may be asked (None: none waits), `short` that the next one is not covered by the
    funds, `spent` the job's cost so far in 1e-9 USD (0 where it is not known), `copies` how many results are
    near-duplicates, `priority` where the job stands in line.
    """

    tasks: list[Task]
    desired: Desired
    due: float | None
    short: bool
    done: int
    failed: int
    spent: int
    copies: int
    priority: int


def turn(
    db: sqlite3.Connection,
    pk: int,
    results: Sequence[Result] = (),
    want: int = 0,
    reserve: Mapping[int, int] | None = None,
    budget_nano: int | None = None,
    log: Sequence[str] = (),
    beat: bool = True,
    unsent: Sequence[Task] = (),
) -> Turn:
    """One turn of a job's work in one transaction: writes results, then claims up to `want` tasks that are due.

    `unsent` are claimed tasks for which nothing was sent and nothing will be: they wait again as if never claimed.

    `reserve` says what a request with each seed can cost at most. With `budget_nano`, no task is claimed for which the
    job's cost and everything in flight would not leave enough.

    Raises:
        SimiaError: the database is locked, full or read-only; nothing was written, so the same call can be made again.
    """
    now = time.time()
    tasks: list[Task] = []
    short = False
    if results or want or log or beat or unsent:
        with write(db):
            _give_back(db, unsent)
            _record_all(db, results)
            log_within(db, pk, log, now)
            if want:
                tasks, short = claim_within(db, pk, want, now, reserve or {}, budget_nano)
            db.execute("UPDATE jobs SET heartbeat = ? WHERE pk = ?", (now, pk))
    (due,) = db.execute("SELECT min(next_at) FROM tasks WHERE job = ? AND state = 'pending'", (pk,)).fetchone()
    desired, spent, done, failed, copies, priority = _standing(db, pk)
    return Turn(tasks, desired, due, short, done, failed, spent, copies, priority)


def _standing(db: sqlite3.Connection, pk: int) -> tuple[Desired, int, int, int, int, int]:
    found: tuple[Desired, int, int, int, int, int] = db.execute(
        "SELECT desired, coalesce(cost_nano, 0), done, failed, copies, priority FROM jobs WHERE pk = ?", (pk,)
    ).fetchone()
    return found


def _give_back(db: sqlite3.Connection, unsent: Sequence[Task]) -> None:
    keys = [(task.job, task.ord) for task in unsent]
    db.executemany("DELETE FROM attempts WHERE job = ? AND ord = ? AND ended IS NULL", keys)
    db.executemany("UPDATE tasks SET state = 'pending' WHERE job = ? AND ord = ? AND state = 'inflight'", keys)


def claim_within(
    db: sqlite3.Connection, pk: int, limit: int, now: float, reserve: Mapping[int, int], budget_nano: int | None
) -> tuple[list[Task], bool]:
    """Claims up to `limit` tasks that are due and covered by the budget, in a transaction that the caller holds.

    Also says whether the next one is not covered. Of a job that is not to run nothing is claimed.
    """
    if _standing(db, pk)[0] != "running":
        return [], False
    funds = None if budget_nano is None else funds_left(db, pk, budget_nano)
    found = db.execute(
        "SELECT t.job, t.ord, t.seed, t.tries,"
        f" 1 + (SELECT coalesce(max(a.n), 0) FROM attempts a WHERE a.job = t.job AND a.ord = t.ord), {DRAW}"
        " FROM tasks t WHERE t.job = ? AND t.state = 'pending' AND t.next_at <= ? ORDER BY t.next_at, t.ord LIMIT ?",
        (pk, now, limit),
    ).fetchall()
    tasks: list[Task] = []
    for task in (Task(*values) for values in found):
        if funds is not None:
            funds -= reserve.get(task.seed, 0)
            if funds < 0:
                break
        tasks.append(task)
    db.executemany("UPDATE tasks SET state = 'inflight' WHERE job = ? AND ord = ?", [(t.job, t.ord) for t in tasks])
    db.executemany(
        "INSERT INTO attempts (job, ord, n, started, reserved_nano) VALUES (?, ?, ?, ?, ?)",
        [(t.job, t.ord, t.n, now, reserve.get(t.seed)) for t in tasks],
    )
    return tasks, len(tasks) < len(found)


def _record_all(db: sqlite3.Connection, results: Sequence[Result]) -> None:
    """Results under one savepoint, since the end of each writes the full-text index; one by one where a row fails."""
    db.execute("SAVEPOINT results")
    try:
        for result in results:
            _record(db, result)
    except sqlite3.OperationalError:
        raise
    except (sqlite3.Error, ValueError, OverflowError):
        db.execute("ROLLBACK TO results")
        for result in results:
            _record_one(db, result)
    db.execute("RELEASE results")


def _record_one(db: sqlite3.Connection, result: Result) -> None:
    """One result under a savepoint: a row that cannot be stored fails its own task and none of its neighbours."""
    db.execute("SAVEPOINT result")
    try:
        _record(db, result)
    except sqlite3.OperationalError:
        raise
    except (sqlite3.Error, ValueError, OverflowError) as error:
        db.execute("ROLLBACK TO result")
        _record(db, _unstorable(result, error))
    db.execute("RELEASE result")


def _unstorable(result: Result, error: Exception) -> Result:
    why = f"The answer cannot be stored ({type(error).__name__}); the episode is given up."
    whole = result.attempt
    attempt = Attempt(
        job=whole.job,
        ord=whole.ord,
        n=whole.n,
        outcome=Outcome.BAD_REPLY,
        usage=whole.usage,
        cost_nano=whole.cost_nano,
        started=whole.started,
        ended=whole.ended,
        message=why,
    )
    return Result(result.task, attempt, "failed", why=why)


def _record(db: sqlite3.Connection, result: Result) -> None:
    task = result.task
    if not end_within(db, result.attempt):
        return  # the attempt was given up for lost; its result is no longer wanted
    db.execute(
        "UPDATE tasks SET state = ?, tries = tries + ?, next_at = ?, why = ? WHERE job = ? AND ord = ?",
        (result.state, result.counts_as_try, result.next_at, result.why, task.job, task.ord),
    )
    db.execute(
        "UPDATE jobs SET done = done + ?, failed = failed + ? WHERE pk = ?",
        (result.state == "done", result.state == "failed", task.job),
    )
    for call in result.calls:
        end_within(db, call)
    if result.new is not None:
        added = _add(db, task.job, result.new, result.likeness)
        if result.played is not None and added is not None:
            judgements.keep_within(db, added, result.played, task.job, task.ord)
    if result.screened is not None:
        screenings.add_within(db, result.screened)
    if result.remade is not None:
        remakes.land_within(db, task.job, task.ord, result.remade)
    if result.judged is not None:
        judgements.add_within(db, result.judged)


def _add(db: sqlite3.Connection, job: int, new: New, likeness: Likeness | None) -> int | None:
    """Adds an episode; one that is nearly a copy of a seed or another episode says so, and is counted. Its key."""
    near = nearest(db, likeness) if likeness is not None else None
    if near is not None and near.estimate >= THRESHOLD:
        what = f"Shares about {near.estimate:.0%} of its text with {near.kind} {near.id[:12]}, numbers left aside."
        finding = Finding(rule=NEAR_DUPLICATE, severity=Severity.INFO, message=what)
        new = replace(new, findings=[*new.findings, finding])
        db.execute("UPDATE jobs SET copies = copies + 1 WHERE pk = ?", (job,))
    added = trajectories.add_within(db, [new])
    if not added.pks:
        return None
    if likeness is not None:
        put(db, added.pks[0], likeness)
    return added.pks[0]


def recover(db: sqlite3.Connection) -> int:
    """Marks what a dead worker had in flight as lost, books what it may have cost, gives the tasks back; how many.

    What is in a batch is not lost: the endpoint works on it, whoever waits. Call it only while holding the worker lock:
    then no attempt without an end can belong to a living worker.
    """
    now = time.time()
    with write(db):
        open_ = db.execute(
            "SELECT job, ord, n, reserved_nano, role IS NULL,"
            " (SELECT count(*) FROM attempts b WHERE b.job = a.job AND b.ord = a.ord AND b.role IS NULL)"
            " FROM attempts a WHERE job IN (SELECT pk FROM jobs) AND ended IS NULL AND submission IS NULL"
        ).fetchall()
        for job, ord_, n, reserved, whole, made in open_:
            db.execute(
                "UPDATE attempts SET outcome = ?, ended = ?, cost_nano = ?, message = ?"
                " WHERE job = ? AND ord = ? AND n = ?",
                (Outcome.LOST, now, reserved, "The worker ended before the answer was recorded.", job, ord_, n),
            )
            given_up = bool(whole) and made >= MAX_ATTEMPTS
            why = f"The worker ended during each of {made} attempts at it." if given_up else None
            db.execute(
                "UPDATE tasks SET state = ?, why = coalesce(?, why) WHERE job = ? AND ord = ? AND ?",
                ("failed" if given_up else "pending", why, job, ord_, whole),
            )
            db.execute(
                "UPDATE jobs SET failed = failed + ?, estimated_nano = estimated_nano + coalesce(?, 0),"
                " cost_nano = CASE WHEN ? IS NULL THEN cost_nano ELSE coalesce(cost_nano, 0) + ? END WHERE pk = ?",
                (given_up, reserved, reserved, reserved, job),
            )
        for job in sorted({job for job, *_ in open_}):
            lost = sum(1 for row in open_ if row[0] == job)
            log_within(db, job, [f"A worker ended with {lost} requests in flight; they are asked again."], now)
    return len(open_)


def forgive(db: sqlite3.Connection, pk: int, counted: Mapping[int, int]) -> None:
    """Gives tasks the tries back that a dead endpoint used up: `counted` maps the task to how many."""
    with write(db):
        for ord_, tries in counted.items():
            (state,) = db.execute("SELECT state FROM tasks WHERE job = ? AND ord = ?", (pk, ord_)).fetchone()
            if state not in ("pending", "failed"):
                continue
            db.execute(
                "UPDATE tasks SET state = 'pending', tries = max(0, tries - ?), next_at = 0 WHERE job = ? AND ord = ?",
                (tries, pk, ord_),
            )
            if state == "failed":
                db.execute("UPDATE jobs SET failed = failed - 1 WHERE pk = ?", (pk,))


def replace_failed(db: sqlite3.Connection, pk: int, spare: float) -> int:
    """Adds tasks for the ones that failed, so that the job can still reach its target; returns how many.

    At most `spare` times the target (three at least, unless it is 0) are added over the job's life. They get the seeds
    that have failed least, then those that have brought least.
    """
    with write(db):
        target, done, total, last = db.execute(
            "SELECT j.target, j.done, count(*), max(t.ord) FROM jobs j JOIN tasks t ON t.job = j.pk WHERE j.pk = ?",
            (pk,),
        ).fetchone()
        (waiting,) = db.execute(
            "SELECT count(*) FROM tasks WHERE job = ? AND state IN ('pending', 'inflight')", (pk,)
        ).fetchone()
        bound = target + (max(3, int(target * spare)) if spare > 0 else 0)
        n = min(target - done - waiting, bound - total)
        if n <= 0:
            return 0
        seeds = db.execute(
            "SELECT seed FROM tasks WHERE job = ? GROUP BY seed"
            " ORDER BY sum(state = 'failed') * 1.0 / count(*), sum(state = 'done'), seed LIMIT ?",
            (pk, n),
        ).fetchall()
        db.executemany(
            "INSERT INTO tasks (job, ord, seed) VALUES (?, ?, ?)",
            [(pk, last + 1 + i, seeds[i % len(seeds)][0]) for i in range(n)],
        )
    return int(n)


def seeds_of(db: sqlite3.Connection, pk: int) -> list[int]:
    """The distinct seeds of a job's tasks."""
    found = db.execute("SELECT DISTINCT seed FROM tasks WHERE job = ? ORDER BY seed", (pk,)).fetchall()
    return [seed for (seed,) in found]


def write_log(db: sqlite3.Connection, pk: int, texts: Iterable[str]) -> None:
    """Adds lines to a job's story."""
    with write(db):
        log_within(db, pk, texts, time.time())


def log_within(db: sqlite3.Connection, pk: int, texts: Iterable[str], now: float) -> None:
    """`write_log` as part of a transaction that the caller holds."""
    db.executemany("INSERT INTO job_log (job, at, text) VALUES (?, ?, ?)", [(pk, now, text) for text in texts])
