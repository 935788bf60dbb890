"""The state machine of jobs and tasks, and what one bad row may do."""

import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule

from simia_tui import demo
from simia_tui.errors import UsageError
from simia_tui.model import Attempt, JobStatus, Origin, Outcome, SynthesizeSpec, Usage
from simia_tui.store import New, Workspace, books, jobs, tasks, trajectories
from simia_tui.store.tasks import Result, Task

SEED = demo.seeds(1, 3)[0]
SPEC = SynthesizeSpec(concurrency=4)
N = 12


def queued(db: sqlite3.Connection, n: int = N) -> int:
    pks = trajectories.add(db, [New(SEED, SEED)]).pks or [trajectories.find(db, SEED.id)]
    return jobs.create(db, SPEC, pks * n)


def result(task: Task, state: Any = "done", outcome: Outcome = Outcome.OK, **fields: Any) -> Result:
    """What an attempt brought; a done one brings an episode."""
    known = {"usage": Usage(prompt=10, completion=5), "cost_nano": 7, "ended": time.time()}
    attempt = Attempt(job=task.job, ord=task.ord, n=task.n, outcome=outcome, **{**known, **fields})
    episode = SEED.replace(origin=Origin(job=task.job, ord=task.ord, seed=SEED.id))
    new = New(episode, episode, kind="episode", source="synthetic", seed=task.seed) if state == "done" else None
    return Result(task, attempt, state, new)


class Life(RuleBasedStateMachine):
    """Anything may happen to a job in any order; its books stay right and its tasks stay the same."""

    flying = Bundle("flying")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.db = Workspace.create(Path(self.folder.name)).connect()
        self.db.execute("PRAGMA synchronous = OFF")
        self.job = queued(self.db)
        self.dead: set[Task] = set()
        self.done: dict[int, str] = {}

    def teardown(self) -> None:
        self.db.close()
        self.folder.cleanup()

    @property
    def status(self) -> JobStatus:
        return jobs.job(self.db, self.job).status

    @rule(target=flying, want=st.integers(1, 5))
    def claim(self, want: int) -> Any:
        turn = tasks.turn(self.db, self.job, want=want)
        assert len(turn.tasks) <= want
        assert len({task.ord for task in turn.tasks}) == len(turn.tasks)
        return turn.tasks

    @rule(claimed=flying, state=st.sampled_from(["done", "failed", "pending"]), twice=st.booleans())
    def record(self, claimed: list[Task], state: str, twice: bool) -> None:
        outcome = Outcome.OK if state == "done" else Outcome.TIMEOUT
        for _ in range(1 + twice):
            tasks.turn(self.db, self.job, [result(task, state, outcome) for task in claimed])

    @rule()
    def the_worker_dies(self) -> None:
        under_way = jobs.job(self.db, self.job).in_flight
        assert tasks.recover(self.db) == under_way
        assert jobs.job(self.db, self.job).in_flight == 0

    @rule(wanted=st.sampled_from(["running", "paused", "cancelled"]))
    def steer(self, wanted: Any) -> None:
        before = self.status
        if before.ended:
            with pytest.raises(UsageError):
                jobs.set_desired(self.db, self.job, wanted)
        else:
            after = jobs.set_desired(self.db, self.job, wanted).status
            assert (before, after) in EDGES

    @rule()
    @precondition(lambda self: jobs.next_job(self.db) is not None)
    def start(self) -> None:
        jobs.start(self.db, self.job, 1)
        assert self.status is JobStatus.RUNNING

    @rule(status=st.sampled_from([JobStatus.DONE, JobStatus.PAUSED, JobStatus.QUEUED]), later=st.booleans())
    @precondition(lambda self: self.status is JobStatus.RUNNING)
    def end(self, status: JobStatus, later: bool) -> None:
        wanted = jobs.desired(self.db, self.job)
        jobs.end(self.db, self.job, status, "why", time.time() + 60 if later else None)
        if status is JobStatus.DONE and self.left():
            assert self.status in (JobStatus.QUEUED, JobStatus.CANCELLED)
        elif wanted == "cancelled" and not status.ended:
            assert self.status is JobStatus.CANCELLED

    @rule()
    def retry(self) -> None:
        failed, before = jobs.job(self.db, self.job).failed, self.status
        if before is JobStatus.CANCELLED:
            with pytest.raises(UsageError):
                jobs.retry_failed(self.db, self.job)
        else:
            assert jobs.retry_failed(self.db, self.job) == failed

    @rule(ords=st.dictionaries(st.integers(0, N - 1), st.integers(1, 3), max_size=4))
    def forgive(self, ords: dict[int, int]) -> None:
        tasks.forgive(self.db, self.job, ords)

    def left(self) -> bool:
        return bool({"pending", "inflight"} & set(self.states()))

    def states(self) -> dict[str, int]:
        found = self.db.execute("SELECT state, count(*) FROM tasks WHERE job = ? GROUP BY state", (self.job,))
        return dict(found.fetchall())

    @invariant()
    def the_books_are_right(self) -> None:
        assert books.audit(self.db, self.job) == []

    @invariant()
    def no_task_appears_or_vanishes(self) -> None:
        assert sum(self.states().values()) == N

    @invariant()
    def what_is_committed_stays(self) -> None:
        now = books.results(self.db, self.job)
        assert self.done.items() <= now.items()
        self.done = now

    @invariant()
    def tries_are_never_negative(self) -> None:
        (least,) = self.db.execute("SELECT min(tries) FROM tasks").fetchone()
        assert least >= 0


Q, R, P, C = JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.PAUSED, JobStatus.CANCELLED
EDGES = {(Q, Q), (Q, P), (Q, C), (P, Q), (P, P), (P, C), (R, R)}
"""What steering may do at once; a running job changes only when its worker has seen it."""

TestLife = Life.TestCase
TestLife.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)


def test_one_row_that_cannot_be_stored_fails_alone(db: sqlite3.Connection) -> None:
    job = queued(db)
    claimed = tasks.turn(db, job, want=4).tasks
    bad = result(claimed[1], latency_ms=2**70)
    surrogate = result(claimed[2], message="half \ud83d of a pair")
    turn = tasks.turn(db, job, [result(claimed[0]), bad, surrogate, result(claimed[3])])
    assert (turn.done, turn.failed) == (2, 2)
    assert books.audit(db, job) == []
    whys = dict(db.execute("SELECT ord, why FROM tasks WHERE why IS NOT NULL").fetchall())
    assert set(whys) == {claimed[1].ord, claimed[2].ord}
    assert "cannot be stored (OverflowError)" in whys[claimed[1].ord]


def test_a_result_of_an_attempt_given_up_for_lost_is_not_recorded(db: sqlite3.Connection) -> None:
    job = queued(db)
    (task,) = tasks.turn(db, job, want=1).tasks
    tasks.recover(db)
    assert tasks.turn(db, job, [result(task)]).done == 0
    (again,) = tasks.turn(db, job, want=1).tasks
    assert (again.ord, again.n) == (task.ord, 2)
    assert tasks.turn(db, job, [result(again)]).done == 1
    assert books.audit(db, job) == []


def test_what_a_dead_worker_had_in_flight_is_booked(db: sqlite3.Connection) -> None:
    job = queued(db)
    seed = tasks.seeds_of(db, job)[0]
    tasks.turn(db, job, want=3, reserve={seed: 1000})
    assert tasks.recover(db) == 3
    now = jobs.job(db, job)
    assert (now.cost_nano, now.estimated_nano, now.in_flight) == (3000, 3000, 0)
    assert "3 requests in flight" in jobs.log(db, job)[0][1]


def test_a_task_that_kills_its_worker_is_given_up(db: sqlite3.Connection) -> None:
    job = queued(db, 1)
    for _ in range(tasks.MAX_ATTEMPTS):
        assert len(tasks.turn(db, job, want=1).tasks) == 1
        tasks.recover(db)
    assert tasks.turn(db, job, want=1).tasks == []
    assert jobs.job(db, job).failed == 1
    assert books.audit(db, job) == []


@pytest.mark.parametrize(("budget", "claimed", "short"), [(999, 0, True), (2500, 2, True), (100_000, 5, False)])
def test_claims_stay_within_the_budget(db: sqlite3.Connection, budget: int, claimed: int, short: bool) -> None:
    job = queued(db)
    seed = tasks.seeds_of(db, job)[0]
    turn = tasks.turn(db, job, want=5, reserve={seed: 1000}, budget_nano=budget)
    assert (len(turn.tasks), turn.short) == (claimed, short)
    if claimed == 2:
        assert tasks.turn(db, job, want=5, reserve={seed: 1000}, budget_nano=budget).tasks == []
        cheap = [result(task, cost_nano=100) for task in turn.tasks]
        assert len(tasks.turn(db, job, cheap, want=5, reserve={seed: 1000}, budget_nano=budget).tasks) == 2


def test_the_highest_priority_comes_first_and_a_clock_is_waited_for(db: sqlite3.Connection) -> None:
    first = queued(db, 1)
    second = jobs.create(db, SPEC, tasks.seeds_of(db, first), priority=5)
    assert jobs.next_job(db).id == second
    jobs.end(db, second, JobStatus.PAUSED, "later", time.time() + 60)
    assert jobs.next_job(db).id == first
    assert jobs.next_resume(db) is not None
    jobs.end(db, second, JobStatus.PAUSED, "now", time.time() - 1)
    assert jobs.next_job(db).id == second


def test_a_job_whose_worker_is_long_gone_can_be_cancelled(db: sqlite3.Connection) -> None:
    job = queued(db, 1)
    jobs.start(db, job, 1)
    assert jobs.set_desired(db, job, "cancelled").status is JobStatus.RUNNING
    db.execute("UPDATE jobs SET heartbeat = heartbeat - ?", (2 * jobs.DEAD_S,))
    assert jobs.set_desired(db, job, "cancelled").status is JobStatus.CANCELLED
