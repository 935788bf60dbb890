"""The yield waterfall and the coverage map, from Home to the rows."""

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from samples import make_trajectory
from stage import put

from simia_tui.model import Fault, ToolCall, Turn
from simia_tui.store import Workspace, decisions
from simia_tui.store.yields import Cover, coverage, yields
from simia_tui.tui.screens.overview import waterfall
from simia_tui.tui.widgets.record_table import RecordTable

Opened = Callable[..., Any]


def calling(tool: str, text: str, error: bool = False) -> Any:
    """A trajectory with one call of `tool`."""
    call = ToolCall(name=tool, arguments={}, call_id="c")
    turns = (
        Turn(role="user", content=text),
        Turn(role="assistant", tool_calls=(call,)),
        Turn(role="tool", content="so", call_id="c", is_error=error),
    )
    return make_trajectory(turns=turns)


@pytest.fixture
def mixed(filled: Workspace, db: sqlite3.Connection) -> Workspace:
    put(db, "seed", calling("pay_fine", "I pay"))
    put(db, "seed", calling("get_member", "Who am I?", error=True))
    decisions.decide(db, [5], "reject", "tester", Fault.TOOL_SIMULATOR)
    db.execute("UPDATE tasks SET state = 'failed' WHERE ord IN (7, 8)")
    return filled


def test_every_stage_adds_up_and_every_loss_has_a_reason(mixed: Workspace, db: sqlite3.Connection) -> None:
    found = yields(db)
    assert (found.tasks, found.failed) == (200, [("unknown", 2)])
    assert found.episodes == found.rejected + found.waiting + found.approved == 5
    assert found.broken == 1 and found.rules == [("call.unknown-tool", 1)]
    assert found.faults == [("tool simulator", 1)] and sum(n for _, n in found.faults) == found.rejected
    labels = [bar.label for bar in waterfall(found)]
    assert labels == [
        "tasks asked for", "no episode: unknown", "episodes", "broken: call.unknown-tool", "whole by the rules",
        "rejected: tool simulator", "not decided yet", "kept: approved",
    ]  # fmt: skip


def test_holes_come_first(mixed: Workspace, db: sqlite3.Connection) -> None:
    assert coverage(db) == [Cover("pay_fine", 1, 0, 0, 0), Cover("get_member", 4, 1, 4, 0)]


async def test_a_bar_opens_its_rows(mixed: Workspace, opened: Opened) -> None:
    async with opened(mixed) as bench:
        text = await bench.keys("y")
        assert "− broken: call.unknown-tool" in text and "kept: approved" in text
        text = await bench.keys("j", "j", "j", "enter")
        assert bench.app.current_mode == "episodes" and "verdict:broken" in text and "1 found" in text
        await bench.keys("g", "h", "y", "escape")
        assert bench.app.current_mode == "home"


async def test_a_hole_opens_the_seeds_that_could_fill_it(mixed: Workspace, opened: Opened) -> None:
    async with opened(mixed) as bench:
        assert "○ hole" in await bench.keys("c")
        text = await bench.keys("enter")
        assert bench.app.current_mode == "seeds" and "/ tool:pay_fine   1 found" in text
        text = await bench.keys("g", "h", "c", "j", "enter")
        assert bench.app.current_mode == "seeds" and "tool:get_member" in text
        assert bench.app.screen.query_one(RecordTable).ids[0] == 10


async def test_an_empty_workspace_says_what_to_do(workspace: Workspace, opened: Opened) -> None:
    async with opened(workspace) as bench:
        for key in ("y", "c"):
            assert "import traces with I" in await bench.keys(key, "enter")
            await bench.keys("escape")
