"""Keeps the run's heartbeat going beside the training, and hears the wish to stop."""

import signal
import sqlite3
import threading
from types import FrameType

from simia_tui.errors import SimiaError
from simia_tui.training.record import RunRecord


class Stopped(Exception):
    """The user asked to stop before training had begun; there is nothing to save."""


class Watch:
    """Beats once a second in a thread of its own, so that loading a large model does not look like death.

    A wish to stop comes by SIGTERM, SIGINT or the run's row; `wanted` then stays true.
    """

    def __init__(self, record: RunRecord, interval: float = 1.0) -> None:
        self.step = record.run.step
        self._record = record
        self._interval = interval
        self._stop = threading.Event()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="watch", daemon=True)

    def __enter__(self) -> "Watch":
        self._before = {number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @property
    def wanted(self) -> bool:
        """Whether somebody wants the run to stop."""
        return self._stop.is_set()

    def check(self) -> None:
        """Raises Stopped if the run is to stop; for the phases before the first step."""
        if self.wanted:
            raise Stopped

    def poll(self) -> None:
        """One look at the run's row, and one heartbeat."""
        if self._record.desired() == "stop":
            self._stop.set()
        self._record.heartbeat(self.step)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stop.set()

    def _beat(self) -> None:
        while not self._end.wait(self._interval):
            try:
                self.poll()
            except (SimiaError, sqlite3.Error) as error:
                # A missed beat is no reason to lose a training run; the next one tries again.
                print(f"heartbeat missed: {error}", flush=True)
