"""The worker's one writing connection, in a thread of its own, so that the event loop never waits for the disk."""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Protocol, Self, TypeVar

from simia_tui.errors import SimiaError, UsageError

T = TypeVar("T")
STALL_S = 1.0
STOP_GRACE_S = 20.0


class Stop(Protocol):
    """Whether the process is to go: `()` says so, `hurry` that it is to go at once."""

    hurry: bool

    def __call__(self) -> bool: ...


def say(text: str) -> None:
    """One line of the worker's log."""
    print(time.strftime("%Y-%m-%d %H:%M:%S"), text, flush=True)


class Journal:
    """Runs functions of a connection one after the other; `connect` is called in the thread that will use it."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._db: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._db = self._thread.submit(self._connect).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._db is not None:
            self._thread.submit(self._db.close).result()
        self._thread.shutdown()

    async def do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` gives for the connection; its exceptions are raised here."""
        return await asyncio.wrap_future(self._thread.submit(self._call, work))

    async def surely(
        self,
        work: Callable[[sqlite3.Connection], T],
        stop: Stop,
        what: str,
        told: Callable[[float], None] = lambda _: None,
    ) -> T:
        """The same for what must be written: while the database is locked or the disk full, it waits in memory.

        `what` names it in the log; `told` hears afterwards for how many seconds it had to wait.

        Raises:
            SimiaError: the database is of no use any more, or the process has to go and cannot wait any longer.
        """
        since: float | None = None
        while True:
            try:
                result = await self.do(work)
                if since is not None:
                    told(time.monotonic() - since)
                return result
            except UsageError:
                raise
            except SimiaError as error:
                if since is None:
                    since = time.monotonic()
                    say(f"{what}: {error}")
                if stop.hurry or (stop() and time.monotonic() - since > STOP_GRACE_S):
                    raise
                await self._stall(error)

    async def _stall(self, error: SimiaError) -> None:
        await asyncio.sleep(STALL_S)

    def now(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The same for code outside the event loop: waits for it."""
        return self._thread.submit(self._call, work).result()

    def _call(self, work: Callable[[sqlite3.Connection], T]) -> T:
        assert self._db is not None, "the journal is used as a context manager"
        return work(self._db)
