"""One script for a lent GPU: LoRA SFT of an 8B shape at 12k tokens, and one batch of GRPO rollouts.

    python benchmarks/gpu.py [--minutes 8] [--only NAME ...]      # on a machine with a GPU
    python benchmarks/gpu.py --dry-run                            # the same on a CPU, in tiny shapes

Random weights in the shape of Qwen3-8B: honest for tokens a second and memory, useless for anything else. Printed for
each variant: tokens a second, MFU (once with 6 FLOPs a weight and token, once with the 4 that frozen base weights
need), peak memory. `--minutes` is a budget: what is not begun by then is named and left out. Weights, rows and
tokenizer are made on the spot; nothing is downloaded.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from simia_tui.demo import seeds
from simia_tui.formats import write_trl
from simia_tui.model import TrainSpec, Turn
from simia_tui.store import Workspace, exports, runs
from simia_tui.training import data, estimate, process, profiles, sft, tasks, tiny
from simia_tui.training.profiles import Profile
from simia_tui.training.record import RunRecord
from simia_tui.training.rollout import Generated, Loop, Played, Reaction, Rollouts

PEAK = 790e12
"""bfloat16 FLOPs a second that an H200 reaches on large matrices."""

LATENCY_S = 0.5
"""How long the stub simulator takes to answer."""


class Size(NamedTuple):
    """What is measured: the shape, tokens of a row, rows, steps after `warm` ones, rollouts of one batch."""

    shape: estimate.Shape
    length: int
    rows: int
    steps: int
    warm: int
    rollouts: int
    turn: int


FULL = Size(estimate.Shape(4096, 36, 12288, 32, 8, 128, 151_936, False), 12_000, 48, 20, 3, 64, 128)
DRY = Size(estimate.TINY, 512, 8, 2, 1, 32, 8)


class Variant(NamedTuple):
    """One way to train. `joined` rows are filled to the cutoff, `needs` is a package without which it is left out."""

    name: str
    joined: bool = True
    liger: bool = False
    attention: str | None = None
    bare: bool = False
    checkpointing: bool = True
    needs: str | None = None


VARIANTS = (
    Variant("ours, rows joined to the cutoff"),
    Variant("ours, single rows", joined=False),
    Variant("ours, no checkpointing", checkpointing=False),
    Variant("ours, Liger", liger=True, needs="liger_kernel"),
    Variant("ours, FlashAttention 2", attention="flash_attention_2", needs="flash_attn"),
    Variant("bare TRL defaults", joined=False, bare=True),
)


def model_of(size: Size, tokenizer: Any, attention: str | None) -> Any:
    """Random weights on the device, made there."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    shape, cuda = size.shape, torch.cuda.is_available()
    config = Qwen3Config(
        vocab_size=max(shape.vocabulary, len(tokenizer)),
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head,
        max_position_embeddings=40_960,
        tie_word_embeddings=False,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        attn_implementation=attention,
    )
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16 if cuda else torch.float32)
    try:
        with torch.device("cuda" if cuda else "cpu"):
            return Qwen3ForCausalLM(config)
    finally:
        torch.set_default_dtype(before)


def dataset_of(tokenizer: Any, size: Size, joined: bool) -> Any:
    """Demo visits as tokens and labels: one a row, or joined until a row is full."""
    encoded = (data.encode(tokenizer, write_trl(visit)) for visit in seeds(size.rows * (8 if joined else 1), 0))
    rows = list(_joined(encoded, size) if joined else encoded)[: size.rows]
    ids, labels = [row.input_ids[: size.length] for row in rows], [row.labels[: size.length] for row in rows]
    return data._dataset(ids, labels)


def _joined(encoded: Iterator[data.Encoded], size: Size) -> Iterator[data.Encoded]:
    ids: list[int] = []
    labels: list[int] = []
    made: list[data.Encoded] = []
    for one in encoded:
        ids += one.input_ids
        labels += one.labels
        while len(ids) >= size.length:
            made.append(data.Encoded(ids[: size.length], labels[: size.length]))
            ids, labels = ids[size.length :], labels[size.length :]
    while made and len(made) < size.rows:
        made.append(made[len(made) % 3 % len(made)])
    return iter(made)


def clock(size: Size) -> Any:
    """Notes when the warm steps were over and when the last one was."""
    import torch
    from transformers import TrainerCallback

    class Clock(TrainerCallback):  # type: ignore[misc]  # an untyped base
        seconds = 0.0

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if state.global_step == size.warm:
                self.began = time.perf_counter()
            elif state.global_step == size.warm + size.steps:
                self.seconds = time.perf_counter() - self.began

    return Clock()


def train(record: RunRecord, profile: Profile, variant: Variant, size: Size, tokenizer: Any) -> str:
    """One variant, as one line of figures."""
    import torch

    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    rows = dataset_of(tokenizer, size, variant.joined)
    watched = clock(size)
    trainer = trainer_of(record, profile, variant, size, tokenizer, rows)
    trainer.add_callback(watched)
    trainer.train()
    batch = trainer.args.per_device_train_batch_size * trainer.args.gradient_accumulation_steps
    tokens = size.steps * batch * sum(len(ids) for ids in rows["input_ids"]) / len(rows)
    rate, weights = tokens / watched.seconds, size.shape.weights
    line = f"{rate:,.0f} tokens/s, {watched.seconds / size.steps:.2f} s a step"
    if not cuda:
        return line
    mfu = f"MFU {6 * weights * rate / PEAK:.3f} (of what frozen weights need {4 * weights * rate / PEAK:.3f})"
    return f"{line}, {mfu}, peak {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB"


def trainer_of(record: RunRecord, profile: Profile, variant: Variant, size: Size, tokenizer: Any, rows: Any) -> Any:
    from trl import SFTConfig, SFTTrainer

    from simia_tui.training import trainers

    model = model_of(size, tokenizer, variant.attention)
    steps = size.warm + size.steps
    if variant.bare:
        config = SFTConfig(
            output_dir=str(record.folder / "bare"),
            max_steps=steps,
            per_device_train_batch_size=1,
            max_length=size.length,
            dataset_kwargs={"skip_prepare_dataset": True},
            use_cpu=profile.device == "cpu",
            bf16=profile.bf16 and profile.device != "cpu",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        return SFTTrainer(
            model=model, args=config, train_dataset=rows, processing_class=tokenizer, peft_config=trainers.lora(profile)
        )
    profile = profile.replace(gradient_checkpointing=variant.checkpointing, accumulation=1)
    config = sft._config(record, profile, steps)
    config.save_strategy, config.use_liger_kernel = "no", variant.liger
    return sft._trainer(config, profile, model, tokenizer, rows)


class Stub:
    """An environment whose simulator takes LATENCY_S for every answer; `length` turns, then a coin."""

    def __init__(self, found: list[tasks.Task], length: int = 4) -> None:
        self.tasks, self.length = found, length

    async def __aenter__(self) -> "Stub":
        return self

    async def __aexit__(self, *_: Any) -> None:
        return None

    async def group(self, task: int, members: int) -> list["StubEpisode"]:
        return [StubEpisode(self, tasks.start(self.tasks[task].trajectory), member) for member in range(members)]


class StubEpisode:
    def __init__(self, arena: Stub, start: Any, member: int) -> None:
        self._arena, self.start, self._member, self._steps = arena, start, member, 0

    async def step(self, turn: Turn) -> Reaction:
        await asyncio.sleep(LATENCY_S)
        self._steps += 1
        over = self._steps >= self._arena.length
        return Reaction(() if over else (Turn(role="user", content="Go on, please."),), over)

    def cut(self, reason: str) -> None:
        return None

    async def finish(self) -> Played:
        await asyncio.sleep(LATENCY_S)
        return Played(float(self._member % 2), "user done", "", self.start)


def rollouts(size: Size, tokenizer: Any) -> str:
    """One batch of rollouts: its seconds, and how many of them went into waiting for the simulator."""
    import torch

    from simia_tui.training import grpo
    from simia_tui.training.conversation import Codec
    from simia_tui.training.play import caps

    model = model_of(size, tokenizer, None).eval()
    limits = caps(tokenizer, model, size.turn, 8 * size.turn)._replace(ends=frozenset(range(len(tokenizer))))

    def generate(prompts: list[list[int]]) -> Generated:
        inputs = tokenizer.pad({"input_ids": prompts}, padding_side="left", return_tensors="pt").to(model.device)
        with torch.no_grad():
            whole = model.generate(**inputs, do_sample=True, max_new_tokens=size.turn, min_new_tokens=size.turn)
        return Generated(whole[:, inputs["input_ids"].shape[1] :].tolist())

    stub = Stub([tasks.Task(visit) for visit in seeds(4, 0)])
    with Loop() as loop, grpo.entered(stub, loop) as opened:
        played = Rollouts(opened, loop, Codec(tokenizer), limits, lambda: None)
        began = time.perf_counter()
        found = played.play([0, 1, 2, 3], size.rollouts // 4, generate)
        seconds = time.perf_counter() - began
    turns = max(one.turns for one in found)
    return (
        f"{len(found)} rollouts of up to {turns} turns in {seconds:.1f} s; waited {played.waited:.1f} s"
        f" ({played.waited / seconds:.0%}), one latency a turn and verdict is {(turns + 1) * LATENCY_S:.1f} s"
    )


def prepare(root: Path, size: Size, dry: bool) -> tuple[RunRecord, Profile, Any]:
    workspace = Workspace.create(root)
    (workspace.exports / "gpu").mkdir(parents=True)
    export = exports.add(workspace.connect(), "gpu", "exports/gpu", "0" * 64, [], True, {})
    key = runs.add(workspace.connect(), export, TrainSpec(), "exports/runs/gpu")
    update = {"max_length": size.length, "batch_size": 1, "full_modules": (), "lora_dropout": 0.0}
    profile = profiles.profile("tiny" if dry else "8b").replace(**update)
    return RunRecord(workspace, key), profile, tiny.learn_tokenizer(write_trl(visit) for visit in seeds(100, 0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--only", nargs="*", help="Variants whose name holds one of these words; `rollouts` is one.")
    given = parser.parse_args()
    process.calm_the_machine()
    import torch

    if not given.dry_run and not torch.cuda.is_available():
        raise SystemExit("There is no GPU here; --dry-run goes through the same steps on the CPU.")
    size, began = DRY if given.dry_run else FULL, time.monotonic()
    print(
        json.dumps({"device": torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU", **size._asdict()})
    )
    with tempfile.TemporaryDirectory() as folder:
        record, profile, tokenizer = prepare(Path(folder) / "work", size, given.dry_run)
        todo: list[tuple[Variant, Callable[[], str]]] = [
            (v, lambda v=v: train(record, profile, v, size, tokenizer))
            for v in VARIANTS  # type: ignore[misc]
        ]
        todo.append((Variant("rollouts against a stub"), lambda: rollouts(size, tokenizer)))
        for variant, work in todo:
            if given.only and not any(word in variant.name for word in given.only):
                continue
            if variant.needs and find_spec(variant.needs) is None:
                print(f"{variant.name}: left out, {variant.needs} is not installed", flush=True)
            elif time.monotonic() - began > given.minutes * 60:
                print(f"{variant.name}: left out, the {given.minutes:g} minutes are over", flush=True)
            else:
                print(f"{variant.name}: {work()}", flush=True)


if __name__ == "__main__":
    main()
