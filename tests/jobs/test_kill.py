"""`kill -9` of a real worker process: nothing lost, nothing twice, and a loop that finds planted defects."""

import os
import signal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from simia_tui.services import synthesis
from simia_tui.settings import Settings
from simia_tui.store import books, jobs


def test_a_worker_killed_in_the_middle_leaves_exact_results(tmp_path: Path, killing: ModuleType) -> None:
    workspace = killing.stocked(tmp_path / "w", seeds=8)
    db = workspace.connect()
    planned = synthesis.plan(db, Settings.load(workspace.root), 200, concurrency=64)
    job = jobs.create(db, planned.spec, planned.seeds)
    with killing.Nursery(workspace) as nursery:
        worker = nursery.start()
        while jobs.job(db, job).done < 60:
            os.kill(worker, 0)
        os.kill(worker, signal.SIGKILL)
        assert nursery.ended() == signal.SIGKILL
        in_flight = jobs.job(db, job).in_flight
        committed = books.results(db, job)
        assert 60 <= len(committed) < 200
        nursery.start()
        assert nursery.ended() == 0
    ended = jobs.job(db, job)
    assert (ended.status, ended.done, ended.failed, ended.in_flight) == ("done", 200, 0, 0)
    assert len(books.results(db, job)) == 200
    assert committed.items() <= books.results(db, job).items()
    assert books.audit(db, job) == []
    outcomes = jobs.outcome_counts(db, job)
    assert outcomes.get("lost", 0) == in_flight > 0
    assert outcomes["ok"] == 200


def loop(killing: Any, faultserver: Any, path: Path, defect: str, kills: int, n: int = 600) -> Any:
    server = faultserver.FaultServer(reply=faultserver.episode, latency=(0.0, 0.06))
    with server:
        workspace = killing.stocked(path)
        job = killing.queue(workspace, server.base_url, n, concurrency=24)
        return killing.kill_loop(workspace, server, job, kills, seed=11, defect=defect)


def test_twenty_kills_leave_the_books_right(tmp_path: Path, killing: ModuleType, faultserver: ModuleType) -> None:
    report = loop(killing, faultserver, tmp_path / "w", "none", 20)
    assert report.problems == []
    assert report.kills == 20
    assert report.done == 600
    assert report.attempts == report.done + report.lost
    assert report.done <= report.requests <= report.attempts
    assert report.lost <= report.kills * 2 * 24


@pytest.mark.parametrize("defect", ["early", "two transactions", "late"])
def test_the_loop_finds_a_planted_defect(
    tmp_path: Path, killing: ModuleType, faultserver: ModuleType, defect: str
) -> None:
    report = loop(killing, faultserver, tmp_path / "w", defect, 1)
    assert report.kills == 1
    assert report.problems != []
