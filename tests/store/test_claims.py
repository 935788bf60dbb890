"""Claims, overlap and opinions, with several reviewers at once."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest
from samples import make_trajectory

from simia_tui.errors import UsageError
from simia_tui.model import Fault, Turn
from simia_tui.store import New, Workspace, claims, decisions, trajectories


def seeds(db: sqlite3.Connection, n: int) -> list[int]:
    return trajectories.add(db, [New(t, t) for t in (make_trajectory(f"seed {i}") for i in range(n))]).pks


def test_two_reviewers_never_hold_the_same_item(db: sqlite3.Connection) -> None:
    pks = seeds(db, 5)
    assert claims.claim(db, "ann", pks, 2, now=0) == pks[:2]
    assert claims.claim(db, "bob", pks, 2, now=0) == pks[2:4]
    assert claims.claim(db, "cec", pks, 9, now=0) == pks[4:]
    assert claims.claim(db, "dan", pks, 9, now=0) == []


def test_asking_again_renews_what_is_held_and_fills_up(db: sqlite3.Connection) -> None:
    pks = seeds(db, 4)
    claims.claim(db, "ann", pks, 2, minutes=1, now=0)
    assert claims.claim(db, "ann", pks, 3, minutes=1, now=30) == pks[:3]
    assert {claim.until for claim in claims.held(db, now=31)} == {90.0}


def test_claims_expire_and_can_be_given_back(db: sqlite3.Connection) -> None:
    pks = seeds(db, 3)
    claims.claim(db, "ann", pks, 3, minutes=1, now=0)
    assert claims.claim(db, "bob", pks, 3, now=59) == []
    claims.release(db, "ann", pks[:1])
    assert claims.claim(db, "bob", pks, 3, now=59) == pks[:1]
    assert claims.claim(db, "bob", pks, 3, now=60.1) == pks
    claims.release(db, "bob")
    assert [claim.reviewer for claim in claims.held(db, now=0)] == ["ann", "ann"]


def test_the_order_of_the_queue_holds(db: sqlite3.Connection) -> None:
    pks = seeds(db, 4)
    assert claims.claim(db, "bob", pks[::-1], 2, now=0) == [pks[3], pks[2]]
    assert claims.free(db, "ann", pks[::-1], now=0) == [pks[1], pks[0]]


def test_a_default_overlap_is_kept_with_the_item_once_it_is_claimed(db: sqlite3.Connection) -> None:
    pks = seeds(db, 2)
    assert claims.claim(db, "ann", pks, 1, overlap=2, now=0) == pks[:1]
    assert [claims.needed(db, pk) for pk in pks] == [2, 1]
    assert claims.claim(db, "bob", pks, 2, overlap=1, now=0) == pks
    assert claims.free(db, "cec", pks, overlap=2, now=0) == pks[1:]


def test_reviewers_in_several_processes_share_the_queue_without_a_clash(workspace: Workspace) -> None:
    db = workspace.connect()
    pks = seeds(db, 40)
    db.close()

    def work(name: str) -> list[int]:
        own = workspace.connect()
        done: list[int] = []
        while taken := claims.claim(own, name, pks, 3):
            for pk in taken:
                claims.opine(own, pk, name, "approve")
                decisions.decide(own, [pk], "approve", name)
            done += taken
        own.close()
        return done

    with ThreadPoolExecutor(4) as pool:
        shares = list(pool.map(work, ["ann", "bob", "cec", "dan"]))
    every = [pk for share in shares for pk in share]
    assert sorted(every) == pks


def test_an_overlap_of_two_gives_an_item_to_two_and_no_third(db: sqlite3.Connection) -> None:
    (pk,) = seeds(db, 1)
    claims.set_overlap(db, [pk], 2)
    assert claims.claim(db, "ann", [pk], now=0) == claims.claim(db, "bob", [pk], now=0) == [pk]
    assert claims.claim(db, "cec", [pk], now=0) == []
    claims.opine(db, pk, "ann", "approve")
    assert claims.claim(db, "ann", [pk], now=0) == [] == claims.claim(db, "cec", [pk], now=0)
    claims.opine(db, pk, "bob", "approve")
    assert claims.claim(db, "cec", [pk], now=10**12) == []
    claims.set_overlap(db, [pk], 3)
    assert claims.claim(db, "cec", [pk], now=0) == [pk]
    claims.set_overlap(db, [pk], 1)
    assert claims.needed(db, pk) == 1
    with pytest.raises(ValueError, match="overlap of 0"):
        claims.set_overlap(db, [pk], 0)


def test_reviewers_are_blind_until_all_have_spoken(db: sqlite3.Connection) -> None:
    (pk,) = seeds(db, 1)
    claims.set_overlap(db, [pk], 2)
    claims.opine(db, pk, "ann", "reject", Fault.AGENT, "no")
    assert claims.visible(db, pk, "bob") == []
    assert [one.reviewer for one in claims.visible(db, pk, "ann")] == ["ann"]
    claims.opine(db, pk, "bob", "approve", Fault.AGENT)
    both = claims.visible(db, pk, "ann")
    assert [(one.reviewer, one.verdict, one.fault) for one in both] == [
        ("ann", "reject", Fault.AGENT),
        ("bob", "approve", None),
    ]
    assert both == claims.visible(db, pk, "bob") == claims.visible(db, pk, "cec")


def test_one_opinion_a_reviewer_and_none_on_what_is_decided(db: sqlite3.Connection) -> None:
    a, b = seeds(db, 2)
    claims.set_overlap(db, [a], 2)
    claims.opine(db, a, "ann", "approve")
    with pytest.raises(UsageError, match="take it back"):
        claims.opine(db, a, "ann", "reject")
    found = claims.latest(db, "ann")
    assert found is not None
    claims.take_back(db, found.pk)
    assert claims.latest(db, "ann") is None and claims.opinions(db, a) == []
    claims.opine(db, a, "ann", "reject")
    decisions.decide(db, [b], "approve", "bob")
    with pytest.raises(UsageError, match="decided already"):
        claims.opine(db, b, "ann", "approve")


def test_an_edit_asks_for_new_opinions(db: sqlite3.Connection) -> None:
    (pk,) = seeds(db, 1)
    claims.set_overlap(db, [pk], 2)
    claims.opine(db, pk, "ann", "approve")
    body = trajectories.get(db, pk)
    decisions.edit(db, pk, body.with_turns((*body.turns, Turn(role="user", content="x"))), [], "bob")
    assert claims.opinions(db, pk) == [] and claims.claim(db, "ann", [pk], now=0) == [pk]
    decisions.undo(db, "bob")
    assert [one.reviewer for one in claims.opinions(db, pk)] == ["ann"]


def test_the_adjudicator_sees_what_differs_or_was_flagged(db: sqlite3.Connection) -> None:
    pks = seeds(db, 4)
    claims.set_overlap(db, pks, 2)
    for pk, (first, second) in zip(
        pks, [("approve", "approve"), ("approve", "reject"), ("flag", "flag"), ("approve", None)], strict=True
    ):
        claims.opine(db, pk, "ann", first)  # type: ignore[arg-type]
        if second:
            claims.opine(db, pk, "bob", second)  # type: ignore[arg-type]
    assert claims.disputed(db, "seed") == pks[1:3]
    assert claims.disputed(db, "episode") == []
    assert claims.ratings(db, "seed")[pks[1]] == {"ann": "approve", "bob": "reject"}
    decisions.decide(db, [pks[1]], "reject", "cec")
    assert claims.disputed(db, "seed") == pks[2:3]
