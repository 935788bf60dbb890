"""Groups that a reviewer has overruled: which are learnt again, and once."""

from typing import Any

import pytest

from simia_tui.model import Fault, Status, Trajectory
from simia_tui.training.overruling import LATEST, Recent, reward_of
from simia_tui.training.rollout import Played, Rollout

NOBODY: Any = None


def rollouts(groups: int = 2, members: int = 3) -> list[Rollout]:
    return [
        Rollout(0, group, member, NOBODY, NOBODY, played=Played(float(member == 0), "user done", "", Trajectory()))
        for group in range(groups)
        for member in range(members)
    ]


def rewards(found: list[list[Rollout]]) -> list[list[float | None]]:
    return [[one.result.reward for one in group] for group in found]


def recent(given: dict[tuple[int, int, int], float | None], steps: int = 1) -> Recent:
    made = Recent(lambda since: {place: reward for place, reward in given.items() if place[0] >= since})
    for step in range(1, steps + 1):
        made.add(step, rollouts())
    return made


def test_nothing_is_learnt_again_without_another_reward() -> None:
    assert Recent(lambda since: {}).overruled(9) == []
    assert recent({(1, 0, 0): 1.0, (1, 1, 2): 0.0, (2, 0, 0): None}).overruled(9) == []


def test_a_changed_group_comes_back_once_and_again_when_it_changes_again() -> None:
    given: dict[tuple[int, int, int], float | None] = {(1, 1, 0): None, (1, 1, 2): 1.0}
    made = recent(given)
    assert rewards(made.overruled(9)) == [[None, 0.0, 1.0]] and made.overruled(9) == []
    given[1, 1, 1] = 1.0
    assert rewards(made.overruled(9)) == [[None, 1.0, 1.0]]


def test_no_more_than_a_batch_holds_and_the_rest_at_the_next() -> None:
    made = recent({(1, 0, 1): 1.0, (1, 1, 1): 1.0})
    assert len(made.overruled(1)) == 1 and len(made.overruled(1)) == 1 and made.overruled(1) == []


def test_old_steps_are_left_as_they_are() -> None:
    assert recent({(1, 0, 1): 1.0}, steps=LATEST).overruled(9)
    assert not recent({(1, 0, 1): 1.0}, steps=LATEST + 1).overruled(9)


@pytest.mark.parametrize(
    ("status", "fault", "reward"),
    [
        (Status.APPROVED, None, 1.0),
        (Status.REJECTED, None, 0.0),
        (Status.REJECTED, Fault.AGENT, 0.0),
        (Status.REJECTED, Fault.POLICY, 0.0),
        (Status.REJECTED, Fault.TOOL_SIMULATOR, None),
        (Status.REJECTED, Fault.USER_SIMULATOR, None),
        (Status.REJECTED, Fault.JUDGE, None),
        (Status.REJECTED, Fault.INFRASTRUCTURE, None),
    ],
)
def test_what_a_decision_makes_of_a_rollout(status: Status, fault: Fault | None, reward: float | None) -> None:
    assert reward_of(status, fault) == reward
