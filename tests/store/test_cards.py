"""Decks and verdicts: order, undo across restarts, masks that follow the body that counts."""

import sqlite3
from collections.abc import Sequence

import pytest
from deck_samples import fill
from hypothesis import given, settings
from hypothesis import strategies as st

from simia_tui.store import Query, Workspace, cards, decisions, trajectories
from simia_tui.store.cards import SKIP, Card, Mask


def deck_of(db: sqlite3.Connection, n: int = 3) -> int:
    fill(db, errors=n, hidden=0, controls=0, real=1)
    pks = list(trajectories.ids(db, Query(kind="episode")))
    (real,) = trajectories.ids(db, Query(kind="seed"))
    made = [Card(0, "error", pk, 0, 2, 1, 0, "renew_loan", "Error: #", None, (real, 0, 2)) for pk in pks]
    return cards.add(db, "ann", "", 7, {"domains": []}, made)


def test_a_deck_comes_back_as_it_was_stored(db: sqlite3.Connection) -> None:
    deck = deck_of(db)
    found = cards.latest(db, "ann")
    assert found and (found.pk, found.random_seed, found.report) == (deck, 7, {"domains": []})
    assert cards.latest(db, "bob") is None
    judged = cards.cards(db, deck)
    assert [item.card.n for item in judged] == [0, 1, 2] and {item.verdict for item in judged} == {None}
    assert judged[0].card.near is not None and judged[0].card.near[1:] == (0, 2)


def test_verdicts_lead_to_the_next_card_and_skips_come_last(db: sqlite3.Connection) -> None:
    deck = deck_of(db)
    seen = []
    for verdict in (SKIP, "plausible", "plausible", SKIP, "plausible"):
        card = cards.current(db, deck)
        assert card is not None
        seen.append(card.n)
        cards.judge(db, deck, card.n, "ann", verdict, 4.5)
    assert seen == [0, 1, 2, 0, 0]
    assert cards.current(db, deck) is None and cards.progress(db, deck) == (3, 3)
    assert cards.log(db, deck)[0][:3] == (0, SKIP, "ann")


def test_undo_and_redo_survive_a_restart(workspace: Workspace, db: sqlite3.Connection) -> None:
    deck = deck_of(db)
    for n in range(3):
        cards.judge(db, deck, n, "ann", "plausible")
    db.close()
    again = workspace.connect()
    assert [cards.undo(again, deck, "ann") for _ in range(4)] == [2, 1, 0, None]
    assert cards.progress(again, deck) == (0, 3)
    assert [cards.redo(again, deck, "ann") for _ in range(4)] == [0, 1, 2, None]
    assert cards.progress(again, deck) == (3, 3)
    assert cards.undo(again, deck, "bob") is None


def test_a_new_verdict_ends_redo(db: sqlite3.Connection) -> None:
    deck = deck_of(db)
    cards.judge(db, deck, 0, "ann", "plausible")
    cards.undo(db, deck, "ann")
    cards.judge(db, deck, 0, "ann", "flagged")
    assert cards.redo(db, deck, "ann") is None
    assert cards.cards(db, deck)[0].verdict == "flagged"


@settings(max_examples=40)
@given(st.lists(st.sampled_from(["judge", "skip", "undo", "redo"]), max_size=20))
def test_undoing_everything_restores_the_start(tmp_path_factory: pytest.TempPathFactory, acts: Sequence[str]) -> None:
    db = Workspace.create(tmp_path_factory.mktemp("deck")).connect()
    db.execute("PRAGMA synchronous = OFF")
    deck = deck_of(db)
    for act in acts:
        card = cards.current(db, deck)
        if act in ("undo", "redo"):
            getattr(cards, act)(db, deck, "ann")
        elif card is not None:
            cards.judge(db, deck, card.n, "ann", "plausible" if act == "judge" else SKIP)
    while cards.undo(db, deck, "ann") is not None:
        pass
    first = cards.current(db, deck)
    assert first is not None and first.n == 0 and cards.progress(db, deck) == (0, 3)
    assert all(entry[5] for entry in cards.log(db, deck))
    db.close()


def test_masks_hold_for_the_revision_they_were_made_for(db: sqlite3.Connection) -> None:
    deck = deck_of(db)
    pk = cards.cards(db, deck)[0].card.trajectory
    cards.add_outcome(db, deck, "ann", "mask", 1, masks=[Mask(pk, 0, 3, "leaks")])
    outcome = cards.outcome(db, deck)
    assert outcome is not None
    assert cards.masked_turns(db, pk) == {3: "leaks"}
    body = trajectories.get(db, pk)
    decisions.edit(db, pk, body.with_turns(body.turns[:3]), [], "ann")
    assert cards.masked_turns(db, pk) == {}
    decisions.undo(db, "ann")
    assert cards.masked_turns(db, pk) == {3: "leaks"}
    cards.undo_outcome(db, outcome)
    assert cards.masked_turns(db, pk) == {} and cards.outcome(db, deck) is None


def test_rates_and_frames_come_from_columns(db: sqlite3.Connection) -> None:
    fill(db, errors=4, hidden=2, controls=3, real=6)
    assert cards.rates(db, "episode") == {"library": (4, 9)}
    assert cards.rates(db, "seed") == {"library": (2, 6)}
    assert len(cards.with_errors(db, "episode", None)) == 4
    assert len(cards.with_suspicion(db, "episode", "library")) == 2
    assert len(cards.with_successes(db, "episode", "library")) == 5
    assert cards.with_errors(db, "episode", "airline") == []
    rejected = cards.with_errors(db, "episode", None)[0]
    decisions.decide(db, [rejected], "reject", "ann")
    assert cards.rates(db, "episode") == {"library": (3, 8)}
    leading = cards.using(db, "renew_loan", errors_first=True, limit=2)
    assert [row.errors for row in trajectories.rows(db, leading)] == [1, 1]
