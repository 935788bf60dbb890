"""Tokens a second of our SFT run beside a bare TRL script with the same settings, on the CPU with the tiny model.

    python benchmarks/training_throughput.py [--steps 30] [--rounds 3]

Both train the same rows with the same seed, batch, length and LoRA shape in a fresh process each, in turn; counted is
from the end of the first step (compilation, first allocation) to the end of the last. By the clock and by processor
time: on a machine that others keep busy only the latter says anything.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from simia_tui.demo import seeds
from simia_tui.formats import write_trl
from simia_tui.model import TrainSpec
from simia_tui.store import Workspace, exports, runs
from simia_tui.training import process, profiles, tiny
from simia_tui.training.record import RunRecord

ROWS = 120


def clock() -> Any:
    """A callback that notes the time by the clock and by the processor at each step's end, and prints them last."""
    from transformers import TrainerCallback

    class Clock(TrainerCallback):  # type: ignore[misc]  # an untyped base
        def __init__(self) -> None:
            self.seen: list[tuple[float, float, float]] = []

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **_: Any) -> None:
            if "loss" in logs:
                self.seen.append((time.perf_counter(), time.process_time(), float(logs["num_tokens"])))

        def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            wall, cpu, tokens = (last - first for first, last in zip(self.seen[0], self.seen[-1], strict=True))
            print("RESULT " + json.dumps({"wall": wall, "cpu": cpu, "tokens": tokens}))

    return Clock()


def ours(root: Path) -> None:
    """The run as `simia train sft` carries it out, with the clock beside it."""
    from simia_tui.training import sft, trainers

    attach = trainers.attach

    def attached(trainer: Any, *given: Any) -> Any:
        trainer.add_callback(clock())
        return attach(trainer, *given)

    trainers.attach = attached
    workspace = Workspace.open(root)
    run = runs.add(workspace.connect(), 1, spec(workspace), f"exports/runs/{len(runs.runs(workspace.connect())) + 1}")
    assert sft.carry_out(RunRecord(workspace, run)) == 0, runs.run(workspace.connect(), run).reason


def bare(root: Path) -> None:
    """What one would write with TRL alone: rows with messages and tools, assistant-only loss, LoRA."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    settled = profiles.settle(spec(Workspace.open(root)))
    rows = [json.loads(line) for line in (root / "exports" / "desk" / "trl.jsonl").read_text().splitlines()]
    tokenizer = AutoTokenizer.from_pretrained(root / "base")
    config = SFTConfig(
        output_dir=str(root / "bare"),
        use_cpu=True,
        bf16=False,
        assistant_only_loss=True,
        max_steps=settled.max_steps,
        per_device_train_batch_size=settled.batch_size,
        gradient_accumulation_steps=settled.accumulation,
        learning_rate=settled.learning_rate,
        lr_scheduler_type=settled.schedule,
        warmup_steps=settled.warmup_steps,
        max_length=settled.max_length,
        gradient_checkpointing=False,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        seed=0,
        data_seed=0,
    )
    lora = LoraConfig(
        r=settled.lora_rank,
        lora_alpha=settled.lora_alpha,
        target_modules="all-linear",
        modules_to_save=list(settled.full_modules),
        task_type="CAUSAL_LM",
    )
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(root / "base", dtype=torch.float32),
        args=config,
        train_dataset=Dataset.from_list(rows, on_mixed_types="use_json"),
        processing_class=tokenizer,
        peft_config=lora,
        callbacks=[clock()],
    )
    trainer.train()


def spec(workspace: Workspace) -> TrainSpec:
    steps = int((workspace.root / "steps").read_text())
    return TrainSpec(model=str(workspace.root.absolute() / "base"), max_steps=steps, batch_size=2, max_length=2048)


def prepare(root: Path, steps: int) -> None:
    workspace = Workspace.create(root)
    (root / "steps").write_text(str(steps))
    folder = workspace.exports / "desk"
    folder.mkdir(parents=True)
    rows = [write_trl(trajectory) for trajectory in seeds(ROWS, 0)]
    (folder / "trl.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    exports.add(workspace.connect(), "desk", "exports/desk", "0" * 64, [], True, {})
    tiny.build(root / "base", rows, 0)


def measure(which: str, root: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", which, str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT ")), None)
    if line is None:
        raise SystemExit(f"{which} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(line.removeprefix("RESULT "))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", nargs=2, metavar=("WHICH", "ROOT"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    process.calm_the_machine()
    if given.child:
        {"ours": ours, "bare": bare}[given.child[0]](Path(given.child[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "work"
        prepare(root, given.steps)
        rounds = [{which: measure(which, root) for which in ("bare", "ours")} for _ in range(given.rounds)]
    for kind in ("wall", "cpu"):
        speed = {w: [r[w]["tokens"] / r[w][kind] for r in rounds] for w in ("bare", "ours")}
        ratios = [ours / bare for ours, bare in zip(speed["ours"], speed["bare"], strict=True)]
        print(
            f"{kind:5} tokens a second: bare {statistics.median(speed['bare']):,.0f}, ours"
            f" {statistics.median(speed['ours']):,.0f}; ratio {statistics.median(ratios):.3f}"
            f" (rounds {', '.join(f'{ratio:.3f}' for ratio in ratios)})"
        )
    print(f"tokens, bare and ours: {[(int(r['bare']['tokens']), int(r['ours']['tokens'])) for r in rounds]}")


if __name__ == "__main__":
    main()
