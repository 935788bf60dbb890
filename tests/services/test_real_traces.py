"""The real tau-bench airline traces through the whole program, against counts made with plain json."""

import json
import sqlite3
import tracemalloc
from pathlib import Path

from simia_tui.formats.llamafactory import keeps_sharegpt
from simia_tui.services import exporting
from simia_tui.services.importing import import_files
from simia_tui.store import Query, Workspace, decisions, trajectories


def test_tau_airline_comes_in_whole_once_and_goes_out_whole(
    workspace: Workspace, db: sqlite3.Connection, real_data: Path
) -> None:
    path = real_data / "tau_airline_gpt4o.json"
    records = json.loads(path.read_text())
    messages = [message for record in records for message in record["traj"]]
    turns = sum(message["role"] != "system" for message in messages)
    calls = sum(len(message.get("tool_calls") or []) for message in messages)
    results = [message for message in messages if message["role"] == "tool"]
    errors = sum(message["content"].startswith("Error") for message in results)

    report = import_files(workspace, [path])
    assert (report.added, report.duplicates, report.quarantined) == (len(records), 0, 0) == (120, 0, 0)
    rows = trajectories.rows(db, trajectories.ids(db, Query(kind="seed")).tolist())
    assert sum(row.turns for row in rows) == turns
    assert sum(row.calls for row in rows) == calls == 689
    assert sum(row.observations for row in rows) == len(results)
    assert sum(row.errors for row in rows) == errors == 40
    again = import_files(workspace, [path])
    assert (again.added, again.duplicates) == (0, 120)

    decisions.decide(db, [row.pk for row in rows], "approve", "tester")
    preview = exporting.preview(db, Query(kind="seed", status="approved"))
    hermes = preview.reports["sharegpt-hermes"]
    assert (hermes.rows, hermes.dropped, hermes.words_lost) == (120, 0, 0)
    export = exporting.freeze(workspace, db, "airline", preview)
    written = json.loads((workspace.root / export.path / "sharegpt_hermes.json").read_text())
    kept = [keeps_sharegpt(row) for row in written]
    assert all(row.kept for row in kept)
    said = sum(len((m["content"] or "").split()) for m in messages if m["role"] == "assistant")
    texts = (
        turn["value"].split("<tool_call>")[0]
        for row in written
        for turn in row["conversations"]
        if turn["from"] == "gpt"
    )
    assert sum(len(text.split()) for text in texts) == said


def test_memory_does_not_grow_with_the_file(workspace: Workspace, tmp_path: Path) -> None:
    row = {"messages": [{"role": "user", "content": ""}, {"role": "assistant", "content": "y" * 20_000}]}
    path = tmp_path / "big.jsonl"
    with open(path, "w") as file:
        for n in range(1500):
            row["messages"][0]["content"] = f"number {n}"
            file.write(json.dumps(row) + "\n")
    size = path.stat().st_size
    tracemalloc.start()
    report = import_files(workspace, [path])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert report.added == 1500
    assert size > 30_000_000
    assert peak < size / 2, "a portion of rows may be in memory, the file may not"


def test_a_folder_is_walked_and_what_is_no_data_is_refused_with_a_sentence(
    workspace: Workspace, tmp_path: Path
) -> None:
    row = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "good.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "in" / "notes.txt").write_text("no data\n")
    (tmp_path / "in" / ".hidden.json").write_text("no data\n")
    report = import_files(workspace, [tmp_path / "in"])
    assert [(Path(file.path).name, file.format, file.added) for file in report.files] == [
        ("good.jsonl", "openai", 1),
        ("notes.txt", "refused", 0),
    ]
    assert "notes.txt" in report.files[1].reasons[0]
