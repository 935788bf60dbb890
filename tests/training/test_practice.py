"""Settings of reinforcement: what overrides what, and what cannot train."""

import pytest

from simia_tui.errors import UsageError
from simia_tui.model import TrainSpec
from simia_tui.training import practice, profiles

TINY = profiles.profile("tiny")


def test_a_spec_overrides_its_preset() -> None:
    settled = practice.settle(TrainSpec(groups=3, group_size=5, kl=0.0, max_steps=7, batch_size=4), TINY)
    assert (settled.groups, settled.group_size, settled.kl, settled.steps) == (3, 5, 0.0, 7)
    assert settled.rollouts == 15 and settled.micro == 3


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (TrainSpec(group_size=1), "at least 2 rollouts"),
        (TrainSpec(groups=0), "Groups must be above 0"),
        (TrainSpec(kl=-1.0), "must not be negative"),
        (TrainSpec(turn_tokens=900), "longer than the conversation"),
        (TrainSpec(loss_type="magic"), "choose one of grpo, dr_grpo"),
    ],
)
def test_numbers_that_cannot_train_get_a_sentence(spec: TrainSpec, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        practice.settle(spec, TINY)


def test_the_papers_settings() -> None:
    settled = practice.settle(TrainSpec(profile="paper"), profiles.profile("paper"))
    assert (settled.groups, settled.group_size, settled.steps, settled.learning_rate) == (16, 8, 64, 1e-6)
    assert settled.clip == (0.2, 0.28) and settled.kl == 0.001
    assert (settled.temperature, settled.turn_tokens, settled.max_turns, settled.weight_decay) == (0.7, 400, 40, 0.01)
