"""`simia train`: what would be needed, which process is started, and mistakes in one sentence."""

import json
from pathlib import Path

import pytest

from simia_tui.cli.entry import run
from simia_tui.services import processes
from simia_tui.store import Workspace, exports, runs

ROW = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}], "tools": []}


@pytest.fixture
def started(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would have been started, on an export named `small`."""
    folder = workspace.exports / "small"
    folder.mkdir(parents=True)
    (folder / "trl.jsonl").write_text(json.dumps(ROW) + "\n")
    exports.add(workspace.connect(), "small", "exports/small", "0" * 64, [], False, {})
    commands: list[list[str]] = []

    def start(arguments: list[str], log: Path) -> int:
        commands.append(arguments)
        return 1

    monkeypatch.setattr(processes, "start", start)
    return commands


def _simia(workspace: Workspace, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(["train", *arguments, "--workspace", str(workspace.root)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.mark.parametrize("method", ["sft", "grpo"])
def test_a_dry_run_tells_what_is_needed_and_starts_nothing(
    workspace: Workspace, started: list[list[str]], capsys: pytest.CaptureFixture[str], method: str
) -> None:
    code, out, _ = _simia(workspace, capsys, method, "small", "--dry-run")
    assert code == 0 and "GiB on" in out and "weights trained" in out
    assert ("requests" in out) == (method == "grpo")
    code, out, _ = _simia(workspace, capsys, method, "small", "--dry-run", "--json")
    found = json.loads(out)
    assert found["fits"] in (True, False) and found["rows"] == 1 and found["memory"] > 0
    assert started == [] and runs.runs(workspace.connect()) == []


@pytest.mark.parametrize("method", ["sft", "grpo"])
def test_each_method_has_its_own_process(
    workspace: Workspace, started: list[list[str]], capsys: pytest.CaptureFixture[str], method: str
) -> None:
    pytest.importorskip("torch", reason="needs the train extra")
    code, out, _ = _simia(workspace, capsys, method, "small", "--max-steps", "3", "--seed", "5", "--json")
    assert code == 0
    assert started[0][:2] == ["-m", f"simia_tui.training.{method}"]
    spec = runs.runs(workspace.connect())[0].spec
    assert (spec.method, spec.max_steps, spec.random_seed) == (method, 3, 5)
    assert json.loads(out)["spec"]["method"] == method


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("sft", "none"), "no export 'none'"),
        (("sft", "small", "--profile", "huge"), "no training profile 'huge'"),
        (("grpo", "small", "--group-size", "1"), "at least 2 rollouts"),
        (("grpo", "small", "--adapter", "7"), "no run 7"),
        (("grpo", "small", "--simulator", "gpt-x"), "No endpoint is set up"),
        (("sft", "small", "--report-to", "paper"), "paper"),
    ],
)
def test_mistakes_get_one_sentence(
    workspace: Workspace,
    started: list[list[str]],
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    says: str,
) -> None:
    pytest.importorskip("torch", reason="needs the train extra")
    code, _, err = _simia(workspace, capsys, *arguments)
    assert code == 2 and says in err and err.count("\n") == 1 and started == []
