"""Why, check, repairs, cite: what a reviewer asks about an item, by keyboard."""

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from samples import make_trajectory
from stage import ESCAPES, MARKUP, put, put_episodes, put_seeds

from simia_tui import demo
from simia_tui.model import Citation, Finding, Severity, ToolCall
from simia_tui.store import Workspace, decisions, trajectories
from simia_tui.tui.screens.inquiry import ClauseScreen, LineageScreen, SheetScreen
from simia_tui.tui.screens.review import EpisodesScreen, SeedsScreen
from simia_tui.tui.widgets.record_table import RecordTable

Opened = Callable[..., Any]
POLICY = "Never waive a fine without asking.\nAsk for the card before you tell anything."


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_W_goes_from_a_seed_to_its_episodes_and_from_an_episode_to_its_seed(
    workspace: Workspace, db: sqlite3.Connection, opened: Opened, size: tuple[int, int]
) -> None:
    seeds = put_seeds(db)
    pks = [put(db, "episode", make_trajectory(text), seed=seeds[1]) for text in ("One", "Two")]
    put_episodes(db)
    decisions.decide(db, pks[:1], "approve", "rules")
    async with opened(workspace, size) as bench:
        text = await bench.keys("g", "s", "J", "W")
        assert isinstance(bench.app.screen, LineageScreen)
        assert "2: 1 approved, 1 pending" in text and "row 2 of traces.jsonl" in text
        while bench.app.screen.row.stage != "episodes":
            await bench.keys("j")
        await bench.keys("enter")
        assert isinstance(bench.app.screen, EpisodesScreen) and list(bench.app.screen.state.ids) == pks
        await bench.keys("W", "j", "enter")
        assert isinstance(bench.app.screen, SeedsScreen) and bench.app.screen.state.pk == seeds[1]
        assert len(bench.app.screen.state.ids) == 3
        await bench.keys("W", "enter", "escape")
        assert isinstance(bench.app.screen, SeedsScreen)


async def test_c_rejects_with_the_clause_that_was_broken(
    workspace: Workspace, db: sqlite3.Connection, opened: Opened
) -> None:
    pk = put(db, "episode", make_trajectory("One", policy=POLICY))
    put(db, "episode", make_trajectory("Two", policy=None))
    async with opened(workspace) as bench:
        text = await bench.keys("g", "e", "c")
        assert isinstance(bench.app.screen, ClauseScreen) and "Never waive a fine without asking." in text
        await bench.keys("escape")
        assert trajectories.rows(db, [pk])[0].status == "pending"
        await bench.keys("c", "j", "enter")
        assert "rejected #1" in bench.bar
        (row,) = trajectories.rows(db, [pk])
        assert (row.status, row.fault) == ("rejected", "policy breach")
        clause = Citation.of(decisions.history(db, pk)[-1].note)
        assert clause is not None and clause.text == "Ask for the card before you tell anything."
        await bench.keys("c")
        assert "no policy here to cite from" in bench.bar
        await bench.keys("u")
        assert trajectories.rows(db, [pk])[0].status == "pending"


async def test_v_tells_what_the_rules_say_now(workspace: Workspace, db: sqlite3.Connection, opened: Opened) -> None:
    put(db, "episode", make_trajectory("One"))
    old = Finding(rule="call.unknown-tool", severity=Severity.ERROR, message=f"No tool {MARKUP}{ESCAPES}", turn=1)
    put(db, "episode", make_trajectory("Two"), (old,))
    async with opened(workspace, (120, 30)) as bench:
        await bench.keys("g", "e", "v")
        assert "checked now: 0 findings, as on record" in bench.bar
        text = await bench.keys("J", "v")
        assert isinstance(bench.app.screen, SheetScreen) and "0 new, 1 gone" in text
        assert "- turn 2  ✗ error  call.unknown-tool  No tool [bold]" in text and "\x1b" not in text
        await bench.keys("enter")
        assert isinstance(bench.app.screen, SheetScreen), "there is nothing to do here but to leave"
        await bench.keys("q")
        assert [f.rule for f in trajectories.findings(db, 2)] == ["call.unknown-tool"]


async def test_r_shows_repairs_and_enter_makes_them(
    workspace: Workspace, db: sqlite3.Connection, opened: Opened
) -> None:
    call = ToolCall(name="get_member", arguments=None, raw="{'member_id': 'M1'}", call_id="call_1")
    body = make_trajectory()
    turns = (body.turns[0], body.turns[1].replace(tool_calls=(call,)), *body.turns[2:])
    put(db, "episode", body.with_turns(turns))
    async with opened(workspace, (120, 30)) as bench:
        text = await bench.keys("g", "e", "r")
        assert "would make 1 repair" in text and "~ turn 2" in text and "Do it" in bench.bar
        await bench.keys("escape")
        assert trajectories.rows(db, [1])[0].revision == 0
        await bench.keys("r", "enter")
        assert "1 repair made; u takes that back" in bench.bar
        assert trajectories.get(db, 1).turns[1].tool_calls[0].arguments == {"member_id": "M1"}
        await bench.keys("r")
        assert "would repair nothing here" in bench.bar
        await bench.keys("u")
        assert trajectories.get(db, 1).turns[1].tool_calls[0].arguments is None


async def test_an_empty_room_has_nothing_to_ask_about(workspace: Workspace, opened: Opened) -> None:
    async with opened(workspace) as bench:
        before = (await bench.keys("g", "e")).splitlines()[:-1]
        for key in ("W", "v", "r", "c", "R"):
            shown = await bench.keys(key)
            assert shown.splitlines()[:-1] == before and f"{key} does nothing here" in bench.bar


async def test_a_planted_copy_answers_like_any_other_item(
    workspace: Workspace, db: sqlite3.Connection, opened: Opened
) -> None:
    sources = [put(db, "episode", body) for body in demo.seeds(60, 1)]
    decisions.decide(db, sources[:20], "approve", "bob")
    (workspace.root / "simia.toml").write_text("[review]\nknown_bad = 0.2\n")
    async with opened(workspace, (140, 34)) as bench:
        await bench.keys("g", "e")
        state = bench.app.screen.state
        copy = next(pk for pk in state.ids if pk < 0)
        bench.app.screen.query_one(RecordTable).go_to(copy)
        for key in ("W", "v", "r", "c"):
            shown = await bench.keys(key)
            assert state.pk == copy and f"#{copy}" not in shown and "planted" not in shown
            await bench.keys("escape")
        await bench.keys("c", "enter")
        assert "seen: #" in bench.text
