"""What SFT and GRPO ask of TRL's trainers alike."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simia_tui.model import Metric
from simia_tui.training import base, card, checkpoints
from simia_tui.training.profiles import Profile
from simia_tui.training.record import RunRecord
from simia_tui.training.watch import Watch


def quiet_libraries() -> None:
    """No progress bars in the log."""
    import datasets
    import transformers

    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()


def lora(profile: Profile) -> Any:
    """The adapter's shape."""
    from peft import LoraConfig

    return LoraConfig(
        r=profile.lora_rank,
        lora_alpha=profile.lora_alpha,
        lora_dropout=profile.lora_dropout,
        target_modules="all-linear",
        modules_to_save=list(profile.full_modules) or None,
        task_type="CAUSAL_LM",
    )


def settings(record: RunRecord, profile: Profile) -> dict[str, Any]:
    """Settings that both trainers share."""
    on_gpu = base.uses_gpu(profile)
    return {
        "output_dir": str(record.folder / "checkpoints"),
        "use_cpu": not on_gpu,
        "bf16": on_gpu and profile.bf16,
        "weight_decay": profile.weight_decay,
        "max_grad_norm": profile.max_grad_norm,
        "gradient_checkpointing": profile.gradient_checkpointing,
        "seed": record.run.spec.random_seed,
        "data_seed": record.run.spec.random_seed,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_total_limit": 2,
        "report_to": record.run.spec.report_to or "none",
        "run_name": f"simia-{record.id}",
        "disable_tqdm": True,
    }


def reporter(
    record: RunRecord,
    watch: Watch,
    began: float,
    before: Metric | None,
    more: Callable[[float], dict[str, float]] | None = None,
) -> Any:
    """The callback that writes metrics and hears the wish to stop."""
    # Imports transformers, which must not happen before the environment is calm.
    from simia_tui.training.callbacks import Reporter

    return Reporter(record, watch, began, before, more)


def attach(
    trainer: Any,
    record: RunRecord,
    watch: Watch,
    began: float,
    more: Callable[[float], dict[str, float]] | None = None,
) -> tuple[Any, checkpoints.Checkpoint | None]:
    """Adds the reporter to a trainer, and finds where to go on; metrics later than that are forgotten."""
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    point = checkpoints.newest(Path(trainer.args.output_dir))
    record.truncate_metrics(point.step if point else -1)
    kept = record.metrics()
    added = reporter(record, watch, began, kept[-1] if kept else None, more)
    trainer.add_callback(added)
    watch.poll()
    watch.check()
    return added, point


def run_steps(trainer: Any, point: checkpoints.Checkpoint | None) -> int:
    """Trains from the checkpoint on, and returns the step reached."""
    if point and point.final:
        # Killed between the last step and the adapter: the trainer would make one step too many.
        trainer.model.load_adapter(str(point.folder), "default")
        return point.step
    trainer.train(resume_from_checkpoint=str(point.folder) if point else None)
    return int(trainer.state.global_step)


def save_adapter(trainer: Any, folder: Path) -> Path:
    """The adapter with its tokenizer, loadable by plain PEFT."""
    trainer.save_model(str(folder))
    # A pickle of the trainer's arguments: of no use to who loads the adapter, and pickles are not to be passed on.
    (folder / "training_args.bin").unlink(missing_ok=True)
    return folder


def write_config(record: RunRecord, profile: Profile, folder: Path, more: dict[str, Any]) -> None:
    """What was in force, for whoever reads the run's folder later."""
    found = {
        "spec": record.run.spec.model_dump(),
        "profile": profile.model_dump(),
        "export": {"name": record.export.name, "sha256": record.export.sha256, "demo": record.export.demo},
        "base": str(folder),
        "in_force": {
            "gpu": base.uses_gpu(profile),
            "packing": base.packs(profile),
            "processes": processes(),
        },
        "versions": card.versions(),
        **more,
    }
    (record.folder / "config.json").write_text(json.dumps(found, indent=2), encoding="utf-8")


def processes() -> int:
    """How many processes train together; a launcher (torchrun, accelerate) says so."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def figures(metrics: list[Metric], steps: int, seconds: float) -> dict[str, Any]:
    """A run's figures. `last_loss` is the mean of the last five steps: with a small batch one step alone is noise."""
    losses = [metric.loss for metric in metrics if metric.loss is not None]
    return {
        "first_loss": losses[0] if losses else None,
        "last_loss": sum(losses[-5:]) / len(losses[-5:]) if losses else None,
        "steps": steps,
        "seconds": round(seconds, 1),
        "tokens": int(metrics[-1].values.get("tokens", 0)) if metrics else 0,
        "adapter": None,
    }
