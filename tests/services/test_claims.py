"""From opinions to decisions, adjudication and agreement."""

import sqlite3

import pytest
from samples import make_trajectory

from simia_tui.errors import UsageError
from simia_tui.model import Fault
from simia_tui.services import claims as service
from simia_tui.store import New, claims, decisions, trajectories


def seeds(db: sqlite3.Connection, n: int) -> list[int]:
    return trajectories.add(db, [New(t, t) for t in (make_trajectory(f"seed {i}") for i in range(n))]).pks


def shared(db: sqlite3.Connection, n: int = 1, needed: int = 2) -> list[int]:
    pks = seeds(db, n)
    claims.set_overlap(db, pks, needed)
    return pks


def status(db: sqlite3.Connection, pk: int) -> str:
    return trajectories.rows(db, [pk])[0].status


def test_without_overlap_a_verdict_is_a_decision(db: sqlite3.Connection) -> None:
    (pk,) = seeds(db, 1)
    assert service.judge(db, pk, "ann", "reject", Fault.AGENT, "why") == (1, 1, True)
    assert status(db, pk) == "rejected"
    (entry,) = decisions.history(db, pk)
    assert (entry.note, entry.fault) == ("why", Fault.AGENT)


def test_the_status_changes_when_the_last_needed_opinion_agrees(db: sqlite3.Connection) -> None:
    (pk,) = shared(db, needed=3)
    assert not service.judge(db, pk, "ann", "reject", Fault.AGENT).decided
    assert not service.judge(db, pk, "bob", "reject", Fault.FORMAT).decided
    assert status(db, pk) == "pending"
    assert service.judge(db, pk, "cec", "reject", Fault.FORMAT).decided
    (entry,) = decisions.history(db, pk)
    assert (entry.fault, entry.note) == (Fault.FORMAT, "agreed: ann, bob, cec")


def test_what_differs_waits_for_an_adjudicator(db: sqlite3.Connection) -> None:
    (pk,) = shared(db)
    service.judge(db, pk, "ann", "approve")
    with pytest.raises(UsageError, match="1 of 2 opinions"):
        service.adjudicate(db, pk, "cec", "approve")
    assert service.judge(db, pk, "bob", "reject", Fault.AGENT).disputed
    assert claims.disputed(db, "seed") == [pk] and status(db, pk) == "pending"
    service.adjudicate(db, pk, "cec", "approve", note="bob misread")
    assert status(db, pk) == "approved" and claims.disputed(db, "seed") == []
    assert decisions.history(db, pk)[-1].note == "adjudicated: bob misread"
    assert len(claims.opinions(db, pk)) == 2


def test_undo_takes_the_opinion_and_the_decision_it_made(db: sqlite3.Connection) -> None:
    (pk,) = shared(db)
    service.judge(db, pk, "ann", "approve")
    service.judge(db, pk, "bob", "approve")
    with pytest.raises(UsageError, match="with your opinion"):
        service.undo(db, "ann")
    assert service.undo(db, "bob") == pk and status(db, pk) == "pending"
    assert [one.reviewer for one in claims.opinions(db, pk)] == ["ann"]
    assert service.undo(db, "ann") == pk and service.undo(db, "ann") is None
    assert claims.opinions(db, pk) == []


def test_undo_does_not_take_back_later_decisions(db: sqlite3.Connection) -> None:
    (pk,) = shared(db, needed=1)
    service.judge(db, pk, "ann", "approve")
    (other,) = trajectories.add(db, [New(make_trajectory("other"), make_trajectory("other"))]).pks
    decisions.decide(db, [other], "approve", "ann")
    with pytest.raises(UsageError, match="undo that first"):
        service.undo(db, "ann")
    decisions.undo(db, "ann")
    assert service.undo(db, "ann") == pk and status(db, pk) == "pending"


def test_agreement_over_all_and_two_by_two(db: sqlite3.Connection) -> None:
    pks = shared(db, 10, needed=2)
    for n, pk in enumerate(pks):
        service.judge(db, pk, "ann", "approve" if n < 6 else "reject")
        service.judge(db, pk, "bob", "approve" if n in (0, 1, 2, 3, 4, 6) else "reject")
    report = service.agreement(db, "seed")
    ((a, b, found),) = report.pairs
    # 8 of 10 alike; by chance .6 * .6 + .4 * .4 = .52.
    assert (a, b, found.n) == ("ann", "bob", 10) and found.value == pytest.approx((0.8 - 0.52) / 0.48)
    assert report.together.n == 10 and report.together.low is not None
    assert service.agreement(db, "episode").pairs == () and service.agreement(db, "episode").together.value is None
