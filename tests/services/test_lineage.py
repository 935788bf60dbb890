"""The way of a trajectory from its seed to the runs, and the clauses of a policy."""

import json
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import make_trajectory
from stage import put, put_seeds

from simia_tui.cli.entry import run
from simia_tui.model import Citation, Fault, Origin, SynthesizeSpec, ToolCall, TrainSpec, Trajectory
from simia_tui.services import citing, lineage, resimulation, reviewing
from simia_tui.services.resimulation import Place
from simia_tui.settings import Settings
from simia_tui.store import Workspace, decisions, exports, jobs, provenance, remakes, runs, trajectories
from simia_tui.store.connection import write
from simia_tui.store.remakes import Remade


@pytest.fixture
def made(db: sqlite3.Connection) -> list[int]:
    """A seed with three episodes of one job: approved, rejected, pending; each request cost 0.002 USD."""
    (seed, *_) = put_seeds(db)
    job = jobs.create(db, SynthesizeSpec(), [seed] * 3)
    pks = [
        put(db, "episode", make_trajectory(f"E{n}", origin=Origin(job=job, ord=n)), seed=seed, source="synthetic")
        for n in range(3)
    ]
    db.executemany(
        "INSERT INTO attempts (job, ord, n, started, ended, outcome, model, prompt_version, prompt_sha, response_id,"
        " tokens, cost_nano, latency_ms) VALUES (?, ?, 1, 0, 1, 'ok', 'm-1', 'abc', 'fed', 'r-1',"
        """ '{"prompt":1200,"completion":300}', 2000000, 1500)""",
        [(job, n) for n in range(3)],
    )
    decisions.decide(db, pks[:1], "approve", "tester")
    decisions.decide(db, pks[1:2], "reject", "tester", Fault.AGENT)
    return [seed, *pks]


def test_a_seed_knows_what_it_has_brought_and_what_one_kept_episode_cost(
    db: sqlite3.Connection, made: list[int]
) -> None:
    found = provenance.yield_of(db, made[0])
    assert (found.episodes, found.requests, found.cost_nano) == (3, 3, 6_000_000)
    assert found.per_kept_nano == 6_000_000
    links = {link.stage.strip(): link for link in lineage.lineage(db, made[0])}
    assert links["episodes"].opens == ("episodes", f"seed:{made[0]}") and "1 approved" in links["episodes"].text
    assert links["rejected"].opens == ("episodes", f"seed:{made[0]} status:rejected")
    assert "$0.0060 for each kept" in links["cost"].text and "traces.jsonl" in links["file"].text


def test_an_unknown_price_and_nothing_kept_are_said_so(db: sqlite3.Connection, made: list[int]) -> None:
    decisions.undo(db, "tester")
    decisions.undo(db, "tester")
    db.execute("UPDATE attempts SET cost_nano = NULL")
    found = provenance.yield_of(db, made[0])
    assert found.cost_nano is None and found.per_kept_nano is None
    (cost,) = [link.text for link in lineage.lineage(db, made[0]) if link.stage == "cost"]
    assert cost == "3 requests, unknown; nothing kept yet"
    assert "none were made" in lineage.lineage(db, put(db, "seed", make_trajectory("Else")))[-1].text


def test_an_episode_tells_its_way_in_order(workspace: Workspace, db: sqlite3.Connection, made: list[int]) -> None:
    seed, pk, *_ = made
    planned = resimulation.plan(db, Settings(), {pk: Place(2)})
    job = remakes.ask(db, planned.spec, planned.wishes, "tester")
    with write(db):
        remakes.land_within(db, job, 0, Remade(trajectories.get(db, pk), ()))
    resimulation.settle(workspace, db, remakes.of_job(db, job), "new", "tester")
    export = exports.add(db, "curated", "exports/c", "ab" * 32, [(pk, 1)], False, {})
    runs.add(db, export, TrainSpec(), "exports/runs/c")
    links = lineage.lineage(db, pk)
    assert [link.stage for link in links] == [
        *("episode", "seed", "prompt", "job", "attempt", "rules", "new end", "edit", "decision", "export", "run"),
    ]
    by = {link.stage: link for link in links}
    assert by["seed"].opens == ("seed", str(seed)) and by["job"].opens == ("job", "1")
    assert "abc, sent as fed" in by["prompt"].text and "1,200 + 300 tokens, $0.0020, 1.5 s" in by["attempt"].text
    assert "from turn 3 on, asked for by tester: new" in by["new end"].text
    assert "row 1 at revision 1" in by["export"].text and "changed since" not in by["export"].text
    decisions.undo(db, "tester")
    assert "changed since" in {link.stage: link for link in lineage.lineage(db, pk)}["export"].text


def test_a_fresh_episode_and_the_one_before_know_each_other(db: sqlite3.Connection, made: list[int]) -> None:
    planned = resimulation.plan(db, Settings(), {made[2]: Place(None)})
    job = remakes.ask(db, planned.spec, planned.wishes, "tester")
    assert lineage.lineage(db, made[2])[-1].opens == ("job", str(job))
    fresh = put(db, "episode", make_trajectory("F", origin=Origin(job=job, ord=0)), seed=made[0], source="synthetic")
    assert lineage.lineage(db, made[2])[-1].opens == ("episode", str(fresh))
    assert ("in place of", ("episode", str(made[2]))) in [
        (link.stage, link.opens) for link in lineage.lineage(db, fresh)
    ]


def test_simia_why_prints_it(workspace: Workspace, made: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["why", str(made[1]), "--json", "--workspace", str(workspace.root)]) == 0
    assert json.loads(capsys.readouterr().out)[1]["opens"] == ["seed", str(made[0])]
    assert run(["why", str(made[1]), "--workspace", str(workspace.root)]) == 0
    assert "attempt" in capsys.readouterr().out
    assert run(["why", "nothing", "--workspace", str(workspace.root)]) == 2


POLICY = """# Desk policy

- Never waive a fine of more than 5.00 EUR without a supervisor.
2. Ask for the card before anything private
   is told, whoever asks.
Short line.

Serve one person
at a time.
"""


def test_clauses_are_the_lines_of_a_policy_without_bullets_and_headings() -> None:
    found = citing.clauses(POLICY)
    assert [clause.text for clause in found] == [
        "Never waive a fine of more than 5.00 EUR without a supervisor.",
        "Ask for the card before anything private is told, whoever asks.",
        "Serve one person at a time.",
    ]
    assert all(POLICY[c.start :].startswith(c.text[:16]) for c in found)


def test_a_long_paragraph_is_cited_by_sentence() -> None:
    policy = " ".join(f"Rule number {n} says that one must do so." for n in range(30))
    assert len(citing.clauses(policy)) == 30


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=400))
def test_every_clause_stands_where_it_says_and_survives_the_note(policy: str) -> None:
    for clause in citing.clauses(policy):
        assert policy[clause.start :].split()[: len(clause.text.split())] == clause.text.split()
        assert Citation.of(clause.note()) == clause


@pytest.mark.parametrize("note", [None, "", "a remark", "[1]", '{"cites": 3}', '{"cites": {"text": "x"}}', "{"])
def test_a_remark_is_no_citation(note: str | None) -> None:
    assert Citation.of(note) is None


def broken() -> Trajectory:
    """A body with arguments that the rules would repair."""
    call = ToolCall(name="get_member", arguments=None, raw="{'member_id': 'M1'}", call_id="call_1")
    body = make_trajectory()
    return body.with_turns((body.turns[0], body.turns[1].replace(tool_calls=(call,)), *body.turns[2:]))


def test_checking_again_tells_what_came_and_what_went(workspace: Workspace, db: sqlite3.Connection) -> None:
    pk = put(db, "episode", broken())
    found = reviewing.recheck(workspace, db, pk)
    assert found.came and not found.gone and found.same == 0
    trajectories.put_findings(db, pk, 0, [*found.came, found.came[0].replace(message="else")])
    again = reviewing.recheck(workspace, db, pk)
    assert not again.came and [f.message for f in again.gone] == ["else"] and again.same == len(found.came)
    other = found.came[0].replace(rule="reply.no-end")
    trajectories.put_findings(db, pk, 0, [*found.came, other])
    assert not reviewing.recheck(workspace, db, pk).gone


def test_repairs_are_shown_first_and_made_as_one_revision(workspace: Workspace, db: sqlite3.Connection) -> None:
    pk = put(db, "episode", broken())
    after, repairs = reviewing.repaired(workspace, db, pk)
    assert repairs and trajectories.get(db, pk) != after
    assert reviewing.repair(workspace, db, pk, "tester") == len(repairs)
    assert trajectories.get(db, pk).turns == after.turns
    decisions.undo(db, "tester")
    assert trajectories.get(db, pk).turns == broken().turns
