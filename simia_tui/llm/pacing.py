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

FIRST = 8
DOUBLE_S = 0.12
"""So many requests start at once, and twice as many are in flight this much later: handshakes and vendors alike take a
sudden crowd badly, and a limit that nobody has told yet shows in the first refusals."""

IDLE_S = 5.0
"""After so long without a request the crowd gathers anew."""

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
    """Says how many requests may start now. `window` is how many may be in flight, never more than `most`.

    `tokens`, where it is asked for, is what is to be counted for one request: its prompt and its answer at most.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        now = clock()
        self.most = most
        self.window = float(most)
        self.waves = 0
        self._requests, self._tokens = Bucket(now), Bucket(now)
        self._recent: deque[bool] = deque(maxlen=RECENT)
        self._hold_until = self._episode = self._seen = float("-inf")
        self._crowd, self._since = FIRST, now

    def expect(self, most: int) -> None:
        """From now on at most `most` are to be in flight."""
        self.window = float(most) if self.window >= self.most else min(self.window, most)
        self.most = most

    def room(self, in_flight: int, tokens: float = 0.0) -> int:
        """How many requests of `tokens` each may start now, with `in_flight` under way."""
        now = self._clock()
        free = min(int(self.window), self._gathered(in_flight, now)) - in_flight
        if free <= 0 or now < self._hold_until:
            return 0
        return min(free, self._requests.covers(1, now), self._tokens.covers(tokens, now))

    def _gathered(self, in_flight: int, now: float) -> int:
        """How many may be in flight by now, as far as the start is concerned."""
        if in_flight:
            self._seen = now
        elif now - self._seen > IDLE_S:
            self._crowd, self._since, self._seen = FIRST, now, now
        return self._allowed(now)

    def _allowed(self, now: float) -> int:
        doublings = max(0.0, now - self._since) / DOUBLE_S
        return int(self._crowd * 2 ** min(doublings, 30.0))

    def delay(self, tokens: float = 0.0) -> float:
        """Seconds until a further request may start, if slots are free."""
        now = self._clock()
        waits = (self._requests.wait(1, now), self._tokens.wait(tokens, now), self._hold_until - now)
        return max(*waits, DOUBLE_S / 25 if self._allowed(now) < self.window else 0.0)

    def started(self, n: int, tokens: float = 0.0) -> float:
        """Counts `n` requests that start now; returns the time that `answered` is to be told."""
        now = self._clock()
        self._requests.take(n, now)
        self._tokens.take(n * tokens, now)
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
        self._crowd, self._since = max(FIRST, in_flight), self._hold_until
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
        if self._requests.rate is self._tokens.rate is None:
            # What was sent before the limits were known may be refused; that says nothing more of them.
            self._episode = now
        if told.requests:
            self._requests.learn(told.requests, now)
        if told.tokens:
            self._tokens.learn(told.tokens, now)
