"""The settings of reinforcement beside those of the profile. Importable without torch."""

from typing import Any

from simia_tui.errors import UsageError
from simia_tui.model import Record, TrainSpec
from simia_tui.training.profiles import Profile

LOSS_TYPES = ("grpo", "dr_grpo", "dapo", "bnpo", "cispo", "sapo", "luspo", "vespo")
"""The losses that the trainer offers (TRL 1.16)."""


class Practice(Record):
    """What shapes a GRPO run. `micro` is the rollouts of one forward pass; one step learns from `rollouts`.

    `kl` weighs the distance from the starting policy (the adapter switched off); `clip` is the ratio's lower and
    upper margin. Lengths in tokens of the policy. `single_turn` plays turns of the export instead of episodes.
    """

    steps: int = 64
    groups: int = 16
    group_size: int = 8
    micro: int = 1
    learning_rate: float = 1e-5
    weight_decay: float = 0.0
    kl: float = 0.001
    clip: tuple[float, float] = (0.2, 0.28)
    temperature: float = 0.7
    max_turns: int = 30
    turn_tokens: int = 400
    conversation_tokens: int = 6000
    loss_type: str = "dapo"
    save_steps: int = 4
    single_turn: bool = False

    @property
    def rollouts(self) -> int:
        return self.groups * self.group_size


_OF = {
    "tiny": Practice(
        steps=30,
        groups=4,
        group_size=8,
        micro=32,
        learning_rate=6e-4,
        kl=0.04,
        temperature=1.0,
        max_turns=8,
        turn_tokens=96,
        conversation_tokens=800,
        save_steps=5,
    ),
    "paper": Practice(learning_rate=1e-6, weight_decay=0.01, max_turns=40),
}
"""`paper` follows the published RL configuration: 16 groups of 8, 64 steps, KL 0.001, clip 0.2 and 0.28, T 0.7."""


_GIVEN = (
    *("groups", "group_size", "learning_rate", "kl", "temperature", "loss_type"),
    *("max_turns", "turn_tokens", "conversation_tokens", "single_turn"),
)
"""What a spec may say of these settings, by the same names."""


def settle(spec: TrainSpec, profile: Profile) -> Practice:
    """The profile's reinforcement settings with the spec's own values in their place.

    Raises:
        UsageError: a number that cannot train.
    """
    base = _OF.get(profile.name, Practice())
    given: dict[str, Any] = spec.model_dump(include={*_GIVEN}, exclude_none=True)
    if spec.single_turn:
        if spec.arena is not None or spec.judging == "group":
            raise UsageError("Single turns are judged by rule; leave --arena and --judging out.")
        given.setdefault("conversation_tokens", given.get("turn_tokens", base.turn_tokens))
    if spec.max_steps is not None:
        given["steps"] = spec.max_steps
    if spec.batch_size is not None:
        given["micro"] = spec.batch_size
    settled = base.replace(**given)
    for name in ("groups", "learning_rate", "temperature", "max_turns", "turn_tokens", "steps", "micro"):
        if getattr(settled, name) <= 0:
            raise UsageError(f"{name.replace('_', ' ').capitalize()} must be above 0; leave it out.")
    if settled.kl < 0:
        raise UsageError("The KL weight must not be negative; 0 switches it off.")
    if settled.group_size < 2:
        raise UsageError("A group needs at least 2 rollouts to be compared; raise --group-size.")
    if settled.turn_tokens > settled.conversation_tokens:
        raise UsageError("A turn may not be longer than the conversation; lower --turn-tokens.")
    if settled.loss_type not in LOSS_TYPES:
        raise UsageError(f"There is no loss type {settled.loss_type!r}; choose one of {', '.join(LOSS_TYPES)}.")
    return settled.replace(micro=divisor(settled.rollouts, settled.micro))


def divisor(rollouts: int, wanted: int) -> int:
    """The largest number up to `wanted` of which `rollouts` is a multiple: micro-batches must come out even."""
    return next(size for size in range(min(wanted, rollouts), 0, -1) if rollouts % size == 0)
