"""`simia prompts`: what is in force, and the text that would be sent."""

import json
from pathlib import Path
from typing import Any

import pytest

from simia_tui import demo
from simia_tui.cli.entry import run
from simia_tui.jobs.screening import SeedScreening
from simia_tui.jobs.tasks import Synthesis
from simia_tui.model import PrefilterSpec, SynthesizeSpec
from simia_tui.store import New, Workspace, trajectories
from simia_tui.store.tasks import Task


@pytest.fixture
def seed(workspace: Workspace) -> int:
    db = workspace.connect()
    (made,) = demo.seeds(1, 1)
    (pk,) = trajectories.add(db, [New(made, made)]).pks
    db.close()
    return pk


def simia(capsys: pytest.CaptureFixture[str], root: Path, *arguments: str) -> tuple[int, str, str]:
    code = run([*arguments, "--workspace", str(root)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_a_file_of_the_workspace_takes_the_place_of_a_shipped_one(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    def versions() -> dict[tuple[str, str], tuple[str, str, bool]]:
        code, out, _ = simia(capsys, workspace.root, "prompts", "list", "--json")
        assert code == 0
        found: list[dict[str, Any]] = json.loads(out)
        return {(p["domain"], p["kind"]): (p["version"], p["pack"], p["own"]) for p in found}

    before = versions()
    assert {"synthesize", "prefilter", "judge", "simulate_tool", "simulate_user"} <= {kind for _, kind in before}
    assert before["library", "prefilter"] == before["generic", "prefilter"]
    (workspace.prompts / "library").mkdir(parents=True)
    (workspace.prompts / "library" / "prefilter.md").write_text("Mine.\n$policy $tools $findings $transcript\n")
    after = versions()
    changed = {key for key in after if after[key] != before.get(key)}
    assert changed == {("library", "prefilter")}
    assert after["library", "prefilter"][1:] == ("library", True)
    code, out, err = simia(capsys, workspace.root, "prompts", "show", "prefilter", "--domain", "library")
    assert (code, out.splitlines()[0]) == (0, "Mine.")
    assert after["library", "prefilter"][0] in err


def test_a_preview_is_what_a_job_sends(workspace: Workspace, seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    db, task = workspace.connect(), Task(0, 0, seed, 0, 1)
    sent = {
        "synthesize": Synthesis(workspace, db, SynthesizeSpec(), [seed]).prompt(task),
        "prefilter": SeedScreening(workspace, db, PrefilterSpec(), [seed]).prompt(task),
    }
    for kind, prompt in sent.items():
        code, out, _ = simia(capsys, workspace.root, "prompts", "show", kind, "--seed", str(seed), "--json")
        shown = json.loads(out)
        assert code == 0
        assert (shown["sha"], shown["version"]) == (prompt.sha, prompt.version)
        assert shown["text"] == prompt.messages[0]["content"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["show", "nothing"], "no prompt template"),
        (["show", "judge", "--version", "0000"], "names no version"),
        (["versions", "nothing"], "no prompt template"),
        (["revert", "judge"], "not the workspace's own"),
        (["edit", "judge", "--from", "moon"], "names no version"),
        (["ab", "library", "judge", "now", "shipped"], "Only synthesize can be compared"),
        (["ab", "library", "synthesize", "now", "shipped"], "give two that differ"),
        (["compared", "7"], "no comparison 7"),
        (["show", "prefilter", "--seed", "1", "--domain", "library"], "its own domain"),
        (["list", "--domain", "moon"], "no domain 'moon'"),
        (["show", "prefilter", "--seed", "99"], "names no trajectory"),
    ],
)
def test_wrong_usage_is_one_sentence(
    workspace: Workspace, seed: int, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    code, _, err = simia(capsys, workspace.root, "prompts", *arguments)
    assert (code, len(err.splitlines())) == (2, 1)
    assert says in err
