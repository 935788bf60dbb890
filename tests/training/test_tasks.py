"""The tasks of a run: from the workspace where the export names its members, else from the export's own rows."""

import json
from pathlib import Path
from typing import Any

import pytest

from simia_tui.errors import SimiaError
from simia_tui.model import Trajectory, Turn
from simia_tui.training import tasks

SEED = Trajectory(
    domain="library",
    turns=(Turn(role="system", content="note"), Turn(role="user", content="Hi"), Turn(role="assistant", content="Yes")),
    meta={"goal": "Say hi."},
)


def _never(pk: int, revision: int) -> Trajectory:
    raise AssertionError("the workspace was not to be asked")


def test_a_bundle_without_members_is_read_itself(bundle: Path, rows: list[dict[str, Any]]) -> None:
    found = tasks.read(bundle, _never)
    assert len(found) == 24 and all(task.pk is None for task in found)
    assert found[6].trajectory.policy == rows[6]["messages"][0]["content"]
    assert [tool.name for tool in found[0].trajectory.tools] == ["find_loan", "extend_loan"]


def test_members_come_from_the_workspace_each_once(bundle: Path) -> None:
    lines = [{"pk": 4, "revision": 1}, {"pk": 5, "revision": 0}]
    (bundle / "members.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = tasks.read(bundle, lambda pk, revision: SEED)
    assert [task.pk for task in found] == [4] and found[0].trajectory.meta == {"goal": "Say hi."}


def test_an_export_without_a_users_words_is_explained(bundle: Path) -> None:
    (bundle / "members.jsonl").write_text('{"pk": 1, "revision": 0}\n')
    with pytest.raises(SimiaError, match="begins with a user's words"):
        tasks.read(bundle, lambda pk, revision: Trajectory(turns=(Turn(role="assistant", content="Hello"),)))


def test_an_episode_starts_with_the_users_first_words() -> None:
    assert tasks.start(SEED).turns == (Turn(role="user", content="Hi"),)


def test_tasks_that_are_too_long_are_left_out() -> None:
    assert tasks.fitting([10, 30, 20], 20) == [0, 2]
    with pytest.raises(SimiaError, match="shortest task take 10 tokens, and 5 are left"):
        tasks.fitting([10, 30], 5)


def test_each_prompt_carries_its_tasks_number() -> None:
    assert [row["prompt"][0]["task"] for row in tasks.rows([0, 2])] == [0, 2]
