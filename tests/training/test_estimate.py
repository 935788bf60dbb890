"""Estimates before the start: from numbers of the config alone, and honest about what does not fit."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simia_tui.errors import SimiaError
from simia_tui.model import TrainSpec
from simia_tui.training import data, estimate, practice, profiles
from simia_tui.training.estimate import Device
from simia_tui.training.record import RunRecord

QWEN3_8B = {
    "hidden_size": 4096,
    "num_hidden_layers": 36,
    "intermediate_size": 12288,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 151936,
    "tie_word_embeddings": False,
}
H100 = Device("NVIDIA H100 80GB HBM3", 80 * 2**30, 990e12 * estimate.UTILISATION, True)


@pytest.fixture
def model(tmp_path: Path) -> str:
    folder = tmp_path / "qwen"
    folder.mkdir()
    for name in ("tokenizer.json", "model.safetensors"):
        (folder / name).write_text("")
    (folder / "config.json").write_text(json.dumps(QWEN3_8B))
    return str(folder)


def test_the_shape_gives_the_weights_of_a_known_model(model: str) -> None:
    shape = estimate.shape_of(Path(model))
    assert shape.weights == pytest.approx(8.19e9, rel=0.01)
    # Rank 16 on all linear layers of this model: 43.6 million, as PEFT counts them.
    assert shape.adapter(16) == pytest.approx(43.6e6, rel=0.01)


@pytest.mark.train
def test_the_tiny_shape_is_counted_as_torch_counts_it(tokenizer: Any) -> None:
    from peft import LoraConfig, get_peft_model

    from simia_tui.training import tiny

    plain = tiny.random_model(tokenizer, 0)
    shape = estimate.TINY._replace(vocabulary=len(tokenizer))
    assert shape.weights == pytest.approx(sum(p.numel() for p in plain.parameters()), rel=0.01)
    lora = get_peft_model(plain, LoraConfig(r=16, target_modules="all-linear", task_type="CAUSAL_LM"))
    assert shape.adapter(16) == sum(p.numel() for p in lora.parameters() if p.requires_grad)


def test_no_torch_is_imported() -> None:
    code = "import sys, simia_tui.training.estimate; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def _estimate(record: RunRecord, on: Device, **spec: Any) -> estimate.Estimate:
    wanted = TrainSpec(**spec)
    profile = profiles.settle(wanted)
    rl = practice.settle(wanted, profile) if wanted.method == "grpo" else None
    return estimate.estimate(wanted, profile, rl, estimate.lengths_of(data.read(record.bundle), wanted), on)


def test_8b_fits_one_large_gpu_and_not_a_small_one(new_run: Callable[..., RunRecord], model: str) -> None:
    record = new_run()
    large = _estimate(record, H100, profile="8b", model=model)
    assert large.fits and 16 * 2**30 < large.memory < 40 * 2**30
    small = _estimate(record, H100._replace(memory=16 * 2**30), profile="8b", model=model)
    assert not small.fits and "--quantize 4bit" in small.sentence()
    four = _estimate(record, H100, profile="8b", model=model, quantize="4bit")
    assert four.memory < large.memory - 8 * 2**30


def test_reinforcement_tells_what_the_simulator_will_get(new_run: Callable[..., RunRecord]) -> None:
    found = _estimate(new_run(), estimate.device(profiles.profile("tiny")), method="grpo", max_steps=10)
    assert found.steps == 10 and found.requests == 10 * 32 * 9
    assert "requests" in found.sentence()
    assert _estimate(new_run(), H100).requests is None


def test_a_config_without_numbers_is_explained(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(SimiaError, match="cannot be read from its config"):
        estimate.shape_of(tmp_path)
