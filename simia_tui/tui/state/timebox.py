"""A time box: so many minutes for reviewing, and what came of them."""

import time
from collections import Counter
from collections.abc import Callable

WORDS = {"approve": "approved", "reject": "rejected", "flag": "flagged"}


class Timebox:
    """Counts down from `minutes`; `clock` gives seconds."""

    def __init__(self, minutes: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.minutes = minutes
        self.words = 0
        self._clock = clock
        self._end = clock() + minutes * 60
        self._acts: Counter[str] = Counter()

    def note(self, action: str, words: int) -> None:
        """An item of so many words was decided on."""
        self._acts[action] += 1
        self.words += words

    @property
    def left(self) -> float:
        """Seconds that are left; below 0 when it is over."""
        return self._end - self._clock()

    @property
    def text(self) -> str:
        """What is left, as minutes and seconds."""
        seconds = max(0, round(self.left))
        return f"{seconds // 60}:{seconds % 60:02}"

    def summary(self) -> str:
        """What was done in the time that has passed."""
        count = sum(self._acts.values())
        if not count:
            return f"{self.minutes:g} minutes: nothing decided."
        passed = max(1.0, min(self.minutes * 60, self.minutes * 60 - self.left))
        parts = ", ".join(f"{self._acts[act]:,} {word}" for act, word in WORDS.items() if self._acts[act])
        pace = f"{count * 60 / passed:.1f} a minute"
        return f"{self.minutes:g} minutes: {count:,} decided ({parts}), {self.words:,} words, {pace}."
