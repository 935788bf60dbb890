"""Keeps checkpoints and writes apart: the way around SQLite's WAL-reset bug.

In SQLite before 3.51.3 (and 3.50.7, 3.44.6) a checkpoint that runs while another connection commits and restarts the
log may take pages for copied that were not (sqlite.org/wal.html, "the WAL-reset bug"). So SQLite's own checkpoints are
off on every connection, and a lock file stands for "I am writing or checkpointing". Whoever writes holds it; the log
is copied back by the writer that finds it grown, after its commit and before it lets go. See docs/database.md.
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

WAL_LIMIT = 8 * 1024 * 1024
"""Bytes of the log above which it is copied back into the database."""

_GONE = "unable to open database file"
"""What SQLite says of a file that is not there."""
_AGAIN_S = 1.0
"""A reader may keep the log from being cut; so long is waited before the next attempt."""


class GuardedConnection(sqlite3.Connection):
    """A connection that knows its file. `timeout_s` is how long a write waits for its turn."""

    path: Path | None = None
    timeout_s: float = 5.0
    checkpointed: float = float("-inf")
    _guard: BinaryIO | None = None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Holds the lock file: nobody else writes or checkpoints meanwhile.

        Raises:
            sqlite3.OperationalError: another process keeps it for longer than `timeout_s`, it cannot be opened, or the
                workspace was deleted.
        """
        if self.path is None:
            yield
            return
        guard = self._open(self.path)
        self._wait(guard)
        try:
            if not os.fstat(guard.fileno()).st_nlink:
                # What is written to a deleted file goes with the last process that has it open.
                raise sqlite3.OperationalError(_GONE)
            yield
        finally:
            fcntl.flock(guard, fcntl.LOCK_UN)

    def _open(self, path: Path) -> BinaryIO:
        if self._guard is None:
            try:
                self._guard = path.with_suffix(".writing").open("ab")
            except FileNotFoundError as error:
                raise sqlite3.OperationalError(_GONE) from error
            except OSError as error:
                raise sqlite3.OperationalError(f"attempt to write a readonly database ({error.strerror})") from error
        return self._guard

    def _wait(self, guard: BinaryIO) -> None:
        patience, pause = time.monotonic() + self.timeout_s, 0.0005
        while True:
            try:
                fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > patience:
                    raise sqlite3.OperationalError("database is locked by another writer") from None
                time.sleep(pause)
                pause = min(pause * 2, 0.01)

    def copy_back(self) -> None:
        """Copies a log that has grown into the database and cuts it; only while `turn` is held, after the commit."""
        if self.path is None or time.monotonic() - self.checkpointed < _AGAIN_S:
            return
        try:
            size = os.stat(f"{self.path}-wal").st_size
        except OSError:
            return
        if size < WAL_LIMIT:
            return
        self.checkpointed = time.monotonic()
        self.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        # Cutting waits for readers; one that is slow is not waited for, the next writer tries again.
        (patience,) = self.execute("PRAGMA busy_timeout").fetchone()
        self.execute("PRAGMA busy_timeout = 0")
        self.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        self.execute(f"PRAGMA busy_timeout = {patience}")

    def close(self) -> None:
        """Closes the connection. The last one in all processes copies the log back, alone by SQLite's own lock."""
        super().close()
        if self._guard is not None:
            self._guard.close()
            self._guard = None
