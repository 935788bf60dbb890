"""The headless demo loop, without training: what it prints is true, and twice the same work gives the same set."""

import sqlite3
from pathlib import Path

import pytest

from simia_tui.model import Status
from simia_tui.services import demo
from simia_tui.settings import Settings
from simia_tui.store import Workspace, exports, trajectories


def test_the_loop_is_whole_and_repeats_itself(tmp_path: Path) -> None:
    shas = []
    for name in ("a", "b"):
        steps = demo.headless(tmp_path / name, 30, train=False, say=lambda _: None)
        assert [step.name for step in steps] == [
            "import",
            "approve seeds by rule",
            "synthesize",
            "check",
            "approve episodes by rule",
            "export",
        ]
        db = sqlite3.connect(tmp_path / name / "db" / "simia.db")
        counts = trajectories.counts(db)
        (export,) = exports.exports(db)
        assert export.rows == counts["episode", Status.APPROVED]
        assert sum(n for (kind, _), n in counts.items() if kind == "episode") == 30
        assert export.demo
        assert trajectories.has_demo(db)
        assert db.execute("SELECT count(*) FROM trajectories WHERE NOT demo").fetchone() == (0,)
        shas.append(export.sha256)
        db.close()
    assert shas[0] == shas[1]


def test_a_demo_workspace_asks_no_endpoint_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-a-real-key-at-all-000000")
    workspace = Workspace.create(tmp_path, demo.TOML)
    assert Settings.load(workspace.root).simulator() is None
