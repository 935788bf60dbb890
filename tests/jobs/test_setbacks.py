"""What happens around a worker: signals, a machine that sleeps or dies, a clock that is set, memory, secrets."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from jobbench import Bench

from simia_tui.jobs import worker
from simia_tui.model import JobStatus
from simia_tui.store import Workspace, books, jobs, tasks
from simia_tui.store.connection import connect

KEY = "sk-test-0123456789abcdef"


@pytest.fixture
def server(faultserver: ModuleType) -> Iterator[Any]:
    with faultserver.FaultServer(reply=faultserver.episode) as made:
        yield made


@pytest.fixture
def workspace(tmp_path: Path, killing: ModuleType) -> Workspace:
    made: Workspace = killing.stocked(tmp_path / "w")
    return made


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Waits for a condition; only a machine that stands still makes this fail."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        pause.wait(0.02)
    raise AssertionError("it did not come about")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_drains_and_a_second_one_gives_up(
    workspace: Workspace, server: Any, killing: ModuleType, number: signal.Signals
) -> None:
    server.hold_after(10)
    job = killing.queue(workspace, server.base_url, 40, concurrency=8)
    db = workspace.connect()
    with killing.Nursery(workspace) as nursery:
        pid = nursery.start()
        assert server.wait_for(18)
        os.kill(pid, number)
        os.kill(pid, number)
        assert nursery.ended() == 0
        held = jobs.job(db, job)
        assert (held.status, held.done, held.in_flight) == (JobStatus.QUEUED, 10, 0)
        assert jobs.outcome_counts(db, job) == {"ok": 10, "cancelled": 8}
        assert held.estimated_nano > 0, "what was given up may have been billed"
        server.release()
        nursery.start()
        assert nursery.ended() == 0
    assert (jobs.job(db, job).done, books.audit(db, job)) == (40, [])
    db.close()


def test_a_copy_of_the_files_at_any_moment_is_whole(workspace: Workspace, server: Any, killing: ModuleType) -> None:
    server.hold_after(30)
    job = killing.queue(workspace, server.base_url, 60, concurrency=8)
    db = workspace.connect()
    with killing.Nursery(workspace) as nursery:
        pid = nursery.start()
        until(lambda: jobs.job(db, job).done == 30)
        copied = workspace.root / "after the power cut.db"
        for end in ("", "-wal"):
            shutil.copy(f"{workspace.db_path}{end}", f"{copied}{end}")
        os.kill(pid, signal.SIGKILL)
        nursery.ended()
    survivor = connect(copied)
    assert survivor.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert len(books.results(survivor, job)) == 30
    assert 8 < tasks.recover(survivor) <= 8 + 8, "in flight and claimed ahead"
    assert books.audit(survivor, job) == []
    survivor.close()
    db.close()


def test_the_worker_outlives_who_started_it(workspace: Workspace, server: Any, killing: ModuleType) -> None:
    server.hold_after(5)
    job = killing.queue(workspace, server.base_url, 20, concurrency=4)
    code = (
        "import sys, time; from pathlib import Path; from simia_tui.services import processes;"
        " from simia_tui.store import Workspace;"
        " processes.start_worker(Workspace(Path(sys.argv[1]))); time.sleep(600)"
    )
    workbench = subprocess.Popen([sys.executable, "-c", code, str(workspace.root)], start_new_session=True)
    assert server.wait_for(5)
    os.killpg(workbench.pid, signal.SIGKILL)
    workbench.wait()
    server.release()
    db = workspace.connect()
    until(lambda: jobs.job(db, job).status.ended)
    assert jobs.job(db, job).done == 20 == len(server.journal)
    db.close()


def test_a_suspended_worker_goes_on_where_it_was(workspace: Workspace, server: Any, killing: ModuleType) -> None:
    server.hold_after(20)
    job = killing.queue(workspace, server.base_url, 60, concurrency=8, timeout_s=600)
    db = workspace.connect()
    with killing.Nursery(workspace) as nursery:
        pid = nursery.start()
        until(lambda: jobs.job(db, job).done == 20)
        os.kill(pid, signal.SIGSTOP)
        # As if it had slept for long: no sign of life, and yet nobody else may take its work.
        db.execute("UPDATE jobs SET heartbeat = heartbeat - 10000")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(worker, "LOCK_PATIENCE_S", 0.0)
            with worker.only_worker(workspace, db) as second:
                assert not second
        assert jobs.job(db, job).in_flight >= 8
        server.release()
        os.kill(pid, signal.SIGCONT)
        assert nursery.ended() == 0
    ended = jobs.job(db, job)
    assert (ended.status, ended.done, ended.failed) == (JobStatus.DONE, 60, 0)
    assert jobs.outcome_counts(db, job) == {"ok": 60}
    assert (books.audit(db, job), len(server.journal)) == ([], 60)
    db.close()


def test_a_clock_that_is_set_back_makes_nothing_wait_longer(bench: Bench) -> None:
    wall, steady = 1_000_000.0, 500.0
    clock = worker.Clock(lambda: wall, lambda: steady)
    wall, steady = wall + 60, steady + 60
    assert clock.set_back() == 0
    wall, steady = wall - 3600 + 10, steady + 10
    assert clock.set_back() == pytest.approx(3600)
    assert clock.set_back() == 0, "told once"
    wall += 7200
    assert clock.set_back() == 0, "a clock that was set forward, or a machine that slept, ends waits early"
    pk = bench.queue(3)
    now = jobs.job(bench.db, pk).created
    bench.db.execute("UPDATE tasks SET next_at = ? WHERE ord = 0", (now + 3630,))
    bench.db.execute("UPDATE jobs SET status = 'paused', resume_at = ?, heartbeat = ?", (now + 3700, now + 3600))
    assert 3500 < jobs.ahead(bench.db) <= 3600
    jobs.move_waits(bench.db, -3600)
    assert jobs.ahead(bench.db) == 0
    assert jobs.job(bench.db, pk).resume_at == pytest.approx(now + 100)
    (waits,) = bench.db.execute("SELECT next_at FROM tasks WHERE ord = 0").fetchone()
    assert waits == pytest.approx(now + 30)
    (others,) = bench.db.execute("SELECT max(next_at) FROM tasks WHERE ord > 0").fetchone()
    assert others == 0


MEASURE = """
import resource, sys
from pathlib import Path
from simia_tui.jobs import worker
def rss(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert worker.main(["--workspace", sys.argv[1]]) == 0
print(rss())
"""


def peak_mb(workspace: Workspace) -> float:
    """The most memory that a worker of its own takes for what is queued."""
    done = subprocess.run([sys.executable, "-c", MEASURE, str(workspace.root)], capture_output=True, check=True)
    return int(done.stdout.split()[-1]) / 1024


def test_memory_does_not_grow_with_what_was_answered(
    workspace: Workspace, server: Any, killing: ModuleType, faultserver: ModuleType
) -> None:
    """A few answers, and then 60 of 500 kB each beside a few that have no end: 30 MB, held twice in each result."""
    long = "It is open until six. " * 23_000

    def reply(ord_: int) -> dict[str, Any]:
        turns = [{"role": "user", "content": f"Case {ord_}?"}, {"role": "assistant", "content": long}, {"end": True}]
        return {**faultserver.completion(content="\n".join(map(json.dumps, turns))), "id": f"chatcmpl-{ord_}"}

    server.reply = reply
    killing.queue(workspace, server.base_url, 8, concurrency=8)
    before = peak_mb(workspace)
    server.play(["huge", "deep_nest", "gzip_bomb"] * 3)
    many = killing.queue(workspace, server.base_url, 60, concurrency=8)
    after = peak_mb(workspace)
    db = workspace.connect()
    assert jobs.job(db, many).done == 60
    assert jobs.outcome_counts(db, many)["bad reply"] == 9
    db.close()
    assert after - before < 40, (before, after)


def test_no_fault_writes_the_key_anywhere(
    bench: Bench, faultserver: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STUB_KEY", KEY)
    leaks = [name for name, make in faultserver.FAULTS.items() if b"{key}" in make().body]
    assert len(leaks) >= 2
    for fault in [*leaks, "http_500_text", "truncated_json", "http_400_key", "redirect"]:
        bench.server.play([fault] * 2)
        pk = bench.queue(4, key_env="STUB_KEY")
        if bench.work(pk).status is JobStatus.PAUSED:
            bench.server.play([])
            jobs.set_desired(bench.db, pk, "running")
            bench.work(pk)
    assert all(request.headers["authorization"] == f"Bearer {KEY}" for request in bench.server.journal)
    (dumped,) = ["\n".join(bench.db.iterdump())]
    raws = bench.db.execute("SELECT job, ord FROM attempts WHERE raw IS NOT NULL").fetchall()
    kept = [jobs.raw_reply(bench.db, job, ord_) or "" for job, ord_ in raws]
    assert any("[key hidden]" in text for text in [dumped, *kept])
    assert not any(KEY in text for text in [dumped, *kept, *capfd.readouterr()])
    bench.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    files = [path for path in bench.workspace.root.rglob("*") if path.is_file()]
    assert len(files) > 1
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []


def test_a_worker_that_was_killed_in_its_sleep_is_taken_over(
    workspace: Workspace, server: Any, killing: ModuleType
) -> None:
    server.hold_after(10)
    job = killing.queue(workspace, server.base_url, 30, concurrency=4)
    db: sqlite3.Connection = workspace.connect()
    with killing.Nursery(workspace) as nursery:
        pid = nursery.start()
        until(lambda: jobs.job(db, job).done == 10)
        os.kill(pid, signal.SIGSTOP)
        os.kill(pid, signal.SIGKILL)
        assert nursery.ended() == signal.SIGKILL
        lost = jobs.job(db, job).in_flight
        server.release()
        nursery.start()
        assert nursery.ended() == 0
    assert jobs.outcome_counts(db, job) == {"ok": 30, "lost": lost}
    assert books.audit(db, job) == []
    db.close()
