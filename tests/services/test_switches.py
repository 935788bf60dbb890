"""Rules that the settings of a workspace switch off do not run, and a name that no rule has is refused."""

from pathlib import Path

import pytest

from simia_tui import checks
from simia_tui.errors import UsageError
from simia_tui.model import Trajectory, Turn
from simia_tui.services import importing, reviewing
from simia_tui.settings import Settings
from simia_tui.store import Workspace, trajectories

BROKEN = Trajectory(turns=(Turn(role="user", content="a"), Turn(role="assistant", content="</think> b")))
ROW = '{"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "</think> b"}]}\n'


def settings_of(root: Path, text: str) -> Settings:
    root.mkdir(exist_ok=True)
    (root / "simia.toml").write_text(text)
    return Settings.load(root)


def test_only_what_is_named_is_left_out(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, '[rules]\noff = ["text.think-tag"]\n')
    data = {"rules": {"off": ["turn.empty"]}}
    assert checks.hints_in(settings, "generic", data).off == {"text.think-tag", "turn.empty"}
    assert checks.run(BROKEN, hints=checks.hints_in(settings, "generic", {}))[1] == []
    assert checks.hints_in(Settings(), "generic", data) is checks.Hints.of(data)


@pytest.mark.parametrize("table", ["rules", "rules.other-domain"])
def test_an_unknown_rule_is_refused_with_the_nearest(tmp_path: Path, table: str) -> None:
    settings = settings_of(tmp_path, f'[{table}]\noff = ["text.think-tags"]\n')
    with pytest.raises(UsageError, match=r'no rule "text.think-tags" to switch off; the nearest is "text.think-tag"\.'):
        checks.hints_in(settings, "generic", {})


def test_import_and_a_second_look_leave_them_out(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "work")
    source = tmp_path / "rows.jsonl"
    source.write_text(ROW)
    settings_of(workspace.root, '[rules.generic]\noff = ["text.think-tag"]\n')
    importing.import_files(workspace, [source])
    db = workspace.connect()
    (pk,) = db.execute("SELECT pk FROM trajectories").fetchone()
    assert trajectories.findings(db, pk) == [] and reviewing.check(workspace, BROKEN)[1] == []
    settings_of(workspace.root, "")
    assert [finding.rule for finding in reviewing.check(workspace, BROKEN)[1]] == ["text.think-tag"]


def test_a_wrong_setting_stops_an_import_before_anything_is_written(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "work")
    source = tmp_path / "rows.jsonl"
    source.write_text(ROW)
    settings_of(workspace.root, '[rules]\noff = ["nothing"]\n')
    with pytest.raises(UsageError, match="no rule"):
        importing.import_files(workspace, [source])
    assert trajectories.counts(workspace.connect()) == {}
