"""Who takes a free slot of an endpoint."""

from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from simia_tui.jobs.slots import Slots
from simia_tui.llm import Pacer


@dataclass
class Job:
    """An asker that sends what it may as soon as it is offered."""

    slots: Slots
    rank: tuple[int, int]
    most: int = 10
    left: int = 100
    tokens: float = 1.0
    flying: int = 0

    @property
    def wants(self) -> int:
        return min(self.left, self.most - self.flying)

    def launch(self) -> None:
        n = min(self.slots.room(self), self.left)
        self.slots.pacer.started(n, self.tokens)
        self.flying, self.left = self.flying + n, self.left - n

    def answered(self, n: int = 1) -> None:
        self.flying -= n
        self.slots.offer()


@pytest.fixture
def slots() -> Slots:
    now = [0.0]
    made = Slots(Pacer(10, clock=lambda: now[0]))
    now[0] += 60  # the crowd has gathered
    made.pacer.room(1)
    return made


def at_work(slots: Slots, stack: ExitStack, *jobs: Job) -> None:
    for job in jobs:
        stack.enter_context(slots.used_by(job))
    slots.offer()


def test_the_oldest_of_equals_goes_first_and_the_next_one_has_the_rest(slots: Slots) -> None:
    first, second = Job(slots, (0, 1), most=6), Job(slots, (0, 2))
    with ExitStack() as stack:
        at_work(slots, stack, second, first)
        assert (first.flying, second.flying) == (6, 4)
        first.answered(2)
        second.answered(1)
        assert (first.flying, second.flying) == (6, 4), "each place goes to whom it belongs"
        first.left = 0
        first.answered(3)
        assert (first.flying, second.flying) == (3, 7), "what the first one leaves is used"


def test_a_higher_priority_takes_every_slot_that_becomes_free(slots: Slots) -> None:
    low, high = Job(slots, (0, 1)), Job(slots, (-5, 2), left=12)
    with ExitStack() as stack:
        at_work(slots, stack, low)
        assert low.flying == 10
        at_work(slots, stack, high)
        assert high.flying == 0, "what is under way is not taken away"
        low.answered(7)
        assert (low.flying, high.flying) == (3, 7)
        assert not slots.free_for(low.rank)
        low.answered(3)
        assert (low.flying, high.flying) == (0, 10)
        high.answered(2)
        assert (low.flying, high.flying, high.left) == (0, 10, 0)
        high.answered(4)
        assert (low.flying, high.flying) == (4, 6), "with nothing left to send it lets others pass"


def test_a_rank_may_change_on_the_way(slots: Slots) -> None:
    first, second = Job(slots, (0, 1)), Job(slots, (0, 2))
    with ExitStack() as stack:
        at_work(slots, stack, first, second)
        assert (first.flying, second.flying) == (10, 0)
        second.rank = (-1, 2)
        first.answered(10)
        assert (first.flying, second.flying) == (0, 10)


def test_there_are_as_many_slots_as_the_largest_job_asks_for(slots: Slots) -> None:
    small, large = Job(slots, (0, 1), most=3), Job(slots, (0, 2), most=25)
    with ExitStack() as stack:
        at_work(slots, stack, small)
        assert (small.flying, slots.pacer.most) == (3, 3)
        assert not slots.free_for((0, 9), 3)
        assert slots.free_for((0, 9), 25)
        with slots.used_by(large):
            slots.offer()
            assert (small.flying, large.flying, slots.pacer.most) == (3, 22, 25)
            large.flying = 0
        assert slots.pacer.most == 3


def test_one_pace_for_all(slots: Slots) -> None:
    first, second = Job(slots, (0, 1), most=6), Job(slots, (0, 2))
    with ExitStack() as stack:
        at_work(slots, stack)
        for _ in range(50):
            slots.pacer.answered(slots.pacer.started(0), True, 0, 5.0)
        at_work(slots, stack, first, second)
        assert (first.flying, second.flying) == (0, 0)
        assert slots.delay(first) > 0
