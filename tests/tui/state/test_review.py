import sqlite3
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

from simia_tui.errors import UsageError
from simia_tui.model import Fault, Finding, Severity, Status, Trajectory, Turn
from simia_tui.store import New, Query, Workspace, trajectories
from simia_tui.tui.state.review import AHEAD, ReviewState


def trajectory(text: str) -> Trajectory:
    return Trajectory(turns=(Turn(role="user", content=text), Turn(role="assistant", content="Yes.")))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "w")


@pytest.fixture
def db(workspace: Workspace) -> Iterator[sqlite3.Connection]:
    db = workspace.connect()
    yield db
    db.close()


def add(db: sqlite3.Connection, count: int, kind: str = "seed", word: str = "seed") -> list[int]:
    found = Finding(rule="a.rule", severity=Severity.WARNING, message="Look.", turn=1)
    news = [
        New(t, t, [found], kind="seed" if kind == "seed" else "episode")
        for t in map(trajectory, map(f"{word} {{}}".format, range(count)))
    ]
    return trajectories.add(db, news).pks


def state(db: sqlite3.Connection, line: str = "status:pending", reviewer: str = "ada") -> ReviewState:
    review = ReviewState(db, reviewer, "seed")
    review.query = review.parse(line)
    review.refresh()
    return review


def test_it_starts_on_the_first_and_loads_it_when_asked(db: sqlite3.Connection) -> None:
    pks = add(db, 3)
    review = state(db)
    assert list(review.ids) == pks and review.pk == pks[0] and review.place == 0
    assert review.trajectory is not None and review.trajectory.turns[0].content == "seed 0"
    assert review.findings[0].rule == "a.rule"
    assert review.row is not None and review.row.status is Status.PENDING


def test_an_empty_queue_takes_every_act_calmly(db: sqlite3.Connection) -> None:
    review = state(db)
    assert review.pk is None and review.trajectory is None and review.row is None and review.findings == []
    assert review.decide("approve") is None and review.undo() is None and review.redo() is None
    assert review.advance() is False
    review.skip()
    review.step(1)
    assert review.counts[Status.PENDING] == 0


def test_a_decision_is_stored_before_the_next_item_is_current(db: sqlite3.Connection, workspace: Workspace) -> None:
    pks = add(db, 3)
    review = state(db)
    seen: list[tuple[int | None, str]] = []
    other = workspace.connect(readonly=True)
    review.subscribe(lambda: seen.append((review.pk, trajectories.rows(other, pks[:1])[0].status)))
    review.decide("approve")
    assert seen == [(pks[1], "approved")]
    assert list(review.ids) == pks
    assert review.counts[Status.APPROVED] == 1
    other.close()


def test_decisions_advance_to_what_still_waits_and_start_over(db: sqlite3.Connection) -> None:
    pks = add(db, 4)
    review = state(db, "")
    review.go_to(pks[2])
    review.decide("reject", Fault.AGENT)
    assert review.pk == pks[3] and review.last_fault is Fault.AGENT
    review.decide("flag")
    assert review.pk == pks[0]
    review.decide("approve")
    review.decide("approve")
    assert review.pk == pks[1] and review.advance() is False


def test_what_waits_far_ahead_is_found(db: sqlite3.Connection) -> None:
    pks = add(db, AHEAD + 20)
    review = state(db, "")
    review.decide("approve", pks=pks[1:-1])
    assert review.pk == pks[0]
    review.decide("approve")
    assert review.pk == pks[-1]


def test_undo_shows_the_item_again_also_in_a_new_state(db: sqlite3.Connection) -> None:
    pks = add(db, 3)
    state(db).decide("approve")
    again = state(db)
    assert list(again.ids) == pks[1:]
    undone = again.undo()
    assert undone is not None and undone.pks == [pks[0]]
    assert again.pk == pks[0] and list(again.ids) == pks
    assert again.row is not None and again.row.status is Status.PENDING
    redone = again.redo()
    assert redone is not None and again.row is not None and again.row.status is Status.APPROVED


def test_undo_is_the_reviewers_own_and_takes_back_a_whole_act(db: sqlite3.Connection) -> None:
    pks = add(db, 3)
    ada = state(db)
    ada.decide("reject", Fault.FORMAT, pks=pks)
    assert state(db, reviewer="bob").undo() is None
    undone = ada.undo()
    assert undone is not None and undone.pks == pks
    assert ada.counts[Status.PENDING] == 3


def test_undo_of_the_other_kind_does_not_move_this_queue(db: sqlite3.Connection) -> None:
    seeds, episodes = add(db, 2), add(db, 1, "episode", "episode")
    other = ReviewState(db, "ada", "episode")
    other.refresh()
    other.decide("approve")
    review = state(db)
    undone = review.undo()
    assert undone is not None and undone.pks == episodes and review.pk == seeds[0]


def test_skip_puts_the_item_last(db: sqlite3.Connection) -> None:
    pks = add(db, 3)
    review = state(db)
    review.skip()
    assert list(review.ids) == [pks[1], pks[2], pks[0]] and review.pk == pks[1]


def test_a_new_snapshot_keeps_the_place(db: sqlite3.Connection) -> None:
    pks = add(db, 5)
    review = state(db)
    review.go_to(pks[3])
    review.take(Query(kind="seed"), array("q", reversed(pks)))
    assert review.pk == pks[3] and review.place == 1
    review.take(Query(kind="seed"), array("q", pks[:3]))
    assert review.pk == pks[1]
    review.take(Query(kind="seed"), array("q"))
    assert review.pk is None


def test_steps_stop_at_the_ends(db: sqlite3.Connection) -> None:
    pks = add(db, 3)
    review = state(db)
    review.step(-1)
    assert review.pk == pks[0]
    review.step(9)
    assert review.pk == pks[2]


def test_an_edit_is_what_counts_from_then_on(db: sqlite3.Connection) -> None:
    add(db, 1)
    review = state(db)
    review.edit(trajectory("better"), [])
    assert review.trajectory is not None and review.trajectory.turns[0].content == "better"
    assert review.findings == [] and review.row is not None and review.row.revision > 0
    review.undo()
    assert review.trajectory.turns[0].content == "seed 0"


def test_writes_of_others_are_noticed_once(db: sqlite3.Connection, workspace: Workspace) -> None:
    review = state(db)
    assert not review.changed_elsewhere()
    other = workspace.connect()
    add(other, 1)
    other.close()
    assert review.changed_elsewhere() and not review.changed_elsewhere()


def test_a_wrong_filter_is_refused_and_a_listener_can_leave(db: sqlite3.Connection) -> None:
    add(db, 2)
    review = state(db)
    with pytest.raises(UsageError, match="status"):
        review.parse("status:nonsense")
    calls: list[int] = []
    leave = review.subscribe(lambda: calls.append(1))
    review.step(1)
    leave()
    review.step(-1)
    assert calls == [1]


def test_the_body_stays_the_same_object_while_the_same_revision_counts(db: sqlite3.Connection) -> None:
    add(db, 2)
    review = state(db, "")
    before = review.trajectory
    assert before is not None
    review.forget()
    assert review.trajectory is before
    review.decide("flag")
    review.undo()
    assert review.trajectory == before
    review.edit(before.with_turns((*before.turns, Turn(role="user", content="More."))), [])
    assert review.trajectory is not before and review.trajectory != before and review.findings == []
