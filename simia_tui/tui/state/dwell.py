"""How long a reviewer looks at what is decided, against what reading it takes."""

import time
from collections.abc import Callable

from simia_tui.services.care import FLOOR, WORDS_PER_MINUTE

STREAK = 5
"""Decisions in a row below the floor that give a warning; one or two may be easy ones."""


class Dwell:
    """Watches one reviewer for one session. `clock` gives seconds; nothing here stops or slows anybody."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: float | None = None
        self._words = 0
        self.streak = 0

    def look(self, words: int) -> None:
        """An item of so many words has come into view."""
        self._since = self._clock()
        self._words = words

    def leave(self) -> None:
        """The item is out of view; what is decided next was not looked at through this object."""
        self._since = None

    def decide(self) -> float | None:
        """A decision on the item in view: the seconds it was looked at, None where that is not known."""
        if self._since is None:
            return None
        seconds = self._clock() - self._since
        self.streak = self.streak + 1 if seconds < FLOOR * reading_seconds(self._words) else 0
        self._since = None
        return seconds

    def take_back(self) -> None:
        """An undo: the reviewer looks again, so the streak ends."""
        self.streak = 0

    @property
    def warning(self) -> str | None:
        """A quiet sentence while the last `STREAK` decisions or more were faster than reading."""
        if self.streak < STREAK:
            return None
        return f"{self.streak} decisions faster than reading: look again, or rest"


def reading_seconds(words: int) -> float:
    """How long reading so many words takes."""
    return words * 60 / WORDS_PER_MINUTE
