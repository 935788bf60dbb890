"""`B`, key by key: draw, read, approve the rest, undo; refusal; and what is left for the next session."""

from collections.abc import Callable
from typing import Any

import pytest
from samples import make_trajectory

from simia_tui.model import Fault
from simia_tui.store import New, Query, Workspace, certificates, decisions, trajectories, views
from simia_tui.tui.screens import views as views_screen

Opened = Callable[..., Any]


@pytest.fixture
def many(workspace: Workspace) -> Workspace:
    db = workspace.connect()
    trajectories.add(db, [New(t, t) for t in (make_trajectory(f"seed {i}") for i in range(200))])
    db.close()
    return workspace


def approved(workspace: Workspace) -> int:
    db = workspace.connect(readonly=True)
    n = len(trajectories.ids(db, Query(kind="seed", status="approved")))
    db.close()
    return n


async def test_a_clean_sample_then_enter_approves_the_rest_and_one_undo_takes_it_back(
    many: Workspace, opened: Opened
) -> None:
    async with opened(many, (100, 30)) as bench:
        shown = await bench.keys("g", "s", "B")
        assert "200 seeds wait" in shown and "Best case: 0 of" in shown
        for _ in range(3):
            await bench.keys("backspace")
        assert "Best case: 0 of 5 bad: at most" in await bench.type("5")
        shown = await bench.keys("enter")
        assert "sample:1" in shown and "nothing decided yet" in shown
        shown = await bench.keys("a", "a", "a", "a")
        assert "0 of 4 bad" in shown and approved(many) == 4
        shown = await bench.keys("a")
        assert "0 of 5 bad" in shown and "Approve the other 195?" in shown
        shown = await bench.keys("enter")
        assert approved(many) == 200 and "approved 195" in shown
        await bench.keys("u")
        assert approved(many) == 5


async def test_a_bad_row_refuses(many: Workspace, opened: Opened) -> None:
    async with opened(many, (100, 30)) as bench:
        await bench.keys("g", "s", "B", "enter")
        shown = await bench.keys("x", "2")
        assert "refused" in shown and "1 of 1 bad" in shown
        shown = await bench.keys("B")
        assert "Approve in bulk" in shown and "199 seeds wait" in shown
        await bench.keys("escape")
        assert approved(many) == 0


async def test_wishes_that_cannot_be_met_are_told_while_they_are_typed(many: Workspace, opened: Opened) -> None:
    async with opened(many, (100, 30)) as bench:
        await bench.keys("g", "s", "B", "tab")
        assert "cannot show 0.1 %" in await bench.type("0.1")
        assert "write a percentage" in await bench.type("x")
        shown = await bench.keys("enter")
        assert "write a percentage" in shown
        await bench.keys("escape")
        db = many.connect(readonly=True)
        assert certificates.certificates(db) == []
        db.close()


async def test_a_sample_is_gone_on_with_after_a_restart(many: Workspace, opened: Opened) -> None:
    async with opened(many, (100, 30)) as bench:
        await bench.keys("g", "s", "B", "enter", "a")
    async with opened(many, (100, 30)) as bench:
        shown = await bench.keys("g", "s", "escape", "B")
        assert "of its sample still to decide" in shown
        shown = await bench.keys("enter")
        assert "sample:1" in shown and "0 of 1 bad" in shown
        assert "Approve in bulk" in await bench.keys("B", "n")


async def test_decisions_outside_the_sample_are_not_counted(many: Workspace, opened: Opened) -> None:
    async with opened(many, (100, 30)) as bench:
        await bench.keys("g", "s", "B", "enter")
        db = many.connect()
        sample = set(certificates.sample(db, 1))
        other = next(pk for pk in trajectories.ids(db, Query(kind="seed")) if pk not in sample)
        decisions.decide(db, [other], "reject", "bob", Fault.AGENT)
        db.close()
        bench.app.tell_rooms()
        assert "0 of 1 bad" in await bench.keys("a")


async def test_what_is_decided_cannot_be_approved_in_bulk(many: Workspace, opened: Opened) -> None:
    async with opened(many, (100, 30)) as bench:
        await bench.keys("g", "s", "slash")
        await bench.type("status:approved")
        shown = await bench.keys("enter", "B")
        assert "bulk approval is for what waits" in shown or "nothing that waits" in shown


async def test_the_queue_opens_where_it_was_left(many: Workspace, opened: Opened) -> None:
    async with opened(many, (100, 30)) as bench:
        await bench.keys("g", "s", "slash")
        await bench.type("seed")
        await bench.keys("enter", "J", "J", "J", "g", "h")
    db = many.connect(readonly=True)
    place = views.place(db, "tester", "seed")
    assert place is not None and (place.line, place.trajectory) == ("seed", 4)
    db.close()
    async with opened(many, (100, 30)) as bench:
        shown = await bench.keys("g", "s")
        assert "/ seed" in shown and bench.app.screen.state.pk == 4


async def test_the_place_is_written_while_the_cursor_rests(
    many: Workspace, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views_screen, "SETTLE_S", 0.01)
    db = many.connect(readonly=True)

    def place() -> int | None:
        found = views.place(db, "tester", "seed")
        return found.trajectory if found else None

    async with opened(many, (100, 30)) as bench:
        await bench.keys("g", "s", "J")
        await bench.until(lambda: place() == 2)
    db.close()


async def test_a_filter_is_saved_under_a_name_and_shown_by_a_digit(many: Workspace, opened: Opened) -> None:
    async with opened(many, (100, 30)) as bench:
        await bench.keys("g", "s", "slash")
        await bench.type("7")
        await bench.keys("enter", "V", "s")
        assert "one word" in await bench.keys("enter")
        shown = await bench.type("sevens")
        shown = await bench.keys("enter")
        assert "saved as sevens" in shown
        shown = await bench.keys("escape", "V")
        assert "1 sevens (7)" in shown
        assert "/ 7" in await bench.keys("1")


async def test_views_are_renamed_removed_and_brought_back(many: Workspace, opened: Opened) -> None:
    db = many.connect()
    views.save(db, "seed", "sevens", "7", "tester")
    async with opened(many, (100, 30)) as bench:
        shown = await bench.keys("g", "s", "V", "m")
        assert "Saved views of seeds" in shown and "sevens" in shown
        await bench.keys("r", *["backspace"] * 6)
        await bench.type("eight")
        shown = await bench.keys("enter")
        assert "renamed to eight" in shown and "sevens" not in shown
        shown = await bench.keys("x")
        assert "removed eight" in shown and views.views(db, "seed") == []
        await bench.keys("u", "u")
        assert [view.name for view in views.views(db, "seed")] == ["sevens"]
        shown = await bench.keys("enter")
        assert "/ 7" in shown
        shown = await bench.keys("V", "m", "u", "u")
        assert "nothing to undo" in shown and views.views(db, "seed") == []


async def test_decisions_faster_than_reading_are_noticed_and_an_undo_ends_that(many: Workspace, opened: Opened) -> None:
    async with opened(many, (160, 30)) as bench:
        await bench.keys("g", "s")
        bench.app.screen._dwell._clock = lambda: 0.0
        bench.app.screen._dwell.look(100)
        shown = await bench.keys("a", "a", "a", "a")
        assert "approved #4" in shown and "faster than reading" not in shown
        assert "faster than reading" in await bench.keys("a")
        assert "faster than reading" not in await bench.keys("u")
