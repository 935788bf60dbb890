"""Planted copies: mixed into a queue, judged like any other, and never met by what counts, lists or exports."""

import json
import sqlite3
from array import array

import pytest
from samples import debt

from simia_tui.cli.entry import run
from simia_tui.errors import UsageError
from simia_tui.model import Fault
from simia_tui.services import acts, bulk, exporting, planting
from simia_tui.store import (
    New,
    Query,
    Workspace,
    claims,
    completions,
    decisions,
    planted,
    rulings,
    trajectories,
    yields,
)

EPISODES = Query(kind="episode")


@pytest.fixture
def pks(db: sqlite3.Connection) -> list[int]:
    """20 approved episodes and 60 that wait."""
    news = [New(t := debt(n), t, kind="episode", source="synthetic") for n in range(80)]
    found = trajectories.add(db, news).pks
    decisions.decide(db, found[:20], "approve", "bob")
    return found


def mixed(workspace: Workspace, db: sqlite3.Connection, query: Query = EPISODES, share: float = 0.1) -> "array[int]":
    return planting.mixed(workspace, db, query, trajectories.ids(db, query), "ann", share)


def copies(ids: "array[int]") -> list[int]:
    return [pk for pk in ids if pk < 0]


def test_a_copy_takes_the_place_of_one_that_waits_which_comes_at_the_end(
    workspace: Workspace, db: sqlite3.Connection, pks: list[int]
) -> None:
    ids = mixed(workspace, db)
    found = copies(ids)
    assert 1 <= len(found) <= 15 and {-pk for pk in found} <= set(pks[20:])
    assert [abs(pk) for pk in ids[: len(pks)]] == pks and list(ids[len(pks) :]) == [-pk for pk in found]
    assert mixed(workspace, db) == ids, "the same places every time"
    assert copies(planting.mixed(workspace, db, EPISODES, trajectories.ids(db, EPISODES), "cec", 0.1)) != found


def test_a_copy_looks_like_what_waits_and_differs_from_its_source(
    workspace: Workspace, db: sqlite3.Connection, pks: list[int]
) -> None:
    for pk in copies(mixed(workspace, db)):
        copy = planted.copy(db, pk)
        assert copy is not None and copy.source in pks[:20]
        (row,) = trajectories.rows(db, [pk])
        body, source = trajectories.get(db, pk), trajectories.get(db, copy.source)
        assert (row.status, row.kind, row.turns) == ("pending", "episode", len(body.turns))
        assert body.turns != source.turns and (body.policy, body.tools) == (source.policy, source.tools)
        assert not any(f.severity == "error" and not f.repaired for f in trajectories.findings(db, pk))


@pytest.mark.parametrize("line", ["owe", "rule:x", "status:approved", "-status:approved", "sample:1", "length:>1"])
def test_a_filter_that_a_copy_need_not_match_gets_none(
    workspace: Workspace, db: sqlite3.Connection, pks: list[int], line: str
) -> None:
    query = Query.parse("episode", line)
    assert mixed(workspace, db, query, 1.0) == trajectories.ids(db, query)


def test_nothing_is_planted_in_seeds_with_few_sources_or_where_it_is_switched_off(
    workspace: Workspace, db: sqlite3.Connection, pks: list[int]
) -> None:
    assert copies(mixed(workspace, db, share=0.0)) == []
    decisions.decide(db, pks[5:20], "reset", "bob")
    assert copies(mixed(workspace, db, share=1.0)) == []
    assert copies(mixed(workspace, db, Query(kind="seed"), 1.0)) == []


def test_approved_is_missed_refused_is_caught_and_the_first_verdict_counts(
    workspace: Workspace, db: sqlite3.Connection, pks: list[int]
) -> None:
    a, b, c = copies(mixed(workspace, db, share=0.2))[:3]
    assert "missed" in acts.decide(db, a, "approve", "ann", seconds=1.0).said
    assert "seen:" in acts.decide(db, b, "reject", "ann", Fault.AGENT).said
    acts.decide(db, c, "flag", "ann")
    assert planted.tallies(db) == [("ann", 2, 1)]
    assert [row.status for row in trajectories.rows(db, [a, b, c])] == ["approved", "rejected", "flagged"]
    for pk in (c, b, a):
        undone = acts.undo(db, "ann")
        assert undone is not None and undone.pks == [pk]
    assert [row.status for row in trajectories.rows(db, [a, b, c])] == ["pending"] * 3
    acts.decide(db, a, "reject", "ann", Fault.AGENT)
    assert planted.tallies(db) == [("ann", 2, 1)], "who was told knows"
    assert not {a, b, c} & set(mixed(workspace, db, share=0.2))


def everything_counted(workspace: Workspace, db: sqlite3.Connection) -> list[object]:
    """All that counts, lists and exports, as it stands."""
    return [
        trajectories.counts(db),
        rulings.rulings(db, "episode"),
        trajectories.verdict_counts(db, "episode"),
        list(trajectories.ids(db, Query())),
        trajectories.count(db, EPISODES),
        yields.yields(db),
        [completions.values(db, "episode", name) for name in ("status", "tool", "has", "reviewer", "fault")],
        bulk.candidates(db, Query.parse("episode", "status:pending")),
        exporting.preview(db, Query(kind="episode", status="approved")).pks,
        claims.ratings(db, "episode"),
        db.execute("SELECT count(*) FROM decisions").fetchone(),
        db.execute("SELECT count(*) FROM search WHERE search MATCH 'owe'").fetchone(),
        db.execute("SELECT count(*) FROM signatures").fetchone(),
    ]


def test_nothing_that_counts_lists_or_exports_meets_a_copy(
    workspace: Workspace, db: sqlite3.Connection, pks: list[int]
) -> None:
    before = everything_counted(workspace, db)
    found = copies(mixed(workspace, db, share=0.5))
    assert found
    for pk in found:
        acts.decide(db, pk, "approve", "ann")
    assert everything_counted(workspace, db) == before


def test_no_export_holds_a_copy_or_names_its_reviewer(
    workspace: Workspace, db: sqlite3.Connection, pks: list[int]
) -> None:
    found = copies(mixed(workspace, db, share=0.5))
    texts = [trajectories.get(db, pk).turns for pk in found]
    for pk in found:
        acts.decide(db, pk, "approve", "ann")
    export = exporting.freeze(
        workspace, db, "set", exporting.preview(db, Query(kind="episode", status="approved")), accept_losses=True
    )
    assert export.rows == 20
    rows = [json.loads(line) for line in (workspace.root / export.path / "trl.jsonl").read_text().splitlines()]
    members = [json.loads(line) for line in (workspace.root / export.path / "members.jsonl").read_text().splitlines()]
    ids = {trajectories.get(db, pk).id for pk in found}
    assert len(rows) == 20 and not ids & {member["id"] for member in members}
    said = [[message.get("content") for message in row["messages"]] for row in rows]
    for turns in texts:
        assert [turn.content for turn in turns] not in [line[-len(turns) :] for line in said]
    assert "ann" not in (workspace.root / export.path / "manifest.json").read_text()


def test_a_certificate_never_draws_counts_or_approves_a_copy(
    workspace: Workspace, db: sqlite3.Connection, pks: list[int]
) -> None:
    found = copies(mixed(workspace, db, share=0.5))
    certificate = bulk.draw(db, Query.parse("episode", "status:pending"), "ann", sample=5, random_seed=1)
    assert certificate.size == 60
    sample = Query(kind="episode", sample=certificate.pk)
    assert copies(mixed(workspace, db, sample, 1.0)) == []
    acts.decide(db, found[0], "reject", "ann", Fault.AGENT)
    assert bulk.progress(db, certificate.pk).decided == 0
    for pk in trajectories.ids(db, sample):
        acts.decide(db, pk, "approve", "ann")
    assert bulk.apply(db, certificate.pk, "ann") == 55
    assert all(row.status == "pending" for row in trajectories.rows(db, found[1:]))


def test_an_act_on_many_leaves_copies_out(workspace: Workspace, db: sqlite3.Connection, pks: list[int]) -> None:
    ids = mixed(workspace, db, share=0.5)
    batch, n = acts.decide_all(db, ids.tolist(), "approve", "ann")
    assert batch is not None and n == 80 and planted.tallies(db) == []


def test_nothing_but_a_verdict_can_be_done_to_a_copy(
    workspace: Workspace, db: sqlite3.Connection, pks: list[int]
) -> None:
    pk = copies(mixed(workspace, db, share=0.5))[0]
    with pytest.raises((UsageError, sqlite3.IntegrityError, TypeError)):
        decisions.decide(db, [pk], "approve", "ann")
    with pytest.raises((UsageError, sqlite3.IntegrityError, TypeError)):
        decisions.edit(db, pk, trajectories.get(db, pk), [], "ann")
    assert trajectories.ids(db, EPISODES).tolist() == pks


def test_the_command_line_does_not_list_copies(
    workspace: Workspace, db: sqlite3.Connection, pks: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    mixed(workspace, db, share=0.5)
    assert run(["episodes", "list", "--workspace", str(workspace.root), "--json"]) == 0
    assert sorted(row["pk"] for row in json.loads(capsys.readouterr().out)) == pks
