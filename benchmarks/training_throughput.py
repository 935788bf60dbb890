"""Tokens a second of our SFT run beside a bare TRL script with the same settings, on the CPU with the tiny model.

    OMP_NUM_THREADS=1 python benchmarks/training_throughput.py [--steps 20] [--rounds 10]

Both train the same rows with the same seed, batch, length, LoRA shape and checkpoints, each in a fresh process; who
goes first changes from round to round. Counted are the steps after the first (compilation, first allocation).

On a machine that others keep busy the clock says nothing, and processor time is disturbed as well (caches, two threads
of one core), always upwards. So what counts is each step's least processor time over the rounds, summed up. Beside it
stands the median of the rounds' own ratios, with the 95 % interval of a bootstrap over the rounds.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
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
            steps = [[b - a for a, b in zip(*pair, strict=True)] for pair in pairwise(self.seen)]
            print("RESULT " + json.dumps(dict(zip(("wall", "cpu", "tokens"), zip(*steps, strict=True), strict=True))))

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
        save_steps=settled.save_steps,
        save_total_limit=2,
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


Steps = dict[str, list[float]]
"""Seconds by the clock, seconds of the processor and tokens of every step after the first."""


def measure(which: str, root: Path) -> Steps:
    command = [sys.executable, __file__, "--child", which, str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT ")), None)
    if line is None:
        raise SystemExit(f"{which} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    found: Steps = json.loads(line.removeprefix("RESULT "))
    return found


def least(found: Sequence[Steps]) -> float:
    """Tokens a second of processor time, each step as quick as it ever was."""
    return sum(found[0]["tokens"]) / sum(map(min, zip(*(steps["cpu"] for steps in found), strict=True)))


def interval(ratios: Sequence[float], draws: int = 2000) -> tuple[float, float]:
    """The 95 % interval of the median, by drawing the rounds anew."""
    rng = random.Random(0)
    medians = sorted(statistics.median(rng.choices(ratios, k=len(ratios))) for _ in range(draws))
    return medians[int(0.025 * draws)], medians[int(0.975 * draws)]


def show(rounds: Sequence[dict[str, Steps]]) -> None:
    bare, ours = ([found[which] for found in rounds] for which in ("bare", "ours"))
    assert all(steps["tokens"] == bare[0]["tokens"] for steps in (*bare, *ours)), "not the same rows"
    print(f"least processor time of each of {len(bare[0]['cpu'])} steps over {len(rounds)} rounds:")
    print(f"  bare {least(bare):,.0f} tokens a second, ours {least(ours):,.0f}; ratio {least(ours) / least(bare):.3f}")
    for kind in ("cpu", "wall"):
        ratios = [sum(found["bare"][kind]) / sum(found["ours"][kind]) for found in rounds]
        low, high = interval(ratios)
        median, listed = statistics.median(ratios), ", ".join(f"{ratio:.3f}" for ratio in ratios)
        print(f"{kind:4} ratio of whole rounds: median {median:.3f} ({low:.3f} to {high:.3f}): {listed}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--child", nargs=2, metavar=("WHICH", "ROOT"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    process.calm_the_machine()
    if given.child:
        {"ours": ours, "bare": bare}[given.child[0]](Path(given.child[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "work"
        prepare(root, given.steps)
        order = ("bare", "ours")
        rounds = []
        for _ in range(given.rounds):
            rounds.append({which: measure(which, root) for which in order})
            order = order[::-1]
            print(".", end="", flush=True)
    print()
    show(rounds)


if __name__ == "__main__":
    main()
