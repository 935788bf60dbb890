"""Presets, what overrides them, and how long a tiny run takes."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simia_tui.errors import UsageError
from simia_tui.model import TrainSpec
from simia_tui.training import profiles


def test_screens_may_import_profiles_and_check_without_torch() -> None:
    code = (
        "import sys; import simia_tui.training.profiles, simia_tui.training.check, simia_tui.training.base;"
        "print([n for n in ('torch', 'transformers', 'trl', 'peft', 'datasets') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_spec_overrides_its_profile() -> None:
    settled = profiles.settle(TrainSpec(max_steps=7, learning_rate=0.5, batch_size=3, max_length=99, lora_rank=4))
    assert (settled.max_steps, settled.learning_rate, settled.batch_size) == (7, 0.5, 3)
    assert (settled.max_length, settled.lora_rank, settled.lora_alpha) == (99, 4, 8)


def test_epochs_given_by_hand_replace_the_step_limit() -> None:
    settled = profiles.settle(TrainSpec(epochs=3))
    assert settled.max_steps is None and profiles.planned_steps(settled, 100.0) is None


def test_the_other_name_of_a_profile() -> None:
    assert profiles.profile("small-gpu") is profiles.profile("8b")
    assert profiles.profile("32b-qlora") is profiles.profile("32b")


def test_four_bits_come_from_the_preset_or_the_spec(tmp_path: Path) -> None:
    model = str(tmp_path)
    assert profiles.settle(TrainSpec(profile="32b", model=model)).quantize == "4bit"
    assert profiles.settle(TrainSpec(profile="8b", model=model)).quantize is None
    assert profiles.settle(TrainSpec(profile="8b", model=model, quantize="4bit")).quantize == "4bit"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (TrainSpec(profile="huge"), "choose one of tiny, 8b, 32b, paper"),
        (TrainSpec(profile="8b"), "--model PATH"),
        (TrainSpec(batch_size=0), "Batch size must be above 0"),
        (TrainSpec(learning_rate=-1.0), "Learning rate must be above 0"),
    ],
)
def test_a_spec_that_cannot_train_gets_a_sentence(spec: TrainSpec, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        profiles.settle(spec)


@given(st.floats(1, 4096))
def test_long_rows_mean_fewer_steps_but_never_too_few(mean_length: float) -> None:
    tiny = profiles.profile("tiny")
    steps = profiles.planned_steps(tiny, mean_length)
    assert steps is not None and tiny.max_steps is not None and tiny.token_budget is not None
    assert profiles.MIN_STEPS <= steps <= tiny.max_steps
    tokens = steps * tiny.batch_size * tiny.accumulation * mean_length
    assert tokens <= tiny.token_budget or steps == profiles.MIN_STEPS


def test_a_hand_given_length_is_kept_on_long_rows() -> None:
    assert profiles.planned_steps(profiles.settle(TrainSpec(max_steps=500)), 9999.0) == 500
