"""The group baseline: equal to an independent computation, and blind to invalid rollouts."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simia_tui.training import advantages

Rewards = st.lists(st.one_of(st.none(), st.floats(0, 1), st.sampled_from([0.0, 1.0])), min_size=1, max_size=16)


def independent(rewards: list[float | None]) -> list[float]:
    """A_i = (r_i - mean) / (sd + 1e-4), sd with n - 1, over the rewards that are there; else 0."""
    there = [reward for reward in rewards if reward is not None]
    if len(there) < 2 or max(there) - min(there) < 1e-9:
        return [0.0] * len(rewards)
    mean = sum(there) / len(there)
    deviation = math.sqrt(sum((reward - mean) ** 2 for reward in there) / (len(there) - 1))
    return [0.0 if reward is None else (reward - mean) / (deviation + 1e-4) for reward in rewards]


@given(Rewards)
def test_every_advantage_is_what_it_should_be(rewards: list[float | None]) -> None:
    found = advantages.group(rewards)
    assert found.advantages == pytest.approx(independent(rewards), abs=1e-6)


@given(Rewards, st.integers(1, 20))
def test_faults_leave_the_mean_and_the_others_unchanged(rewards: list[float | None], faults: int) -> None:
    plain, spoilt = advantages.group(rewards), advantages.group([*rewards, *[None] * faults])
    assert spoilt.mean == plain.mean and spoilt.spread == plain.spread
    assert spoilt.advantages == (*plain.advantages, *[0.0] * faults)


@pytest.mark.parametrize("rewards", [[None, None], [1.0, None], [0.0, 0.0], [0.1, 0.1, 0.1, None], [1.0, 1.0]])
def test_a_group_without_difference_teaches_nothing(rewards: list[float | None]) -> None:
    found = advantages.group(rewards)
    assert not found.teaches and set(found.advantages) == {0.0}


def test_a_zero_counts_in_the_mean_and_a_fault_does_not() -> None:
    assert advantages.group([1.0, 0.0]).mean == 0.5
    assert advantages.group([1.0, None]).mean == 1.0


def test_figures_count_what_is_masked_and_what_does_not_differ() -> None:
    found = advantages.figures(advantages.groups([1.0, 0.0, 0.0, 0.0, None, 1.0, None, None], 2))
    assert found["masked"] == 3 / 8 and found["invalid"] == 3
    assert (found["groups"], found["zero_variance_groups"], found["small_groups"]) == (4, 1, 2)
    assert found["reward"] == pytest.approx(0.4)


def test_half_a_group_is_refused() -> None:
    with pytest.raises(ValueError, match="no whole groups"):
        advantages.groups([1.0, 0.0, 1.0], 2)
