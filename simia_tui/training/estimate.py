"""What a run will need, before it starts: memory, time, and for reinforcement the simulator's tokens. No torch.

Rough by nature (within a factor of two): memory from the model's shape; time from 2 FLOPs a weight and token forward,
as many backward (frozen weights need no gradient of their own), and once more forward under gradient checkpointing.
"""

import json
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from simia_tui.errors import SimiaError
from simia_tui.model import Record, TrainSpec
from simia_tui.training import base, observations
from simia_tui.training.practice import Practice
from simia_tui.training.profiles import Profile, planned_steps

CHARS_PER_TOKEN = 4.0
GIB = 2**30
CPU_FLOPS = 3e10
"""What two busy cores reach on a small model."""

UTILISATION = 0.35
PEAK: Mapping[str, float] = {
    "H200": 990e12,
    "H100": 990e12,
    "A100": 312e12,
    "L40S": 362e12,
    "A10": 125e12,
    "4090": 165e12,
    "3090": 71e12,
    "V100": 125e12,
    "T4": 65e12,
}
"""Dense bfloat16 (or float16) peaks by a part of the device's name, from the vendors' data sheets."""

OTHER_GPU = 100e12


class Shape(NamedTuple):
    """The numbers of a model's config.json that memory and time follow from."""

    hidden: int
    layers: int
    intermediate: int
    heads: int
    kv_heads: int
    head: int
    vocabulary: int
    tied: bool

    @property
    def layer(self) -> int:
        """Weights of one layer's matrices."""
        queries, keys = self.heads * self.head, self.kv_heads * self.head
        return self.hidden * (2 * queries + 2 * keys) + 3 * self.hidden * self.intermediate

    @property
    def weights(self) -> int:
        return self.layers * self.layer + self.vocabulary * self.hidden * (1 if self.tied else 2)

    def adapter(self, rank: int) -> int:
        """Weights of LoRA on every linear layer: rank times inputs plus outputs."""
        queries, keys = self.heads * self.head, self.kv_heads * self.head
        sizes = 2 * (self.hidden + queries) + 2 * (self.hidden + keys) + 3 * (self.hidden + self.intermediate)
        return self.layers * rank * sizes


TINY = Shape(64, 2, 192, 2, 1, 32, 2048, False)


class Device(NamedTuple):
    """What trains. `memory` in bytes, None where unknown."""

    name: str
    memory: int | None
    flops: float
    gpu: bool


class Estimate(Record):
    """What a run will need. Memory in bytes, `seconds` of training alone; simulator figures only for reinforcement."""

    device: str
    memory: int
    available: int | None
    seconds: float
    steps: int
    tokens: int
    rows: int
    weights: int
    trained: int
    requests: int | None = None
    simulator_tokens: int | None = None

    @property
    def fits(self) -> bool:
        return self.available is None or self.memory <= 0.95 * self.available

    def sentence(self) -> str:
        """All of it in one or two sentences for a person."""
        held = f" of {self.available / GIB:.0f}" if self.available else ""
        text = (
            f"About {_span(self.seconds)} and {self.memory / GIB:.1f}{held} GiB on {self.device}: {self.steps:,} steps,"
            f" {self.tokens:,} tokens, {self.trained:,} of {self.weights + self.trained:,} weights trained."
        )
        if self.requests == 0:
            text += " Nobody is asked: single turns are judged by rule."
        elif self.requests is not None and self.simulator_tokens is not None:
            text += f" The simulator and judge get about {self.requests:,} requests, {self.simulator_tokens:,} tokens."
        if not self.fits:
            text += " That does not fit: cut rows shorter (--max-length), or take --quantize 4bit or a smaller model."
        return text


def shape_of(folder: Path) -> Shape:
    """The shape in a model folder's config.json.

    Raises:
        SimiaError: it is not there, or lacks a number that is needed.
    """
    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        found = found.get("text_config", found)
        hidden, heads = int(found["hidden_size"]), int(found["num_attention_heads"])
        return Shape(
            hidden,
            int(found["num_hidden_layers"]),
            int(found["intermediate_size"]),
            heads,
            int(found.get("num_key_value_heads") or heads),
            int(found.get("head_dim") or hidden // heads),
            int(found["vocab_size"]),
            bool(found.get("tie_word_embeddings", False)),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SimiaError(f"The shape of the model in {folder} cannot be read from its config.json.") from error


def device(profile: Profile) -> Device:
    """The first GPU where the profile may use one, as nvidia-smi tells it; else the CPU."""
    found = _nvidia() if profile.device == "auto" else None
    if found is not None:
        name, memory = found
        peak = next((flops for part, flops in PEAK.items() if part in name), OTHER_GPU)
        return Device(name, memory, peak * UTILISATION, True)
    return Device("the CPU", _memory_of_machine(), CPU_FLOPS, False)


def lengths_of(rows: Iterable[dict[str, Any]], spec: TrainSpec) -> list[int]:
    """About how many tokens each row of an export has for the target of `spec`."""
    if spec.target == "observations":
        rows = observations.rows(rows)
    return [_tokens(row) for row in rows]


def estimate(
    spec: TrainSpec, profile: Profile, practice: Practice | None, lengths: Sequence[int], on: Device
) -> Estimate:
    """What the run of `spec` on rows of these lengths needs on a device.

    Raises:
        SimiaError: there are no rows, or the model's config cannot be read.
    """
    shape = TINY if spec.model is None else shape_of(base.find(spec.model))
    lengths = [min(profile.max_length, length) for length in lengths]
    if not lengths:
        raise SimiaError("The export has no rows to train on; approve some episodes and export again.")
    mean = sum(lengths) / len(lengths)
    trained = shape.adapter(profile.lora_rank)
    if profile.full_modules and practice is None:
        trained += 2 * shape.vocabulary * shape.hidden
    if practice is not None:
        return _reinforcement(shape, practice, profile, lengths, trained, on)
    batch = profile.batch_size * profile.accumulation
    steps = planned_steps(profile, mean) or max(1, round(profile.epochs * len(lengths) / batch))
    tokens = int(steps * batch * mean)
    passes = 6 if profile.gradient_checkpointing else 4
    return Estimate(
        device=on.name,
        memory=_memory(shape, trained, profile, max(lengths) * profile.batch_size, on),
        available=on.memory,
        seconds=passes * shape.weights * tokens / on.flops,
        steps=steps,
        tokens=tokens,
        rows=len(lengths),
        weights=shape.weights,
        trained=trained,
    )


def _reinforcement(
    shape: Shape, practice: Practice, profile: Profile, lengths: list[int], trained: int, on: Device
) -> Estimate:
    """Rollouts as long as the export's rows: generation is a forward pass a token, at a fiftieth of the speed."""
    mean = sum(lengths) / len(lengths)
    rollouts = practice.steps * practice.rollouts
    turns = 1 if practice.single_turn else min(practice.max_turns, 8)
    asked = 0 if practice.single_turn else rollouts * (turns + 1)
    tokens = int(rollouts * mean)
    longest = (max(lengths) + practice.conversation_tokens) * practice.micro
    generating = 50 * 2 * shape.weights * rollouts * turns * practice.turn_tokens * 0.25 / on.flops
    return Estimate(
        device=on.name,
        memory=_memory(shape, trained, profile, longest, on),
        available=on.memory,
        # Old and reference policies are passed through once more each.
        seconds=8 * shape.weights * tokens / on.flops + generating,
        steps=practice.steps,
        tokens=tokens,
        rows=len(lengths),
        weights=shape.weights,
        trained=trained,
        requests=asked,
        simulator_tokens=int(asked * 1.5 * mean),
    )


def _memory(shape: Shape, trained: int, profile: Profile, tokens: int, on: Device) -> int:
    """Weights, what the optimizer keeps of the trained ones (12 bytes each), activations, and the logits."""
    width = 2 if on.gpu and profile.bf16 else 4
    weights = shape.weights * (0.6 if profile.quantize else width)
    kept = 1 if profile.gradient_checkpointing else 14
    activations = tokens * shape.hidden * width * (shape.layers * kept + 20)
    logits = tokens * shape.vocabulary * (width + 4)
    return int(weights + trained * (width + 12) + activations + logits + (1.5 * GIB if on.gpu else 0.7 * GIB))


def _tokens(row: Mapping[str, Any]) -> int:
    return int(len(json.dumps(row, ensure_ascii=False)) / CHARS_PER_TOKEN)


def _nvidia() -> tuple[str, int] | None:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    command = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        name, memory = done.stdout.splitlines()[0].rsplit(",", 1)
        return name.strip(), int(memory) * 2**20
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


def _memory_of_machine() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        return None
    return None


def _span(seconds: float) -> str:
    if seconds < 90:
        whole = max(1, round(seconds))
        return f"{whole} second{'s' if whole > 1 else ''}"
    return f"{round(seconds / 60)} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
