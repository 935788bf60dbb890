"""New ends by keyboard: asked for, stale meanwhile, compared, taken, undone."""

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from samples import make_trajectory
from stage import put, put_episodes, put_seeds

from simia_tui.model import Finding, ResimulateSpec, Severity, SynthesizeSpec, Trajectory, Turn
from simia_tui.services import reviewing
from simia_tui.store import Workspace, decisions, jobs, remakes, trajectories
from simia_tui.store.connection import write
from simia_tui.store.remakes import Remade
from simia_tui.tui.screens.remade import RemadeScreen

Opened = Callable[..., Any]


@pytest.fixture
def queue(workspace: Workspace, db: sqlite3.Connection) -> Workspace:
    put_episodes(db)
    return workspace


def longer(body: Trajectory) -> Trajectory:
    end = (
        body.turns[2].replace(content='{"name": "Grace"}'),
        Turn(role="assistant", content="Done, Grace."),
        Turn(role="user", content="Thanks."),
        Turn(role="assistant", content="Bye."),
    )
    return body.with_turns((*body.turns[:2], *end))


def land(workspace: Workspace, job: int = 1) -> None:
    """What the worker writes when the answers of a job come."""
    db = workspace.connect()
    for one in remakes.of_job(db, job):
        with write(db):
            body = longer(trajectories.get(db, one.trajectory, one.revision))
            remakes.land_within(db, one.job, one.ord, Remade(body, ()))
    db.close()


def places(workspace: Workspace, job: int = 1) -> dict[int, int | None]:
    return {one.trajectory: one.turn for one in remakes.of_job(workspace.connect(readonly=True), job)}


def contents(workspace: Workspace, pk: int = 1) -> list[str | None]:
    return [turn.content for turn in trajectories.get(workspace.connect(readonly=True), pk).turns]


async def test_R_asks_from_the_turn_under_the_cursor_and_marks_what_no_longer_holds(
    queue: Workspace, opened: Opened, started: list[list[str]]
) -> None:
    async with opened(queue, (80, 40)) as bench:
        text = await bench.keys("g", "e", "tab", "j", "j", "R")
        assert "from turn 3 on" in text and "keep turn 3, anew after it" in text and "fresh" not in text
        text = await bench.keys("enter")
        assert "job 1 writes 1 anew" in bench.bar and places(queue) == {1: 2}
        assert isinstance(jobs.job(queue.connect(readonly=True), 1).spec, ResimulateSpec)
        assert "turns from 3 on are stale" in text and len(started) == 1
        stale = [line for line in bench.lines if line.rstrip().endswith("stale")]
        assert len(stale) == 2 and "get_member  3" in stale[0]
        assert "job 1 is at it" in await bench.keys("R")
        assert "stale" not in await bench.keys("J")


async def test_the_new_end_is_announced_compared_taken_and_undone(queue: Workspace, opened: Opened) -> None:
    for size in ((80, 24), (160, 48)):
        old = contents(queue)
        async with opened(queue, size) as bench:
            await bench.keys("g", "e", "tab", "j", "j", "R", "enter")
            job = bench.app.bench.db.execute("SELECT max(pk) FROM jobs").fetchone()[0]
            land(queue, job)
            await bench.until(lambda: "a new end from turn 3 on has come: R" in bench.text)
            assert contents(queue) == old
            text = await bench.keys("R")
            assert isinstance(bench.app.screen, RemadeScreen)
            assert "written anew from turn 3 on" in text and "old  4 turns" in text and "new  6 turns" in text
            assert "{+Grace+}" in text and "stale" in text and "2 Take new" in bench.bar
            text = await bench.keys("2")
            assert "took the new end; u takes that back" in bench.bar and "has come" not in text
            assert contents(queue)[2:] == ['{"name": "Grace"}', "Done, Grace.", "Thanks.", "Bye."]
            text = await bench.keys("u")
            assert "undo: take" in text and contents(queue) == old and "has come: R" in text
            await bench.keys("R", "1")
            assert "kept the old end" in bench.bar and contents(queue) == old


async def test_turns_are_mixed_at_the_cursor_and_an_impossible_mix_is_told(queue: Workspace, opened: Opened) -> None:
    async with opened(queue, (160, 48)) as bench:
        await bench.keys("g", "e", "tab", "j", "j", "R", "enter")
        land(queue)
        await bench.until(lambda: "has come" in bench.text)
        await bench.keys("R", "k", "3")
        assert "begin with turn 3" in bench.text and isinstance(bench.app.screen, RemadeScreen)
        await bench.keys("j", "3")
        assert not isinstance(bench.app.screen, RemadeScreen)
        assert contents(queue)[2:] == ['{"name": "Grace"}']
        await bench.keys("u", "R", "4")
        assert contents(queue)[2:] == ['{"name": "Grace"}', "Done, Ada."]
        await bench.keys("u", "R", "j", "j", "4")
        assert "answers no call" in bench.text and isinstance(bench.app.screen, RemadeScreen)
        await bench.keys("escape")
        assert contents(queue)[3:] == ["Done, Ada."] and "has come" in bench.text


async def test_an_edited_turn_is_kept_by_enter(queue: Workspace, opened: Opened) -> None:
    db = queue.connect()
    reviewing.edit_turn(
        queue, db, 1, 1, content="I look.", calls=[("get_member", '{"member_id": "M2"}')], reviewer="tester"
    )
    async with opened(queue) as bench:
        text = await bench.keys("g", "e", "tab", "j", "R")
        assert text.index("keep turn 2") < text.index("from turn 2 on")
        await bench.keys("enter")
    assert places(queue) == {1: 2}


async def test_f_asks_from_the_first_turn_with_a_finding(queue: Workspace, opened: Opened) -> None:
    async with opened(queue, (120, 30)) as bench:
        text = await bench.keys("g", "e", "J", "R")
        assert "f from turn 2 on, the first with a finding" in text
        await bench.keys("f")
    assert places(queue) == {2: 1}


async def test_the_first_turn_anew_is_a_fresh_episode(workspace: Workspace, opened: Opened) -> None:
    db = workspace.connect()
    (seed, *_) = put_seeds(db)
    pk = put(db, "episode", make_trajectory("One"), seed=seed)
    decisions.decide(db, [pk], "reject", "tester")
    async with opened(workspace, (120, 40)) as bench:
        text = await bench.keys("g", "e", "R")
        assert "from turn 1 on" not in text and f"a fresh episode from seed #{seed}" in text
        await bench.keys("s")
        assert "job 1 writes 1 anew" in bench.bar and "stale" not in bench.text
    assert isinstance(jobs.job(db, 1).spec, SynthesizeSpec)
    assert db.execute("SELECT seed FROM tasks").fetchall() == [(seed,)]


async def test_marked_episodes_are_asked_for_and_taken_as_one_act(workspace: Workspace, opened: Opened) -> None:
    db = workspace.connect()
    found = Finding(rule="state.changed", severity=Severity.WARNING, message="Hm.", turn=2)
    pks = [put(db, "episode", make_trajectory(text), (found,)) for text in ("One", "Two")]
    pks.append(put(db, "episode", make_trajectory("Three")))
    async with opened(workspace, (120, 40)) as bench:
        text = await bench.keys("g", "e", "asterisk", "R")
        assert "3 marked anew" in text and "take the new end" not in text
        await bench.keys("enter")
        assert "job 1 writes 2 anew, 1 left out" in bench.bar and "marked" not in bench.bar
        assert places(workspace) == dict.fromkeys(pks[:2], 2)
        land(workspace)
        text = await bench.keys("asterisk", "R")
        assert "take the new end of 2" in text
        await bench.keys("n")
        assert "took the new ends of 2" in bench.bar
        assert [len(contents(workspace, pk)) for pk in pks] == [6, 6, 4]
        await bench.keys("u")
        assert [len(contents(workspace, pk)) for pk in pks] == [4, 4, 4]


async def test_marked_without_a_finding_are_refused_with_the_reason(workspace: Workspace, opened: Opened) -> None:
    put(workspace.connect(), "episode", make_trajectory())
    async with opened(workspace) as bench:
        await bench.keys("g", "e", "m", "R", "enter")
        assert "No turn of these has a finding" in bench.notes


async def test_a_failed_end_is_told_and_can_be_asked_for_again(queue: Workspace, opened: Opened) -> None:
    async with opened(queue) as bench:
        await bench.keys("g", "e", "tab", "j", "R", "enter")
        jobs.set_desired(queue.connect(), 1, "cancelled")
        text = await bench.until(lambda: "no new end came (job 1)" in bench.text)
        assert not any(line.rstrip().endswith("stale") for line in text.split("\n"))
        await bench.keys("R", "enter")
        assert places(queue, 2) == {1: 1}


async def test_seeds_are_never_simulated_anew(workspace: Workspace, opened: Opened) -> None:
    put_seeds(workspace.connect())
    async with opened(workspace) as bench:
        before = await bench.keys("g", "s", "tab", "j")
        after = await bench.keys("R")
        assert after.splitlines()[:-1] == before.splitlines()[:-1] and "R does nothing here" in bench.bar


async def test_the_pair_shows_hostile_text_as_text(workspace: Workspace, opened: Opened) -> None:
    db = workspace.connect()
    put(db, "episode", make_trajectory("[bold]x[/bold] \x1b[31m"))
    async with opened(workspace) as bench:
        await bench.keys("g", "e", "tab", "j", "j", "R", "enter")
        land(workspace)
        await bench.until(lambda: "has come" in bench.text)
        text = await bench.keys("R", "k", "k", "d")
        assert "[bold]x[/bold]" in text and "\x1b" not in text
        await bench.keys("s", "tab", "j", "j", "d", "q")
        assert bench.app.is_running


async def test_the_spine_is_how_seeds_open_and_the_choice_is_remembered(workspace: Workspace, opened: Opened) -> None:
    db = workspace.connect()
    put_seeds(db)
    put_episodes(db)
    async with opened(workspace, (80, 40)) as bench:
        await bench.keys("g", "s")
        assert bench.app.screen._text.spine
        await bench.keys("tab", "s", "g", "e")
        assert not bench.app.screen._text.spine
        await bench.keys("tab", "s")
    async with opened(workspace, (80, 40)) as bench:
        await bench.keys("g", "s")
        assert not bench.app.screen._text.spine
        await bench.keys("g", "e")
        assert bench.app.screen._text.spine
