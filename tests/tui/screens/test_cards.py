"""The room of the error cards, key by key."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from deck_samples import fill
from textual.pilot import Pilot

from simia_tui.model import Trajectory, Turn
from simia_tui.store import New, Workspace, cards, decisions, remakes, trajectories
from simia_tui.tui.app import Workbench
from simia_tui.tui.widgets.card_sheet import CardSheet


async def settle(pilot: Pilot[None]) -> None:
    for _ in range(2):
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()


@asynccontextmanager
async def opened(workspace: Workspace, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Pilot[None]]:
    async with Workbench(workspace).run_test(size=size) as pilot:
        await settle(pilot)
        await press(pilot, "g", "c")
        yield pilot


async def press(pilot: Pilot[None], *keys: str) -> str:
    for key in keys:
        await pilot.press(key)
        await settle(pilot)
    return screen(pilot)


def screen(pilot: Pilot[None]) -> str:
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


@pytest.fixture
def filled(workspace: Workspace) -> Workspace:
    db = workspace.connect()
    fill(db, errors=60, hidden=20, controls=20, real=60)
    db.close()
    return workspace


async def test_the_golden_path_enter_then_one_key_a_card(filled: Workspace) -> None:
    async with opened(filled) as pilot:
        start = screen(pilot)
        assert "sim 60.0 %" in start and "real 33.3 %" in start and "▲ drift" in start
        assert "refused at another rate" in start
        assert "Error: loan # has a hold" in start and "draws 60 cards" in start
        shown = await press(pilot, "minus", "minus", "enter")
        assert "user" in shown and "loan_id" in shown and "≈ real" in shown and "card 1 of 20" in shown
        db = filled.connect(readonly=True)
        deck = cards.latest(db, "tester")
        assert deck is not None
        for n in range(20):
            assert cards.progress(db, deck.pk) == (n, 20)
            shown = await press(pilot, "a")
        assert cards.progress(db, deck.pk) == (20, 20)
        assert "10/10" in shown and "27.8 %" in shown and "No episode is touched" in shown
        db.close()


async def test_a_restart_opens_the_next_card_and_undo_still_works(filled: Workspace) -> None:
    async with opened(filled) as pilot:
        await press(pilot, "enter", "a", "a", "f")
    async with opened(filled) as pilot:
        assert "card 4 of" in screen(pilot)
        shown = await press(pilot, "u", "backspace")
        assert "undo: the last card" in shown
        assert "card 2 of" in await press(pilot, "U", "u", "b")


async def test_bad_cards_end_in_one_undoable_exclusion(filled: Workspace) -> None:
    async with opened(filled) as pilot:
        shown = await press(pilot, "minus", "minus", "enter", "4", "escape")
        assert "still to judge" in shown and "decides on 1 episode" in shown
        shown = await press(pilot, "enter")
        assert "exclude 1 episode" in shown and "mask 1 turn" in shown
        shown = await press(pilot, "x")
        db = filled.connect(readonly=True)
        assert "1 episode excluded" in shown
        assert trajectories.counts(db)[("episode", "rejected")] == 1
        assert "nothing is left to decide" in (await press(pilot, "enter")).casefold()
        assert "undo: excluding 1" in await press(pilot, "u")
        assert ("episode", "rejected") not in trajectories.counts(db)
        db.close()


async def test_masking_writes_the_turns(filled: Workspace) -> None:
    async with opened(filled) as pilot:
        await press(pilot, "enter", "1", "escape", "enter", "m")
        db = filled.connect(readonly=True)
        deck = cards.latest(db, "tester")
        assert deck is not None
        bad = next(item.card for item in cards.cards(db, deck.pk) if item.verdict)
        assert cards.masked_turns(db, bad.trajectory) == {3: "error card: contradicts the state"}
        db.close()


async def test_the_end_offers_three_ways_out_and_r_has_it_written_anew(
    filled: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simia_tui.services.processes.start_worker", lambda workspace: None)
    async with opened(filled, (120, 30)) as pilot:
        shown = await press(pilot, "enter", "4", "escape")
        assert "x excludes, m masks in training, r has it written anew from there" in shown
        shown = await press(pilot, "enter")
        assert "x exclude 1 episode" in shown and "m mask 1 turn" in shown and "r write 1 episode anew" in shown
        shown = await press(pilot, "r")
        assert "written anew by job 1" in shown
        db = filled.connect(readonly=True)
        (one,) = remakes.of_job(db, 1)
        assert one.turn == 2 and set(cards.masked_turns(db, one.trajectory)) == {3}
        assert "undo: writing anew 1" in await press(pilot, "u")
        assert cards.masked_turns(db, one.trajectory) == {}
        db.close()


async def test_a_key_that_does_not_fit_is_told_and_only_fitting_ones_are_shown(filled: Workspace) -> None:
    async with opened(filled) as pilot:
        await press(pilot, "enter")
        state = pilot.app.screen.state  # type: ignore[attr-defined]
        while not state.refused:
            await press(pilot, "space")
        shown = await press(pilot, "6")
        assert "for successes" in shown and state.done == 0
        assert "should have succeeded" in shown and "should have failed" not in shown


async def test_what_the_rules_say_stays_hidden_until_asked_for(filled: Workspace) -> None:
    async with opened(filled) as pilot:
        shown = await press(pilot, "enter")
        state = pilot.app.screen.state  # type: ignore[attr-defined]
        while state.view.card.kind != "hidden":
            shown = await press(pilot, "space")
        assert "is not allowed" not in shown and "hidden" not in shown
        assert "weeks is not allowed" in await press(pilot, "b")
        assert "is not allowed" not in await press(pilot, "b")


async def test_an_empty_workspace_says_what_to_do_and_takes_every_key(workspace: Workspace) -> None:
    async with opened(workspace) as pilot:
        assert "simulate some episodes" in screen(pilot)
        await press(pilot, "a", "1", "space", "f", "enter", "escape", "n", "b", "o", "u", "U", "plus", "minus")
        assert "simulate some episodes" in screen(pilot)


async def test_a_new_deck_can_be_drawn_after_the_last(filled: Workspace) -> None:
    async with opened(filled) as pilot:
        await press(pilot, "enter", "escape")
        shown = await press(pilot, "n")
        assert "draws 60 cards" in shown
        assert "card 1 of" in await press(pilot, "enter")
        db = filled.connect(readonly=True)
        deck = cards.latest(db, "tester")
        assert deck and deck.pk == 2
        db.close()


HOSTILE = "[red]boom[/red] \x1b[2J \u202e $name {x} " + "word " * 4000


@pytest.mark.parametrize("size", [(80, 24), (160, 48), (60, 15)])
async def test_hostile_text_is_shown_and_never_obeyed(workspace: Workspace, size: tuple[int, int]) -> None:
    db = workspace.connect()
    from deck_samples import loan

    episode = loan(HOSTILE, HOSTILE, refused=True, **{"wei[b]rd \x1b": HOSTILE})
    turns: tuple[Turn, ...] = (*episode.turns[:3], Turn(role="assistant", content=HOSTILE))
    hostile: Trajectory = episode.with_turns(turns)
    trajectories.add(db, [New(hostile, hostile, kind="episode")])
    db.close()
    async with opened(workspace, size) as pilot:
        shown = await press(pilot, "enter")
        assert "[red]boom[/red]" in shown and "\x1b" not in shown and "\u202e" not in shown
        sheet = pilot.app.screen.query_one(CardSheet)
        folded = sheet.virtual_size.height
        await press(pilot, "o")
        assert sheet.virtual_size.height > folded and not sheet.show_horizontal_scrollbar
        await press(pilot, "j", "pagedown", "k", "pageup", "b", "escape", "escape")


async def test_decisions_of_others_are_seen_at_the_end(filled: Workspace) -> None:
    async with opened(filled) as pilot:
        await press(pilot, "enter", "4", "escape")
        db = filled.connect()
        deck = cards.latest(db, "tester")
        assert deck is not None
        bad = next(item.card.trajectory for item in cards.cards(db, deck.pk) if item.verdict)
        decisions.decide(db, [bad], "reject", "bob")
        db.close()
        pilot.app.screen.news()  # type: ignore[attr-defined]
        await settle(pilot)
        assert "No episode is touched" in screen(pilot)
