"""The warning of decisions that are faster than reading."""

import pytest

from simia_tui.tui.state.dwell import STREAK, Dwell, reading_seconds


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def decide(dwell: Dwell, clock: Clock, words: int, seconds: float) -> float | None:
    dwell.look(words)
    clock.now += seconds
    return dwell.decide()


def test_sixty_five_words_take_sixteen_seconds() -> None:
    assert round(reading_seconds(65)) == 16
    assert reading_seconds(238) == 60


def test_five_in_a_row_below_two_fifths_of_the_reading_time_give_a_warning(clock: Clock) -> None:
    dwell = Dwell(clock)
    for n in range(STREAK):
        assert dwell.warning is None, n
        assert decide(dwell, clock, 238, 23.9) == pytest.approx(23.9)
    assert dwell.warning is not None and "faster than reading" in dwell.warning


def test_at_the_floor_nobody_is_warned(clock: Clock) -> None:
    dwell = Dwell(clock)
    for _ in range(20):
        decide(dwell, clock, 238, 24.1)
    assert dwell.warning is None


def test_one_honest_decision_or_an_undo_ends_the_streak(clock: Clock) -> None:
    for end in ("honest", "undo"):
        dwell = Dwell(clock)
        for _ in range(STREAK):
            decide(dwell, clock, 238, 1)
        assert dwell.warning
        if end == "undo":
            dwell.take_back()
        else:
            decide(dwell, clock, 238, 60)
        assert dwell.warning is None


def test_a_reviewer_who_stamps_is_caught_within_thirty_items(clock: Clock) -> None:
    dwell = Dwell(clock)
    caught = next(n for n in range(30) if decide(dwell, clock, 300, 0.8) is not None and dwell.warning)
    assert caught == STREAK - 1


def test_what_was_not_in_view_says_nothing(clock: Clock) -> None:
    dwell = Dwell(clock)
    assert dwell.decide() is None
    dwell.look(100)
    dwell.leave()
    assert dwell.decide() is None and dwell.streak == 0
    dwell.look(0)
    dwell.decide()
    assert dwell.streak == 0
