import json

import pytest

from simia_tui import formats
from simia_tui.formats.sharegpt import write_sharegpt
from simia_tui.model import ToolCall, Trajectory, Turn


@pytest.mark.parametrize("name", ["glaive_toolcall_en.json", "glaive_toolcall_zh.json"])
def test_every_turn_and_call_of_the_real_files_arrives(real_data, name):
    path = real_data / name
    source = json.loads(path.read_text())
    rows = list(formats.read(path))
    assert formats.detect(path) == "sharegpt"
    assert len(rows) == 180
    assert not [row.reason for row in rows if row.reason]
    roles = {"human": "user", "gpt": "assistant", "function_call": "assistant", "observation": "tool"}
    for row, record in zip(rows, source, strict=True):
        trajectory, told = row.trajectory, record["conversations"]
        assert [(t.role, t.content) for t in trajectory.turns] == [
            (roles[m["from"]], None if m["from"] == "function_call" else m["value"]) for m in told
        ]
        calls = [json.loads(m["value"]) for m in told if m["from"] == "function_call"]
        assert [{"name": c.name, "arguments": c.arguments} for _, _, c in trajectory.calls()] == calls
        assert [(t.name, t.description, t.parameters) for t in trajectory.tools] == [
            (t["name"], t["description"], t.get("parameters")) for t in json.loads(record["tools"])
        ]


def test_the_observation_without_a_call_stays_an_orphan(real_data):
    rows = list(formats.read(real_data / "glaive_toolcall_zh.json"))
    turns = [turn for row in rows for turn in row.trajectory.turns if turn.role == "tool"]
    assert sum(turn.call_id is None for turn in turns) == 1
    assert len(turns) == 118


def row(*turns, **more):
    return {"conversations": [{"from": source, "value": value} for source, value in turns], **more}


def test_the_system_column_is_the_policy_and_a_system_turn_stays(read_one):
    found = read_one(row(("system", "later"), ("human", "hi"), ("gpt", ""), system="policy"))
    assert found.policy == "policy"
    assert [(t.role, t.content) for t in found.turns] == [("system", "later"), ("user", "hi"), ("assistant", "")]


def test_a_leading_system_turn_is_the_policy(read_one):
    assert read_one(row(("system", "policy"), ("human", "hi"), system="")).policy == "policy"


def test_loss_marks_columns_and_unknown_fields_are_kept(read_one):
    found = read_one({"id": 7, "conversations": [{"from": "gpt", "value": None, "loss": False, "mood": "glad"}]})
    assert found.turns == (Turn(role="assistant", loss=False),)
    assert found.meta == {"id": 7, "turn_fields": {"0": {"mood": "glad"}}}


@pytest.mark.parametrize(
    ("value", "calls"),
    [
        ('{"name": "f", "arguments": {"a": 1}}', [("f", {"a": 1}, None)]),
        ('{"name": "f", "parameters": {"a": 1}}', [("f", {"a": 1}, None)]),
        ('{"name": "f", "arguments": "{\\"a\\": 1}"}', [("f", {"a": 1}, None)]),
        ('{"name": "f", "arguments": [1]}', [("f", None, "[1]")]),
        ('{"name": "f"}', [("f", None, "")]),
        (
            '[{"name": "f", "arguments": {}}, {"name": "g", "arguments": {}}]',
            [("f", {}, None), ("g", {}, None)],
        ),
        ('{"name": "f", "arguments": {', [("", None, '{"name": "f", "arguments": {')]),
        ("[]", [("", None, "[]")]),
        ('{"arguments": {}}', [("", None, '{"arguments": {}}')]),
        ({"name": "f", "arguments": {"a": 1}}, [("f", {"a": 1}, None)]),
    ],
)
def test_calls_are_read_or_kept_as_their_text(read_one, value, calls):
    found = read_one(row(("human", "x"), ("function_call", value)))
    assert [(c.name, c.arguments, c.raw) for _, _, c in found.calls()] == calls


def test_a_thought_before_a_call_is_reasoning(read_one):
    found = read_one(row(("function_call", '<think>\nwhy\n</think>\n{"name": "f", "arguments": {}}')))
    assert found.turns[0].reasoning == "why"
    assert found.turns[0].tool_calls[0].name == "f"


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"conversations": []}, "empty"),
        ({"conversations": "text"}, "no list"),
        ({"conversations": ["text"]}, "not an object"),
        (row(("robot", "x")), "robot"),
        (row(("human", 3)), "not text"),
        (row(("human", "x"), system=3), "not a string"),
        (row(("human", "x"), tools="{"), "not JSON"),
        (row(("system", "only")), "only a system message"),
    ],
)
def test_what_cannot_be_read_is_a_bad_row(read_rows, bad, words):
    (found,) = read_rows(bad, format="sharegpt")
    assert found.trajectory is None
    assert words in found.reason
    assert json.loads(found.raw) == bad


def test_a_call_replaces_the_text_or_follows_it():
    turns = (
        Turn(role="user", content="u"),
        Turn(role="assistant", content="text", tool_calls=(ToolCall(name="f", arguments={"a": "é"}),)),
        Turn(role="tool", content="t"),
    )
    trajectory = Trajectory(policy="p", turns=turns)
    call = {"from": "function_call", "value": '{"name": "f", "arguments": {"a": "é"}}'}
    assert write_sharegpt(trajectory) == {
        "conversations": [{"from": "human", "value": "u"}, call],
        "system": "p",
        "tools": "[]",
    }
    split = write_sharegpt(trajectory, split=True, whole=True)["conversations"]
    assert split[1:] == [{"from": "gpt", "value": "text"}, call, {"from": "observation", "value": "t"}]


@pytest.mark.parametrize("name", ["glaive_toolcall_en.json", "glaive_toolcall_zh.json"])
def test_real_rows_are_written_as_they_were(real_data, name):
    source = json.loads((real_data / name).read_text())
    for found, record in zip(formats.read(real_data / name), source, strict=True):
        written = write_sharegpt(found.trajectory)
        assert len(written["conversations"]) == len(record["conversations"])
        assert [m["from"] for m in written["conversations"]] == [m["from"] for m in record["conversations"]]
        assert json.loads(written["tools"]) == json.loads(record["tools"])
