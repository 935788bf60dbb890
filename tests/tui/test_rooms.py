"""Home, Jobs, Exports & Runs; terminals that are small, without colour, or of other colours."""

import os
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from stage import put_seeds

from simia_tui.model import Metric, TrainSpec
from simia_tui.store import Workspace, decisions, jobs, runs
from simia_tui.tui import app as app_module
from simia_tui.tui.app import Workbench
from simia_tui.tui.screens.small import SmallScreen

Opened = Callable[..., Any]
ROOMS = "hsejx"
"""The letters of the rooms after g."""


async def test_home_of_an_empty_workspace_says_how_to_begin(workspace: Workspace, opened: Opened) -> None:
    async with opened(workspace) as bench:
        assert "I    import real traces" in bench.text and "DEMO" not in bench.text
        assert all(f"{key} " in bench.bar for key in ("g", "I", "S", "T", "q", "?"))


async def test_home_counts_what_the_store_holds(filled: Workspace, opened: Opened) -> None:
    async with opened(filled) as bench:
        figures = {line[2:21].strip(): line[21:].split()[0] for line in bench.lines[2:9]}
        assert figures == {
            "seeds": "3",
            "seeds approved": "2",
            "episodes": "5",
            "whole by the rules": "4",
            "episodes approved": "1",
            "in newest export": "1",
            "training runs": "1",
        }
        assert "64/200" in bench.text and "step 8/24" in bench.text and "1 broken" in bench.text


@pytest.mark.parametrize("room", ROOMS)
async def test_what_the_demo_model_made_is_marked_in_every_room(filled: Workspace, opened: Opened, room: str) -> None:
    for size in ((60, 15), (80, 24), (160, 48)):
        async with opened(filled, size) as bench:
            await bench.keys("g", room)
            assert "DEMO" in bench.lines[0]
            assert all(len(line) <= size[0] for line in bench.lines)


async def test_a_running_job_shows_how_far_it_is_and_can_be_paused_and_ended(filled: Workspace, opened: Opened) -> None:
    db = filled.connect()
    async with opened(filled) as bench:
        text = await bench.keys("g", "j")
        assert "64/200" in text and "2 failed" in text and "cost       free" in text and "427,316 in" in text
        assert "Pause/go on" in bench.bar and "Cancel" in bench.bar and "Retry failed" in bench.bar
        await bench.keys("p")
        assert jobs.desired(db, 1) == "paused"
        text = await bench.keys("x")
        assert "End job 1? 134 tasks stay undone" in text
        await bench.keys("escape")
        assert jobs.desired(db, 1) == "paused"
        await bench.keys("x", "enter")
        assert jobs.desired(db, 1) == "cancelled"


async def test_keys_that_a_job_cannot_follow_are_not_offered(workspace: Workspace, opened: Opened) -> None:
    async with opened(workspace) as bench:
        await bench.keys("g", "j", "p", "x", "r")
        assert "Cancel" not in bench.bar and "S Simulate" in bench.bar and "No jobs yet" in bench.text


async def test_the_curve_of_a_run_grows_while_one_looks_on(filled: Workspace, opened: Opened) -> None:
    db = filled.connect()
    async with opened(filled, (120, 40)) as bench:
        text = await bench.keys("g", "x")
        assert "run 1 running on curated" in text and "8/24" in text and "loss 4.7" in text
        assert any(0x2801 <= ord(character) <= 0x28FF for character in text)
        runs.log(db, 1, Metric(step=9, loss=3.25))
        text = await bench.until(lambda: "loss 3.25" in bench.text)
        assert "9/24" in text


async def test_marked_runs_are_laid_over_each_other_and_a_rise_of_masked_rollouts_alarms(
    filled: Workspace, opened: Opened
) -> None:
    db = filled.connect()
    other = runs.add(db, 1, TrainSpec(method="grpo", profile="paper"), "exports/runs/other")
    for step in range(1, 11):
        values = {"reward": step / 10, "masked": 0.0, "invalid": 0.0, "rollouts": 64.0}
        runs.log(db, other, Metric(step=step, loss=0.5, values=values))
    async with opened(filled, (120, 40)) as bench:
        text = await bench.keys("g", "x")
        assert f"run {other} queued" in text and "loss 0.5" in text and "masked" not in text
        text = await bench.keys("c")
        assert "reward 1" in text and "step → reward ↑" in text
        text = await bench.keys("j", "m", "k", "c", "c")
        assert "A run 1 tiny" in text and f"B run {other} paper 0.5" in text
        for step in range(11, 16):
            runs.log(db, other, Metric(step=step, values={"masked": 0.5, "invalid": 32.0, "rollouts": 64.0}))
        text = await bench.until(lambda: "are masked" in bench.text)
        assert "50% of the rollouts of the last 5 steps" in text


async def test_a_run_is_stopped_after_a_question_and_the_export_shows_its_manifest(
    filled: Workspace, opened: Opened
) -> None:
    async with opened(filled) as bench:
        text = await bench.keys("g", "x", "x")
        assert "Stop run 1?" in text and runs.desired(filled.connect(), 1) == "run"
        await bench.keys("enter")
        assert runs.desired(filled.connect(), 1) == "stop"
        text = await bench.keys("tab")
        assert "folder: exports/curated-abababab" in text and "simia-demo (1)" in text
        assert "Stop run" not in bench.bar and "Resume" not in bench.bar


async def test_a_run_whose_process_is_gone_is_marked_and_can_be_resumed(
    filled: Workspace, opened: Opened, started: list[list[str]]
) -> None:
    runs.start(filled.connect(), 1, 1 << 22, 24)
    async with opened(filled) as bench:
        await bench.keys("g", "x")
        await bench.until(
            lambda: all(word in bench.text for word in ("failed", "killed")) and "Resume run" in bench.bar
        )
        await bench.keys("r")
        assert any("simia_tui.training.sft" in command for command in started)


@pytest.mark.parametrize("size", [(59, 24), (80, 14), (20, 5)])
async def test_a_terminal_that_is_too_small_gets_a_sentence_and_no_key_acts(
    filled: Workspace, opened: Opened, size: tuple[int, int]
) -> None:
    async with opened(filled) as bench:
        await bench.keys("g", "e")
        await bench.pilot.resize_terminal(*size)
        await bench.until(lambda: isinstance(bench.app.screen, SmallScreen))
        text = " ".join((await bench.keys("a", "x", "1", "u")).split())
        assert f"{size[0]} by {size[1]} cells" in text or size[1] < 10
        await bench.pilot.resize_terminal(80, 24)
        await bench.until(lambda: not isinstance(bench.app.screen, SmallScreen))
        assert bench.app.screen.state.counts["approved"] == 1, "as before"
        assert "Approve" in bench.bar


async def test_the_smallest_terminal_shows_list_and_text(filled: Workspace, opened: Opened) -> None:
    async with opened(filled, (60, 15)) as bench:
        text = await bench.keys("g", "e")
        assert "◂ assistant" in text or "▸ user" in text
        assert "pending" in text and "Approve" in bench.bar and "? Keys" in bench.bar


@pytest.mark.parametrize("theme", ["ansi-dark", "ansi-light", "textual-light", "textual-dark"])
async def test_every_room_can_be_painted_in_other_colours(filled: Workspace, opened: Opened, theme: str) -> None:
    async with opened(filled) as bench:
        bench.app.theme = theme
        for room in ROOMS:
            assert "DEMO" in await bench.keys("g", room)
        inks = {
            (segment.style.color, segment.style.bgcolor)
            for strip in bench.app.screen._compositor.render_strips()
            for segment in strip
            if segment.text.strip() and segment.style
        }
        assert all(ink != ground for ink, ground in inks if ink and not ink.is_default)


async def test_without_colour_states_are_words_and_signs(
    filled: Workspace, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with opened(filled) as bench:
        text = await bench.keys("g", "e")
        assert "✓ approved" in text and "· pending" in text and "broken" in text and "› " in text
        grey = {
            tuple(style.color.triplet)
            for strip in bench.app.screen._compositor.render_strips()
            for segment in strip
            if (style := segment.style) and style.color and style.color.triplet
        }
        assert all(max(triplet) - min(triplet) <= 2 for triplet in grey)


async def test_rooms_that_are_not_up_yet_are_left_alone_by_the_pulse(filled: Workspace, opened: Opened) -> None:
    async with opened(filled) as bench:

        def at_once() -> None:
            bench.app.switch_mode("exports")
            bench.app.tell_rooms()

        bench.app.call_later(at_once)
        await bench.until(lambda: "run 1 running on curated" in bench.text)


async def test_a_database_that_breaks_off_is_told_once(
    filled: Workspace, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_db: sqlite3.Connection) -> int:
        raise sqlite3.OperationalError("disk I/O error")

    async with opened(filled) as bench:
        monkeypatch.setattr(app_module, "data_version", broken)
        for _ in range(3):
            bench.app._pulse()
        await bench.keys()
        assert bench.notes.count("disk I/O error") == 1


async def test_q_leaves_and_says_goodbye_with_0(workspace: Workspace) -> None:
    app = Workbench(workspace)
    async with app.run_test() as pilot:
        await pilot.press("q")
    assert not app.return_code


async def test_next_step_follows_the_state_of_the_workspace(workspace: Workspace, opened: Opened) -> None:
    db = workspace.connect()
    seeds = put_seeds(db)
    decisions.decide(db, seeds, "approve", "tester")
    async with opened(workspace) as bench:
        assert "S    simulate episodes from the approved seeds" in bench.text
        assert os.environ["SIMIA_REVIEWER"] == bench.app.bench.reviewer
