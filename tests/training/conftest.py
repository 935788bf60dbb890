"""A small export of hand-made rows, and runs on it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simia_tui.model import TrainSpec
from simia_tui.store import Workspace, exports, runs
from simia_tui.training import process
from simia_tui.training.record import RunRecord

# Before any test imports torch, which reads these settings once.
process.calm_the_machine()

POLICY = "You are the clerk of a tool shed. Look up a loan before you change it. Never promise what a tool refused."

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "find_loan",
            "description": "Finds a loan by its number.",
            "parameters": {"type": "object", "properties": {"loan_id": {"type": "string"}}, "required": ["loan_id"]},
        },
    },
    {
        "type": "function",
        "function": {
            "name": "extend_loan",
            "description": "Moves the return date of a loan.",
            "parameters": {
                "type": "object",
                "properties": {"number": {"type": "integer"}, "note": {"type": ["string", "null"]}},
                "required": ["number"],
            },
        },
    },
]


def call(tool: str, /, **arguments: Any) -> dict[str, Any]:
    """A tool call as a bundle holds it."""
    return {"type": "function", "function": {"name": tool, "arguments": arguments}}


def make_row(number: int) -> dict[str, Any]:
    """A conversation in which the clerk looks up one loan and extends it, with text beside the second call."""
    thing = ("drill", "ladder", "saw", "sander")[number % 4]
    messages = [
        {"role": "system", "content": POLICY},
        {"role": "user", "content": f"Hello, may I keep the {thing} of loan L{number} for {number % 5 + 2} more days?"},
        {"role": "assistant", "content": "", "tool_calls": [call("find_loan", loan_id=f"L{number}")]},
        {"role": "tool", "name": "find_loan", "content": json.dumps({"loan": f"L{number}", "item": thing})},
        {
            "role": "assistant",
            "content": f"I found your {thing}.",
            "tool_calls": [call("extend_loan", number=number), call("find_loan", loan_id=f"L{number + 1}")],
        },
        {"role": "tool", "name": "extend_loan", "content": "extended"},
        {"role": "tool", "name": "find_loan", "content": "Error: no such loan"},
        {"role": "assistant", "content": f"Done: you may keep the {thing} longer."},
        {"role": "user", "content": "Thanks a lot, goodbye."},
    ]
    return {"messages": messages, "tools": TOOLS}


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    """24 conversations."""
    return [make_row(number) for number in range(24)]


@pytest.fixture
def bundle(workspace: Workspace, rows: list[dict[str, Any]]) -> Path:
    """The folder of an export with these rows."""
    folder = workspace.exports / "shed"
    folder.mkdir(parents=True)
    (folder / "trl.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


@pytest.fixture
def new_run(workspace: Workspace, bundle: Path) -> Callable[..., RunRecord]:
    """Makes a run of the given TrainSpec fields on the export."""
    db = workspace.connect()
    export = exports.add(db, "shed", str(bundle), "ab" * 32, [], True, {})

    def make(**spec: Any) -> RunRecord:
        number = len(runs.runs(db)) + 1
        key = runs.add(db, export, TrainSpec(**spec), str(workspace.exports / "runs" / str(number)))
        return RunRecord(workspace, key)

    return make


@pytest.fixture
def tokenizer(rows: list[dict[str, Any]]) -> Any:
    """A tokenizer learnt from the rows, with the chat template of the tiny model."""
    pytest.importorskip("transformers", reason="needs the train extra")
    from simia_tui.training import tiny

    return tiny.learn_tokenizer(rows)
