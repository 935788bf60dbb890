"""LoRA SFT of one run, in a process of its own: `python -m simia_tui.training.sft --workspace DIR --run ID`.

Services start it detached. It finds everything in the run's row, writes everything there, and goes on from the last
checkpoint when the run's folder has one. Exit codes: 0 done or stopped as asked, 1 failed, 2 wrong usage.
"""

import argparse
import fcntl
import json
import os
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from simia_tui.errors import SimiaError
from simia_tui.model import Metric, RunStatus
from simia_tui.store import Workspace
from simia_tui.training import base, card, check, checkpoints, data, faults, profiles, tiny
from simia_tui.training.profiles import Profile
from simia_tui.training.record import RunRecord
from simia_tui.training.watch import Stopped, Watch


def main(argv: Sequence[str] | None = None) -> int:
    """Carries out the run named on the command line and returns the exit code."""
    parser = argparse.ArgumentParser(prog="simia_tui.training.sft", description="Carries out one training run.")
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--run", type=int, required=True)
    options = parser.parse_args(argv)
    try:
        return carry_out(RunRecord(Workspace.open(options.workspace), options.run))
    except SimiaError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def carry_out(record: RunRecord) -> int:
    """Trains, and ends the run's row as done, stopped or failed; returns the exit code.

    Raises:
        SimiaError: another process trains this run; its row is left alone.
    """
    began = time.monotonic()
    calm_the_machine()
    profile: Profile | None = None
    with _only_one(record.folder), Watch(record) as watch:
        try:
            record.start()
            watch.poll()
            check.require()
            profile = profiles.settle(record.run.spec)
            status, result = _train(record, profile, watch, began)
        except Stopped:
            status, result = RunStatus.STOPPED, record.run.result
        except Exception as error:  # noqa: BLE001  whatever it was, the run must not look alive for ever
            traceback.print_exc()
            record.finish(RunStatus.FAILED, faults.sentence(error, profile))
            return 1
    record.finish(status, result=result)
    print(f"{status} {json.dumps(result)}", flush=True)
    return 0


def calm_the_machine() -> None:
    """Keeps torch from spinning on cores that others need, from the network, and to one GPU. Before torch's import.

    With spinning OpenMP threads a second busy process makes training ten times slower.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = {
        "OMP_WAIT_POLICY": "PASSIVE",
        "GOMP_SPINCOUNT": "0",
        "OMP_NUM_THREADS": str(min(cores, 8)),
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
        "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
        # Without this the trainer would spread over every GPU it sees by DataParallel.
        "CUDA_VISIBLE_DEVICES": "0",
    }
    for name, value in wanted.items():
        os.environ.setdefault(name, value)
    os.environ["HF_HUB_OFFLINE"] = "1"


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Holds the run's folder against a second trainer; the lock dies with the process."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "trainer.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SimiaError(f"Another process already trains the run in {folder}; stop it first.") from error
        yield


def _train(record: RunRecord, profile: Profile, watch: Watch, began: float) -> tuple[RunStatus, dict[str, Any]]:
    trainer, census, base_folder = _prepare(record, profile, watch)
    point = checkpoints.newest(Path(trainer.args.output_dir))
    record.truncate_metrics(point.step if point else -1)
    kept = record.metrics()
    reporter = _reporter(record, watch, began, kept[-1] if kept else None)
    trainer.add_callback(reporter)
    watch.poll()
    watch.check()
    steps = _run_steps(trainer, point)
    result = _result(record.metrics(), census, steps, reporter.seconds)
    if reporter.stopped:
        return RunStatus.STOPPED, result
    adapter = record.folder / "adapter"
    trainer.save_model(str(adapter))
    # A pickle of the trainer's arguments: of no use to who loads the adapter, and pickles are not to be passed on.
    (adapter / "training_args.bin").unlink(missing_ok=True)
    result["adapter"] = str(adapter)
    card.write(adapter, card.render(record.run, record.export, profile, str(base_folder), census, result))
    return RunStatus.DONE, result


def _run_steps(trainer: Any, point: checkpoints.Checkpoint | None) -> int:
    """Trains from the checkpoint on, and returns the step reached."""
    if point and point.final:
        # Killed between the last step and the adapter: the trainer would make one step too many.
        trainer.model.load_adapter(str(point.folder), "default")
        return point.step
    trainer.train(resume_from_checkpoint=str(point.folder) if point else None)
    return int(trainer.state.global_step)


def _prepare(record: RunRecord, profile: Profile, watch: Watch) -> tuple[Any, data.Census, Path]:
    """The trainer, ready to start; what became of the rows; and the base model's folder."""
    spec = record.run.spec
    folder = base.find(spec.model) if spec.model else None
    _quiet_libraries()
    if folder is None:
        folder = tiny.build(record.folder / "base", data.read(record.bundle), spec.random_seed)
    print(f"base model {folder}", flush=True)
    tokenizer = base.load_tokenizer(folder)
    template = base.training_template(tokenizer)
    if not base.trains_the_end(tokenizer, template):
        print("note: this chat template leaves the end of a turn untrained; the model may not learn to stop")
    dataset, census = data.encode_all(
        tokenizer, data.read(record.bundle), profile.max_length, template, between=watch.check
    )
    print(f"rows {census.model_dump_json()}", flush=True)
    _write_config(record, profile, folder, census)
    model = base.load_model(folder, profile)
    watch.check()
    steps = profiles.planned_steps(profile, census.tokens / census.used)
    return _trainer(_config(record, profile, steps), profile, model, tokenizer, dataset), census, folder


def _trainer(config: Any, profile: Profile, model: Any, tokenizer: Any, dataset: Any) -> Any:
    from peft import LoraConfig
    from transformers import PrinterCallback
    from trl import SFTTrainer

    lora = LoraConfig(
        r=profile.lora_rank,
        lora_alpha=profile.lora_alpha,
        lora_dropout=profile.lora_dropout,
        target_modules="all-linear",
        modules_to_save=list(profile.full_modules) or None,
        task_type="CAUSAL_LM",
    )
    trainer = SFTTrainer(
        model=model,
        args=config,
        train_dataset=dataset,
        processing_class=tokenizer,
        peft_config=lora,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _config(record: RunRecord, profile: Profile, steps: int | None) -> Any:
    """TRL's settings. The rows come with labels (assistant turns only), so `assistant_only_loss` is not asked for."""
    from trl import SFTConfig

    on_gpu, packed = base.uses_gpu(profile), base.packs(profile)
    return SFTConfig(
        output_dir=str(record.folder / "checkpoints"),
        use_cpu=not on_gpu,
        bf16=on_gpu and profile.bf16,
        num_train_epochs=profile.epochs,
        max_steps=steps or -1,
        per_device_train_batch_size=profile.batch_size,
        gradient_accumulation_steps=profile.accumulation,
        learning_rate=profile.learning_rate,
        lr_scheduler_type=profile.schedule,
        warmup_steps=profile.warmup_steps,
        weight_decay=profile.weight_decay,
        max_grad_norm=profile.max_grad_norm,
        max_length=profile.max_length,
        packing=packed,
        dataset_kwargs=None if packed else {"skip_prepare_dataset": True},
        gradient_checkpointing=profile.gradient_checkpointing,
        seed=record.run.spec.random_seed,
        data_seed=record.run.spec.random_seed,
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_steps=profile.save_steps,
        save_total_limit=2,
        report_to="none",
        disable_tqdm=True,
    )


def _reporter(record: RunRecord, watch: Watch, began: float, before: Metric | None) -> Any:
    # Imports transformers, which must not happen before the environment is calm.
    from simia_tui.training.callbacks import Reporter

    return Reporter(record, watch, began, before)


def _quiet_libraries() -> None:
    import datasets
    import transformers

    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()


def _write_config(record: RunRecord, profile: Profile, folder: Path, census: data.Census) -> None:
    """What was in force, for whoever reads the run's folder later."""
    settings = {
        "spec": record.run.spec.model_dump(),
        "profile": profile.model_dump(),
        "export": {"name": record.export.name, "sha256": record.export.sha256, "demo": record.export.demo},
        "base": str(folder),
        "rows": census.model_dump(),
        "in_force": {"gpu": base.uses_gpu(profile), "packing": base.packs(profile)},
        "versions": card.versions(),
    }
    (record.folder / "config.json").write_text(json.dumps(settings, indent=2), encoding="utf-8")


def _result(metrics: list[Metric], census: data.Census, steps: int, seconds: float) -> dict[str, Any]:
    """The run's figures. `last_loss` is the mean of the last five steps: with a small batch one step alone is noise."""
    losses = [metric.loss for metric in metrics if metric.loss is not None]
    return {
        "first_loss": losses[0] if losses else None,
        "last_loss": sum(losses[-5:]) / len(losses[-5:]) if losses else None,
        "steps": steps,
        "seconds": round(seconds, 1),
        "tokens": int(metrics[-1].values.get("tokens", 0)) if metrics else 0,
        "rows": census.rows,
        "cut_rows": census.cut,
        "empty_rows": census.empty,
        "adapter": None,
    }


if __name__ == "__main__":
    sys.exit(main())
