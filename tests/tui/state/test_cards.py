"""The deck as a state: where it stands, what each key does, and where it opens after a restart."""

import sqlite3

import pytest
from deck_samples import fill

from simia_tui.errors import UsageError
from simia_tui.services import cards as service
from simia_tui.store import Workspace, cards, decisions, trajectories
from simia_tui.tui.state.cards import CardsState, words_of


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def drawn(db: sqlite3.Connection, size: int = 20, clock: Clock | None = None, **numbers: int) -> CardsState:
    fill(db, **numbers)
    state = CardsState(db, "ann", clock or Clock())
    state.open(service.draw(db, "ann", size, random_seed=4))
    return state


def key_for(state: CardsState, good: bool) -> str:
    return "a" if good else "2"


def test_it_is_ready_without_a_deck_and_takes_every_act_calmly(db: sqlite3.Connection) -> None:
    state = CardsState(db, "ann")
    assert state.phase == "ready" and state.calibrations is None
    assert state.judge("a") is not None and state.undo() is None and state.redo() is False
    state.skip()
    state.pause()
    assert state.phase == "ready"


def test_each_verdict_is_on_disk_when_the_next_card_is_there(workspace: Workspace, db: sqlite3.Connection) -> None:
    state = drawn(db)
    other = workspace.connect(readonly=True)
    assert state.deck is not None
    for n in range(20):
        assert (state.phase, state.done, state.total) == ("card", n, 20)
        assert state.judge("a") is None
        assert cards.progress(other, state.deck.pk) == (n + 1, 20)
    assert state.phase == "end" and state.view is None
    other.close()


def test_a_key_that_does_not_fit_the_card_says_so_and_writes_nothing(db: sqlite3.Connection) -> None:
    state = drawn(db, errors=5, hidden=0, controls=0)
    assert state.refused and "6" not in dict(state.choices())
    said = state.judge("6")
    assert said is not None and "for successes" in said and state.done == 0
    state = drawn(db, errors=0, hidden=0, controls=5)
    while state.refused:
        state.skip()
    assert not {"3", "5"} & set(dict(state.choices()))
    assert "for refusals" in (state.judge("5") or "")


def test_a_deck_opens_where_it_was_left(workspace: Workspace, db: sqlite3.Connection) -> None:
    state = drawn(db)
    for key in ("a", "a", "f"):
        state.judge(key)
    state.skip()
    assert state.view is not None
    left = state.view.card
    db.close()
    again = CardsState(workspace.connect(), "ann")
    assert again.phase == "card" and again.view is not None and again.view.card == left and again.done == 3
    assert again.calibrations == state.calibrations
    assert CardsState(again.db, "bob").phase == "ready"
    said = [again.undo() for _ in range(5)]
    assert said == ["the last card"] * 4 + [None]
    assert again.done == 0 and again.view.card.n == 0


def test_a_finished_deck_is_not_opened_again(db: sqlite3.Connection) -> None:
    state = drawn(db)
    while state.phase == "card":
        state.judge("a")
    assert CardsState(db, "ann").phase == "ready"


def test_redo_brings_back_what_undo_took(db: sqlite3.Connection) -> None:
    state = drawn(db)
    state.judge("a")
    state.undo()
    assert state.redo() and state.done == 1
    assert not state.redo()


def test_the_deck_so_far_can_be_looked_at_and_left_again(db: sqlite3.Connection) -> None:
    state = drawn(db)
    state.judge("a")
    state.pause()
    assert state.phase == "end" and state.summary().waiting == 19
    state.pause()
    assert state.phase == "card" and state.done == 1


def test_excluding_and_its_undo(db: sqlite3.Connection) -> None:
    state = drawn(db)
    with pytest.raises(UsageError):
        state.act("exclude")
    assert state.view is not None
    pk = state.view.card.trajectory
    state.judge("4")
    state.pause()
    assert state.act("exclude") == 1 and trajectories.rows(db, [pk])[0].status == "rejected"
    assert state.undo() == "excluding 1" and state.phase == "end"
    assert trajectories.rows(db, [pk])[0].status == "pending"
    assert state.undo() == "the last card" and state.phase == "card"


def test_deciding_elsewhere_does_not_trouble_the_deck(db: sqlite3.Connection) -> None:
    state = drawn(db)
    assert state.view is not None
    decisions.decide(db, [state.view.card.trajectory], "approve", "ann")
    assert state.judge("a") is None and state.undo() == "the last card"


def test_time_in_view_is_kept_and_hasty_verdicts_are_noticed(db: sqlite3.Connection) -> None:
    clock = Clock()
    state = drawn(db, clock=clock)
    assert state.deck is not None and state.view is not None and words_of(state.view) > 5
    for _ in range(5):
        clock.now += 0.2
        state.judge("a")
    assert state.dwell.warning is not None
    seconds = [entry[4] for entry in cards.log(db, state.deck.pk)]
    assert seconds == pytest.approx([0.2] * 5)
    state.undo()
    assert state.dwell.warning is None


def test_the_size_stays_within_what_can_be_drawn(db: sqlite3.Connection) -> None:
    state = CardsState(db, "ann")
    for _ in range(9):
        state.resize(1)
    assert state.size == service.SIZES[-1]
    for _ in range(9):
        state.resize(-1)
    assert state.size == service.SIZES[0]
