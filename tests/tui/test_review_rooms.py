"""Seeds and Episodes by keyboard: decisions, undo, filter, marks, edits, and what happens when the store refuses."""

import json
import sqlite3
from array import array
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from samples import make_trajectory
from stage import EPISODES, put, put_episodes, put_seeds

from simia_tui.model import Turn
from simia_tui.store import Query, Row, Workspace, decisions, trajectories
from simia_tui.tui.screens.review import EpisodesScreen
from simia_tui.tui.state.review import ReviewState
from simia_tui.tui.widgets.record_table import PAGE, RecordTable
from simia_tui.tui.widgets.transcript import Transcript

Opened = Callable[..., Any]


def states(workspace: Workspace, kind: str = "episode") -> list[str]:
    """Status of every trajectory of a kind, as another process reads it."""
    db = workspace.connect(readonly=True)
    try:
        pks = trajectories.ids(db, Query(kind=kind))  # type: ignore[arg-type]
        return [str(row.status) for row in trajectories.rows(db, list(pks))]
    finally:
        db.close()


@pytest.fixture
def queue(workspace: Workspace, db: sqlite3.Connection) -> Workspace:
    put_episodes(db)
    return workspace


async def test_one_key_approves_and_goes_on(queue: Workspace, opened: Opened) -> None:
    async with opened(queue) as bench:
        await bench.keys("g", "e")
        assert EPISODES[0][:20] in bench.text
        text = await bench.keys("a")
        assert states(queue) == ["approved", *["pending"] * 4]
        assert "approved #1" in text and bench.app.screen.state.pk == 2


async def test_two_keys_reject_with_a_reason_and_enter_repeats_it(queue: Workspace, opened: Opened) -> None:
    async with opened(queue) as bench:
        text = await bench.keys("g", "e", "x")
        assert "1 agent" in text and "9 other" in text and "esc leave" in text
        assert states(queue) == ["pending"] * 5, "nothing is decided before the reason"
        await bench.keys("2")
        await bench.keys("x", "enter")
        db = queue.connect()
        rows = trajectories.rows(db, [1, 2])
        assert [(row.status, row.fault) for row in rows] == [("rejected", "tool simulator")] * 2


async def test_a_strip_can_be_left_and_ignores_other_keys(queue: Workspace, opened: Opened) -> None:
    async with opened(queue) as bench:
        await bench.keys("g", "e", "x", "a", "escape")
        assert isinstance(bench.app.screen, EpisodesScreen) and states(queue) == ["pending"] * 5


async def test_a_decision_is_on_disk_before_the_next_item_is_painted(
    queue: Workspace, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_disk: list[int] = []
    show = Transcript.show

    def spy(self: Transcript, *args: Any, **kwargs: Any) -> None:
        on_disk.append(Counter(states(queue))["approved"])
        show(self, *args, **kwargs)

    async with opened(queue) as bench:
        await bench.keys("g", "e")
        monkeypatch.setattr(Transcript, "show", spy)
        await bench.keys("a", "a", "a")
    assert on_disk[:1] == [1] and on_disk == sorted(on_disk) and on_disk[-1] == 3


async def test_undo_reaches_back_before_a_restart_and_redo_brings_it_again(queue: Workspace, opened: Opened) -> None:
    async with opened(queue) as bench:
        await bench.keys("g", "e", "a", "x", "1", "f")
    assert states(queue)[:3] == ["approved", "rejected", "flagged"]
    async with opened(queue) as bench:
        text = await bench.keys("g", "e", "u")
        assert "undo: flag" in text and bench.app.screen.state.pk == 3
        await bench.keys("backspace", "u")
        assert states(queue) == ["pending"] * 5
        assert "nothing to undo" in await bench.keys("u")
        await bench.keys("U", "U")
        assert states(queue)[:3] == ["approved", "rejected", "pending"]


async def test_the_filter_looks_up_while_it_is_typed_and_no_verdict_is_given_meanwhile(
    queue: Workspace, opened: Opened
) -> None:
    async with opened(queue) as bench:
        await bench.keys("g", "e", "slash")
        await bench.type("fax")
        assert states(queue) == ["pending"] * 5 and "Approve" not in bench.bar
        await bench.keys("backspace", "backspace", "backspace")
        await bench.type("card")
        await bench.until(lambda: list(bench.app.screen.state.ids) == [2])
        text = await bench.keys("enter")
        assert "/ card   1 found" in text and "Approve" in bench.bar
        text = await bench.keys("escape")
        assert "all episodes" in text and len(bench.app.screen.state.ids) == 5


async def test_a_filter_by_rule_and_a_wrong_one(queue: Workspace, opened: Opened) -> None:
    async with opened(queue, (120, 40)) as bench:
        await bench.keys("g", "e", "slash")
        await bench.type("rule:call.json")
        await bench.until(lambda: list(bench.app.screen.state.ids) == [3])
        await bench.keys("enter", "slash")
        await bench.type(" status:blue")
        await bench.until(lambda: "has no value 'blue'; it knows pending, approved" in bench.bar)


async def test_marked_items_are_decided_as_one_act_after_a_question(queue: Workspace, opened: Opened) -> None:
    async with opened(queue) as bench:
        await bench.keys("g", "e", "m", "m")
        assert "2 marked" in bench.bar
        text = await bench.keys("a")
        assert "Approve 2 marked episodes?" in text and states(queue) == ["pending"] * 5
        await bench.keys("enter")
        assert states(queue) == ["approved", "approved", "pending", "pending", "pending"]
        assert "marked" not in bench.bar
        await bench.keys("asterisk", "x", "6", "enter")
        assert states(queue) == ["rejected"] * 5
        await bench.keys("u")
        assert states(queue) == ["approved", "approved", "pending", "pending", "pending"]


async def test_the_question_of_a_bulk_act_can_be_left(queue: Workspace, opened: Opened) -> None:
    async with opened(queue) as bench:
        await bench.keys("g", "e", "asterisk", "a", "escape")
        assert states(queue) == ["pending"] * 5


async def test_skip_puts_an_item_at_the_end(queue: Workspace, opened: Opened) -> None:
    async with opened(queue) as bench:
        await bench.keys("g", "e", "space")
        assert list(bench.app.screen.state.ids) == [2, 3, 4, 5, 1] and bench.app.screen.state.pk == 2


async def test_an_edit_is_checked_kept_as_a_revision_and_undone(queue: Workspace, opened: Opened) -> None:
    async with opened(queue) as bench:
        text = await bench.keys("g", "e", "tab", "j", "e")
        assert "Turn 2: assistant" in text and bench.app.focused.id == "content"
        await bench.type("Oh. ")
        await bench.keys("f2")
        db = queue.connect()
        assert trajectories.get(db, 1).turns[1].content == "Oh. I look you up."
        assert trajectories.get(db, 1, 0).turns[1].content == "I look you up."
        assert "revision 1" in bench.text and "saved" in bench.bar
        await bench.keys("u")
        assert trajectories.get(db, 1).turns[1].content == "I look you up."


async def test_arguments_that_are_no_json_are_refused_and_changes_are_not_lost_by_one_escape(
    queue: Workspace, opened: Opened
) -> None:
    async with opened(queue) as bench:
        await bench.keys("g", "e", "tab", "j", "e", "tab", "tab")
        assert bench.app.focused.id == "arguments-0"
        text = await bench.type("x")
        assert "not JSON" in text
        assert "not JSON" in await bench.keys("f2")
        assert "throws it away" in await bench.keys("escape")
        await bench.keys("escape")
        assert isinstance(bench.app.screen, EpisodesScreen)
        assert trajectories.rows(queue.connect(), [1])[0].revision == 0


async def test_a_turn_of_a_megabyte_is_edited_by_the_editor_alone(
    workspace: Workspace, db: sqlite3.Connection, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[str] = []

    def edit(text: str, extension: str) -> str:
        given.append(text)
        return "Another " + text

    monkeypatch.setattr("click.edit", edit)
    long = "word " * 200_000
    put(db, "episode", make_trajectory(turns=(Turn(role="user", content=long),)))
    async with opened(workspace) as bench:
        monkeypatch.setattr(bench.app, "suspend", nullcontext)
        assert "characters in all, o opens" in await bench.keys("g", "e", "tab", *["pagedown"] * 8)
        text = await bench.keys("e")
        assert "1,000,000 characters: too long to edit here; ctrl+e opens $EDITOR" in text
        text = await bench.keys("ctrl+e")
        assert given == [long] and "1,000,008 characters" in text and "Another word" in text
        assert "throws it away" in await bench.keys("escape")
        await bench.keys("f2")
        assert str(trajectories.get(db, 1).turns[0].content).startswith("Another word")
        assert trajectories.get(db, 1, 0).turns[0].content == long


async def test_new_episodes_are_announced_and_do_not_move_the_list(queue: Workspace, opened: Opened) -> None:
    async with opened(queue) as bench:
        await bench.keys("g", "e", "j")
        db = queue.connect()
        put(db, "episode", make_trajectory("A late one"))
        text = await bench.until(lambda: "1 new, . shows them" in bench.text)
        assert "A late one" not in text and bench.app.screen.state.pk == 2
        text = await bench.keys("full_stop")
        assert "1 new" not in text and len(bench.app.screen.state.ids) == 6 and bench.app.screen.state.pk == 2


async def test_an_empty_room_says_what_to_do_and_offers_no_verdict(workspace: Workspace, opened: Opened) -> None:
    async with opened(workspace) as bench:
        text = await bench.keys("g", "s")
        assert "import some with I" in text and "Approve" not in bench.bar
        await bench.keys("a", "x", "e", "space", "J", "u", "asterisk")
        assert bench.app.is_running and not bench.app.query("#strip")


async def test_a_locked_database_is_one_sentence_and_loses_nothing(queue: Workspace, opened: Opened) -> None:
    other = queue.connect()
    async with opened(queue) as bench:
        await bench.keys("g", "e", "a")
        bench.app.bench.db.execute("PRAGMA busy_timeout = 1")
        other.execute("BEGIN IMMEDIATE")
        text = await bench.keys("a")
        assert "Not decided" in text and "locked" in text
        assert bench.app.screen.state.pk == 2
        other.execute("ROLLBACK")
        await bench.keys("a")
    assert states(queue) == ["approved", "approved", "pending", "pending", "pending"]


@pytest.mark.parametrize("key", ["a", "f", "u"])
async def test_a_read_only_database_is_one_sentence(queue: Workspace, opened: Opened, key: str) -> None:
    decisions.decide(queue.connect(), [5], "approve", "tester")
    async with opened(queue) as bench:
        await bench.keys("g", "e")
        bench.app.bench.db.execute("PRAGMA query_only = ON")
        assert "read-only" in await bench.keys(key)
        assert bench.app.screen.state.pk == 1
    assert states(queue) == ["pending"] * 4 + ["approved"]


async def test_a_filter_that_the_store_cannot_answer_is_told(
    queue: Workspace, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(db: sqlite3.Connection, query: Query) -> "array[int]":
        raise sqlite3.OperationalError("database disk image is malformed")

    async with opened(queue) as bench:
        await bench.keys("g", "e")
        monkeypatch.setattr(ReviewState, "ids_of", staticmethod(refuse))
        await bench.pilot.press("full_stop")
        await bench.until(lambda: "damaged" in bench.text)
        assert len(bench.app.screen.state.ids) == 5


async def test_of_a_hundred_thousand_rows_only_what_is_shown_is_read(
    workspace: Workspace, db: sqlite3.Connection, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are fake, the list and its keys are real."""
    (pk, *_) = put_seeds(db)
    (real,) = trajectories.rows(db, [pk])
    body = trajectories.get(db, pk)
    read: list[int] = []

    def rows(_db: sqlite3.Connection, pks: list[int]) -> list[Row]:
        read.extend(pks)
        return [real._replace(pk=number, title=f"row {number}") for number in pks]

    everything = array("q", range(1, 100_001))
    monkeypatch.setattr(trajectories, "rows", rows)
    monkeypatch.setattr(trajectories, "ids", lambda _db, _query: everything)
    monkeypatch.setattr(trajectories, "count", lambda _db, _query: len(everything))
    monkeypatch.setattr(trajectories, "get", lambda *_args: body)
    async with opened(workspace) as bench:
        text = await bench.keys("g", "s")
        assert "row 1 " in text and "1 of 100,000" in bench.bar
        assert len(read) < 4 * PAGE
        read.clear()
        text = await bench.keys("end")
        assert "row 100000" in text and "100,000 of 100,000" in bench.bar
        assert len(read) <= 3 * PAGE
        read.clear()
        await bench.keys("pageup", "pageup", "k", "k", "home")
        assert len(read) <= 4 * PAGE
        assert bench.app.screen.query_one(RecordTable).pk == 1


async def test_seeds_have_the_same_keys(workspace: Workspace, db: sqlite3.Connection, opened: Opened) -> None:
    put_seeds(db)
    async with opened(workspace) as bench:
        await bench.keys("g", "s", "a", "x", "8")
    assert states(workspace, "seed") == ["approved", "rejected", "pending"]
    decided = [json.loads(decision.model_dump_json())["action"] for decision in decisions.history(db, 2)]
    assert decided == ["reject"]


async def test_keys_of_one_burst_act_in_their_order_each_on_the_item_before_it(
    queue: Workspace, opened: Opened
) -> None:
    async with opened(queue) as bench:
        await bench.pilot.press("g", "e")
        await bench.keys()
        for key in ("j", "a", "x", "1", "j", "f"):
            bench.app.simulate_key(key)
        await bench.keys()
    assert states(queue) == ["pending", "approved", "rejected", "pending", "flagged"]
    async with opened(queue) as bench:
        for key in ("g", "e", "g", "j", "g", "e"):
            bench.app.simulate_key(key)
        assert "[Episodes" in await bench.keys()
    assert states(queue) == ["pending", "approved", "rejected", "pending", "flagged"]
