"""Stops a job in which nothing succeeds, and finds out by single requests when the endpoint is back."""

import time
from collections import Counter
from collections.abc import Callable

from simia_tui.llm import retry_rule
from simia_tui.model import Outcome

LIMIT = 20
"""Answers in a row that brought nothing, after which a job is held."""

SLOW_S = 120.0
"""How long an endpoint may say "slow down" to everything before that counts as being down."""

FIRST_S, CAP_S = 15.0, 120.0
"""The wait before the first probe; it doubles up to the cap."""

GIVE_UP_S = 3600.0
DOWN = frozenset({Outcome.TIMEOUT, Outcome.CONNECTION, Outcome.BAD_REPLY, Outcome.OVERLOAD, Outcome.RATE_LIMIT})
"""Faults of the endpoint as a whole: time may heal them. Others are faults of what is asked or answered."""


class Breaker:
    """Counts failures in a row. While `probing`, one request at a time is asked, until one brings something.

    `counted` holds the tries that the streak has used up, by task: they are given back when the endpoint was down.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.probing = False
        self.counted: Counter[int] = Counter()
        self.failures = 0
        self._since: float | None = None
        self._down = False
        self._tripped_at: float | None = None
        self._wait = FIRST_S

    @property
    def down_s(self) -> float:
        """For how many seconds it has been tripped."""
        return 0.0 if self._tripped_at is None else self._clock() - self._tripped_at

    def good(self) -> None:
        """An answer brought something: all is forgotten."""
        self.probing = False
        self.counted.clear()
        self.failures = 0
        self._since = self._tripped_at = None
        self._wait = FIRST_S

    def bad(self, ord_: int, outcome: Outcome, counts_as_try: bool) -> bool:
        """Counts a failure of task `ord_`; true when the job is to be held."""
        now = self._clock()
        self.failures += 1
        self._since = now if self._since is None else self._since
        self._down = outcome in DOWN
        if counts_as_try:
            self.counted[ord_] += 1
        if self.probing:
            return True
        if self.failures < LIMIT:
            return False
        return retry_rule(outcome) != "wait" or now - self._since > SLOW_S

    def hold(self) -> float | None:
        """Trips; returns the seconds until a probe is due, None when only a person can help."""
        now = self._clock()
        self._tripped_at = now if self._tripped_at is None else self._tripped_at
        if not self._down or now - self._tripped_at > GIVE_UP_S:
            return None
        self.probing = True
        wait, self._wait = self._wait, min(self._wait * 2, CAP_S)
        return wait
