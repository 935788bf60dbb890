"""The pacer against simulated endpoints, on a clock of their own: no time passes."""

import heapq
import itertools
import random
import sys
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simia_tui.llm import Pacer
from simia_tui.llm.limits import limits
from simia_tui.llm.pacing import CUT, DOUBLE_S, FIRST, HOLD_CAP_S, RECENT, Bucket

SIZE = 12_000


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Ran:
    """What a simulated job came to."""

    seconds: float = 0.0
    requests: int = 0
    rejected: int = 0
    most: int = 0
    starts: list[float] = field(default_factory=list)


def simulate(
    clock: Clock, pacer: Pacer, tasks: int, latency: float, admit: Any, retry_after: float = 2.0, tokens: float = 0.0
) -> Ran:
    """A job of `tasks` requests of `tokens` each; `admit(now, in_flight)` says (accepted, headers).

    A refused task asks again later.
    """
    rng = random.Random(5)
    ran, order, began = Ran(), itertools.count(), clock.now
    ready, done = tasks, 0
    later: list[float] = []
    flying: list[tuple[float, int, float, bool, Any]] = []
    while done < tasks:
        while later and later[0] <= clock.now:
            heapq.heappop(later)
            ready += 1
        n = min(ready, pacer.room(len(flying), tokens))
        ready -= n
        paced = pacer.started(n, tokens)
        for _ in range(n):
            good, headers = admit(clock.now, len(flying))
            ran.requests, ran.rejected = ran.requests + 1, ran.rejected + (not good)
            ran.starts.append(clock.now)
            takes = latency * rng.uniform(0.8, 1.2) if good else 0.05
            heapq.heappush(flying, (clock.now + takes, next(order), paced, good, headers))
        ran.most = max(ran.most, len(flying))
        events = [flight[0] for flight in flying[:1]] + later[:1]
        if ready and len(flying) < int(pacer.window):
            events.append(clock.now + pacer.delay(tokens))
        clock.now = max(min(events), clock.now + 0.0001)
        while flying and flying[0][0] <= clock.now:
            _, _, paced, good, headers = heapq.heappop(flying)
            pacer.learn(limits(dict(headers)))
            pacer.answered(paced, not good, len(flying), None if good else retry_after)
            done += good
            if not good:
                heapq.heappush(later, clock.now + retry_after)
    ran.seconds = clock.now - began
    return ran


@pytest.fixture
def limiter(fault_server: Any) -> Any:
    return sys.modules[type(fault_server).__module__].Limiter


@pytest.mark.parametrize("latency", [1.0, 30.0])
def test_a_limit_on_requests_that_is_told_is_kept(limiter: Any, latency: float) -> None:
    clock = Clock()
    true = limiter(rpm=600, clock=clock)
    ran = simulate(clock, Pacer(200, clock), 1200, latency, lambda *_: true.admit(SIZE))
    assert ran.rejected <= 0.01 * 1200, ran
    assert ran.seconds < 1200 * max(1 / 10, latency / 200) / 0.95 + latency


def test_a_limit_on_tokens_that_is_told_is_kept(limiter: Any) -> None:
    clock = Clock()
    true = limiter(rpm=1e6, tpm=2_000_000, clock=clock)
    ran = simulate(clock, Pacer(100, clock), 600, 2.0, lambda *_: true.admit(SIZE), tokens=SIZE)
    assert ran.rejected < 0.01 * 600, ran
    assert ran.seconds < 600 * SIZE / (2_000_000 / 60) / 0.9 + 4


def test_another_user_of_the_key_is_left_room(limiter: Any) -> None:
    clock = Clock()
    true = limiter(rpm=600, clock=clock)

    def admit(*_: object) -> Any:
        true.admit(1)
        return true.admit(1)

    ran = simulate(clock, Pacer(50, clock), 300, 1.0, admit)
    assert ran.rejected < 0.25 * ran.requests, ran
    assert ran.seconds < 300 / 5 / 0.6


def test_without_headers_the_requests_in_flight_find_their_level() -> None:
    clock = Clock()
    pacer = Pacer(200, clock)
    ran = simulate(clock, pacer, 3000, 1.0, lambda now, flying: (flying < 40, ()))
    assert ran.rejected < 0.25 * ran.requests, ran
    assert ran.seconds < 2.5 * 3000 / 40
    assert 20 <= pacer.window <= 60


def test_stray_refusals_slow_nothing_down() -> None:
    def run(share: float) -> float:
        clock, rng = Clock(), random.Random(1)
        return simulate(clock, Pacer(100, clock), 5000, 1.0, lambda *_: (rng.random() >= share, ())).seconds

    assert run(0.02) < run(0.0) / 0.95 + 3


def test_a_crowd_gathers_by_doubling() -> None:
    clock = Clock()
    ran = simulate(clock, Pacer(1000, clock), 3000, 20.0, lambda *_: (True, ()))
    passed = [at - ran.starts[0] for at in ran.starts[:1000]]
    for step in range(8):
        assert sum(at < step * DOUBLE_S for at in passed) <= FIRST * 2**step
    assert passed[-1] < 1.0
    assert ran.most == 1000


def test_an_endpoint_that_was_left_alone_is_not_met_by_a_crowd() -> None:
    clock = Clock()
    pacer = Pacer(500, clock)
    clock.now += 60
    assert pacer.room(0) == FIRST
    clock.now += 2
    assert pacer.room(0) == 500
    clock.now += 3600
    assert pacer.room(0) == FIRST
    clock.now += 1
    assert pacer.room(200) == 300, "the places of answered requests are taken again at once"


def wave(pacer: Pacer, n: int = RECENT, retry_after: float | None = 5.0) -> list[bool]:
    started = pacer.started(n)
    return [pacer.answered(started, True, 0, retry_after) for _ in range(n)]


def test_a_wave_counts_once_and_its_pause_never_grows() -> None:
    clock = Clock()
    pacer = Pacer(100, clock)
    started = pacer.started(100)
    told = []
    for _ in range(100):
        told.append(pacer.answered(started, True, 0, 5.0))
        clock.now += 0.01
    assert sum(told) == 1
    assert pacer.window == pytest.approx(100 * CUT)
    assert pacer.room(0) == 0
    assert pacer.delay() <= 5.0
    clock.now += 5.0
    assert pacer.room(0) > 0, "answers to older requests did not make the pause longer"


def test_the_pause_of_a_wave_is_capped() -> None:
    clock = Clock()
    pacer = Pacer(100, clock)
    wave(pacer, retry_after=900.0)
    assert 0 < pacer.delay() <= HOLD_CAP_S


def test_it_grows_only_while_slots_are_used() -> None:
    clock = Clock()
    pacer = Pacer(100, clock)
    wave(pacer)
    clock.now += 10
    small = pacer.window
    for _ in range(500):
        pacer.answered(pacer.started(1), False, 3)
    assert pacer.window == small
    for _ in range(5000):
        pacer.answered(pacer.started(1), False, int(pacer.window))
    assert pacer.window == 100


def test_one_limit_of_zero_remaining_waits_for_its_reset() -> None:
    clock = Clock()
    pacer = Pacer(10, clock)
    pacer.learn(
        limits(
            {
                "x-ratelimit-limit-requests": "600",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "3s",
            }
        )
    )
    assert pacer.room(0) == 0
    assert pacer.delay() == pytest.approx(3.0)


@given(
    st.floats(0.1, 1e4),
    st.lists(st.tuples(st.floats(0, 5), st.floats(0.01, 500)), max_size=60),
)
def test_a_bucket_never_gives_more_than_its_rate(per_minute: float, steps: list[tuple[float, float]]) -> None:
    """Over any time it gives at most its capacity, one oversized request, and what flowed in."""
    now = 0.0
    bucket = Bucket(now, per_minute / 60)
    given_out = biggest = 0.0
    for passed, amount in steps:
        now += passed
        if bucket.wait(amount, now) == 0:
            bucket.take(amount, now)
            given_out += amount
            biggest = max(biggest, amount)
    capacity = max(1.0, per_minute / 60 * 2)
    assert given_out <= capacity + biggest + per_minute / 60 * now + 1e-3


def test_a_job_that_comes_later_shares_what_was_learnt() -> None:
    clock = Clock()
    pacer = Pacer(100, clock)
    wave(pacer)
    pacer.expect(500)
    assert pacer.window == pytest.approx(80), "the level that was found stays"
    fresh = Pacer(100, clock)
    fresh.expect(500)
    assert fresh.window == 500
