"""A file is checked as a whole or by several processes, with the same report and the same rows."""

import json
from pathlib import Path

import pytest
from samples import make_trajectory

from simia_tui import formats
from simia_tui.errors import UsageError
from simia_tui.formats.slices import slices
from simia_tui.model import Turn
from simia_tui.services.checking import FileCheck


def a_file(path: Path, rows: int = 40, indent: int | None = None) -> Path:
    made = [make_trajectory(f"I want to renew loan {number}") for number in range(rows)]
    made[7] = made[7].with_turns((*made[7].turns[:-1], Turn(role="assistant", content="</think> Done.")))
    written = [formats.write_sharegpt(trajectory) for trajectory in made]
    written[3] = {"conversations": "nothing"}
    text = (
        "[\n" + ",\n".join(map(json.dumps, written)) + "\n]" if indent is None else json.dumps(written, indent=indent)
    )
    path.write_text(text)
    return path


def checked(path: Path, workers: int, target: str = "openai", root: Path = Path("/nowhere")) -> tuple[bytes, bytes]:
    report, out = (path.with_name(f"{name}-{workers}") for name in ("report", "out"))
    with formats.JsonSink(report, array=True) as entries, formats.open_sink(out, target) as sink:
        counts = FileCheck(path, "sharegpt", "generic", target, root).run(entries, sink, workers)
    assert sum(counts.values()) == len(json.loads(report.read_text()))
    return report.read_bytes(), out.read_bytes()


@pytest.mark.parametrize("indent", [None, 1])
def test_two_processes_say_what_one_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, indent: int | None) -> None:
    path = a_file(tmp_path / "rows.json", indent=indent)
    monkeypatch.setattr(formats, "slices", lambda name: slices(name, 4000))
    assert len(formats.sliced(path, "sharegpt")) > 3
    assert checked(path, 2) == checked(path, 1)


def test_the_report_names_rows_and_findings(tmp_path: Path) -> None:
    report, out = checked(a_file(tmp_path / "rows.json", rows=9), 1, "sharegpt-hermes")
    entries = json.loads(report)
    assert [entry["row"] for entry in entries] == list(range(1, 10))
    assert entries[3]["verdict"] == "unreadable" and "conversations" in entries[3]["reason"]
    assert entries[7]["verdict"] == "broken" and entries[7]["findings"][0]["rule"] == "text.think-tag"
    assert len(json.loads(out)) == 8


def test_the_settings_of_the_folder_switch_rules_off(tmp_path: Path) -> None:
    (tmp_path / "simia.toml").write_text('[rules.generic]\noff = ["text.think-tag"]\n')
    report, _ = checked(a_file(tmp_path / "rows.json", rows=9), 1, root=tmp_path)
    assert json.loads(report)[7]["verdict"] == "clean"


def test_a_column_format_is_written_by_one_process(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path = a_file(tmp_path / "rows.json")
    checked(path, 2, "parquet")
    rows = list(formats.read(tmp_path / "out-2", "parquet"))
    assert len(rows) == 39 and all(row.trajectory is not None for row in rows)


@pytest.mark.parametrize(
    ("name", "target", "says"),
    [("rows.json", "nothing", "no format 'nothing'"), ("none.json", "openai", "no file")],
)
def test_what_is_not_there_is_named(tmp_path: Path, name: str, target: str, says: str) -> None:
    a_file(tmp_path / "rows.json", rows=9)
    with pytest.raises(UsageError, match=says):
        FileCheck(tmp_path / name, "auto", "generic", target, tmp_path)


def test_a_full_disk_ends_the_work_of_all_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "slices", lambda name: slices(name, 4000))
    path = a_file(tmp_path / "rows.json")

    class Full(formats.JsonSink):
        def add(self, row: object) -> None:
            raise OSError("no space left")

    with formats.JsonSink(tmp_path / "report") as report, Full(tmp_path / "out") as out, pytest.raises(OSError):
        FileCheck(path, "sharegpt", "generic", "openai", tmp_path).run(report, out, 2)
