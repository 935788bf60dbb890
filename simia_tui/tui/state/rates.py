"""How fast a job goes, from what was seen of it lately."""

import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from simia_tui.model import Job, JobStatus

WINDOW_S = 20.0
"""Seconds of the past that count: long enough for waves of answers, short enough to show a stall."""


class Rate(NamedTuple):
    """Tasks per second and seconds left; None where nothing can be said."""

    per_second: float | None
    left: float | None


class Rates:
    """Remembers a few sightings of each job. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[int, deque[tuple[float, int]]] = {}

    def of(self, job: Job) -> Rate:
        """Notes the job as it stands now and says how fast it goes."""
        if job.status is not JobStatus.RUNNING:
            self._seen.pop(job.id, None)
            return Rate(None, None)
        now = self._clock()
        seen = self._seen.setdefault(job.id, deque())
        ended = job.done + job.failed
        seen.append((now, ended))
        while len(seen) > 2 and seen[1][0] < now - WINDOW_S:
            seen.popleft()
        span = now - seen[0][0]
        if span < 0.5:
            return Rate(None, None)
        rate = (ended - seen[0][1]) / span
        return Rate(rate, (job.target - ended) / rate if rate > 0 else None)
