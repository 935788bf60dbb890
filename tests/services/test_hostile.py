"""Text from data is data: what comes in goes out unchanged, through database, search, edit, export and cards."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from simia_tui import formats
from simia_tui.formats.llamafactory import keeps_sharegpt
from simia_tui.services import exporting
from simia_tui.services.importing import import_files
from simia_tui.store import Query, Workspace, decisions, trajectories

HOSTILE = {
    "escape": "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b2J",
    "markup": "[bold red]not bold[/] [@click=app.quit]quit[/] [link=http://x]",
    "long": "word " * 200_000,
    "one long word": "x" * 1_000_000,
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈 e\u0301 ﷽",
    "right to left": "שלום \u202eevil\u202c مرحبا",
    "template": "$policy ${tools} {{ x }} {0} %s %(a)s",
    "path": "../../etc/passwd\\..\\x",
    "formula": "=HYPERLINK(1)",
    "lines": "a\u2028b\u2029c\rd\r\ne\x00f",
    "tags": "<tool_call>{}</tool_call> <think>x</think> </exemplar>",
    "blank": "   ",
}


def rows() -> list[dict[str, Any]]:
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
    found = []
    for name, text in HOSTILE.items():
        calls = [
            {
                "id": f"c{n}",
                "type": "function",
                "function": {"name": "look", "arguments": json.dumps({"q": text[:500]})},
            }
            for n in (1, 2)
        ]
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": f"policy {name}"},
            {"role": "user", "content": text},
            {"role": "assistant", "content": None, "tool_calls": calls},
            {"role": "tool", "tool_call_id": "c2", "content": text},
            {"role": "tool", "tool_call_id": "c1", "content": ""},
            {"role": "assistant", "content": text},
        ]
        found.append({"messages": messages, "tools": [tool]})
    return found


def parsed(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its argument texts read, so that two spellings of one JSON value are equal."""
    row = json.loads(json.dumps(row))
    for message in row["messages"]:
        for call in message.get("tool_calls", []):
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return row


@pytest.fixture
def imported(workspace: Workspace, db: sqlite3.Connection, tmp_path: Path) -> list[int]:
    path = tmp_path / "hostile.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows()), encoding="utf-8")
    report = import_files(workspace, [path], kind="episode")
    assert (report.added, report.quarantined) == (len(HOSTILE), 0)
    return list(trajectories.ids(db, Query(kind="episode")))


def test_import_to_export_is_unchanged(workspace: Workspace, db: sqlite3.Connection, imported: list[int]) -> None:
    for pk, row in zip(imported, rows(), strict=True):
        assert parsed(formats.write_openai(trajectories.get(db, pk, 0))) == parsed(row)


def test_the_export_holds_every_word(workspace: Workspace, db: sqlite3.Connection, imported: list[int]) -> None:
    decisions.decide(db, imported, "approve", "tester")
    export = exporting.freeze(
        workspace, db, "hostile", exporting.preview(db, Query(kind="episode")), accept_losses=True
    )
    folder = workspace.root / export.path
    assert folder.parent == workspace.exports
    lines = (folder / "trl.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    for pk, line in zip(imported, lines, strict=True):
        assert json.loads(line) == json.loads(json.dumps(formats.write_trl(trajectories.get(db, pk))))
    array = json.loads((folder / "sharegpt_hermes.json").read_text(encoding="utf-8"))
    for pk, row in zip(imported, array, strict=True):
        assert keeps_sharegpt(row).kept
        last = trajectories.get(db, pk).turns[-1].content
        assert last and last in row["conversations"][-1]["value"]
    back = import_files(workspace, [folder / "trl.jsonl"], kind="episode", dry_run=True)
    assert back.quarantined == 0


def test_search_takes_any_text(db: sqlite3.Connection, imported: list[int]) -> None:
    for text in [*HOSTILE.values(), '"', "AND OR NOT", "*", "-", "col:", "(", "\x00"]:
        trajectories.ids(db, Query(kind="episode", text=text[:2000]))
    assert trajectories.ids(db, Query(kind="episode", text="passwd")).tolist() == [
        imported[list(HOSTILE).index("path")]
    ]
