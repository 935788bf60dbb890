"""Sampled bulk approval, from the draw to the manifest."""

import sqlite3

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from samples import make_trajectory

from simia_tui.errors import UsageError
from simia_tui.evaluation.certificate import upper
from simia_tui.model import Fault, Turn
from simia_tui.services import bulk
from simia_tui.store import New, Query, Workspace, certificates, decisions, trajectories

SEEDS = Query(kind="seed")


def seeds(db: sqlite3.Connection, n: int) -> list[int]:
    return trajectories.add(db, [New(t, t) for t in (make_trajectory(f"seed {i}") for i in range(n))]).pks


def drawn(db: sqlite3.Connection, n: int = 300, **wishes: object) -> int:
    seeds(db, n)
    return bulk.draw(db, SEEDS, "ann", random_seed=1, **{"sample": 60, **wishes}).pk  # type: ignore[arg-type]


def approve_sample(db: sqlite3.Connection, pk: int) -> None:
    for trajectory in bulk.progress(db, pk).waiting:
        decisions.decide(db, [trajectory], "approve", "ann")


def test_a_clean_sample_unlocks_the_rest_as_one_act(workspace: Workspace, db: sqlite3.Connection) -> None:
    pk = drawn(db, 300, sample=60, method="wilson")
    assert len(set(certificates.sample(db, pk))) == 60
    with pytest.raises(UsageError, match="still wait for a decision: 60"):
        bulk.apply(db, pk, "ann")
    approve_sample(db, pk)
    now = bulk.progress(db, pk)
    assert now.certificate.state == "ready"
    assert now.said == "0 of 60 bad: at most 6.0 % bad (Wilson, two-sided 95 %)"
    db.close()
    again = workspace.connect()
    assert bulk.apply(again, pk, "ann") == 240
    found = certificates.certificate(again, pk)
    assert (found.state, found.bad, found.bound) == ("applied", 0, upper(0, 60, 300, "wilson"))
    assert len(trajectories.ids(again, Query(kind="seed", status="approved"))) == 300
    undone = decisions.undo(again, "ann")
    assert undone and len(undone.pks) == 240
    assert certificates.certificate(again, pk).state == "ready"
    decisions.redo(again, "ann")
    assert certificates.certificate(again, pk).state == "applied"
    with pytest.raises(UsageError, match="applied already"):
        bulk.apply(again, pk, "ann")
    again.close()


def test_a_bad_row_refuses_and_its_undo_lifts_that(db: sqlite3.Connection) -> None:
    pk = drawn(db)
    first = bulk.progress(db, pk).waiting[0]
    decisions.decide(db, [first], "reject", "ann", Fault.TOOL_SIMULATOR)
    now = bulk.progress(db, pk)
    assert now.certificate.state == "refused" and now.certificate.bad == 1
    approve_sample(db, pk)
    with pytest.raises(UsageError, match=r"Refused: 1 of 60 bad.*0 allowed"):
        bulk.apply(db, pk, "ann")
    for _ in range(60):
        decisions.undo(db, "ann")
    assert bulk.progress(db, pk).certificate.state == "sampling"
    assert bulk.progress(db, pk).certificate.bad is None


def test_a_row_that_had_to_be_edited_is_bad_even_if_approved(db: sqlite3.Connection) -> None:
    pk = drawn(db)
    first = bulk.progress(db, pk).waiting[0]
    body = trajectories.get(db, first)
    decisions.edit(db, first, body.with_turns((*body.turns, Turn(role="user", content="more"))), [], "ann")
    assert bulk.progress(db, pk).bad == 0
    decisions.decide(db, [first], "approve", "ann")
    assert bulk.progress(db, pk).certificate.state == "refused"


def test_a_flag_is_no_decision(db: sqlite3.Connection) -> None:
    pk = drawn(db)
    approve_sample(db, pk)
    decisions.decide(db, certificates.sample(db, pk)[:1], "flag", "ann")
    now = bulk.progress(db, pk)
    assert now.certificate.state == "sampling" and len(now.waiting) == 1


def test_a_share_asked_for_leaves_room_for_some_bad_rows(db: sqlite3.Connection) -> None:
    seeds(db, 2000)
    found = bulk.draw(db, SEEDS, "ann", sample=150, max_share=0.05, random_seed=1)
    assert (found.method, found.allowed) == ("wilson", 2)
    sample = certificates.sample(db, found.pk)
    decisions.decide(db, sample[:2], "reject", "ann", Fault.AGENT)
    decisions.decide(db, sample[2:], "approve", "ann")
    now = bulk.progress(db, found.pk)
    assert now.certificate.state == "ready" and now.bound <= 0.05
    decisions.decide(db, sample[2:3], "reject", "ann", Fault.AGENT)
    assert bulk.progress(db, found.pk).certificate.state == "refused"


def test_others_decisions_and_edits_since_are_left_alone(db: sqlite3.Connection) -> None:
    pk = drawn(db)
    sample = set(certificates.sample(db, pk))
    rejected, edited = [p for p in trajectories.ids(db, SEEDS) if p not in sample][:2]
    decisions.decide(db, [rejected], "reject", "bob", Fault.AGENT)
    body = trajectories.get(db, edited)
    decisions.edit(db, edited, body.with_turns((*body.turns, Turn(role="user", content="x"))), [], "bob")
    late = seeds_more(db)
    approve_sample(db, pk)
    assert bulk.apply(db, pk, "ann") == 300 - 60 - 2
    status = [row.status for row in trajectories.rows(db, [rejected, edited, late])]
    assert status == ["rejected", "pending", "pending"]


def seeds_more(db: sqlite3.Connection) -> int:
    late = make_trajectory("came later")
    return trajectories.add(db, [New(late, late)]).pks[0]


def test_the_same_seed_draws_the_same_sample(db: sqlite3.Connection) -> None:
    seeds(db, 300)
    a, b, c = (bulk.draw(db, SEEDS, "ann", random_seed=s).pk for s in (1, 1, 2))
    assert certificates.sample(db, a) == certificates.sample(db, b) != certificates.sample(db, c)


def test_an_unfinished_certificate_is_found_again(db: sqlite3.Connection) -> None:
    pk = drawn(db)
    found = certificates.unfinished(db, "ann", "seed")
    assert found and found.pk == pk
    assert certificates.unfinished(db, "ann", "episode") is None
    assert certificates.unfinished(db, "bob", "seed") is None
    approve_sample(db, pk)
    bulk.apply(db, pk, "ann")
    assert certificates.unfinished(db, "ann", "seed") is None
    assert [entry.pk for entry in certificates.certificates(db)] == [pk]


@pytest.mark.parametrize(
    ("size", "wishes", "sample", "method"),
    [
        (10_000, {}, 60, "wilson"),
        (100, {}, 45, "hypergeometric"),
        (10, {}, 10, "hypergeometric"),
        (1, {}, 1, "hypergeometric"),
        (10_000, {"max_share": 0.05}, 73, "wilson"),
        (10_000, {"max_share": 0.05, "method": "exact"}, 59, "exact"),
        (100, {"max_share": 0.05}, 45, "hypergeometric"),
        (10_000, {"sample": 150}, 150, "wilson"),
        (20, {"sample": 150}, 20, "hypergeometric"),
    ],
)
def test_the_plan_follows_the_batch(size: int, wishes: dict[str, object], sample: int, method: str) -> None:
    planned = bulk.plan(size, **wishes)  # type: ignore[arg-type]
    assert (planned.sample, planned.method) == (sample, method)
    assert planned.promise.startswith(f"0 of {sample} bad")


@example(100, 0.25)
@given(st.integers(1, 3000), st.floats(0.005, 0.6))
def test_what_is_asked_for_can_always_be_shown(size: int, share: float) -> None:
    planned = bulk.plan(size, max_share=share)
    assert planned.allowed >= 0 and upper(planned.allowed, planned.sample, size, planned.method) <= share


@pytest.mark.parametrize(
    ("wishes", "why"),
    [
        ({"sample": 20, "max_share": 0.01}, "cannot show 1 %"),
        ({"max_share": 5.0}, "between 0 and 1"),
        ({"sample": 0}, "at least 1 row"),
    ],
)
def test_impossible_wishes_are_told(wishes: dict[str, object], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        bulk.plan(10_000, **wishes)  # type: ignore[arg-type]


@pytest.mark.parametrize("query", [Query(), Query(kind="seed", status="rejected"), Query(kind="episode")])
def test_only_what_waits_can_be_approved_in_bulk(db: sqlite3.Connection, query: Query) -> None:
    seeds(db, 3)
    with pytest.raises(UsageError):
        bulk.draw(db, query, "ann")
    with pytest.raises(UsageError, match="no certificate"):
        certificates.certificate(db, 1)


def test_the_manifest_tells_what_rests_on_a_certificate(db: sqlite3.Connection) -> None:
    pk = drawn(db)
    alone = seeds_more(db)
    decisions.decide(db, [alone], "approve", "ann")
    approve_sample(db, pk)
    every = list(trajectories.ids(db, SEEDS))
    assert certificates.of(db, every) == []
    bulk.apply(db, pk, "ann")
    (entry,) = certificates.of(db, every)
    assert (entry["id"], entry["rows"], entry["read"], entry["bad"], entry["sample"]) == (pk, 240, 60, 0, 60)
    assert entry["bound"] == upper(0, 60, 300, "hypergeometric") and entry["method"] == "hypergeometric"
    assert certificates.of(db, [alone]) == []
    decisions.undo(db, "ann")
    assert certificates.of(db, every) == []
    decisions.redo(db, "ann")
    assert certificates.of(db, every) == [entry]
    unread = next(p for p in every if p not in certificates.sample(db, pk) and p != alone)
    decisions.decide(db, [unread], "approve", "bob")
    assert certificates.of(db, every)[0]["rows"] == 239


def test_an_export_carries_the_certificates(workspace: Workspace, db: sqlite3.Connection) -> None:
    from simia_tui.services import exporting

    pk = drawn(db, 80)
    approve_sample(db, pk)
    bulk.apply(db, pk, "ann")
    previewed = exporting.preview(db, Query(kind="seed", status="approved"))
    export = exporting.freeze(workspace, db, "set", previewed, accept_losses=True)
    (entry,) = export.manifest["certificates"]
    assert (entry["id"], entry["rows"], entry["read"], entry["size"]) == (pk, 20, 60, 80)
