"""Checkpoints and writes never meet, whoever does them; the log stays small."""

import fcntl
import multiprocessing
import os
import shutil
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from simia_tui.errors import SimiaError, UsageError
from simia_tui.store import Workspace, guard
from simia_tui.store.connection import connect, write

ROW = "x" * 20_000


def test_sqlite_never_checkpoints_by_itself(workspace: Workspace) -> None:
    for readonly in (False, True):
        db = workspace.connect(readonly=readonly)
        assert db.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)
        db.close()


def table(db: sqlite3.Connection) -> None:
    with write(db):
        db.execute("CREATE TABLE heap (who INTEGER, n INTEGER, text TEXT)")


def wal_size(workspace: Workspace) -> int:
    return os.stat(f"{workspace.db_path}-wal").st_size


def test_every_checkpoint_is_made_by_who_holds_the_lock(
    workspace: Workspace, db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "WAL_LIMIT", 100_000)
    monkeypatch.setattr(guard, "_AGAIN_S", 0.0)
    table(db)
    held: list[bool] = []

    def seen(statement: str) -> None:
        if "wal_checkpoint" not in statement:
            return
        with open(workspace.db_path.with_suffix(".writing")) as other:
            try:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
                held.append(False)
            except BlockingIOError:
                held.append(True)

    db.set_trace_callback(seen)
    for n in range(20):
        with write(db):
            db.execute("INSERT INTO heap VALUES (0, ?, ?)", (n, ROW))
    assert len(held) >= 4
    assert all(held)


def test_the_log_stays_small_and_a_reader_delays_that_at_most(
    workspace: Workspace, db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "WAL_LIMIT", 200_000)
    monkeypatch.setattr(guard, "_AGAIN_S", 0.0)
    table(db)

    def fill() -> int:
        most = 0
        for n in range(100):
            with write(db):
                db.execute("INSERT INTO heap VALUES (0, ?, ?)", (n, ROW))
            most = max(most, wal_size(workspace))
        return most

    assert fill() < 400_000
    reader = workspace.connect(readonly=True)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM heap").fetchone()
    assert fill() > 1_000_000
    reader.execute("COMMIT")
    reader.close()
    fill()
    assert wal_size(workspace) < 400_000


def test_a_writer_waits_for_its_turn_and_is_told_when_it_does_not_come(workspace: Workspace) -> None:
    first, second = workspace.connect(), workspace.connect(timeout=0.05)
    with write(first), pytest.raises(SimiaError, match="locked"), write(second):
        pass
    with write(second):
        second.execute("UPDATE jobs SET reason = NULL")
    third = connect(workspace.db_path, timeout=30)
    done = threading.Event()

    def late() -> None:
        mine = workspace.connect(timeout=30)
        with write(mine):
            done.set()
        mine.close()

    with write(third):
        thread = threading.Thread(target=late)
        thread.start()
        assert not done.wait(0.05)
    thread.join()
    assert done.is_set()
    for db in (first, second, third):
        db.close()


def test_a_folder_that_cannot_be_written_is_told(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    db = workspace.connect()

    def refused(*_: object) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(SimiaError, match="read-only"), write(db):
        pass
    db.close()


def hammer(path: Path, who: int, n: int) -> None:
    guard.WAL_LIMIT, guard._AGAIN_S = 50_000, 0.0
    db = connect(path, timeout=60)
    for i in range(n):
        with write(db):
            db.execute("INSERT INTO heap VALUES (?, ?, ?)", (who, i, ROW))
    db.close()


def test_processes_that_write_and_checkpoint_at_once_lose_nothing(workspace: Workspace, db: Any) -> None:
    table(db)
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=hammer, args=(workspace.db_path, who, 60)) for who in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    counts = db.execute("SELECT who, count(*), max(n) FROM heap GROUP BY who").fetchall()
    assert counts == [(0, 60, 59), (1, 60, 59), (2, 60, 59)]
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("written", [False, True], ids=["before the first write", "after one"])
def test_nothing_is_written_to_a_workspace_that_was_deleted(workspace: Workspace, written: bool) -> None:
    db = workspace.connect()
    if written:
        with write(db):
            db.execute("CREATE TABLE kept (n INTEGER)")
    shutil.rmtree(workspace.root)
    with pytest.raises(UsageError, match="cannot be opened; check that the file exists"), write(db):
        db.execute("CREATE TABLE lost (n INTEGER)")
    db.close()
