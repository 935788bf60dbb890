"""What a job came to: per attempt, per result, per approved episode, and by role."""

import sqlite3

import pytest
from samples import make_trajectory

from simia_tui.errors import UsageError
from simia_tui.model import Origin, SynthesizeSpec
from simia_tui.store import New, costs, decisions, jobs, trajectories
from simia_tui.store.costs import Part


@pytest.fixture
def job(db: sqlite3.Connection) -> int:
    """A job of four tasks: three attempts, two episodes, 900 units, 300 of them estimated."""
    seed = make_trajectory("a seed")
    (pk,) = trajectories.add(db, [New(seed, seed)]).pks
    made = jobs.create(db, SynthesizeSpec(), [pk] * 4)
    for ord_, (outcome, cost) in enumerate((("ok", 400), ("ok", 200), ("lost", 300))):
        db.execute(
            "INSERT INTO attempts (job, ord, n, outcome, model, cost_nano, started, ended)"
            " VALUES (?, ?, 1, ?, 'm', ?, 1, 2)",
            (made, ord_, outcome, cost),
        )
    db.execute("INSERT INTO attempts (job, ord, n, started) VALUES (?, 3, 1, 1)", (made,))
    db.execute("UPDATE jobs SET cost_nano = 900, estimated_nano = 300, done = 2 WHERE pk = ?", (made,))
    for ord_ in range(2):
        episode = make_trajectory(f"episode {ord_}", origin=Origin(job=made, ord=ord_))
        trajectories.add(db, [New(episode, episode, kind="episode", source="synthetic")])
    return made


def test_costs_are_shared_by_what_came_of_them(db: sqlite3.Connection, job: int) -> None:
    told = costs.costs(db, job)
    assert (told.total, told.estimated, told.attempts, told.results, told.approved) == (900, 300, 3, 2, 0)
    assert (told.per_attempt, told.per_result, told.per_approved) == (300, 450, None)
    assert told.parts == (Part(None, "m", 3, 900),)
    episodes = [pk for (pk,) in db.execute("SELECT pk FROM trajectories WHERE kind = 'episode'")]
    decisions.decide(db, episodes[:1], "approve", "ada")
    assert costs.costs(db, job).per_approved == 900


def test_an_episode_that_is_played_is_no_request(db: sqlite3.Connection, job: int) -> None:
    db.execute("UPDATE jobs SET kind = 'rollout' WHERE pk = ?", (job,))
    db.execute("UPDATE attempts SET role = CASE ord WHEN 0 THEN 'agent' WHEN 1 THEN 'judge' END WHERE job = ?", (job,))
    told = costs.costs(db, job)
    assert told.attempts == 2
    assert told.parts == (Part("agent", "m", 1, 400), Part("judge", "m", 1, 200))


def test_an_unknown_price_is_not_nothing(db: sqlite3.Connection, job: int) -> None:
    db.execute("UPDATE jobs SET cost_nano = NULL WHERE pk = ?", (job,))
    told = costs.costs(db, job)
    assert (told.total, told.per_attempt, told.per_result) == (None, None, None)
    with pytest.raises(UsageError):
        costs.costs(db, job + 1)
