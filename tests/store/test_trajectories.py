"""Adding, listing and reading trajectories."""

import sqlite3

import pytest
from samples import make_trajectory

from simia_tui.errors import SimiaError, UsageError
from simia_tui.model import Finding, Origin, Severity, Status, ToolCall, Trajectory, Turn, Verdict
from simia_tui.store import New, Query, Workspace, decisions, trajectories


def new(trajectory: Trajectory, **fields: object) -> New:
    return New(trajectory, trajectory, **fields)  # type: ignore[arg-type]


def test_a_second_add_adds_nothing_and_says_so(db: sqlite3.Connection) -> None:
    first = trajectories.add(db, [new(make_trajectory("a")), new(make_trajectory("b"))])
    again = trajectories.add(db, [new(make_trajectory("a")), new(make_trajectory("c"))])
    assert (len(first.pks), first.duplicates) == (2, 0)
    assert (len(again.pks), again.duplicates) == (1, 1)


def test_what_is_read_equals_what_was_added(db: sqlite3.Connection) -> None:
    hostile = make_trajectory(
        "\x1b[31mred\x1b[0m [bold]markup[/] \u202eabc 🎈 \x00 ${name} ../../etc",
        meta={"task_id": 3, "nested": {"reward": 1.0}},
    )
    seed = make_trajectory("seed")
    pks = trajectories.add(db, [new(seed), new(hostile)]).pks
    assert trajectories.get(db, pks[1]) == hostile
    episode = make_trajectory("seed", origin=Origin(job=1, ord=4, seed=seed.id))
    db.execute("INSERT INTO jobs (pk, kind, spec, demo, target, created) VALUES (1, 'synthesize', '{}', 1, 1, 0)")
    (pk,) = trajectories.add(db, [new(episode, kind="episode", source="synthetic", seed=pks[0])]).pks
    assert trajectories.get(db, pk) == episode
    assert trajectories.get(db, pk).id == episode.id != seed.id


def test_policy_and_tools_are_stored_once(db: sqlite3.Connection) -> None:
    trajectories.add(db, [new(make_trajectory(str(n))) for n in range(50)])
    for table in ("policies", "tools", "toolsets"):
        assert db.execute(f"SELECT count(*) FROM {table}").fetchone() == (1,)


def test_a_repair_is_a_revision_beside_the_original(db: sqlite3.Connection) -> None:
    raw = make_trajectory()
    fixed = raw.with_turns((*raw.turns[:-1], Turn(role="assistant", content="Fixed.")))
    finding = Finding(rule="x.y", severity=Severity.WARNING, message="m", turn=3, repaired=True, before="Done, Ada.")
    (pk,) = trajectories.add(db, [New(raw, fixed, [finding])]).pks
    assert trajectories.get(db, pk) == fixed
    assert trajectories.get(db, pk, 0) == raw
    assert trajectories.findings(db, pk) == [finding]
    assert trajectories.rows(db, [pk])[0].verdict is Verdict.REPAIRED


def test_queries_combine(db: sqlite3.Connection) -> None:
    calls = (Turn(role="user", content="refund the gift"), Turn(role="assistant", tool_calls=(ToolCall(name="pay"),)))
    other = make_trajectory("x", turns=calls, domain="shop")
    finding = Finding(rule="call.unknown-tool", severity=Severity.ERROR, message="m")
    a, b, c = trajectories.add(
        db, [new(make_trajectory("renew loan")), New(other, other, [finding]), new(make_trajectory("pay a fine"))]
    ).pks
    decisions.decide(db, [c], "approve", "ann")

    def found(line: str) -> list[int]:
        return list(trajectories.ids(db, Query.parse("seed", line)))

    assert found("") == [a, b, c]
    assert found("order:newest") == [c, b, a]
    assert found("status:approved") == [c]
    assert (
        found("domain:shop") == found("tool:pay") == found("rule:call.unknown-tool") == found("verdict:broken") == [b]
    )
    assert found("ren") == found("loan renew") == [a]
    assert found("status:pending domain:library loan") == [a]
    assert found('"(" AND NEAR* OR ^') == []
    assert trajectories.count(db, Query.parse("seed", "domain:library")) == 2
    assert trajectories.ids(db, Query(kind="episode")).tolist() == []


@pytest.mark.parametrize("line", ["status:done", "order:random", "job:x"])
def test_a_wrong_value_is_refused(line: str) -> None:
    with pytest.raises(UsageError, match=line.partition(":")[0]):
        Query.parse("seed", line)


def test_a_query_survives_its_own_line() -> None:
    line = "status:pending rule:call.unknown-tool order:newest some words"
    assert Query.parse("seed", Query.parse("seed", line).line()) == Query.parse("seed", line)


@pytest.mark.parametrize(
    ("line", "index"),
    [
        ("status:pending", "trajectories_by_status"),
        ("domain:library", "trajectories_by_domain"),
        ("verdict:clean", "trajectories_by_verdict"),
        ("", "trajectories_by_"),
    ],
)
def test_listings_use_an_index(db: sqlite3.Connection, line: str, index: str) -> None:
    source, values = Query.parse("seed", line).source()
    plan = db.execute(f"EXPLAIN QUERY PLAN SELECT t.pk FROM {source} ORDER BY t.pk", values)
    assert index in str(plan.fetchall())


def test_find_by_number_and_by_the_start_of_the_id(db: sqlite3.Connection) -> None:
    trajectory = make_trajectory()
    (pk,) = trajectories.add(db, [new(trajectory)]).pks
    assert trajectories.find(db, str(pk)) == trajectories.find(db, trajectory.id[:8]) == pk
    with pytest.raises(UsageError):
        trajectories.find(db, "zzzz")


def test_writing_without_permission_is_one_sentence(workspace: Workspace, db: sqlite3.Connection) -> None:
    with workspace.connect(readonly=True) as reader, pytest.raises(SimiaError, match="read-only"):
        trajectories.add(reader, [new(make_trajectory())])


def test_a_locked_database_is_one_sentence_and_loses_nothing(workspace: Workspace, db: sqlite3.Connection) -> None:
    db.execute("BEGIN IMMEDIATE")
    with pytest.raises(SimiaError, match="locked"):
        trajectories.add(workspace.connect(timeout=0), [new(make_trajectory())])
    db.execute("ROLLBACK")
    assert trajectories.counts(db) == {}


def test_counts(db: sqlite3.Connection) -> None:
    pks = trajectories.add(db, [new(make_trajectory(str(n))) for n in range(3)]).pks
    decisions.decide(db, pks[:1], "approve", "ann")
    assert trajectories.counts(db) == {("seed", Status.PENDING): 2, ("seed", Status.APPROVED): 1}
