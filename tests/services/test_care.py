"""How the reviewing is done, and two real processes that review one workspace at once."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from samples import make_trajectory

from simia_tui.cli.entry import run
from simia_tui.model import Fault, Finding, Opinion, Screening, Severity
from simia_tui.services import acts, blind
from simia_tui.services.care import care
from simia_tui.store import New, Query, Workspace, claims, decisions, draws, screenings, trajectories
from simia_tui.store.screenings import Screened

REVIEW = """
import random, sys
from pathlib import Path
from simia_tui.errors import UsageError
from simia_tui.settings import ReviewSettings
from simia_tui.store import Query, Workspace
from simia_tui.tui.state.review import ReviewState

root, name, overlap = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
db = Workspace.open(root).connect(timeout=60)
state = ReviewState(db, name, "seed", Query(kind="seed"), ReviewSettings(overlap=overlap))
state.refresh()
state.to_waiting()
print("ready", flush=True)
sys.stdin.readline()
rng = random.Random(name)
refused = 0
while True:
    row = state.row
    if row is None or row.status != "pending" or state._mine([row.pk]) is None:
        if not state.advance():
            break
        continue
    try:
        state.decide("approve" if rng.random() < 0.8 else "flag")
        print(row.pk, flush=True)
    except UsageError:
        refused += 1
        if not state.advance():
            break
print("refused", refused, flush=True)
"""


def seeds(db: sqlite3.Connection, n: int, *findings: Finding) -> list[int]:
    news = [New(t, t, list(findings)) for t in (make_trajectory(f"seed {i}") for i in range(n))]
    return trajectories.add(db, news).pks


def two_at_once(workspace: Workspace, tmp_path: Path, overlap: int) -> dict[str, list[int]]:
    """What two reviewers in processes of their own have decided on, who start at the same moment."""
    script = tmp_path / "review.py"
    script.write_text(REVIEW)
    names = ("ann", "bob")
    started = {
        name: subprocess.Popen(
            [sys.executable, str(script), str(workspace.root), name, str(overlap)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in names
    }
    for process in started.values():
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    done = {}
    for process in started.values():
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for name, process in started.items():
        out, _ = process.communicate()
        assert process.returncode == 0
        done[name] = [int(line) for line in out.splitlines() if line.isdigit()]
    return done


def test_two_processes_never_read_the_same_item(workspace: Workspace, db: sqlite3.Connection, tmp_path: Path) -> None:
    pks = seeds(db, 60)
    done = two_at_once(workspace, tmp_path, 1)
    assert sorted(done["ann"] + done["bob"]) == pks
    assert trajectories.counts(db).get(("seed", "pending")) is None
    assert [len(decisions.history(db, pk)) for pk in pks] == [1] * 60


def test_with_an_overlap_both_processes_judge_every_item_once(
    workspace: Workspace, db: sqlite3.Connection, tmp_path: Path
) -> None:
    pks = seeds(db, 30)
    done = two_at_once(workspace, tmp_path, 2)
    assert sorted(done["ann"]) == sorted(done["bob"]) == pks
    ratings = claims.ratings(db, "seed")
    assert set(ratings) == set(pks) and all(set(given) == {"ann", "bob"} for given in ratings.values())
    agreed = [pk for pk, given in ratings.items() if set(given.values()) == {"approve"}]
    assert list(trajectories.ids(db, Query(kind="seed", status="approved"))) == agreed
    assert claims.disputed(db, "seed") == [pk for pk in pks if pk not in agreed]
    report = care(db, "seed")
    assert report.together.n == 30 and report.disputed == 30 - len(agreed)
    ((a, b, found),) = report.pairs
    assert (a, b, found.n) == ("ann", "bob", 30)


def test_overruled_rules_and_judges_are_counted_from_blind_items_only(db: sqlite3.Connection) -> None:
    error = Finding(rule="a.rule", severity=Severity.ERROR, message="m")
    pks = seeds(db, 40, error)
    said = Screening(opinion=Opinion.PASS, by="judge-1")
    screenings.add(db, [Screened(pk, 0, "sha", said) for pk in pks])
    hidden = [pk for pk in pks if blind.drawn(db, pk, 0.3)]
    assert 3 <= len(hidden) <= 25 and hidden == [pk for pk in pks if blind.drawn(db, pk, 0.3)]
    assert set(hidden) <= {pk for pk in pks if blind.drawn(db, pk, 0.6)}, "a larger share holds the smaller one"
    for pk in hidden[:3]:
        draws.look(db, pk, "ann", "reject")
    draws.look(db, hidden[0], "ann", "approve")
    draws.look(db, hidden[1], "bob", None)
    draws.look(db, hidden[1], "bob", "approve")
    found = {(one.who, one.said): (one.share.k, one.share.n) for one in blind.overrides(db, "seed")}
    assert found == {("judge-1", "says pass"): (3, 3), ("a.rule", "finds an error"): (0, 3)}
    draws.look(db, hidden[0], "bob", "approve")
    found = {(one.who, one.said): (one.share.k, one.share.n) for one in blind.overrides(db, "seed")}
    assert found == {("judge-1", "says pass"): (3, 4), ("a.rule", "finds an error"): (1, 4)}
    assert blind.overrides(db, "episode") == []


def test_pace_is_counted_from_what_was_timed(db: sqlite3.Connection) -> None:
    pks = seeds(db, 4)
    acts.decide(db, pks[0], "approve", "ann", seconds=0.1)
    acts.decide(db, pks[1], "reject", "ann", Fault.AGENT, seconds=60)
    decisions.decide(db, pks[2:], "approve", "ann")
    (found,) = care(db, "seed").reviewers
    assert (found.name, found.hasty.k, found.hasty.n, found.seconds) == ("ann", 1, 2, pytest.approx(60.1))


def test_the_command_prints_it(
    workspace: Workspace, db: sqlite3.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    pks = seeds(db, 10)
    for n, pk in enumerate(pks):
        acts.decide(db, pk, "approve" if n < 6 else "reject", "ann", Fault.AGENT, overlap=2)
        acts.decide(db, pk, "approve" if n in (0, 1, 2, 3, 4, 6) else "reject", "bob", Fault.AGENT, overlap=2)
    where = ["--workspace", str(workspace.root)]
    assert run(["agreement", "--kind", "seed", "--json", *where]) == 0
    told = json.loads(capsys.readouterr().out)
    ((pair),) = told["cohen_kappa"]
    assert pair["reviewers"] == ["ann", "bob"] and pair["value"] == pytest.approx((0.8 - 0.52) / 0.48)
    assert told["krippendorff_alpha"]["n"] == 10 and told["disputed"] == 2
    assert run(["agreement", "--kind", "seed", *where]) == 0
    shown = capsys.readouterr().out
    assert "ann and bob, Cohen's kappa" in shown and "0.58" in shown and "10 items" in shown
    assert run(["agreement", *where]) == 0
    assert "nothing judged twice" in capsys.readouterr().out
