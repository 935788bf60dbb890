"""GRPO of one run, in a process of its own: `python -m simia_tui.training.grpo --workspace DIR --run ID`.

The policy plays the export's tasks in an environment, a judge rewards it, and TRL's trainer learns from the difference
within each group. What is ours: playing (`rollout`, `play`), the tokens (`conversation`), what counts (`advantages`).
"""

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from simia_tui.errors import UsageError
from simia_tui.model import Metric, RunStatus, TrainSpec
from simia_tui.store import Workspace
from simia_tui.training import base, card, data, merging, play, practice, process, single, tasks, tiny, trainers
from simia_tui.training.conversation import Codec
from simia_tui.training.keeping import Keeper
from simia_tui.training.overruling import Recent
from simia_tui.training.practice import Practice
from simia_tui.training.profiles import Profile
from simia_tui.training.record import RunRecord
from simia_tui.training.rollout import Arena, Loop, Rollouts
from simia_tui.training.tasks import Task
from simia_tui.training.watch import Stopped, Watch

ARENA = "simia_tui.services.arena:open_arena"
"""The simulated environment. It lives on a floor above this one and is found by name, as any other environment is."""

OpenArena = Callable[[Workspace, TrainSpec, Practice, Sequence[Task]], Arena]
"""Makes an environment from the workspace, what was asked for, the settings, and the export's tasks."""


def main(argv: Sequence[str] | None = None) -> int:
    """Carries out the run named on the command line and returns the exit code."""
    return process.main("simia_tui.training.grpo", _train, argv)


def carry_out(record: RunRecord) -> int:
    """Trains, and ends the run's row as done, stopped or failed; returns the exit code.

    Raises:
        SimiaError: another process trains this run; its row is left alone.
    """
    return process.carry_out(record, _train)


def _train(record: RunRecord, profile: Profile, watch: Watch, began: float) -> tuple[RunStatus, dict[str, Any]]:
    settled = practice.settle(record.run.spec, profile)
    trainers.quiet_libraries()
    # It would print whole rows for every rollout without a reward; those are counted and stored here.
    logging.getLogger("trl").setLevel(logging.ERROR)
    folder = _start(record, watch)
    print(f"base model {folder}", flush=True)
    tokenizer = base.load_tokenizer(folder)
    codec = Codec(tokenizer)
    made = open_arena(record, settled)
    kept = _fitting(made.tasks, codec, profile.max_length - settled.conversation_tokens)
    left_out = len(made.tasks) - len(kept)
    print(f"tasks {len(kept)}, {left_out} left out", flush=True)
    with Loop() as loop, entered(made, loop) as arena:
        model = base.load_model(folder, profile)
        caps = play.caps(tokenizer, model, settled.turn_tokens, settled.conversation_tokens)
        rollouts = Rollouts(arena, loop, codec, caps, watch.check)
        recent = Recent(record.verdicts)
        player = play.Player(rollouts, Keeper(record, arena.tasks, tokenizer.decode).keep, recent)
        trainer = make_trainer(config(record, profile, settled), profile, model, tokenizer, kept, player)
        trainer.max_completion_length = settled.conversation_tokens
        trainers.write_config(record, profile, folder, {"practice": settled.model_dump(), "tasks": len(kept)})
        reporter, point = trainers.attach(trainer, record, watch, began, player.more)
        steps = _run(trainer, reporter, point)
        result = _result(record, len(kept), left_out, steps, reporter.seconds)
        if reporter.stopped:
            return RunStatus.STOPPED, result
        adapter = trainers.save_adapter(trainer, record.folder / "adapter")
    result["adapter"] = str(adapter)
    result["merged"] = None if profile.quantize else merging.write_or_note(trainer, record.folder)
    card.write(adapter, card.render_grpo(record.run, record.export, settled, str(folder), result))
    return RunStatus.DONE, result


def _run(trainer: Any, reporter: Any, point: Any) -> int:
    """Trains; a wish to stop that comes while episodes play saves what the steps before have learnt."""
    try:
        return trainers.run_steps(trainer, point)
    except Stopped:
        step = int(trainer.state.global_step)
        if step > (point.step if point else 0):
            trainer._save_checkpoint(trainer.model, trial=None)
        reporter.stopped = True
        reporter.on_train_end(trainer.args, trainer.state, trainer.control)
        return step


def _start(record: RunRecord, watch: Watch) -> Path:
    """The folder of the model that the policy starts as: whole weights, so that the adapter off is the reference."""
    spec = record.run.spec
    own = record.folder / "base"
    if spec.adapter is not None:
        other, folder = record.other(spec.adapter)
        adapter = merging.adapter_of(other.result, other.id)
        merged = folder / merging.MERGED
        if merged.is_dir():
            return merged
        watch.check()
        return merging.write_from(merging.base_of(adapter), adapter, own)
    if spec.model is not None:
        return base.find(spec.model)
    return tiny.build(own, data.read(record.bundle), spec.random_seed)


def _fitting(found: Sequence[Task], codec: Codec, room: int) -> list[int]:
    return tasks.fitting([len(codec.opening(tasks.start(task.trajectory, task.turn))) for task in found], room)


def open_arena(record: RunRecord, settled: Practice) -> Arena:
    """The environment that the run names, with its tasks.

    Raises:
        UsageError: the name leads nowhere, or the environment cannot be set up as asked.
    """
    if record.run.spec.single_turn:
        return single.SingleTurns(tasks.read(record.bundle, record.body))
    name = record.run.spec.arena or ARENA
    module, _, attribute = name.partition(":")
    try:
        make: OpenArena = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"There is no environment {name!r} ({error}); name it as package.module:function.") from error
    return make(record.workspace, record.run.spec, settled, tasks.read(record.bundle, record.body))


@contextmanager
def entered(arena: Arena, loop: Loop) -> Iterator[Arena]:
    """The arena, open on the loop."""
    opened = loop.run(arena.__aenter__())
    try:
        yield opened
    finally:
        loop.run(arena.__aexit__(None, None, None))


def make_trainer(
    config: Any, profile: Profile, model: Any, tokenizer: Any, kept: list[int], player: play.Player
) -> Any:
    """TRL's trainer over the tasks of these numbers, with our rollouts and verdicts."""
    from datasets import Dataset
    from trl import GRPOTrainer

    return GRPOTrainer(
        model=model,
        reward_funcs=play.rewards,
        args=config,
        train_dataset=Dataset.from_list(tasks.rows(kept)),
        processing_class=tokenizer,
        peft_config=trainers.lora(profile.replace(full_modules=())),
        rollout_func=player,
    )


def config(record: RunRecord, profile: Profile, settled: Practice) -> Any:
    """TRL's settings. One batch of rollouts a step, so that the policy that learns is the one that played."""
    from trl import GRPOConfig

    spec, world = record.run.spec, trainers.processes()
    if settled.groups % world:
        raise UsageError(f"{settled.groups} groups cannot be shared by {world} processes; choose a multiple.")
    share = settled.rollouts // world
    micro = practice.divisor(share, settled.micro)
    return GRPOConfig(
        **{**trainers.settings(record, profile), "weight_decay": settled.weight_decay},
        max_steps=settled.steps,
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=share // micro,
        num_generations=settled.group_size,
        learning_rate=settled.learning_rate,
        lr_scheduler_type="constant",
        beta=settled.kl,
        epsilon=settled.clip[0],
        epsilon_high=settled.clip[1],
        temperature=settled.temperature,
        loss_type=settled.loss_type,
        # What one call of the generator may write; the conversation as a whole is measured by the rollouts.
        max_completion_length=settled.turn_tokens,
        mask_truncated_completions=False,
        remove_unused_columns=False,
        save_steps=settled.save_steps,
        **({"use_vllm": True, "vllm_mode": spec.vllm} if spec.vllm else {}),
    )


def _result(record: RunRecord, count: int, left_out: int, steps: int, seconds: float) -> dict[str, Any]:
    metrics = record.metrics()
    rewards = [metric.values["reward"] for metric in metrics if "reward" in metric.values]
    return {
        **trainers.figures(metrics, steps, seconds),
        "first_reward": _mean(rewards[:5]),
        "last_reward": _mean(rewards[-5:]),
        "rollouts": int(_sum(metrics, "rollouts")),
        "invalid_rollouts": int(_sum(metrics, "invalid")),
        "tasks": count,
        "tasks_left_out": left_out,
    }


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _sum(metrics: Sequence[Metric], name: str) -> float:
    return sum(metric.values.get(name, 0.0) for metric in metrics)


if __name__ == "__main__":
    sys.exit(main())
