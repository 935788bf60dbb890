"""The yield waterfall and the coverage map, from Home to the rows."""

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from samples import make_trajectory
from stage import put

from simia_tui.model import Fault, Target, ToolCall, Turn
from simia_tui.store import Workspace, decisions, jobs
from simia_tui.store.yields import yields
from simia_tui.tui.screens.overview import waterfall

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


async def test_a_bar_opens_its_rows(mixed: Workspace, opened: Opened) -> None:
    async with opened(mixed) as bench:
        text = await bench.keys("y")
        assert "− broken: call.unknown-tool" in text and "kept: approved" in text
        text = await bench.keys("j", "j", "j", "enter")
        assert bench.app.current_mode == "episodes" and "verdict:broken" in text and "1 found" in text
        await bench.keys("g", "h", "y", "escape")
        assert bench.app.current_mode == "home"


async def test_what_was_rejected_for_a_reason_goes_back_as_one_act(
    mixed: Workspace, db: sqlite3.Connection, opened: Opened
) -> None:
    broken = 5
    decisions.decide(db, [broken, 7], "reject", "somebody", Fault.AGENT)

    def statuses() -> dict[int, str]:
        return dict(db.execute("SELECT pk, status FROM trajectories WHERE kind = 'episode'").fetchall())

    before = statuses()
    async with opened(mixed) as bench:
        await bench.keys("y")
        assert "Take back" not in bench.bar
        await bench.keys("j", "j", "j")
        assert "Take back" in bench.bar
        assert "Take 1 rejected episodes back (broken: call.unknown-tool)?" in await bench.keys("r")
        await bench.keys("escape")
        assert statuses() == before
        text = await bench.keys("r", "enter")
        assert statuses() == {**before, broken: "pending"}
        assert "None of these is rejected" in await bench.keys("r") or "None of these is rejected" in bench.notes
        assert "− not decided yet" in text
        await bench.keys("enter", "u")
        assert statuses() == before


async def test_a_fault_s_bar_opens_and_takes_back_just_its_own(
    mixed: Workspace, db: sqlite3.Connection, opened: Opened
) -> None:
    decisions.decide(db, [5, 7], "reject", "somebody", Fault.AGENT)
    async with opened(mixed) as bench:
        await bench.keys("y", "j", "j", "j", "j", "j")
        text = await bench.keys("r")
        assert "Take 2 rejected episodes back (rejected: agent)?" in text
        await bench.keys("enter")
        assert db.execute("SELECT count(*) FROM trajectories WHERE status = 'rejected'").fetchone() == (0,)


async def test_the_map_leads_to_rows_and_to_a_job_that_fills_a_hole(
    mixed: Workspace, db: sqlite3.Connection, opened: Opened
) -> None:
    decisions.decide(db, [9, 10], "approve", "tester")
    async with opened(mixed) as bench:
        await bench.keys("c")
        marked = [line.removeprefix("›").strip().split("  ")[0] for line in bench.lines[2:] if "○ hole" in line]
        assert marked == ["get_member refuses, in any words", "so", "pay_fine succeeds"]
        text = await bench.keys("enter")
        assert bench.app.current_mode == "episodes" and "tool:get_member" in text
        await bench.keys("g", "h", "c", "right_square_bracket", "enter")
        assert bench.app.current_mode == "seeds"
        await bench.keys("g", "h", "c", "right_square_bracket", "S")
        assert bench.field("target") == "tool=get_member,outcome=error"
        await bench.keys("enter")
        (job,) = [job for job in jobs.jobs(db) if job.spec.target]
        assert bench.app.current_mode == "jobs" and "Job 2: 20 episodes" in bench.notes
        assert job.spec.target == Target(tool="get_member", outcome="error")


async def test_a_target_that_nobody_knows_is_a_sentence_in_the_dialog(mixed: Workspace, opened: Opened) -> None:
    async with opened(mixed) as bench:
        await bench.keys("S", "tab", "tab")
        await bench.type("outcome")
        assert "A target is written tool=NAME" in await bench.keys("enter")
        await bench.keys(*["backspace"] * 7, *"tool", "equals_sign", *"fly")
        assert "No approved seed has the tool fly" in await bench.keys("enter")


async def test_an_empty_workspace_says_what_to_do(workspace: Workspace, opened: Opened) -> None:
    async with opened(workspace) as bench:
        for key in ("y", "c"):
            assert "import traces with I" in await bench.keys(key, "enter")
            await bench.keys("escape")
