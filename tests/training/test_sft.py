"""Real trainings of the tiny model: learn, stop, resume, survive a kill, load elsewhere, fail with a sentence."""

import itertools
import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simia_tui.model import Metric, RunStatus
from simia_tui.store import Workspace, runs
from simia_tui.training import process, sft
from simia_tui.training.record import RunRecord

NewRun = Callable[..., RunRecord]
STEPS = 20


def _row(workspace: Workspace, record: RunRecord) -> Any:
    return runs.run(workspace.connect(), record.id)


def _steps(record: RunRecord) -> list[int]:
    return [metric.step for metric in record.metrics()]


def _command(workspace: Workspace, record: RunRecord) -> list[str]:
    return [
        sys.executable,
        "-m",
        "simia_tui.training.sft",
        "--workspace",
        str(workspace.root),
        "--run",
        str(record.id),
    ]


@pytest.mark.train
def test_the_loss_falls_and_the_adapter_loads_in_plain_peft(workspace: Workspace, new_run: NewRun) -> None:
    record = new_run(max_steps=STEPS, batch_size=4)
    assert sft.carry_out(record) == 0
    row = _row(workspace, record)
    assert (row.status, row.step, row.max_steps) == (RunStatus.DONE, STEPS, STEPS)
    assert _steps(record) == list(range(1, STEPS + 1))
    assert row.result["last_loss"] < 0.6 * row.result["first_loss"]
    _check_metrics(record.metrics())
    assert row.result["tokens"] == record.metrics()[-1].values["tokens"] > 0
    assert (row.result["rows"], row.result["cut_rows"], row.result["empty_rows"]) == (24, 0, 0)
    adapter = Path(row.result["adapter"])
    assert "**Demo data.**" in (adapter / "README.md").read_text()
    assert json.loads((record.folder / "config.json").read_text())["export"]["demo"] is True
    _check_adapter(record.folder / "base", adapter, Path(row.result["merged"]))


def _check_metrics(metrics: list[Metric]) -> None:
    for metric in metrics:
        assert metric.loss is not None and math.isfinite(metric.loss)
        assert {"grad_norm", "learning_rate", "mean_token_accuracy", "tokens", "epoch", "seconds"} <= {*metric.values}
    for name in ("tokens", "seconds", "epoch"):
        values = [metric.values[name] for metric in metrics]
        assert all(early < late for early, late in itertools.pairwise(values))


def _check_adapter(base: Path, adapter: Path, merged: Path) -> None:
    """Plain PEFT and, merged, plain Transformers must say the same."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(adapter)
    plain = AutoModelForCausalLM.from_pretrained(base)
    inputs = tokenizer("May I keep the drill?", return_tensors="pt")
    with torch.no_grad():
        before = plain(**inputs).logits
        after = PeftModel.from_pretrained(plain, adapter)(**inputs).logits
        one = AutoModelForCausalLM.from_pretrained(merged)(**inputs).logits
    assert torch.isfinite(after).all()
    assert not torch.allclose(before, after, atol=1e-2)
    assert torch.allclose(after, one, atol=1e-4) and torch.equal(after.argmax(-1), one.argmax(-1))
    assert AutoTokenizer.from_pretrained(merged)("a").input_ids == tokenizer("a").input_ids


@pytest.mark.train
def test_a_stopped_run_goes_on_to_the_same_steps(
    workspace: Workspace, new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, halves = new_run(max_steps=12), new_run(max_steps=12)
    assert sft.carry_out(whole) == 0

    def log(metric: Metric, write: Callable[[Metric], None] = halves.log) -> None:
        write(metric)
        if metric.step == 6:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(halves, "log", log)
    assert sft.carry_out(halves) == 0
    row = _row(workspace, halves)
    assert (row.status, row.step, row.result["steps"], row.result["adapter"]) == (RunStatus.STOPPED, 7, 7, None)
    runs.queue(workspace.connect(), halves.id)
    again = RunRecord(workspace, halves.id)
    assert sft.carry_out(again) == 0
    assert _row(workspace, again).status == RunStatus.DONE
    assert _steps(again) == list(range(1, 13))
    _check_metrics(again.metrics())
    # The same seed, rows and steps: the two halves must be the whole, not merely as long.
    for one, other in zip(whole.metrics(), again.metrics(), strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-3)
        assert one.values["tokens"] == other.values["tokens"]


@pytest.mark.train
def test_a_killed_run_goes_on_without_hole_or_double(workspace: Workspace, new_run: NewRun) -> None:
    record = new_run(max_steps=24)
    with subprocess.Popen(_command(workspace, record), stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        assert process.stdout is not None
        assert any(line.startswith("step 14/") for line in process.stdout)
        process.send_signal(signal.SIGKILL)
    row = _row(workspace, record)
    assert row.status == RunStatus.RUNNING and row.pid == process.pid
    done = subprocess.run(_command(workspace, record), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    resumed = [line for line in done.stdout.splitlines() if line.startswith("step ")]
    assert resumed[0].startswith("step 11/24 ")
    assert _row(workspace, record).status == RunStatus.DONE
    assert _steps(record) == list(range(1, 25))
    _check_metrics(record.metrics())


@pytest.mark.train
def test_a_kill_before_the_adapter_was_saved_is_mended_without_more_steps(
    workspace: Workspace, new_run: NewRun
) -> None:
    record = new_run(max_steps=5)
    assert sft.carry_out(record) == 0
    before = record.metrics()
    adapter = record.folder / "adapter"
    weights = (adapter / "adapter_model.safetensors").read_bytes()
    for file in adapter.iterdir():
        file.unlink()
    again = RunRecord(workspace, record.id)
    assert sft.carry_out(again) == 0
    assert again.metrics() == before
    assert (adapter / "adapter_model.safetensors").read_bytes() == weights


@pytest.mark.train
def test_a_stop_before_the_first_step_leaves_a_run_that_can_start(workspace: Workspace, new_run: NewRun) -> None:
    record = new_run(max_steps=2)
    runs.request_stop(workspace.connect(), record.id)
    assert sft.carry_out(record) == 0
    assert _row(workspace, record).status == RunStatus.STOPPED and record.metrics() == []


@pytest.mark.train
def test_a_local_model_is_trained_from_its_folder(workspace: Workspace, new_run: NewRun, tmp_path: Path) -> None:
    from simia_tui.training import data, tiny

    first = new_run()
    folder = tiny.build(tmp_path / "mine", data.read(first.bundle), 3)
    record = new_run(max_steps=2, model=str(folder))
    assert sft.carry_out(record) == 0
    assert not (record.folder / "base").exists()
    config = json.loads((record.folder / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(folder)


@pytest.mark.train
@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"model": "Qwen/Qwen3-8B"}, "There is no model folder Qwen/Qwen3-8B"),
        ({"profile": "huge"}, "no training profile 'huge'"),
        ({"max_length": 8}, "fill the first 8 tokens of every row"),
        ({"quantize": "4bit"}, "QLoRA needs bitsandbytes"),
    ],
)
def test_a_failed_run_says_why_in_one_sentence(
    workspace: Workspace, new_run: NewRun, capsys: pytest.CaptureFixture[str], spec: dict[str, Any], said: str
) -> None:
    record = new_run(**spec)
    assert sft.carry_out(record) == 1
    row = _row(workspace, record)
    assert row.status == RunStatus.FAILED and row.reason is not None
    assert said in row.reason and "\n" not in row.reason
    assert "Traceback" in capsys.readouterr().err


def test_a_second_trainer_of_a_run_is_refused(
    workspace: Workspace, new_run: NewRun, capsys: pytest.CaptureFixture[str]
) -> None:
    record = new_run()
    with process.only_one(record.folder):
        assert sft.main(["--workspace", str(workspace.root), "--run", str(record.id)]) == 1
    assert "already trains the run" in capsys.readouterr().err
    assert _row(workspace, record).status == RunStatus.QUEUED


def test_no_workspace_or_no_run_is_wrong_usage(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sft.main(["--workspace", str(tmp_path / "none"), "--run", "1"]) == 2
    assert "is not a workspace" in capsys.readouterr().err
    assert sft.main(["--workspace", str(workspace.root), "--run", "9"]) == 2
    assert "no run 9" in capsys.readouterr().err


def test_missing_packages_fail_the_run_with_a_sentence(
    workspace: Workspace, new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simia_tui.training.check.PACKAGES", ("no_such_package",))
    record = new_run()
    assert sft.carry_out(record) == 1
    assert "Training needs no_such_package" in (_row(workspace, record).reason or "")
