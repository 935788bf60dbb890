"""GRPO of the tiny model: the trainer's advantages, faults, stop, resume, kill; every rollout kept."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simia_tui.model import Fault, Metric, RunStatus
from simia_tui.store import Query, Workspace, decisions, runs, trajectories
from simia_tui.training import grpo, merging, play, sft
from simia_tui.training.record import RunRecord

sys.path.insert(0, str(Path(__file__).parent))
import fake_arena
from test_advantages import independent

NewRun = Callable[..., RunRecord]
SMALL = {
    "method": "grpo",
    "groups": 5,
    "group_size": 4,
    "turn_tokens": 6,
    "conversation_tokens": 60,
    "arena": "fake_arena:open_arena",
}


def _row(workspace: Workspace, record: RunRecord) -> Any:
    return runs.run(workspace.connect(), record.id)


def _spy(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the trainer made of each batch, before it is shuffled: advantages and tokens that count."""
    from trl import GRPOTrainer

    seen: list[dict[str, Any]] = []
    whole = GRPOTrainer._generate_and_score_completions

    def score(self: Any, inputs: Any) -> Any:
        output = whole(self, inputs)
        counted = (output["tool_mask"] * output["completion_mask"]).sum(dim=1)
        seen.append({"advantages": output["advantages"].tolist(), "counted": counted.tolist()})
        return output

    monkeypatch.setattr(GRPOTrainer, "_generate_and_score_completions", score)
    return seen


def _faulty(group: int, member: int) -> float | None:
    """20 faults in 15 groups: one group wholly, one to a single valid member, and one member of each other group."""
    spoilt = (group == 0) or (group == 1 and member > 0) or member == 3
    return None if spoilt else fake_arena.by_number(group, member)


@pytest.mark.train
def test_the_trainers_advantages_are_the_independent_ones_and_faults_leave_their_groups(
    workspace: Workspace, new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[fake_arena.FakeArena] = []

    def open_arena(workspace: Any, spec: Any, settled: Any, found: Any) -> fake_arena.FakeArena:
        made.append(fake_arena.FakeArena(found, _faulty))
        return made[0]

    monkeypatch.setattr(fake_arena, "open_arena", open_arena)
    seen = _spy(monkeypatch)
    record = new_run(**SMALL, max_steps=3, kl=0.0)
    assert grpo.carry_out(record) == 0, _row(workspace, record).reason
    groups = made[0].given
    assert sum(reward is None for group in groups for reward in group) == 20
    for number, batch in enumerate(seen):
        given = groups[number * 5 : number * 5 + 5]
        wanted = [advantage for group in given for advantage in independent(group)]
        assert batch["advantages"] == pytest.approx(wanted, abs=1e-4)
        for advantage, counted in zip(wanted, batch["counted"], strict=True):
            assert (counted > 0) == (advantage != 0)
        without = [independent([r for r in group if r is not None]) for group in given]
        for group, alone in zip(given, without, strict=True):
            kept = [a for a, r in zip(independent(group), group, strict=True) if r is not None]
            assert kept == pytest.approx(alone)
    _check_metrics(record.metrics(), groups)
    _check_kept(workspace, record, groups)


def _check_metrics(metrics: list[Metric], groups: list[list[float | None]]) -> None:
    for number, metric in enumerate(metrics):
        given = groups[number * 5 : number * 5 + 5]
        valid = [reward for group in given for reward in group if reward is not None]
        assert metric.values["reward"] == pytest.approx(sum(valid) / len(valid))
        assert metric.values["masked"] == pytest.approx(1 - len(valid) / 20)
        assert metric.values["small_groups"] == sum(sum(r is not None for r in group) < 2 for group in given)
        assert 0 <= metric.values["waiting"] <= 1 and metric.values["completion_tokens"] > 0


def _check_kept(workspace: Workspace, record: RunRecord, groups: list[list[float | None]]) -> None:
    db = workspace.connect()
    pks = trajectories.ids(db, Query(kind="episode"))
    assert len(pks) == 60
    assert pks == trajectories.ids(db, Query.parse("episode", f"run:{record.id}"))
    for pk, row in zip(pks, trajectories.rows(db, pks), strict=True):
        body = trajectories.get(db, pk, 0)
        assert body.origin is not None and body.id == row.id
        assert body.origin.run == record.id and body.origin.member == body.meta["member"]
    metas = [trajectories.get(db, pk).meta for pk in pks]
    assert sorted((meta["step"], meta["group"], meta["member"]) for meta in metas) == [
        (step, group, member) for step in (1, 2, 3) for group in range(5) for member in range(4)
    ]
    for meta in metas:
        given = groups[(meta["step"] - 1) * 5 + meta["group"]]
        assert meta["run"] == record.id and meta["reward"] == given[meta["member"]]
        assert meta["advantage"] == pytest.approx(independent(given)[meta["member"]])
    lines = (record.folder / "rollouts" / "000002.jsonl").read_text().splitlines()
    assert len(lines) == 20 and {"ledger", "episode", "reward"} <= {*json.loads(lines[0])}


@pytest.mark.train
def test_a_reviewers_verdict_is_learnt_at_the_next_step(
    workspace: Workspace, new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, db = new_run(**{**SMALL, "groups": 2}, max_steps=3), workspace.connect()
    batches = _spy(monkeypatch)

    def log(metric: Metric, write: Callable[[Metric], None] = record.log) -> None:
        write(metric)
        if metric.step == 1:
            decide(member=0, verb="reject", fault=Fault.TOOL_SIMULATOR)
            decide(member=1, verb="approve")

    def decide(member: int, verb: decisions.Verb, fault: Fault | None = None) -> None:
        pks = trajectories.ids(db, Query.parse("episode", f"run:{record.id}"))
        (pk,) = [pk for pk in pks if _place(db, pk) == (1, 1, member)]
        decisions.decide(db, [pk], verb, "ann", fault)

    monkeypatch.setattr(record, "log", log)
    assert grpo.carry_out(record) == 0, _row(workspace, record).reason
    before = [fake_arena.by_number(1, member) for member in range(4)]
    assert batches[0]["advantages"][4:] == pytest.approx(independent(before), abs=1e-4)
    assert batches[1]["advantages"][:4] == pytest.approx(independent([None, 1.0, *before[2:]]), abs=1e-4)
    assert [metric.values["overruled_groups"] for metric in record.metrics()] == [0, 1, 0]
    assert [metric.values["rollouts"] for metric in record.metrics()] == [8, 4, 8]
    assert len(trajectories.ids(db, Query.parse("episode", f"run:{record.id}"))) == 20


def _place(db: sqlite3.Connection, pk: int) -> tuple[int | None, int | None, int | None]:
    origin = trajectories.get(db, pk, 0).origin
    assert origin is not None
    return origin.step, origin.group, origin.member


@pytest.mark.train
def test_a_stopped_and_a_killed_run_go_on_to_the_same_steps(
    workspace: Workspace, new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    warm = _warm_start(new_run)
    record = new_run(**{**SMALL, "groups": 2}, max_steps=9, adapter=warm.id)

    def log(metric: Metric, write: Callable[[Metric], None] = record.log) -> None:
        write(metric)
        if metric.step == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(record, "log", log)
    assert grpo.carry_out(record) == 0
    row = _row(workspace, record)
    assert row.status == RunStatus.STOPPED and row.step in (2, 3) and row.result["adapter"] is None
    runs.queue(workspace.connect(), record.id)
    _kill_after_step_6(workspace, record)
    again = RunRecord(workspace, record.id)
    assert grpo.carry_out(again) == 0
    assert _row(workspace, again).status == RunStatus.DONE
    assert [metric.step for metric in again.metrics()] == list(range(1, 10))
    _check_adapter(again, warm)


def _warm_start(new_run: NewRun) -> RunRecord:
    """An SFT run of two steps, without its merged model: the GRPO run has to put base and adapter together itself."""
    warm = new_run(max_steps=2)
    assert sft.carry_out(warm) == 0
    shutil.rmtree(warm.folder / merging.MERGED)
    return warm


def _kill_after_step_6(workspace: Workspace, record: RunRecord) -> None:
    command = [sys.executable, "-m", "simia_tui.training.grpo", "--workspace", str(workspace.root)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    with subprocess.Popen(
        [*command, "--run", str(record.id)], stdout=subprocess.PIPE, text=True, bufsize=1, env=environment
    ) as process:
        assert process.stdout is not None
        assert any(line.startswith("step 6/") for line in process.stdout)
        process.send_signal(signal.SIGKILL)
    assert _row(workspace, record).status == RunStatus.RUNNING


def _check_adapter(record: RunRecord, warm: RunRecord) -> None:
    """The adapter stands on whole weights: switched off, it is the warm-started model that training began with."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    adapter = record.folder / "adapter"
    base = merging.base_of(adapter)
    assert base == record.folder / "base" and not (adapter / "ref").exists()
    assert "judge" in (adapter / "README.md").read_text()
    ids = torch.arange(5, 40).unsqueeze(0)
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapter)
    before = AutoModelForCausalLM.from_pretrained(warm.folder / "base")
    before = PeftModel.from_pretrained(before, warm.folder / "adapter")
    with torch.no_grad():
        trained = model(ids).logits
        with model.disable_adapter():
            assert torch.allclose(model(ids).logits, before(ids).logits, atol=1e-4)
    assert not torch.allclose(trained, before(ids).logits, atol=1e-4)


def test_a_run_without_one_valid_rollout_gives_up_and_says_why() -> None:
    spoilt = [_Spoilt() for _ in range(4)]
    player = play.Player(None, lambda *_: None, play.Recent(lambda _: {}))  # type: ignore[arg-type]  # nothing is played here
    groups = play.advantages.groups([None] * 4, 2)
    player._tell(spoilt, groups)  # type: ignore[arg-type]  # only what is read of a rollout
    player._tell(spoilt, groups)  # type: ignore[arg-type]
    with pytest.raises(play.SimiaError, match="No rollout of 3 batches was of use: The key is wrong"):
        player._tell(spoilt, groups)  # type: ignore[arg-type]


class _Spoilt:
    """What is read of an invalid rollout."""

    turns = 1

    class conversation:
        written = 3

    class result:
        reward, termination, reason = None, "invalid", "The key is wrong."


@pytest.mark.train
@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"arena": "no.such.module:arena"}, "There is no environment 'no.such.module:arena'"),
        ({"adapter": 99}, "no run 99"),
        ({"conversation_tokens": 4090}, "are left for them beside the conversation"),
        ({"group_size": 1}, "at least 2 rollouts"),
    ],
)
def test_a_failed_run_says_why_in_one_sentence(
    workspace: Workspace, new_run: NewRun, spec: dict[str, Any], said: str
) -> None:
    record = new_run(**{**SMALL, **spec}, max_steps=1)
    assert grpo.carry_out(record) == 1
    assert said in (_row(workspace, record).reason or "")
