"""The worker's one writing connection, in a thread of its own, so that the event loop never waits for the disk."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")


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

    def now(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The same for code outside the event loop: waits for it."""
        return self._thread.submit(self._call, work).result()

    def _call(self, work: Callable[[sqlite3.Connection], T]) -> T:
        assert self._db is not None, "the journal is used as a context manager"
        return work(self._db)
