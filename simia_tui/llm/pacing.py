"""How fast one endpoint may be asked, by all jobs that use it.

Where answers tell their limits (`x-ratelimit-*`), two token buckets keep below them, one for requests and one for
tokens: a request waits for its share before it is sent instead of being refused. Where they do not, the number of
requests in flight is steered: a wave of "slow down" cuts it by a fifth, success with full slots lets it grow again.
A single refusal delays only its own task. Everything runs on the clock that is passed in; nothing here waits.
"""

import time
from collections import deque
from collections.abc import Callable

from simia_tui.llm.limits import Allowance, Limits

RAMP_PER_S = 200.0
"""New requests a second at most: handshakes and vendors alike take a sudden crowd badly."""

BURST_S = 2.0
"""A bucket holds what the limit gives in this time; vendors enforce their minute over seconds."""

RECENT = 50
WAVE = 0.2
"""More than this share of the recent answers saying "slow down" is a wave."""

CUT = 0.8
HOLD_CAP_S = 60.0
GROW = 0.02
"""What a full round of successes adds to the requests in flight, as a share of them (one at least)."""

REGAIN = 0.002
"""The part of a told limit that one success wins back after a wave."""

_ANY = 1 << 30


class Bucket:
    """A token bucket whose rate and level are learnt from the limits that answers tell.

    `share` is the part of the limit that is used: less than all of it while others draw on the same key.
    """

    def __init__(self, now: float, rate: float | None = None, burst_s: float = BURST_S) -> None:
        self.rate = rate
        self.share = 1.0
        self._burst_s = burst_s
        self._level = self._capacity
        self._at = now
        self._closed_until = 0.0

    def learn(self, told: Allowance, now: float) -> None:
        """Takes over a limit. The level is never more than what the endpoint says is left: others may share the key."""
        first = self.rate is None
        self.rate = told.limit / 60.0
        self._refill(now)
        self.rate *= self.share
        if first:
            self._level = self._capacity
        if told.remaining is not None:
            self._level = min(self._level, told.remaining)
            if told.remaining < 1 and told.reset:
                self._closed_until = now + min(told.reset, HOLD_CAP_S)

    def wait(self, amount: float, now: float) -> float:
        """Seconds until `amount` may be taken; what is more than the bucket holds is taken when it is full."""
        if self.rate is None:
            return 0.0
        self._refill(now)
        lacking = min(amount, self._capacity) - self._level
        # Below a millionth of a request the difference is only one of floating point.
        return max(lacking / self.rate if lacking > 1e-6 else 0.0, self._closed_until - now, 0.0)

    def covers(self, share: float, now: float) -> int:
        """How many requests of `share` each may start now."""
        if self.rate is None or share <= 0:
            return _ANY
        if self.wait(share, now) > 0:
            return 0
        return max(1, int(self._level // share))

    def take(self, amount: float, now: float) -> None:
        if self.rate is not None:
            self._refill(now)
            self._level -= amount

    @property
    def _capacity(self) -> float:
        return max(1.0, (self.rate or 0.0) * self._burst_s)

    def _refill(self, now: float) -> None:
        self._level = min(self._capacity, self._level + (now - self._at) * (self.rate or 0.0))
        self._at = now


class Pacer:
    """Says how many requests may start now. `window` is how many may be in flight, never more than `most`."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        now = clock()
        self.most = most
        self.window = float(most)
        self.waves = 0
        self._ramp = Bucket(now, RAMP_PER_S, burst_s=0.1)
        self._requests, self._tokens = Bucket(now), Bucket(now)
        self._recent: deque[bool] = deque(maxlen=RECENT)
        self._hold_until = 0.0
        self._episode = float("-inf")
        self._size = 0.0

    def expect(self, most: int, tokens: float) -> None:
        """What comes next: at most `most` in flight, `tokens` to be counted for each (prompt and answer at most)."""
        self.window = float(most) if self.window >= self.most else min(self.window, most)
        self.most = most
        self._size = tokens

    def room(self, in_flight: int) -> int:
        """How many requests may start now, with `in_flight` under way."""
        now = self._clock()
        free = int(self.window) - in_flight
        if free <= 0 or now < self._hold_until:
            return 0
        return self._covered(free, now)

    def _covered(self, free: int, now: float) -> int:
        """The most of `free` requests that every bucket has enough for."""
        shares = ((self._ramp, 1.0), (self._requests, 1.0), (self._tokens, self._size))
        return min(free, *(bucket.covers(share, now) for bucket, share in shares))

    def delay(self) -> float:
        """Seconds until a further request may start, if slots are free."""
        now = self._clock()
        waits = (self._ramp.wait(1, now), self._requests.wait(1, now), self._tokens.wait(self._size, now))
        return max(*waits, self._hold_until - now, 0.0)

    def started(self, n: int) -> float:
        """Counts `n` requests that start now; returns the time that `answered` is to be told."""
        now = self._clock()
        self._ramp.take(n, now)
        self._requests.take(n, now)
        self._tokens.take(n * self._size, now)
        return now

    def answered(self, started: float, slow_down: bool, in_flight: int, retry_after: float | None = None) -> bool:
        """Counts an answer; true when it completes a wave, after which nothing starts for a while.

        Answers to requests from before the last wave say nothing new, so they neither start another one nor make the
        pause longer.
        """
        if started <= self._episode:
            return False
        self._recent.append(slow_down)
        if not slow_down:
            self._requests.share = min(1.0, self._requests.share + REGAIN)
            if in_flight + 1 >= int(self.window):
                self.window = min(float(self.most), self.window + max(1.0, GROW * self.window) / self.window)
            return False
        if sum(self._recent) <= WAVE * RECENT:
            return False
        now = self._clock()
        self._hold_until = now + min(retry_after if retry_after is not None else 1.0, HOLD_CAP_S)
        self._episode = now
        self._recent.clear()
        self.window = max(1.0, self.window * CUT)
        self._requests.share *= CUT
        self.waves += 1
        return True

    def learn(self, told: Limits | None) -> None:
        """Takes over what an answer said of the limits."""
        if told is None:
            return
        now = self._clock()
        if told.requests:
            self._requests.learn(told.requests, now)
        if told.tokens:
            self._tokens.learn(told.tokens, now)
