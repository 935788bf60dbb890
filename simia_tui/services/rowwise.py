"""Work on the rows of a file one by one, in this process or side by side in several."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from itertools import islice
from multiprocessing import connection, get_context, parent_process, resource_tracker
from pathlib import Path
from threading import Semaphore, Thread
from typing import Any, Generic, NamedTuple, TypeVar

from simia_tui import collector, formats
from simia_tui.formats import Row, Slice, Torn

T = TypeVar("T")

LARGE = 1 << 27
"""Bytes (128 MiB) of a file from which it is worth starting processes, each of which takes half a second to start."""


class Rowwise(NamedTuple, Generic[T]):
    """What is to be made of each row of a file. With several workers `work` is copied to them: it must be picklable."""

    path: Path
    format: str
    domain: str
    work: Callable[[Row], T]

    def results(self, workers: int = 1) -> Iterator[tuple[int, T]]:
        """The number of each row and what came of it, in order; memory does not grow with the file.

        With several `workers` rows are worked on side by side where the file can be cut.
        """
        return self._side_by_side(workers) if workers > 1 else self._in_turn(0)

    def _in_turn(self, skip: int) -> Iterator[tuple[int, T]]:
        for row in islice(formats.read(self.path, self.format, self.domain), skip, None):
            yield row.number, self.work(row)

    def _side_by_side(self, workers: int) -> Iterator[tuple[int, T]]:
        before = count = 0
        for done in self._slices(workers):
            if done is None:
                yield from self._in_turn(count)
                return
            results, numbers = done
            for number, result in results:
                yield before + number, result
            before += numbers
            count += len(results)

    def _slices(self, workers: int) -> "Iterator[_Done[T] | None]":
        """What comes of each slice in order; None where the rest must be read in one go."""
        pieces = formats.sliced(self.path, self.format)
        if not pieces:
            yield None
            return
        # No more slices are under way than a few for each process, so that results never pile up.
        free = Semaphore(2 * workers)
        # Where a screen stands for standard error that has no file, which the pool's watcher would be given.
        with redirect_stderr(sys.__stderr__):
            resource_tracker.ensure_running()
        # A fresh process shares nothing with this one: no thread that stands still, no lock of the database.
        with get_context("spawn").Pool(min(workers, len(pieces)), _begin, (self,)) as pool:
            try:
                for done in pool.imap(_slice, (piece for piece in pieces if free.acquire())):
                    free.release()
                    yield done
            finally:
                free.release(len(pieces))

    def slice(self, piece: Slice) -> "_Done[T] | None":
        """What comes of the rows of one slice, numbered from 1; None where it is torn."""
        try:
            rows, numbers = formats.read_slice(piece, self.format, self.domain)
        except Torn:
            return None
        return [(row.number, self.work(row)) for row in rows], numbers


_Done = tuple[list[tuple[int, T]], int]
"""The results of a slice, and how many numbers its rows take."""


def workers_for(path: Path) -> int:
    """How many processes a file is worth: all cores for a large one."""
    return len(os.sched_getaffinity(0)) if path.stat().st_size >= LARGE else 1


_task: list[Rowwise[Any]] = []
"""What this process works on, where it is one of several."""


def _begin(task: Rowwise[Any]) -> None:
    # The first process is told of Ctrl+C as well, and ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    _task.append(task)


def _end_with_parent() -> None:
    """A pool whose owner was killed would wait for work for ever."""
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)


def _slice(piece: Slice) -> _Done[Any] | None:
    with collector.spared():
        return _task[-1].slice(piece)
