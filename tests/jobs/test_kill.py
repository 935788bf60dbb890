"""`kill -9` of a real worker process: nothing lost, nothing twice, and a loop that finds planted defects."""

import os
import signal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from simia_tui.store import books, jobs


def test_a_worker_killed_in_the_middle_leaves_exact_results(
    tmp_path: Path, killing: ModuleType, faultserver: ModuleType
) -> None:
    with faultserver.FaultServer(reply=faultserver.episode) as server:
        workspace = killing.stocked(tmp_path / "w", seeds=8)
        job = killing.queue(workspace, server.base_url, 200)
        db = workspace.connect()
        server.hold_after(100)
        with killing.Nursery(workspace) as nursery:
            worker = nursery.start()
            while jobs.job(db, job).done < 60:
                os.kill(worker, 0)
            os.kill(worker, signal.SIGKILL)
            assert nursery.ended() == signal.SIGKILL
            server.release()
            in_flight = jobs.job(db, job).in_flight
            committed = books.results(db, job)
            assert 60 <= len(committed) <= 100
            nursery.start()
            assert nursery.ended() == 0
    ended = jobs.job(db, job)
    assert (ended.status, ended.done, ended.failed, ended.in_flight) == ("done", 200, 0, 0)
    assert len(books.results(db, job)) == 200
    assert committed.items() <= books.results(db, job).items()
    assert books.audit(db, job) == []
    assert jobs.outcome_counts(db, job) == {"ok": 200, "lost": in_flight}
    assert in_flight > 0
    db.close()


def loop(killing: Any, faultserver: Any, path: Path, defect: str, kills: int, n: int = 600) -> Any:
    server = faultserver.FaultServer(reply=faultserver.episode, latency=(0.0, 0.06))
    with server:
        workspace = killing.stocked(path)
        # The second one takes the slots that the first one leaves, and goes before it.
        first = killing.queue(workspace, server.base_url, n // 2, concurrency=16)
        second = killing.queue(workspace, server.base_url, n // 2, concurrency=24, priority=1)
        return killing.kill_loop(workspace, server, [first, second], kills, seed=11, defect=defect, bounded=True)


def test_twenty_kills_leave_the_books_right(tmp_path: Path, killing: ModuleType, faultserver: ModuleType) -> None:
    report = loop(killing, faultserver, tmp_path / "w", "none", 20)
    assert report.problems == []
    assert report.kills == 20
    assert report.done == 600
    assert report.attempts == report.done + report.lost
    assert report.done <= report.requests <= report.attempts


@pytest.mark.parametrize("defect", ["early", "two transactions", "late"])
def test_the_loop_finds_a_planted_defect(
    tmp_path: Path, killing: ModuleType, faultserver: ModuleType, defect: str
) -> None:
    report = loop(killing, faultserver, tmp_path / "w", defect, 1)
    assert report.kills == 1
    assert report.problems != []
