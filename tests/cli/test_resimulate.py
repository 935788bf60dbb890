"""`simia resimulate`, `regenerate` and `take` from end to end, with the demo model in a worker process."""

import json
from collections.abc import Callable

import pytest

from simia_tui import demo
from simia_tui.cli.entry import run
from simia_tui.store import New, Workspace, trajectories

Simia = Callable[..., str]


@pytest.fixture
def simia(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> Simia:
    db = workspace.connect()
    seed, *episodes = demo.seeds(3, 1)
    (pk,) = trajectories.add(db, [New(seed, seed)]).pks
    trajectories.add(db, [New(one, one, kind="episode", source="synthetic", seed=pk) for one in episodes])
    db.close()

    def call(*arguments: str) -> str:
        assert run([*arguments, "--workspace", str(workspace.root)]) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    return call


def test_a_new_end_is_asked_for_and_taken(simia: Simia) -> None:
    old = json.loads(simia("episodes", "show", "2"))
    assert json.loads(simia("resimulate", "2", "3", "--turn", "5", "--wait", "--json"))["done"] == 2
    assert json.loads(simia("episodes", "show", "2"))["turns"] == old["turns"]
    assert "2 by tester" in simia("take", "new", "2", "3")
    new = json.loads(simia("episodes", "show", "2"))
    assert new["turns"][:4] == old["turns"][:4] and new["turns"] != old["turns"]
    assert "take of 2" in simia("episodes", "undo")
    assert json.loads(simia("episodes", "show", "2"))["turns"] == old["turns"]
    simia("take", "mixed", "2", "--upto", str(len(old["turns"]) - 1), "--then", str(len(old["turns"])))
    assert "job 1" in simia("episodes", "show", "2")
    assert "job 1: resimulate, done" in simia("jobs", "show", "1")


def test_a_fresh_episode_is_made_from_the_same_seed(simia: Simia) -> None:
    assert "1 came" in simia("regenerate", "2", "--wait")
    assert json.loads(simia("episodes", "show", "4"))["seed"] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["resimulate", "2"],
        ["resimulate", "2", "--turn", "3", "--flagged"],
        ["resimulate", "2", "--flagged"],
        ["resimulate", "2", "--turn", "400"],
        ["resimulate", "1", "--turn", "2"],
        ["resimulate", "nothing", "--turn", "2"],
        ["resimulate", "2", "--turn", "2", "--model", "x"],
        ["resimulate", "2", "--turn", "2", "--budget", "-1"],
        ["regenerate", "1"],
        ["take", "new", "2"],
        ["take", "mixed", "2"],
        ["take", "new", "2", "--upto", "3"],
    ],
)
def test_wrong_usage_is_one_sentence(
    simia: Simia, workspace: Workspace, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert run([*arguments, "--workspace", str(workspace.root)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
