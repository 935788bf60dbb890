"""LoRA SFT of one run, in a process of its own: `python -m simia_tui.training.sft --workspace DIR --run ID`.

Services start it detached. It finds everything in the run's row, writes everything there, and goes on from the last
checkpoint when the run's folder has one. Exit codes: 0 done or stopped as asked, 1 failed, 2 wrong usage.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from simia_tui.model import RunStatus
from simia_tui.training import base, card, data, merging, observations, process, profiles, tiny, trainers
from simia_tui.training.profiles import Profile
from simia_tui.training.record import RunRecord
from simia_tui.training.watch import Watch


def main(argv: Sequence[str] | None = None) -> int:
    """Carries out the run named on the command line and returns the exit code."""
    return process.main("simia_tui.training.sft", _train, argv)


def carry_out(record: RunRecord) -> int:
    """Trains, and ends the run's row as done, stopped or failed; returns the exit code.

    Raises:
        SimiaError: another process trains this run; its row is left alone.
    """
    return process.carry_out(record, _train)


def _train(record: RunRecord, profile: Profile, watch: Watch, began: float) -> tuple[RunStatus, dict[str, Any]]:
    trainer, census, base_folder = _prepare(record, profile, watch)
    reporter, point = trainers.attach(trainer, record, watch, began)
    steps = trainers.run_steps(trainer, point)
    result = _result(record, census, steps, reporter.seconds)
    if reporter.stopped:
        return RunStatus.STOPPED, result
    adapter = trainers.save_adapter(trainer, record.folder / "adapter")
    result["adapter"] = str(adapter)
    card.write(adapter, card.render(record.run, record.export, profile, str(base_folder), census, result))
    # Weights of 4 bits would lose what the adapter learnt when the two are put together.
    result["merged"] = None if profile.quantize else merging.write_or_note(trainer, record.folder)
    return RunStatus.DONE, result


def _rows(record: RunRecord) -> Iterator[dict[str, Any]]:
    """The export's rows in the form of the run's target."""
    found = data.read(record.bundle)
    return observations.rows(found) if record.run.spec.target == "observations" else found


def _prepare(record: RunRecord, profile: Profile, watch: Watch) -> tuple[Any, data.Census, Path]:
    """The trainer, ready to start; what became of the rows; and the base model's folder."""
    spec = record.run.spec
    folder = base.find(spec.model) if spec.model else None
    trainers.quiet_libraries()
    if folder is None:
        folder = tiny.build(record.folder / "base", _rows(record), spec.random_seed)
    print(f"base model {folder}", flush=True)
    tokenizer = base.load_tokenizer(folder)
    template = base.training_template(tokenizer)
    if not base.trains_the_end(tokenizer, template):
        print("note: this chat template leaves the end of a turn untrained; the model may not learn to stop")
    dataset, census = data.encode_all(tokenizer, _rows(record), profile.max_length, template, between=watch.check)
    print(f"rows {census.model_dump_json()}", flush=True)
    if census.special:
        print(f"note: {census.special} rows hold text that the tokenizer reads as special tokens", flush=True)
    trainers.write_config(record, profile, folder, {"rows": census.model_dump()})
    model = base.load_model(folder, profile)
    watch.check()
    steps = profiles.planned_steps(profile, census.tokens / census.used)
    return _trainer(_config(record, profile, steps), profile, model, tokenizer, dataset), census, folder


def _trainer(config: Any, profile: Profile, model: Any, tokenizer: Any, dataset: Any) -> Any:
    from trl import SFTTrainer

    return SFTTrainer(
        model=model,
        args=config,
        train_dataset=dataset,
        processing_class=tokenizer,
        peft_config=trainers.lora(profile),
    )


def _config(record: RunRecord, profile: Profile, steps: int | None) -> Any:
    """TRL's settings. The rows come with labels (assistant turns only), so `assistant_only_loss` is not asked for."""
    from trl import SFTConfig

    packed = base.packs(profile)
    return SFTConfig(
        **trainers.settings(record, profile),
        num_train_epochs=profile.epochs,
        max_steps=steps or -1,
        per_device_train_batch_size=profile.batch_size,
        gradient_accumulation_steps=profile.accumulation,
        learning_rate=profile.learning_rate,
        lr_scheduler_type=profile.schedule,
        warmup_steps=profile.warmup_steps,
        max_length=profile.max_length,
        packing=packed,
        dataset_kwargs=None if packed else {"skip_prepare_dataset": True},
        save_steps=profile.save_steps,
    )


def _result(record: RunRecord, census: data.Census, steps: int, seconds: float) -> dict[str, Any]:
    return {
        **trainers.figures(record.metrics(), steps, seconds),
        "rows": census.rows,
        "cut_rows": census.cut,
        "empty_rows": census.empty,
        "special_rows": census.special,
    }


if __name__ == "__main__":
    sys.exit(main())
