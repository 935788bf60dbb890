"""What reviewers say of rollouts while the run goes on, and the groups that are learnt again because of it.

A step learns from its rollouts as soon as they are over, so a person's word comes after that. It is taken up at the
next step: a group of one of the latest steps in which a verdict has changed a reward takes the place of a task of that
step and is learnt again with the right rewards, an invalid rollout leaving it before its mean. Its tokens were sampled
by the policy of then, which so few steps have hardly moved; older groups are left as they are, and the verdict counts
for exports and for the judge's figures alone.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from simia_tui.model import Fault, Status
from simia_tui.training.rollout import Rollout

LATEST = 4
"""Steps that a verdict reaches back."""

Place = tuple[int, int, int]
"""Step, group and member of a rollout."""
Verdicts = Callable[[int], Mapping[Place, float | None]]
"""The rewards that persons have given to rollouts from a step on; None: invalid."""

_SPOILT = (Fault.TOOL_SIMULATOR, Fault.USER_SIMULATOR, Fault.JUDGE, Fault.INFRASTRUCTURE)


def reward_of(status: Status, fault: Fault | None) -> float | None:
    """What a decision makes of a rollout: approved 1, rejected 0, or None where the fault is not the policy's."""
    if status is Status.APPROVED:
        return 1.0
    return None if fault in _SPOILT else 0.0


class Recent:
    """The groups of the latest steps as they were learnt."""

    def __init__(self, verdicts: Verdicts) -> None:
        self._verdicts = verdicts
        self._steps: deque[tuple[int, dict[int, list[Rollout]]]] = deque(maxlen=LATEST)

    def add(self, step: int, rollouts: Sequence[Rollout]) -> None:
        """Remembers what was played at a step."""
        groups: dict[int, list[Rollout]] = {}
        for rollout in rollouts:
            groups.setdefault(rollout.group, []).append(rollout)
        self._steps.append((step, groups))

    def overruled(self, most: int) -> list[list[Rollout]]:
        """At most this many groups whose rewards a person has changed since they were learnt, oldest first."""
        if not self._steps or not most:
            return []
        given = self._verdicts(self._steps[0][0])
        found: list[list[Rollout]] = []
        for step, groups in self._steps:
            for number, group in groups.items():
                changed = [_as_judged(one, given, (step, number, one.member)) for one in group]
                if changed != group and len(found) < most:
                    groups[number] = changed
                    found.append(changed)
        return found


def _as_judged(rollout: Rollout, given: Mapping[Place, float | None], place: Place) -> Rollout:
    if place not in given or given[place] == rollout.result.reward:
        return rollout
    reward = given[place]
    fault = rollout.result.fault if reward is not None else Fault.OTHER
    return replace(rollout, played=rollout.result._replace(reward=reward, fault=fault))
