"""Episodes that a training run played: where each belongs, by filter, lineage and body."""

import pytest
from samples import make_trajectory

from simia_tui.model import Origin, TrainSpec
from simia_tui.store import New, Query, Workspace, exports, judgements, provenance, runs, trajectories
from simia_tui.store.runs import Rollout


def rollout(run: int, step: int, member: int, reward: float | None = 1.0) -> Rollout:
    body = make_trajectory("the same words", origin=Origin(run=run, step=step, group=0, member=member))
    return Rollout(New(body, body, kind="episode", source="rollout"), reward, 0.5)


@pytest.fixture
def run(workspace: Workspace) -> int:
    db = workspace.connect()
    exports.add(db, "curated", "exports/curated", "0" * 64, [], False, {})
    return runs.add(db, 1, TrainSpec(method="grpo"), "exports/runs/1")


def test_equal_words_of_two_members_are_two_episodes_and_the_same_member_is_one(workspace: Workspace, run: int) -> None:
    db = workspace.connect()
    pks = runs.add_rollouts(db, [rollout(run, 1, 0), rollout(run, 1, 1), rollout(run, 2, 0, None)])
    assert len(set(pks)) == 3 and runs.add_rollouts(db, [rollout(run, 1, 1)]) == []
    assert list(trajectories.ids(db, Query.parse("episode", f"run:{run}"))) == pks
    assert list(trajectories.ids(db, Query.parse("episode", f"-run:{run}"))) == []
    assert list(trajectories.ids(db, Query.parse("episode", f"run:{run + 1}"))) == []


def test_a_body_read_back_has_its_place_and_its_id(workspace: Workspace, run: int) -> None:
    db = workspace.connect()
    given = rollout(run, 3, 2)
    (pk,) = runs.add_rollouts(db, [given])
    read = trajectories.get(db, pk)
    assert read.origin == Origin(run=run, step=3, group=0, member=2) and read.id == given.new.trajectory.id
    (told,) = provenance.members(db, [pk])
    assert (told["run"], told["step"], told["group"], told["member"], told["job"]) == (run, 3, 0, 2, None)
    assert provenance.summary(db, [pk])["runs"] == {f"run {run}": 1}


def test_how_it_was_played_and_judged_is_kept_with_it(workspace: Workspace, run: int) -> None:
    db = workspace.connect()
    said = judgements.Judgement(0.0, {"reasoning": "no"}, "a-model", "v1")
    played = judgements.Played({"ledger": {"a": 1}}, said)
    (pk,) = runs.add_rollouts(db, [rollout(run, 1, 0)._replace(played=played)])
    assert judgements.played(db, pk) == {"ledger": {"a": 1}} and judgements.judgements(db, pk) == [said]


def test_one_that_cannot_be_added_leaves_the_others_out_too(workspace: Workspace, run: int) -> None:
    db = workspace.connect()
    with pytest.raises(Exception, match="FOREIGN KEY"):
        runs.add_rollouts(db, [rollout(run, 1, 0), rollout(run + 9, 1, 0)])
    assert list(trajectories.ids(db, Query(kind="episode"))) == []
