"""Rows are worked on by one process or by several, with the same results in the same order."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import rowwork
from samples import make_trajectory

from simia_tui import formats
from simia_tui.formats.slices import slices
from simia_tui.model import Finding
from simia_tui.services import importing, rowwise
from simia_tui.services.rowwise import Rowwise
from simia_tui.store import Query, Workspace, imports, trajectories

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "slices", lambda name: slices(name, 4000))


def lines(path: Path, rows: int = 60) -> Path:
    """JSON Lines with an empty line, a broken one and one that is no conversation."""
    written = [json.dumps(formats.write_openai(make_trajectory(f"loan {n}"))) for n in range(rows)]
    written[7:7] = ["", '{"messages": [', '{"messages": "nothing"}']
    path.write_text("\n".join(written) + "\n")
    return path


def torn(path: Path, rows: int = 60) -> Path:
    """An array with one element a line, but for one that takes two lines."""
    written = [json.dumps(formats.write_openai(make_trajectory(f"loan {n}"))) for n in range(rows)]
    written[40] = written[40].replace(", ", ",\n", 1)
    path.write_text("[\n" + ",\n".join(written) + "\n]\n")
    return path


@pytest.mark.parametrize("made", [lines, torn])
def test_two_processes_give_what_one_gives(tmp_path: Path, made: "type[lines]") -> None:
    path = made(tmp_path / "rows")
    assert len(formats.sliced(path, "openai")) > 3
    rows = Rowwise(path, "openai", "generic", rowwork.question)
    alone = list(rows.results())
    assert len(alone) >= 60 and list(rows.results(2)) == alone
    assert [number for number, _ in alone] == sorted({number for number, _ in alone})


def test_workers_end_when_their_owner_is_killed(tmp_path: Path) -> None:
    path = lines(tmp_path / "rows", 600)
    command = [sys.executable, str(ROOT / "tests" / "rowwork.py"), str(path)]
    owner = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert owner.stdout is not None
    assert owner.stdout.readline().strip().isdigit()
    owner.kill()
    # The workers hold the other end: it is at its end when they are.
    owner.communicate(timeout=120)


_UNDER_A_SCREEN = """
import io, sys
from pathlib import Path
from rowwork import question
from simia_tui.services.rowwise import Rowwise

class Screen(io.StringIO):
    def fileno(self):
        return -1

sys.stderr = Screen()
print(len(list(Rowwise(Path(sys.argv[1]), "openai", "generic", question).results(2))))
"""


def test_processes_start_where_a_screen_stands_for_standard_error(tmp_path: Path) -> None:
    path = lines(tmp_path / "rows")
    command = [sys.executable, "-c", _UNDER_A_SCREEN, str(path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)
    assert done.stdout.strip() == "62"


def stored(root: Path, path: Path, workers: int | None) -> list[object]:
    workspace = Workspace.create(root)
    report = importing.import_files(workspace, [path], workers=workers)
    db = workspace.connect()
    pks = list(trajectories.ids(db, Query(order="source")))
    rows = [row._replace(created=0.0) for row in trajectories.rows(db, pks)]
    found: list[list[Finding]] = [trajectories.findings(db, pk) for pk in pks]
    return [report, rows, trajectories.several(db, pks), found, imports.quarantined(db)]


def test_an_import_by_several_processes_stores_what_one_stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = lines(tmp_path / "rows")
    alone = stored(tmp_path / "one", path, 1)
    assert stored(tmp_path / "two", path, 2) == alone
    monkeypatch.setattr(rowwise, "LARGE", 1)
    assert rowwise.workers_for(path) >= 1
    assert stored(tmp_path / "all", path, None) == alone
    numbers = [row.row for row in alone[1]]  # type: ignore[attr-defined]
    assert numbers == [n for n in range(1, 64) if n not in (8, 9, 10)]
