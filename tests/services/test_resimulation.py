"""What can be asked for, and what a decision on a new end does and undoes."""

import sqlite3

import pytest
from samples import make_trajectory
from stage import put, put_episodes, put_seeds

from simia_tui.errors import UsageError
from simia_tui.model import Finding, Severity, Trajectory, Turn
from simia_tui.services import exporting, resimulation
from simia_tui.services.decided import original
from simia_tui.services.resimulation import Mix, Place
from simia_tui.settings import Settings
from simia_tui.store import Query, Workspace, decisions, jobs, remakes, trajectories
from simia_tui.store.connection import write
from simia_tui.store.remakes import Remade, Remake, Stage

FOUND = Finding(rule="state.changed", severity=Severity.WARNING, message="Hm.", turn=3)


def longer(body: Trajectory) -> Trajectory:
    """Another end of a sample: the answer of the tool differs, and two turns come after."""
    ended = (
        body.turns[2].replace(content='{"name": "Grace"}'),
        Turn(role="assistant", content="Done, Grace."),
        Turn(role="user", content="Thanks."),
        Turn(role="assistant", content="Bye."),
    )
    return body.with_turns((*body.turns[:2], *ended))


def ask(db: sqlite3.Connection, *pks: int, turn: int = 2) -> list[Remake]:
    planned = resimulation.plan(db, Settings(), {pk: Place(turn) for pk in pks})
    return remakes.of_job(db, remakes.ask(db, planned.spec, planned.wishes, "tester"))


def land(db: sqlite3.Connection, one: Remake) -> Remake:
    with write(db):
        body = longer(trajectories.get(db, one.trajectory, one.revision))
        remakes.land_within(db, one.job, one.ord, Remade(body, (FOUND,)))
    return remakes.remake(db, one.pk)


def landed(db: sqlite3.Connection, *pks: int) -> list[Remake]:
    return [land(db, one) for one in ask(db, *pks)]


@pytest.fixture
def pks(db: sqlite3.Connection) -> list[int]:
    return put_episodes(db)


def state(db: sqlite3.Connection, pk: int) -> tuple[str, int, str, int]:
    (row,) = trajectories.rows(db, [pk])
    return row.status, row.revision, row.verdict, row.turns


def test_asked_waits_landed_waits_and_settled_is_over(db: sqlite3.Connection, pks: list[int]) -> None:
    assert remakes.current(db, pks[0]) is None
    (one,) = ask(db, pks[0])
    assert (one.stage, one.turn, one.stage.open) == (Stage.ASKED, 2, True)
    one = land(db, one)
    assert (one.stage, one.proposed, one.stage.open) == (Stage.LANDED, 1, True)
    assert remakes.landed(db) == [pks[0]] and state(db, pks[0])[1] == 0
    assert trajectories.ids(db, Query.parse("episode", "has:new-end")).tolist() == [pks[0]]


def test_an_export_counts_the_rows_whose_new_end_waits(workspace: Workspace, db: sqlite3.Connection) -> None:
    pks = put_episodes(db)
    decisions.decide(db, pks[:2], "approve", "tester")
    approved = Query(kind="episode", status="approved")
    chosen = landed(db, pks[0], pks[2])
    assert exporting.preview(db, approved, ["trl"]).undecided == 1
    resimulation.settle(workspace, db, chosen, "old", "tester")
    assert exporting.preview(db, approved, ["trl"]).undecided == 0


def test_new_is_taken_as_a_revision_and_one_undo_opens_the_question_again(
    workspace: Workspace, db: sqlite3.Connection, pks: list[int]
) -> None:
    pk = pks[0]
    old = trajectories.get(db, pk)
    before = state(db, pk)
    chosen = landed(db, pk)
    resimulation.settle(workspace, db, chosen, "new", "tester")
    assert trajectories.get(db, pk) == longer(old) and state(db, pk) == ("pending", 1, "warned", 6)
    assert remakes.current(db, pk) is None and remakes.of(db, pk)[0].taken == "new"
    assert [f.rule for f in trajectories.findings(db, pk)] == ["state.changed"]
    undone = decisions.undo(db, "tester")
    assert undone is not None and undone.action == "take" and undone.pks == [pk]
    assert trajectories.get(db, pk) == old and state(db, pk) == before
    assert remakes.current(db, pk) is not None and remakes.landed(db) == [pk]
    decisions.redo(db, "tester")
    assert state(db, pk)[1] == 1 and remakes.current(db, pk) is None


def test_old_is_taken_without_a_change_and_can_be_undone_too(
    workspace: Workspace, db: sqlite3.Connection, pks: list[int]
) -> None:
    before = state(db, pks[0])
    resimulation.settle(workspace, db, landed(db, pks[0]), "old", "tester")
    assert state(db, pks[0]) == before and remakes.current(db, pks[0]) is None
    decisions.undo(db, "tester")
    assert state(db, pks[0]) == before and remakes.landed(db) == [pks[0]]


def test_many_are_decided_as_one_act(workspace: Workspace, db: sqlite3.Connection, pks: list[int]) -> None:
    before = [state(db, pk) for pk in pks]
    resimulation.settle(workspace, db, landed(db, *pks), "new", "tester")
    assert [state(db, pk)[3] for pk in pks] == [6] * len(pks)
    decisions.undo(db, "tester")
    assert [state(db, pk) for pk in pks] == before


@pytest.mark.parametrize(
    ("mix", "contents"),
    [
        (Mix(4, None), ["Done, Grace."]),
        (Mix(3, 3), ["Done, Ada."]),
        (Mix(6, None), ["Done, Grace.", "Thanks.", "Bye."]),
        (Mix(5, 3), ["Done, Grace.", "Thanks.", "Done, Ada."]),
    ],
)
def test_mixed_turns_make_a_revision_of_their_own(
    workspace: Workspace, db: sqlite3.Connection, pks: list[int], mix: Mix, contents: list[str]
) -> None:
    (one,) = landed(db, pks[0])
    resimulation.settle(workspace, db, [one], "mixed", "tester", mix)
    body = trajectories.get(db, pks[0])
    assert [turn.content for turn in body.turns[3:]] == contents and state(db, pks[0])[1] == 2
    assert '"Grace"' in str(body.turns[2].content)
    decisions.undo(db, "tester")
    assert state(db, pks[0])[1] == 0 and remakes.landed(db) == [pks[0]]


@pytest.mark.parametrize(
    ("mix", "problem"),
    [
        (Mix(2, None), "has no observation"),
        (Mix(4, 3), "follows the assistant"),
        (Mix(4, 2), "answers no call"),
        (Mix(2, 0), "order of turns"),
    ],
)
def test_a_mix_in_which_nobody_takes_turns_is_refused_and_changes_nothing(
    workspace: Workspace, db: sqlite3.Connection, pks: list[int], mix: Mix, problem: str
) -> None:
    (one,) = landed(db, pks[0])
    with pytest.raises(UsageError, match=problem):
        resimulation.settle(workspace, db, [one], "mixed", "tester", mix)
    assert state(db, pks[0])[1] == 0 and remakes.landed(db) == [pks[0]]


def test_what_has_not_come_or_is_decided_cannot_be_decided(
    workspace: Workspace, db: sqlite3.Connection, pks: list[int]
) -> None:
    (one,) = ask(db, pks[0])
    with pytest.raises(UsageError, match="has not come yet"):
        resimulation.settle(workspace, db, [one], "new", "tester")
    one = land(db, one)
    resimulation.settle(workspace, db, [one], "new", "tester")
    with pytest.raises(UsageError, match="somebody has decided"):
        resimulation.settle(workspace, db, [one], "old", "tester")


def test_what_cannot_be_asked_for_is_left_out_with_the_reason(db: sqlite3.Connection, pks: list[int]) -> None:
    (seed, *_) = put_seeds(db)
    ask(db, pks[1])
    places = {pks[0]: Place(2), seed: Place(2), pks[1]: Place(1), pks[2]: Place(0), pks[3]: Place(5)}
    planned = resimulation.plan(db, Settings(), places)
    assert [wish.trajectory for wish in planned.wishes] == [pks[0]]
    reasons = planned.left_out
    assert "is a seed" in reasons[seed] and "already (job 1)" in reasons[pks[1]]
    assert "fresh episode" in reasons[pks[2]] and "turns 1 to 4" in reasons[pks[3]]
    with pytest.raises(UsageError, match="made from no seed"):
        resimulation.plan(db, Settings(), {pks[0]: Place(None)})
    with pytest.raises(UsageError, match="Nothing is chosen"):
        resimulation.plan(db, Settings(), {})


def test_a_cancelled_job_leaves_the_place_free_again(db: sqlite3.Connection, pks: list[int]) -> None:
    (one,) = ask(db, pks[0])
    jobs.set_desired(db, one.job, "cancelled")
    assert remakes.remake(db, one.pk).stage is Stage.FAILED
    assert ask(db, pks[0])[0].stage is Stage.ASKED


def test_an_edit_after_the_wish_is_noticed(db: sqlite3.Connection, pks: list[int]) -> None:
    (one,) = landed(db, pks[0])
    assert not resimulation.edited_since(db, one)
    body = trajectories.get(db, pks[0])
    first = body.turns[0].replace(content="Else.")
    decisions.edit(db, pks[0], body.with_turns((first, *body.turns[1:])), (), "tester")
    assert resimulation.edited_since(db, one)


def test_a_proposal_is_no_edit_and_a_taken_one_replaces_what_was_made(
    workspace: Workspace, db: sqlite3.Connection, pks: list[int]
) -> None:
    made = trajectories.get(db, pks[0])
    (one,) = landed(db, pks[0])
    assert original(db, trajectories.rows(db, [pks[0]])[0]) is None
    resimulation.settle(workspace, db, [one], "new", "tester")
    assert original(db, trajectories.rows(db, [pks[0]])[0]) == made


def test_many_start_where_the_first_doubt_of_each_is(db: sqlite3.Connection) -> None:
    found = tuple(FOUND.replace(turn=turn) for turn in (None, 0, 3, 2))
    assert resimulation.first_flagged(db, put(db, "episode", make_trajectory("One"), found)) == 2
    assert resimulation.first_flagged(db, put(db, "episode", make_trajectory("Two"))) is None
