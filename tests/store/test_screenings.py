"""Verdicts of the prefilter in the store: which one counts, which one is remembered, and the filter `judge:`."""

import sqlite3

import pytest
from samples import make_trajectory

from simia_tui.errors import UsageError
from simia_tui.model import Opinion, Point, Screening
from simia_tui.store import New, Query, Workspace, screenings, trajectories
from simia_tui.store.screenings import Screened


def put(
    db: sqlite3.Connection, pk: int, opinion: str, by: str = "m", version: str = "v", revision: int = 0
) -> Screening:
    verdict = Screening(opinion=Opinion(opinion), logic=Point(passed=opinion == "pass"), by=by, version=version)
    screenings.add(db, [Screened(pk, revision, f"sha-{pk}", verdict)])
    return verdict


def having(db: sqlite3.Connection, opinion: str) -> list[int]:
    return trajectories.ids(db, Query.parse("seed", f"judge:{opinion}")).tolist()


def test_the_latest_verdict_on_the_body_that_counts_is_the_one(workspace: Workspace) -> None:
    db = workspace.connect()
    first, second = (make_trajectory(text) for text in ("one", "two"))
    a, b = trajectories.add(db, [New(first, first), New(second, second)]).pks
    assert screenings.latest(db, a) is None
    put(db, a, "pass")
    put(db, b, "error")
    latest = put(db, a, "fail", by="other")
    put(db, b, "pass", revision=7)
    assert screenings.latest(db, a) == latest
    assert (having(db, "pass"), having(db, "fail"), having(db, "error")) == ([], [a], [b])


def test_what_is_remembered_is_of_the_same_content_model_and_prompt(workspace: Workspace) -> None:
    db = workspace.connect()
    one = make_trajectory("one")
    (pk,) = trajectories.add(db, [New(one, one)]).pks
    put(db, pk, "error")
    assert screenings.known(db, f"sha-{pk}", "m", "v") is None
    verdict = put(db, pk, "pass")
    put(db, pk, "error")
    assert screenings.known(db, f"sha-{pk}", "m", "v") == verdict
    for other in ((f"sha-{pk}x", "m", "v"), (f"sha-{pk}", "n", "v"), (f"sha-{pk}", "m", "w")):
        assert screenings.known(db, *other) is None


def test_the_filter_reads_back_and_knows_its_values() -> None:
    query = Query.parse("seed", "judge:fail status:pending loan")
    assert (query.judge, query.text) == ("fail", "loan")
    assert Query.parse("seed", query.line()) == query
    with pytest.raises(UsageError, match="pass, fail, error"):
        Query.parse("seed", "judge:maybe")
