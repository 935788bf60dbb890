"""Decisions, undo and redo."""

import sqlite3
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import make_trajectory

from simia_tui.model import Fault, Turn
from simia_tui.store import New, Query, Workspace, decisions, trajectories


def seeds(db: sqlite3.Connection, n: int) -> list[int]:
    return trajectories.add(db, [New(t, t) for t in (make_trajectory(f"seed {i}") for i in range(n))]).pks


def picture(db: sqlite3.Connection) -> list[object]:
    """Everything a decision can change."""
    state = db.execute("SELECT pk, status, fault, revision, title, verdict, words FROM trajectories").fetchall()
    return [*state, *db.execute("SELECT rowid FROM search WHERE search MATCH 'changed'").fetchall()]


def test_a_rejection_keeps_its_fault_and_note(db: sqlite3.Connection) -> None:
    (pk,) = seeds(db, 1)
    decisions.decide(db, [pk], "reject", "ann", Fault.TOOL_SIMULATOR, "invented a fee")
    row = trajectories.rows(db, [pk])[0]
    assert (row.status, row.fault) == ("rejected", Fault.TOOL_SIMULATOR)
    (entry,) = decisions.history(db, pk)
    assert (entry.action, entry.reviewer, entry.note) == ("reject", "ann", "invented a fee")


def test_a_bulk_act_is_one_undo(db: sqlite3.Connection) -> None:
    pks = seeds(db, 20)
    before = picture(db)
    decisions.decide(db, pks, "approve", "ann")
    undone = decisions.undo(db, "ann")
    assert undone and undone.pks == pks
    assert picture(db) == before
    assert decisions.undo(db, "ann") is None


@pytest.mark.parametrize("chunk", [3, 20, 21])
def test_a_bulk_act_in_chunks_is_one_undo_and_one_redo(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(decisions, "CHUNK", chunk)
    pks = seeds(db, 20)
    before = picture(db)
    decisions.decide(db, pks, "approve", "ann")
    after = picture(db)
    assert after != before
    assert decisions.undo(db, "ann") == decisions.Undone(1, "approve", pks, 0)
    assert picture(db) == before
    assert decisions.redo(db, "ann") == decisions.Undone(1, "approve", pks, 0)
    assert picture(db) == after


def test_others_write_between_the_chunks_of_an_act(
    workspace: Workspace, db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "CHUNK", 5)
    first, *pks = seeds(db, 21)
    other = workspace.connect()
    monkeypatch.setattr(decisions, "_give_way", lambda: decisions.decide(other, [first], "flag", "bob"))
    decisions.decide(db, pks, "approve", "ann")
    assert {row.status for row in trajectories.rows(db, pks)} == {"approved"}
    assert len(decisions.history(db, first)) == 3
    other.close()


def test_an_act_that_died_between_two_chunks_is_undone_by_one_undo(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "CHUNK", 5)
    pks = seeds(db, 20)
    before = picture(db)

    def die() -> None:
        raise KeyboardInterrupt

    for act in (lambda: decisions.decide(db, pks, "approve", "ann"), lambda: decisions.undo(db, "ann")):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(decisions, "_give_way", die)
            act()
    assert picture(db) == before
    assert decisions.undo(db, "ann") is not None
    assert picture(db) == before
    assert decisions.undo(db, "ann") is None


def test_an_act_that_is_undone_from_elsewhere_ends(
    workspace: Workspace, db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "CHUNK", 5)
    pks = seeds(db, 20)
    before = picture(db)
    other = workspace.connect()

    def undo_once() -> None:
        monkeypatch.setattr(decisions, "_give_way", lambda: None)
        decisions.undo(other, "ann")

    monkeypatch.setattr(decisions, "_give_way", undo_once)
    decisions.decide(db, pks, "approve", "ann")
    assert picture(db) == before
    other.close()


def test_an_edit_moves_text_search_and_figures_and_undo_moves_them_back(db: sqlite3.Connection) -> None:
    (pk,) = seeds(db, 1)
    before = picture(db)
    body = trajectories.get(db, pk)
    decisions.edit(db, pk, body.with_turns((*body.turns, Turn(role="assistant", content="changed words"))), [], "ann")
    assert list(trajectories.ids(db, Query(text="changed"))) == [pk]
    assert trajectories.get(db, pk, 0) == body
    decisions.undo(db, "ann")
    assert picture(db) == before
    assert trajectories.get(db, pk) == body
    decisions.redo(db, "ann")
    assert list(trajectories.ids(db, Query(text="changed"))) == [pk]


def test_undo_leaves_what_somebody_else_has_changed_since(db: sqlite3.Connection) -> None:
    a, b = seeds(db, 2)
    decisions.decide(db, [a, b], "approve", "ann")
    decisions.decide(db, [a], "reject", "bob", Fault.AGENT)
    undone = decisions.undo(db, "ann")
    assert undone and (undone.pks, undone.skipped) == ([b], 1)
    assert [row.status for row in trajectories.rows(db, [a, b])] == ["rejected", "pending"]


def test_a_new_decision_ends_redo(db: sqlite3.Connection) -> None:
    a, b = seeds(db, 2)
    decisions.decide(db, [a], "approve", "ann")
    decisions.undo(db, "ann")
    decisions.decide(db, [b], "approve", "ann")
    assert decisions.redo(db, "ann") is None


def test_undo_after_a_restart(workspace: Workspace, db: sqlite3.Connection) -> None:
    pks = seeds(db, 100)
    before = picture(db)
    for pk in pks:
        decisions.decide(db, [pk], "approve", "ann")
    db.close()
    again = workspace.connect()
    for _ in pks:
        assert decisions.undo(again, "ann")
    assert picture(again) == before


@given(st.lists(st.sampled_from(["approve", "reject", "flag", "edit", "undo", "redo"]), max_size=25))
def test_undoing_everything_restores_the_start(tmp_path_factory: object, acts: Sequence[str]) -> None:
    root = tmp_path_factory.mktemp("undo")  # type: ignore[attr-defined]
    db = Workspace.create(root).connect()
    db.execute("PRAGMA synchronous = OFF")
    pks = seeds(db, 2)
    before = picture(db)
    for n, act in enumerate(acts):
        if act in ("undo", "redo"):
            getattr(decisions, act)(db, "ann")
        elif act == "edit":
            body = trajectories.get(db, pks[n % 2])
            turns = (*body.turns, Turn(role="assistant", content=f"changed {n}"))
            decisions.edit(db, pks[n % 2], body.with_turns(turns), [], "ann")
        else:
            decisions.decide(db, [pks[n % 2]], act, "ann", Fault.AGENT if act == "reject" else None)
    while decisions.undo(db, "ann"):
        pass
    assert picture(db) == before
    db.close()
