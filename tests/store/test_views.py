"""Saved filters and last places."""

import sqlite3

import pytest
from samples import make_trajectory

from simia_tui.errors import UsageError
from simia_tui.store import New, Workspace, trajectories, views


def test_a_view_is_kept_replaced_listed_and_removed(workspace: Workspace, db: sqlite3.Connection) -> None:
    views.save(db, "seed", "mine", "status:pending refund", "ann")
    views.save(db, "seed", "bad", "verdict:broken", "bob")
    views.save(db, "seed", "mine", "status:flagged", "bob")
    views.save(db, "episode", "mine", "job:3", "ann")
    db.close()
    again = workspace.connect()
    assert [(v.name, v.line, v.reviewer) for v in views.views(again, "seed")] == [
        ("bad", "verdict:broken", "bob"),
        ("mine", "status:flagged", "bob"),
    ]
    assert views.view(again, "episode", "mine").line == "job:3"
    gone = views.remove(again, "seed", "mine", "ann")
    assert gone.line == "status:flagged" and [v.name for v in views.views(again, "seed")] == ["bad"]
    assert views.view(again, "episode", "mine")
    again.close()


def test_every_change_is_taken_back_one_by_one_also_after_a_restart(
    workspace: Workspace, db: sqlite3.Connection
) -> None:
    def lines() -> dict[str, str]:
        return {view.name: view.line for view in views.views(again, "seed")}

    views.save(db, "seed", "mine", "status:pending", "ann")
    views.save(db, "seed", "mine", "status:flagged", "ann")
    views.rename(db, "seed", "mine", "yours", "ann")
    views.save(db, "seed", "other", "loan", "bob")
    views.remove(db, "seed", "yours", "ann")
    db.close()
    again = workspace.connect()
    assert lines() == {"other": "loan"}
    assert views.undo(again, "seed", "ann") == ["yours"] and lines()["yours"] == "status:flagged"
    assert views.undo(again, "seed", "ann") == ["mine", "yours"] and lines()["mine"] == "status:flagged"
    assert views.undo(again, "seed", "ann") == ["mine"] and lines() == {"mine": "status:pending", "other": "loan"}
    assert views.undo(again, "seed", "ann") == ["mine"] and lines() == {"other": "loan"}
    assert views.undo(again, "seed", "ann") is None and views.undo(again, "episode", "bob") is None
    again.close()


def test_what_somebody_has_changed_since_is_left_alone(db: sqlite3.Connection) -> None:
    views.save(db, "seed", "mine", "status:pending", "ann")
    views.save(db, "seed", "mine", "status:flagged", "bob")
    with pytest.raises(UsageError, match="changed mine since"):
        views.undo(db, "seed", "ann")
    with pytest.raises(UsageError, match="already"):
        views.save(db, "seed", "two", "", "ann")
        views.rename(db, "seed", "two", "mine", "ann")
    assert {view.name: view.line for view in views.views(db, "seed")} == {"mine": "status:flagged", "two": ""}


@pytest.mark.parametrize("name", ["", "two words", "a/b", "x" * 41, "[red]"])
def test_a_name_is_one_word(db: sqlite3.Connection, name: str) -> None:
    with pytest.raises(UsageError, match="one word"):
        views.save(db, "seed", name, "", "ann")


def test_a_line_that_is_no_filter_is_not_kept(db: sqlite3.Connection) -> None:
    with pytest.raises(UsageError, match="status"):
        views.save(db, "seed", "mine", "status:odd", "ann")
    assert views.views(db, "seed") == []


def test_an_unknown_view_lists_the_known(db: sqlite3.Connection) -> None:
    with pytest.raises(UsageError, match="none is saved"):
        views.view(db, "seed", "mine")
    views.save(db, "seed", "good", "", "ann")
    with pytest.raises(UsageError, match="there are good"):
        views.remove(db, "seed", "mine", "ann")


def test_each_reviewer_has_a_place_of_each_kind(workspace: Workspace, db: sqlite3.Connection) -> None:
    (pk,) = trajectories.add(db, [New(make_trajectory(), make_trajectory())]).pks
    assert views.place(db, "ann", "seed") is None and views.latest_place(db, "ann") is None
    views.leave(db, "ann", "seed", "status:pending", pk, 3)
    views.leave(db, "ann", "episode", "", None)
    views.leave(db, "bob", "seed", "loan", pk)
    views.leave(db, "ann", "seed", "status:flagged", pk, 4)
    db.close()
    again = workspace.connect()
    found = views.place(again, "ann", "seed")
    assert found and found[:3] == ("status:flagged", pk, 4)
    latest = views.latest_place(again, "ann")
    assert latest and latest[0] == "seed" and latest[1] == found
    assert views.place(again, "bob", "seed") != found
    again.close()
