"""Keys of one's own: `[keys]` in simia.toml."""

from collections.abc import Callable
from typing import Any

import pytest
from stage import put_episodes

from simia_tui.errors import UsageError
from simia_tui.store import Workspace, trajectories
from simia_tui.tui.app import Workbench

Opened = Callable[..., Any]


def write(workspace: Workspace, *lines: str) -> Workspace:
    (workspace.root / "simia.toml").write_text("\n".join(["[keys]", *lines, ""]))
    return workspace


async def test_an_act_moves_to_its_new_keys(workspace: Workspace, opened: Opened) -> None:
    db = workspace.connect()
    put_episodes(db)
    write(
        workspace, 'review.approve = "y,ctrl+y"', '"transcript.next" = "h"', '"review.undo" = "?"', '"app.help" = "f1"'
    )
    async with opened(workspace) as bench:
        text = await bench.keys("g", "e", "a")
        assert "y Approve" in bench.bar and trajectories.rows(db, [1])[0].status == "pending"
        text = await bench.keys("y", "ctrl+y")
        assert [row.status for row in trajectories.rows(db, [1, 2])] == ["approved", "approved"]
        await bench.keys("question_mark")
        assert trajectories.rows(db, [2])[0].status == "pending"
        text = await bench.keys("f1")
        assert any("Approve, and go to the next" in line and " y" in line for line in text.splitlines())
        text = await bench.keys("n")
        assert "review.approve" in text and "Approve, and go to the next" not in text


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('"review.aprove" = "y"', "keys.review.aprove names no act"),
        ('"review.approve" = "x"', "gives x to both review.approve and review.reject"),
        ('"review.approve" = "j"', "gives j to both review.approve and t"),
        ('"review.approve" = "q"', "gives q to both review.approve and app.quit"),
        ('"review.approve" = "hyper"', "holds 'hyper', which is no key"),
        ('"review.approve" = "hyper+y"', "which is no key"),
        ('"review.approve" = ""', "which is no key"),
        ('"review.approve" = "ctrl+c"', "is kept for leaving"),
        ('"review.approve" = 3', "keys.review.approve should be a valid string"),
    ],
)
def test_a_wrong_line_is_one_sentence(workspace: Workspace, line: str, says: str) -> None:
    with pytest.raises(UsageError, match=r"simia\.toml") as told:
        Workbench(write(workspace, line))
    assert says in str(told.value) and str(told.value).count("\n") == 0


def test_two_acts_may_swap_their_keys_and_one_key_may_serve_in_two_rooms(workspace: Workspace) -> None:
    write(workspace, '"review.approve" = "x"', '"review.reject" = "a"', '"jobs.pause" = "y"', '"runs.stop" = "y"')
    assert Workbench(workspace).own_keys["review.approve"] == "x"


def test_punctuation_may_be_written_as_it_is(workspace: Workspace) -> None:
    write(workspace, '"review.approve" = "+"', '"review.reject" = ","', '"review.flag" = "ctrl+-"')
    own = Workbench(workspace).own_keys
    assert own == {"review.approve": "plus", "review.reject": "comma", "review.flag": "ctrl+minus"}
