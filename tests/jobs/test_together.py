"""Several jobs in one worker: on one endpoint, on several, with priorities, and when one of them goes wrong."""

import asyncio
import os
import signal
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from jobbench import Bench

from simia_tui.jobs import runner, worker
from simia_tui.model import NANO, JobStatus
from simia_tui.store import books, jobs


def senders(server: Any) -> list[int]:
    """Which job sent each request, by the token limit that tells its requests from others."""
    return [request.body["max_tokens"] for request in server.journal]


def test_jobs_share_the_slots_of_their_endpoint(bench: Bench) -> None:
    bench.server.latency = (0.0, 0.02)
    first, second, third = (bench.queue(40, concurrency=c, max_tokens=500 + c) for c in (3, 8, 5))
    for job in bench.work_all(first, second, third):
        assert (job.status, job.done, job.failed) == (JobStatus.DONE, 40, 0)
    assert bench.server.most_at_once <= 8
    assert len(bench.server.journal) == 120


def test_a_higher_priority_goes_first_whatever_came_before(bench: Bench) -> None:
    bench.server.latency = (0.01, 0.02)
    low = bench.queue(300, concurrency=4, max_tokens=501)

    def overtake(db: Any) -> None:
        bench.queue(30, concurrency=4, max_tokens=502, priority=3)

    thread = bench.meanwhile(overtake, 10)
    done = bench.work_all(low)
    thread.join()
    assert done[0].done == 300
    order = senders(bench.server)
    first, last = order.index(502), len(order) - 1 - order[::-1].index(502)
    assert order.count(502) == 30
    assert order[first:last].count(501) <= 4, "only what was on its way already"


def test_a_priority_that_is_given_later_counts_from_then_on(bench: Bench) -> None:
    bench.server.latency = (0.01, 0.02)
    first, second = bench.queue(400, concurrency=4, max_tokens=501), bench.queue(50, concurrency=4, max_tokens=502)
    assert jobs.set_priority(bench.db, second, -2).priority == -2
    thread = bench.meanwhile(lambda db: jobs.set_priority(db, second, 7), 20)
    assert [job.done for job in bench.work_all(first, second)] == [400, 50]
    thread.join()
    order = senders(bench.server)
    assert order[-1] == 501, "the one that came later overtook"
    assert order[:4] == [501] * 4


def test_a_slow_endpoint_does_not_hold_up_another(
    bench: Bench, faultserver: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "CANCEL_GRACE_S", 0.0)
    with faultserver.FaultServer(reply=faultserver.episode) as other:
        other.play([], then="hang")
        stuck = bench.queue(8, base_url=other.base_url)
        quick = bench.queue(40)

        def cancel_when_the_quick_one_is_done() -> None:
            db = bench.workspace.connect()
            while not jobs.job(db, quick).status.ended:
                threading.Event().wait(0.02)
            assert jobs.job(db, stuck).status is JobStatus.RUNNING
            jobs.set_desired(db, stuck, "cancelled")
            db.close()

        other_thread = threading.Thread(target=cancel_when_the_quick_one_is_done)
        other_thread.start()
        held, done = bench.work_all(stuck, quick)
        other_thread.join()
    assert (done.status, done.done) == (JobStatus.DONE, 40)
    assert (held.status, held.done, held.in_flight) == (JobStatus.CANCELLED, 0, 0)


def test_one_job_is_paused_and_resumed_while_the_other_goes_on(bench: Bench) -> None:
    bench.server.latency = (0.0, 0.02)
    first, second = bench.queue(120, concurrency=6), bench.queue(120)
    thread = bench.meanwhile(lambda db: jobs.set_desired(db, first, "paused"), 30)
    paused, done = bench.work_all(first, second)
    thread.join()
    assert (paused.status, done.status, done.done) == (JobStatus.PAUSED, JobStatus.DONE, 120)
    assert paused.done == len(bench.server.journal) - 120
    jobs.set_desired(bench.db, first, "running")
    assert bench.work_all(first, second)[0].done == 120
    assert len(bench.server.journal) == 240


def test_each_job_keeps_its_own_budget(bench: Bench) -> None:
    worst = max(bench.desk.work_of(jobs.job(bench.db, probe := bench.queue(1))).reserve.values())
    jobs.set_desired(bench.db, probe, "cancelled")
    budgets = [worst * n / NANO for n in (12, 30)]
    queued = [bench.queue(400, budget_usd=budget) for budget in budgets]
    ended = bench.work_all(*queued)
    for job, budget in zip(ended, budgets, strict=True):
        assert job.status is JobStatus.PAUSED
        assert job.cost_nano is not None
        assert budget * NANO - worst < job.cost_nano <= budget * NANO
    assert sum(request.billed for request in bench.server.journal) == sum(job.done for job in ended)


def test_a_fault_of_ours_in_one_job_leaves_the_others_alone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, sound = bench.queue(40, concurrency=5), bench.queue(40)
    claims = runner.Runner._claims

    def falls_over(self: runner.Runner) -> int:
        if self.rank[1] == broken and len(bench.server.journal) >= 15:
            raise ZeroDivisionError("planted")
        return claims(self)

    monkeypatch.setattr(runner.Runner, "_claims", falls_over)
    held, done = bench.work_all(broken, sound)
    assert (done.status, done.done) == (JobStatus.DONE, 40)
    assert held.status is JobStatus.PAUSED
    assert held.reason == "The worker met a fault (ZeroDivisionError: planted)."
    monkeypatch.undo()
    jobs.set_desired(bench.db, broken, "running")
    assert bench.work(broken).done == 40


def test_the_worker_leaves_when_it_is_told_to_and_hands_all_jobs_over(
    tmp_path: Path, killing: ModuleType, faultserver: ModuleType
) -> None:
    with faultserver.FaultServer(reply=faultserver.episode, latency=0.05) as server:
        workspace = killing.stocked(tmp_path / "w")
        queued = [killing.queue(workspace, server.base_url, 150, concurrency=c) for c in (3, 8)]
        db = workspace.connect()
        with killing.Nursery(workspace) as nursery:
            server.hold_after(20)
            pid = nursery.start()
            assert server.wait_for(20)
            os.kill(pid, signal.SIGTERM)
            server.release()
            assert nursery.ended() == 0
            assert all(jobs.job(db, job).status is JobStatus.QUEUED for job in queued)
            assert sum(jobs.job(db, job).done for job in queued) == len(server.journal)
            nursery.start()
            assert nursery.ended() == 0
        assert [jobs.job(db, job).done for job in queued] == [150, 150]
        assert len(server.journal) == 300
        assert [books.audit(db, job) for job in queued] == [[], []]
        db.close()


def test_a_worker_has_a_bounded_number_of_jobs_at_work(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "MOST_JOBS", 2)
    most: list[int] = []
    one = worker.Desk._one

    async def counted(self: worker.Desk, job: Any) -> None:
        most.append(len(self._running))
        await one(self, job)

    monkeypatch.setattr(worker.Desk, "_one", counted)
    queued = [bench.queue(5, concurrency=c) for c in (2, 4, 6, 8, 10)]
    assert asyncio.run(bench.desk.serve()) == 5
    assert max(most) <= 2
    assert {jobs.job(bench.db, job).done for job in queued} == {5}
