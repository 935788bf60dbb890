"""Remakes and habits in the store: what survives, and who sees which."""

import sqlite3

from samples import make_trajectory
from stage import put

from simia_tui.model import Origin, ResimulateSpec, SynthesizeSpec
from simia_tui.store import Workspace, decisions, habits, jobs, remakes, trajectories
from simia_tui.store.connection import write
from simia_tui.store.remakes import Remade, Stage, Wish


def asked(db: sqlite3.Connection, *pks: int) -> int:
    return remakes.ask(db, ResimulateSpec(), [Wish(pk, 0, 2, pk, "why") for pk in pks], "ann")


def land(db: sqlite3.Connection, job: int, ord_: int, pk: int) -> None:
    with write(db):
        remakes.land_within(db, job, ord_, Remade(trajectories.get(db, pk), ()))


def test_a_wish_and_its_task_are_one(db: sqlite3.Connection) -> None:
    pks = [put(db, "episode", make_trajectory(text)) for text in ("One", "Two")]
    job = asked(db, *pks)
    assert [(one.trajectory, one.ord, one.turn, one.why, one.reviewer) for one in remakes.of_job(db, job)] == [
        (pks[0], 0, 2, "why", "ann"),
        (pks[1], 1, 2, "why", "ann"),
    ]
    assert db.execute("SELECT ord, seed FROM tasks").fetchall() == [(0, pks[0]), (1, pks[1])]
    assert jobs.job(db, job).spec == ResimulateSpec()


def test_the_newest_wish_is_the_one_on_show(db: sqlite3.Connection) -> None:
    pk = put(db, "episode", make_trajectory())
    first = asked(db, pk)
    jobs.set_desired(db, first, "cancelled")
    second = asked(db, pk)
    current = remakes.current(db, pk)
    assert current is not None and (current.job, current.stage) == (second, Stage.ASKED)
    assert [one.stage for one in remakes.of(db, pk)] == [Stage.ASKED, Stage.FAILED]


def test_an_answer_that_came_stands_even_if_its_job_is_ended_later(db: sqlite3.Connection) -> None:
    pk = put(db, "episode", make_trajectory())
    job = asked(db, pk)
    land(db, job, 0, pk)
    jobs.set_desired(db, job, "cancelled")
    current = remakes.current(db, pk)
    assert current is not None and current.stage is Stage.LANDED and remakes.landed(db) == [pk]
    with write(db):
        remakes.withdraw_within(db, job)
    assert remakes.current(db, pk) is None and remakes.landed(db) == []


def test_a_decision_of_another_since_is_left_alone_by_undo(db: sqlite3.Connection) -> None:
    pk = put(db, "episode", make_trajectory())
    job = asked(db, pk)
    land(db, job, 0, pk)
    remakes.settle(db, remakes.of_job(db, job), "new", "ann")
    decisions.decide(db, [pk], "approve", "bob")
    undone = decisions.undo(db, "ann")
    assert undone is not None and (undone.pks, undone.skipped) == ([], 1)
    assert trajectories.rows(db, [pk])[0].revision == 1
    assert remakes.current(db, pk) is None and remakes.landed(db) == [], "what counts is no proposal"


def test_a_fresh_episode_settles_its_wish_by_being_there(db: sqlite3.Connection) -> None:
    seed = put(db, "seed", make_trajectory("S"))
    pk = put(db, "episode", make_trajectory("E"), seed=seed)
    job = remakes.ask(db, SynthesizeSpec(), [Wish(pk, 0, None, seed)], "ann")
    assert remakes.of(db, pk)[0].stage is Stage.ASKED and remakes.current(db, pk) is None
    made = put(db, "episode", make_trajectory("F", origin=Origin(job=job, ord=0)), seed=seed)
    assert remakes.of(db, pk)[0].made == made
    assert remakes.made_from(db, made) == remakes.of(db, pk)[0] and remakes.made_from(db, pk) is None


def test_habits_are_kept_for_each_reviewer_across_connections(workspace: Workspace, db: sqlite3.Connection) -> None:
    assert habits.habit(db, "ann", "view") is None
    habits.keep(db, "ann", "view", "full")
    habits.keep(db, "ann", "view", "spine")
    habits.keep(db, "bob", "view", "full")
    other = workspace.connect(readonly=True)
    assert [habits.habit(other, who, "view") for who in ("ann", "bob", "eve")] == ["spine", "full", None]
    other.close()
