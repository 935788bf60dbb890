"""The commands over a small workspace: what scripts rely on."""

import json
from pathlib import Path
from typing import Any

import pytest
from samples import make_trajectory

from simia_tui import formats
from simia_tui.cli.entry import run
from simia_tui.store import Workspace


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    """Six rows of OpenAI messages, one of them twice, and one that cannot be read."""
    rows = [json.dumps(formats.write_openai(make_trajectory(f"renew {n}"))) for n in (1, 2, 3, 4, 4)]
    path = tmp_path / "traces.jsonl"
    path.write_text("\n".join([*rows, '{"messages": 3}']) + "\n")
    return path


class Simia:
    """Runs commands on one workspace."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self._capsys = root, capsys

    def __call__(self, *arguments: str) -> str:
        code = run([*arguments, "--workspace", str(self.root)])
        printed = self._capsys.readouterr()
        assert code == 0, printed.err
        return printed.out

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json"))


@pytest.fixture
def simia(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> Simia:
    return Simia(workspace.root, capsys)


def test_import_counts_and_says_it_again(simia: Simia, traces: Path) -> None:
    report = simia.json("import", str(traces), "--domain", "library", "--dry-run")
    assert (report["added"], report["duplicates"], report["quarantined"]) == (4, 1, 1)
    assert simia.json("seeds", "list") == []
    report = simia.json("import", str(traces), "--domain", "library")
    assert (report["format"], report["added"], report["duplicates"], report["quarantined"]) == ("openai", 4, 1, 1)
    assert report["files"][0]["reasons"]
    again = simia.json("import", str(traces), "--domain", "library")
    assert (again["added"], again["duplicates"]) == (0, 5)
    (refused,) = simia.json("quarantine")
    assert (refused["row"], refused["raw"]) == (6, '{"messages": 3}')


def test_decisions_filters_and_undo(simia: Simia, traces: Path) -> None:
    simia("import", str(traces), "--domain", "library")
    rows = simia.json("seeds", "list")
    assert {"id", "status", "domain", "kind"} <= set(rows[0])
    assert simia.json("seeds", "approve", rows[0]["id"])["changed"] == 1
    assert simia.json("seeds", "reject", str(rows[1]["pk"]), "--fault", "agent", "--note", "rude")["changed"] == 1
    assert simia.json("seeds", "approve", "--where", "status:pending")["changed"] == 2
    assert [row["status"] for row in simia.json("seeds", "list")] == ["approved", "rejected", "approved", "approved"]
    assert simia.json("seeds", "undo")["pks"] == [rows[2]["pk"], rows[3]["pk"]]
    assert len(simia.json("seeds", "list", "--status", "pending")) == 2
    shown = json.loads(simia("seeds", "show", rows[1]["id"][:10]))
    assert shown["decisions"][0]["note"] == "rude"
    assert [turn["role"] for turn in shown["turns"]] == ["user", "assistant", "tool", "assistant"]


def test_an_edit_is_a_revision(simia: Simia, traces: Path) -> None:
    simia("import", str(traces), "--domain", "library")
    simia("seeds", "edit", "1", "--turn", "2", "--arguments", '{"member_id": "M2"}')
    shown = json.loads(simia("seeds", "show", "1"))
    assert shown["turns"][1]["tool_calls"][0]["arguments"] == {"member_id": "M2"}
    assert json.loads(simia("seeds", "show", "1", "--revision", "0"))["turns"][1]["tool_calls"][0]["arguments"] == {
        "member_id": "M1"
    }
    simia("seeds", "undo")
    assert json.loads(simia("seeds", "show", "1"))["revision"] == 0


def test_synthesize_check_export(simia: Simia, traces: Path) -> None:
    simia("import", str(traces), "--domain", "library")
    simia("seeds", "approve", "--status", "pending")
    done = simia.json("synthesize", "-n", "12", "--wait", "--defect-rate", "0.5")
    assert (done["status"], done["done"], done["failed"]) == ("done", 12, 0)
    episodes = simia.json("episodes", "list")
    assert len(episodes) == 12
    assert all(episode["demo"] for episode in episodes)
    scores = simia.json("eval", "rules")
    assert scores["episodes"] == 12
    assert scores["structural"]["k"] == scores["structural"]["n"]
    simia("episodes", "approve", "--verdict", "clean")
    simia("episodes", "approve", "--verdict", "repaired")
    export = simia.json("export", "first")
    folder = simia.root / export["path"]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["demo"] is True
    assert manifest["rows"] == export["rows"] == len((folder / "trl.jsonl").read_text().splitlines())
    assert manifest["models"] == {"simia-demo": export["rows"]}
    again = simia.json("export", "first")
    assert again == export, "the same set under the same name is one export"


def test_check_needs_no_workspace(capsys: pytest.CaptureFixture[str], tmp_path: Path, traces: Path) -> None:
    out, report = tmp_path / "out.jsonl", tmp_path / "report.json"
    code = run(["check", str(traces), "--out", str(out), "--report", str(report)])
    assert code == 0
    assert len(out.read_text().splitlines()) == 5
    entries = json.loads(report.read_text())
    assert [entry["verdict"] for entry in entries] == ["clean"] * 5 + ["unreadable"]


def test_doctor_names_every_part(simia: Simia) -> None:
    names = [entry["what"] for entry in simia.json("doctor")]
    assert names == ["simia", "SQLite", "workspace", "endpoint", "worker", "training", "disk"]


def test_every_command_has_help() -> None:
    import click

    from simia_tui.cli.entry import simia as group

    def walk(command: click.Command, path: str) -> None:
        assert command.help, f"{path} has no help"
        if isinstance(command, click.Group):
            with click.Context(command) as context:
                for name in command.list_commands(context):
                    child = command.get_command(context, name)
                    assert child is not None
                    walk(child, f"{path} {name}")

    walk(group, "simia")
