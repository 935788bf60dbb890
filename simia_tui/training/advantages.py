"""The GRPO baseline, written down once more: what each rollout of a batch is worth within its group.

The trainer computes the same numbers from the same rewards (tests hold the two together). Here they decide which
rollouts are trained on at all, and are stored with the rollouts. No torch.
"""

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import NamedTuple

EPSILON = 1e-4
"""What the trainer adds to a group's standard deviation."""


class Group(NamedTuple):
    """One task's rollouts. `advantages` are 0 where `teaches` is False or the rollout is invalid.

    `mean` and `spread` (sample standard deviation) are over the valid rewards; None where there are too few.
    """

    rewards: tuple[float | None, ...]
    mean: float | None
    spread: float | None
    advantages: tuple[float, ...]

    @property
    def teaches(self) -> bool:
        """Whether the group says anything: at least two valid rewards, and not all the same."""
        return self.spread is not None and self.spread > 0

    @property
    def invalid(self) -> int:
        return sum(reward is None for reward in self.rewards)


def group(rewards: Sequence[float | None]) -> Group:
    """The group of these rewards; None marks an invalid rollout, which leaves before the mean is taken."""
    valid = [reward for reward in rewards if reward is not None]
    mean = fmean(valid) if valid else None
    spread = stdev(valid) if len(valid) > 1 else None
    # Equal rewards need not add up to an exact mean, so that their deviation may come out as a tiny number.
    if spread is not None and math.isclose(min(valid), max(valid)):
        spread = 0.0
    if not spread or mean is None:
        return Group(tuple(rewards), mean, spread, (0.0,) * len(rewards))
    scale = spread + EPSILON
    found = tuple(0.0 if reward is None else (reward - mean) / scale for reward in rewards)
    return Group(tuple(rewards), mean, spread, found)


def groups(rewards: Sequence[float | None], size: int) -> list[Group]:
    """The groups of a batch whose rewards stand group by group."""
    if len(rewards) % size:
        raise ValueError(f"{len(rewards)} rollouts are no whole groups of {size}")
    return [group(rewards[start : start + size]) for start in range(0, len(rewards), size)]


def figures(found: Sequence[Group]) -> dict[str, float]:
    """What a step's chart shows. `masked` is the share of invalid rollouts; groups are counted."""
    valid = [reward for one in found for reward in one.rewards if reward is not None]
    total = sum(len(one.rewards) for one in found)
    values = {
        "masked": sum(one.invalid for one in found) / total,
        "zero_variance_groups": float(sum(one.spread == 0 for one in found)),
        "small_groups": float(sum(one.spread is None for one in found)),
        "groups": float(len(found)),
        "rollouts": float(total),
        "invalid": float(sum(one.invalid for one in found)),
    }
    if valid:
        values["reward"] = fmean(valid)
    if len(valid) > 1:
        values["reward_std"] = stdev(valid)
    return values
