"""`simia prefilter` from end to end, with the demo model in a worker process."""

import json
from pathlib import Path

import pytest

from simia_tui import demo
from simia_tui.cli.entry import run
from simia_tui.store import New, Workspace, trajectories


@pytest.fixture
def root(workspace: Workspace) -> Path:
    db = workspace.connect()
    trajectories.add(db, [New(seed, seed) for seed in demo.seeds(3, 1)])
    db.close()
    return workspace.root


def test_seeds_are_screened_and_shown(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def simia(*arguments: str) -> str:
        assert run([*arguments, "--workspace", str(root)]) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    told = json.loads(simia("prefilter", "--wait", "--json"))
    assert told == {"job": 1, "status": "done", "done": 3, "failed": 0, "ruled": 0, "remembered": 0, "asked": 3}
    verdict = json.loads(simia("seeds", "show", "1"))["prefilter"]
    assert (verdict["keep"], verdict["by"], verdict["logic"]["pass"]) == (True, "simia-demo", True)
    assert len(json.loads(simia("seeds", "list", "--where", "judge:pass", "--json"))) == 3
    assert "verdicts: 3 pass" in simia("jobs", "show", "1")
    assert "3 were judged before" in simia("prefilter", "--where", "status:pending", "--wait")


def test_wrong_usage_is_one_sentence(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options in (["--where", "status:approved"], ["--where", "judge:maybe"], ["--model", "x"], ["--budget", "-1"]):
        assert run(["prefilter", *options, "--workspace", str(root)]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
