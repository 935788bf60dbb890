"""Drawing decks, their summary, and what is done with the episodes."""

import random
import sqlite3
from collections import Counter

import pytest
from deck_samples import fill, loan
from hypothesis import given
from hypothesis import strategies as st

from simia_tui.errors import SimiaError, UsageError
from simia_tui.evaluation.interval import wilson
from simia_tui.model import Fault
from simia_tui.services import cards as service
from simia_tui.services.cards import CardVerdict
from simia_tui.settings import Settings
from simia_tui.store import New, Query, Workspace, cards, decisions, jobs, remakes, trajectories
from simia_tui.store.connection import write
from simia_tui.store.remakes import Remade, Stage


def kinds(db: sqlite3.Connection, deck: int) -> Counter[str]:
    return Counter(item.card.kind for item in cards.cards(db, deck))


def judge_all(db: sqlite3.Connection, deck: int, **verdicts: CardVerdict) -> None:
    for item in cards.cards(db, deck):
        cards.judge(db, deck, item.card.n, "ann", verdicts.get(item.card.kind, CardVerdict.PLAUSIBLE))


def test_half_are_errors_and_a_quarter_each_hidden_successes_and_controls(db: sqlite3.Connection) -> None:
    fill(db)
    deck = service.draw(db, "ann", 40, random_seed=3)
    assert kinds(db, deck) == {"error": 20, "hidden": 10, "control": 10}
    order = [item.card.kind for item in cards.cards(db, deck)]
    assert order != sorted(order)
    assert all(item.card.why for item in cards.cards(db, deck) if item.card.kind == "hidden")


def test_the_same_seed_draws_the_same_deck(db: sqlite3.Connection) -> None:
    fill(db)
    first, again, other = (service.draw(db, "ann", 20, random_seed=s) for s in (5, 5, 6))
    assert cards.cards(db, first) == cards.cards(db, again)
    assert cards.cards(db, first) != cards.cards(db, other)


def test_errors_are_spread_over_templates(db: sqlite3.Connection) -> None:
    fill(db, errors=40)
    deck = service.draw(db, "ann", 20, random_seed=1)
    said = Counter(item.card.template for item in cards.cards(db, deck) if item.card.kind == "error")
    assert said == {"Error: loan # is overdue": 5, "Error: loan # has a hold": 5}


def test_an_error_is_set_beside_the_likest_real_error(db: sqlite3.Connection) -> None:
    fill(db)
    deck = service.draw(db, "ann", 20, random_seed=1)
    for item in cards.cards(db, deck):
        view = service.view(db, item.card)
        assert view.near is not None and view.near_call is not None
        if item.card.kind == "error":
            assert view.near.is_error and "is overdue" in (view.near.content or "")


def test_a_card_shows_what_is_needed_to_judge_it(db: sqlite3.Connection) -> None:
    episode = loan("extend it", "Error: no", refused=True, weeks=9, colour="red")
    trajectories.add(db, [New(episode, episode, kind="episode")])
    view = service.view(db, cards.cards(db, service.draw(db, "ann", 20))[0].card)
    assert view.user and view.user.content == "extend it"
    assert view.observation.content == "Error: no" and view.move and view.move.content == "I see."
    assert view.near is None
    declared = {item.name: (item.value, item.declared, item.required) for item in view.arguments}
    assert declared == {
        "loan_id": ('"L7"', "string: The loan.", True),
        "weeks": ("9", "integer: one of 1, 2, 3", True),
        "colour": ('"red"', None, False),
    }


def test_too_few_of_a_kind_make_a_smaller_deck_and_none_at_all_is_told(db: sqlite3.Connection) -> None:
    with pytest.raises(SimiaError, match="simulate some"):
        service.draw(db, "ann")
    fill(db, errors=3, hidden=0, controls=2)
    assert kinds(db, service.draw(db, "ann", 60)) == {"error": 3, "control": 2}


def test_rejected_episodes_and_repaired_findings_are_left_out(db: sqlite3.Connection) -> None:
    fill(db, errors=4, hidden=2, controls=2)
    decisions.decide(db, cards.with_errors(db, "episode", None), "reject", "ann", Fault.AGENT)
    assert "error" not in kinds(db, service.draw(db, "ann", 20))


def test_no_more_bodies_are_read_than_allowed(db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(db, errors=60, hidden=0, controls=60, real=0)
    monkeypatch.setattr(service, "MOST_READ", 20)
    monkeypatch.setattr("simia_tui.services.calibrating.MOST_READ", 20)
    read: list[int] = []
    whole = trajectories.get
    monkeypatch.setattr(trajectories, "get", lambda db, pk, rev=None: (read.append(pk), whole(db, pk, rev))[1])
    service.draw(db, "ann", 20, random_seed=1)
    assert len(read) == 20 + 20 + 10


def test_the_report_keeps_the_comparison(db: sqlite3.Connection) -> None:
    fill(db, errors=40, hidden=0, controls=60, real=30)
    (fresh,) = service.calibration(db)
    assert (fresh.rate.simulated.k, fresh.rate.simulated.n, fresh.rate.real.k, fresh.rate.real.n) == (40, 100, 10, 30)
    assert fresh.real == {"Error: loan # is overdue by # days": 10}
    deck = cards.latest(db, "ann") if service.draw(db, "ann", 20) else None
    assert deck and service.from_report(deck.report) == [fresh]


@given(st.integers(0, 30), st.lists(st.sampled_from("abc"), max_size=60), st.integers())
def test_spread_takes_distinct_items_in_proportion(n: int, items: list[str], seed: int) -> None:
    numbered = list(enumerate(items))
    chosen = service.spread(numbered, n, random.Random(seed), lambda item: (item[1], ""))
    assert len(set(chosen)) == len(chosen) == min(n, len(items))
    for letter, count in Counter(items).items():
        share = count * len(chosen) / len(items)
        assert abs(sum(item[1] == letter for item in chosen) - share) < 1 + 1e-9


def test_the_summary_has_a_limit_for_each_kind(db: sqlite3.Connection) -> None:
    fill(db, errors=100, hidden=40, controls=60)
    deck = service.draw(db, "ann", 150, random_seed=1)
    judge_all(db, deck)
    result = service.summary(db, deck)
    limits = {kind.kind: (kind.drawn, round(100 * kind.bad.high, 1)) for kind in result.kinds}
    # No bad one of 76 leaves room for 4.8 %, none of 37 for 9.4 %.
    assert limits == {
        "error": (76, round(100 * wilson(0, 76).high, 1)),
        "hidden": (37, 9.4),
        "control": (37, 9.4),
    }
    assert not result.touched and not result.masks and result.waiting == 0


def test_flags_are_no_verdict_on_the_simulator(db: sqlite3.Connection) -> None:
    fill(db, errors=10, hidden=0, controls=0)
    deck = service.draw(db, "ann", 20)
    judge_all(db, deck, error=CardVerdict.FLAG)
    result = service.summary(db, deck)
    assert result.flagged == 10 and result.kinds[0].bad.n == 0 and not result.touched


def test_excluding_is_one_act_that_undo_takes_back(workspace: Workspace, db: sqlite3.Connection) -> None:
    fill(db, errors=10, hidden=4, controls=0)
    deck = service.draw(db, "ann", 20)
    judge_all(db, deck, hidden=CardVerdict.FAIL)
    touched = service.summary(db, deck).touched
    assert service.exclude(db, deck, "ann") == len(touched) == 4
    rows = trajectories.rows(db, touched)
    assert {(row.status, row.fault) for row in rows} == {("rejected", Fault.TOOL_SIMULATOR)}
    with pytest.raises(UsageError, match="No episode is left"):
        service.exclude(db, deck, "ann")
    db.close()
    again = workspace.connect()
    assert service.undo(again, deck, "ann") == "excluding 4"
    assert {row.status for row in trajectories.rows(again, touched)} == {"pending"}
    assert service.summary(again, deck).outcome is None
    assert service.undo(again, deck, "ann") == "the last card"


def test_an_exclusion_undone_elsewhere_no_longer_stands(db: sqlite3.Connection) -> None:
    fill(db, errors=2, hidden=0, controls=0)
    deck = service.draw(db, "ann", 20)
    judge_all(db, deck, error=CardVerdict.LEAKS)
    service.exclude(db, deck, "ann")
    decisions.undo(db, "ann")
    assert service.summary(db, deck).outcome is None


def test_undo_never_takes_back_what_was_decided_later(db: sqlite3.Connection) -> None:
    fill(db, errors=2, hidden=0, controls=0)
    deck = service.draw(db, "ann", 20)
    judge_all(db, deck, error=CardVerdict.LEAKS)
    service.exclude(db, deck, "ann")
    (seed, *_) = trajectories.ids(db, Query(kind="seed"))
    decisions.decide(db, [seed], "approve", "ann")
    with pytest.raises(UsageError, match="other things since"):
        service.undo(db, deck, "ann")
    assert trajectories.rows(db, [seed])[0].status == "approved"


def test_masks_cover_the_agents_answer_and_a_call_that_passed_wrongly(db: sqlite3.Connection) -> None:
    fill(db, errors=1, hidden=1, controls=0)
    deck = service.draw(db, "ann", 20)
    by_kind = {item.card.kind: item.card.trajectory for item in cards.cards(db, deck)}
    judge_all(db, deck, error=CardVerdict.SUCCEED, hidden=CardVerdict.FAIL)
    assert service.mask(db, deck, "ann") == 3
    assert set(cards.masked_turns(db, by_kind["error"])) == {3}
    assert set(cards.masked_turns(db, by_kind["hidden"])) == {1, 3}
    with pytest.raises(UsageError, match="No turn is left"):
        service.mask(db, deck, "ann")
    assert service.undo(db, deck, "ann") == "masking 3"
    assert cards.masked_turns(db, by_kind["hidden"]) == {}


@pytest.fixture
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simia_tui.services.processes.start_worker", lambda workspace: None)


@pytest.mark.usefixtures("no_worker")
def test_regenerating_asks_from_the_bad_observation_masks_until_then_and_is_undone(
    workspace: Workspace, db: sqlite3.Connection
) -> None:
    fill(db, errors=2, hidden=1, controls=0)
    deck = service.draw(db, "ann", 20)
    bad = [item.card.trajectory for item in cards.cards(db, deck) if item.card.kind == "error"]
    judge_all(db, deck, error=CardVerdict.SUCCEED)
    assert service.regenerate(workspace, db, Settings(), deck, "ann") == 2
    done = cards.outcome(db, deck)
    assert done is not None and done.job == 1 and done.size == 2
    wishes = remakes.of_job(db, 1)
    assert sorted(one.trajectory for one in wishes) == sorted(bad) and {one.turn for one in wishes} == {2}
    assert all("turn 3: should have succeeded" in str(one.why) for one in wishes)
    assert all(set(cards.masked_turns(db, pk)) == {3} for pk in bad)
    assert service.undo(db, deck, "ann") == "writing anew 2"
    assert {one.stage for one in remakes.of_job(db, 1)} == {Stage.WITHDRAWN}
    assert not any(cards.masked_turns(db, pk) for pk in bad)
    assert jobs.job(db, 1).status == "cancelled" and cards.outcome(db, deck) is None
    assert service.regenerate(workspace, db, Settings(), deck, "ann") == 2


@pytest.mark.usefixtures("no_worker")
def test_a_new_end_that_was_taken_is_not_withdrawn_and_lifts_the_mask(
    workspace: Workspace, db: sqlite3.Connection
) -> None:
    fill(db, errors=1, hidden=0, controls=0)
    deck = service.draw(db, "ann", 20)
    judge_all(db, deck, error=CardVerdict.LEAKS)
    service.regenerate(workspace, db, Settings(), deck, "ann")
    (one,) = remakes.of_job(db, 1)
    with write(db):
        remakes.land_within(db, 1, 0, Remade(trajectories.get(db, one.trajectory), ()))
    (one,) = remakes.of_job(db, 1)
    remakes.settle(db, [one], "new", "ann")
    assert cards.masked_turns(db, one.trajectory) == {}
    with pytest.raises(UsageError, match="undo that in Episodes first"):
        service.undo(db, deck, "ann")
    decisions.undo(db, "ann")
    assert service.undo(db, deck, "ann") == "writing anew 1"


def test_nothing_bad_is_nothing_to_write_anew(workspace: Workspace, db: sqlite3.Connection) -> None:
    fill(db, errors=1, hidden=0, controls=0)
    with pytest.raises(UsageError, match="No episode is left"):
        service.regenerate(workspace, db, Settings(), service.draw(db, "ann", 20), "ann")


@pytest.mark.parametrize("verdict", list(CardVerdict))
def test_each_verdict_has_one_key_and_fits_a_refusal_or_a_success(verdict: CardVerdict) -> None:
    assert list(service.KEYS.values()).count(verdict) == 1
    assert service.fits(verdict, True) or service.fits(verdict, False)
