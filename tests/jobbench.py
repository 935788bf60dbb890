"""A workspace, a server that misbehaves, and a worker in this process: what the tests of jobs work at."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simia_tui.jobs import worker
from simia_tui.model import Job
from simia_tui.store import Workspace, books, jobs


class Going:
    """A process that nobody asks to stop."""

    hurry = False
    asked = False

    def __call__(self) -> bool:
        return self.asked


class Bench:
    """A workspace, a server and a worker in this process."""

    def __init__(self, path: Path, server: Any, killing: Any) -> None:
        self.server, self._killing = server, killing
        self.workspace: Workspace = killing.stocked(path)
        self.db = self.workspace.connect()
        self.stop = Going()
        self.desk = worker.Desk(self.workspace, self.db, self.stop)

    def queue(self, n: int, **fields: Any) -> int:
        job: int = self._killing.queue(
            self.workspace, **{"base_url": self.server.base_url, "n": n, "concurrency": 8, **fields}
        )
        return job

    def work(self, job: int) -> Job:
        """Lets the worker do the job until it ends or is held."""
        self.desk.do(jobs.job(self.db, job))
        assert books.audit(self.db, job) == []
        assert self.open_attempts() == 0
        return jobs.job(self.db, job)

    def work_all(self, *queued: int) -> list[Job]:
        """Lets the worker do all that is queued, side by side."""
        asyncio.run(self.desk.serve())
        assert [books.audit(self.db, job) for job in queued] == [[] for _ in queued]
        assert self.open_attempts() == 0
        return [jobs.job(self.db, job) for job in queued]

    def meanwhile(self, act: Callable[[sqlite3.Connection], object], requests: int) -> threading.Thread:
        """Does something in a thread of its own when so many requests have come; later ones wait until it is done."""
        self.server.hold_after(requests - 1)

        def wait_and_act() -> None:
            self.server.wait_for(requests)
            db = self.workspace.connect()
            act(db)
            db.close()
            self.server.release()

        thread = threading.Thread(target=wait_and_act)
        thread.start()
        return thread

    def open_attempts(self) -> int:
        return int(self.db.execute("SELECT count(*) FROM attempts WHERE ended IS NULL").fetchone()[0])

    def outcomes(self, job: int) -> dict[str, int]:
        return jobs.outcome_counts(self.db, job)

    def tries(self, job: int) -> set[int]:
        return {tries for (tries,) in self.db.execute("SELECT tries FROM tasks WHERE job = ?", (job,))}
