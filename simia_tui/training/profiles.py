"""Named presets of a training run. Importable without torch: services and screens list them."""

from typing import Literal

from simia_tui.errors import UsageError
from simia_tui.model import Record, TrainSpec


class Profile(Record):
    """Everything that shapes a LoRA SFT run; lengths in tokens, `warmup_steps` and `save_steps` in optimizer steps.

    `max_steps` None means `epochs` passes over the rows. `token_budget`, where set, lowers `max_steps` on long rows,
    never below `MIN_STEPS`. `full_modules` are trained whole beside the LoRA matrices, `packing` asks for it and gets
    it where FlashAttention is there. `quantize` 4bit holds the base model's weights in 4 bits (QLoRA).
    """

    name: str
    title: str
    device: Literal["cpu", "auto"] = "auto"
    needs_model: bool = True
    epochs: float = 2.0
    max_steps: int | None = None
    token_budget: int | None = None
    batch_size: int = 1
    accumulation: int = 8
    learning_rate: float = 1e-4
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup_steps: int = 10
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    max_length: int = 12_000
    lora_rank: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.0
    full_modules: tuple[str, ...] = ()
    gradient_checkpointing: bool = True
    bf16: bool = True
    packing: bool = False
    quantize: Literal["4bit"] | None = None
    save_steps: int = 50


MIN_STEPS = 24

_ALL = (
    Profile(
        name="tiny",
        title="about 0.4 M random weights on the CPU, two minutes: proves the loop, learns nothing useful",
        device="cpu",
        needs_model=False,
        max_steps=60,
        token_budget=160_000,
        # Single rows need no padding, and without a padding mask attention costs a third less on a CPU.
        batch_size=1,
        accumulation=2,
        learning_rate=1e-2,
        warmup_steps=5,
        max_length=4096,
        full_modules=("embed_tokens", "lm_head"),
        gradient_checkpointing=False,
        bf16=False,
        save_steps=10,
    ),
    Profile(
        name="8b",
        title="LoRA on a 7-8B model, one GPU of 80 GB",
        learning_rate=1.5e-4,
        lora_dropout=0.05,
        packing=True,
    ),
    Profile(
        name="32b",
        title="QLoRA on a 32B model, one GPU of 80 GB: weights in 4 bits",
        learning_rate=1e-4,
        accumulation=16,
        lora_dropout=0.05,
        max_length=8192,
        packing=True,
        quantize="4bit",
    ),
    Profile(
        name="paper",
        title="the Simia paper's SFT hyperparameters, as LoRA (the paper trained all weights)",
        learning_rate=5e-6,
        accumulation=2,
        warmup_steps=0,
        packing=True,
    ),
)
"""`paper` follows the published training configuration: 5e-6 cosine, 2 epochs, 1 x 2 a device, cutoff 12,000."""

_ALIASES = {"small-gpu": "8b", "32b-qlora": "32b"}


def names() -> list[str]:
    """The profiles' names, smallest first."""
    return [profile.name for profile in _ALL]


def profile(name: str) -> Profile:
    """The profile of that name (`small-gpu` is another name of `8b`, `32b-qlora` of `32b`).

    Raises:
        UsageError: there is none; the sentence lists those that are.
    """
    wanted = _ALIASES.get(name, name)
    for candidate in _ALL:
        if candidate.name == wanted:
            return candidate
    raise UsageError(f"There is no training profile {name!r}; choose one of {', '.join(names())}.")


def settle(spec: TrainSpec) -> Profile:
    """The profile with the spec's own values in place of the preset's.

    `max_steps` or `epochs` given by hand replaces the preset's length and its token budget; a LoRA rank given by hand
    keeps the preset's ratio of alpha to rank.

    Raises:
        UsageError: unknown profile, a number that cannot train, or a profile that needs a model and got none.
    """
    base = profile(spec.profile)
    if base.needs_model and spec.model is None:
        raise UsageError(f"Profile {base.name} trains a model of yours; name its folder with --model PATH.")
    given = spec.model_dump(
        include={"max_steps", "epochs", "learning_rate", "batch_size", "max_length", "lora_rank"}, exclude_none=True
    )
    for field, value in given.items():
        if value <= 0:
            raise UsageError(f"{field.replace('_', ' ').capitalize()} must be above 0, not {value}; leave it out.")
    if "max_steps" in given or "epochs" in given:
        given.setdefault("max_steps", None)
        given["token_budget"] = None
    if spec.quantize is not None:
        given["quantize"] = spec.quantize
    if "lora_rank" in given:
        given["lora_alpha"] = given["lora_rank"] * base.lora_alpha // base.lora_rank
    return base.replace(**given)


def planned_steps(settled: Profile, mean_length: float) -> int | None:
    """Optimizer steps for rows of this mean length in tokens, cutoff applied; None where epochs decide."""
    if settled.max_steps is None or settled.token_budget is None:
        return settled.max_steps
    affordable = int(settled.token_budget / (mean_length * settled.batch_size * settled.accumulation))
    return min(settled.max_steps, max(MIN_STEPS, affordable))
