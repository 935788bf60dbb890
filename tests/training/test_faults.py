"""One sentence for every way to fail."""

import errno

import pytest

from simia_tui.errors import SimiaError
from simia_tui.model import TrainSpec
from simia_tui.training import faults, profiles

OutOfMemoryError = type("OutOfMemoryError", (RuntimeError,), {})


@pytest.mark.parametrize(
    "error",
    [
        OutOfMemoryError("CUDA"),
        RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"),
        MemoryError(),
    ],
)
def test_out_of_memory_names_two_remedies(error: BaseException) -> None:
    said = faults.sentence(error, profiles.settle(TrainSpec(batch_size=8, max_length=4096)))
    assert "--batch-size 4" in said and "--max-length 2048" in said


def test_out_of_memory_with_single_rows_points_at_length_and_model() -> None:
    said = faults.sentence(MemoryError(), profiles.settle(TrainSpec(batch_size=1)))
    assert "--batch-size" not in said and "--max-length" in said and "smaller model" in said


def test_out_of_memory_on_a_gpu_points_at_4_bits_until_they_are_there() -> None:
    whole = profiles.profile("8b")
    assert "--quantize 4bit" in faults.sentence(OutOfMemoryError("CUDA"), whole)
    said = faults.sentence(OutOfMemoryError("CUDA"), whole.replace(quantize="4bit"))
    assert "--quantize" not in said and "--max-length 6000" in said and "smaller model" in said


def test_our_own_sentences_are_kept() -> None:
    assert faults.sentence(SimiaError("Do that.")) == "Do that."


def test_a_full_disk() -> None:
    assert "disk is full" in faults.sentence(OSError(errno.ENOSPC, "No space left on device"))


def test_anything_else_is_one_line() -> None:
    said = faults.sentence(ValueError("first\nsecond"))
    assert "ValueError: first;" in said and "\n" not in said


def test_reinforcement_out_of_memory_names_rollouts_and_conversations() -> None:
    said = faults.sentence(RuntimeError("CUDA out of memory"), profiles.profile("8b"), "grpo")
    assert "--batch-size" in said and "--conversation-tokens" in said
