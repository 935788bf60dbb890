import pytest

from simia_tui.formats.openai_chat import write_openai
from simia_tui.formats.trl import write_trl
from simia_tui.model import ToolCall, ToolSpec, Trajectory, Turn


def chat(*messages, **more):
    return {"messages": list(messages), **more}


def asks(*calls):
    return {"role": "assistant", "content": None, "tool_calls": list(calls)}


def test_null_and_empty_content_stay_apart(read_one):
    found = read_one(chat({"role": "user", "content": ""}, {"role": "assistant", "content": None}))
    assert [turn.content for turn in found.turns] == ["", None]


def test_only_the_leading_system_message_is_the_policy(read_one):
    found = read_one(
        chat(
            {"role": "developer", "content": "p"},
            {"role": "system", "content": "more"},
            {"role": "user", "content": "u"},
            {"role": "developer", "content": "again"},
        )
    )
    assert found.policy == "p"
    assert [turn.role for turn in found.turns] == ["system", "user", "system"]


def test_arguments_are_read_as_text_and_as_objects(read_one):
    found = read_one(
        chat(
            asks(
                {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
                {"id": 2, "type": "function", "function": {"name": "f", "arguments": {"a": 1}}},
                {"id": "3", "function": {"name": "f", "arguments": "{'a': 1}"}},
                {"name": "g", "arguments": None},
            )
        )
    )
    assert found.turns[0].tool_calls == (
        ToolCall(name="f", arguments={"a": 1}, call_id="1"),
        ToolCall(name="f", arguments={"a": 1}, call_id="2"),
        ToolCall(name="f", raw="{'a': 1}", call_id="3"),
        ToolCall(name="g", raw="null", call_id="call_1"),
    )


def test_the_older_function_call_is_read(read_one):
    found = read_one(
        chat(
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "done"},
            functions=[{"name": "f", "parameters": {}}],
        )
    )
    assert found.tools == (ToolSpec(name="f", parameters={}),)
    assert found.turns[1] == Turn(role="tool", content="done", call_id="call_1", name="f")


def test_text_parts_are_joined(read_one):
    parts = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    assert read_one(chat({"role": "user", "content": parts})).turns[0].content == "one\ntwo"


def test_marks_and_what_is_not_known_are_kept(read_one):
    found = read_one(
        chat(
            {"role": "system", "content": "p"},
            {"role": "assistant", "content": "a", "weight": 0, "reasoning_content": "r", "refusal": None},
            {"role": "tool", "content": "t", "tool_call_id": "?", "is_error": True, "cost": 3},
            {"role": "tool", "content": "t", "error": {"type": "limit"}},
            parallel_tool_calls=False,
            id="row 1",
        )
    )
    assert found.turns == (
        Turn(role="assistant", content="a", loss=False, reasoning="r"),
        Turn(role="tool", content="t", call_id="?", is_error=True),
        Turn(role="tool", content="t", is_error=True),
    )
    fields = {"1": {"cost": 3}, "2": {"error": {"type": "limit"}}}
    assert found.meta == {"parallel_tool_calls": False, "id": "row 1", "turn_fields": fields}


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (chat({"role": "robot", "content": "x"}), "robot"),
        (chat({"role": "user", "content": [{"type": "image_url", "image_url": {}}]}), "image_url"),
        (chat({"role": "user", "content": {"a": 1}}), "neither text"),
        (chat({"role": "assistant", "tool_calls": "f"}), "not a list"),
        (chat({"role": "assistant", "tool_calls": ["f"]}), "names no function"),
        (chat({"role": "assistant", "tool_calls": [{"type": "custom", "custom": {}}]}), "names no function"),
        (chat({"role": "system", "content": "only"}), "only a system message"),
        (chat(), "empty"),
        (chat({"role": ["user"], "content": "x"}), "not known"),
        ({"messages": None}, "no list"),
        ([[1]], "is a list"),
        ("text", "is a text"),
        (None, "is null"),
        (7, "is a number"),
        (True, "is a truth value"),
    ],
)
def test_what_cannot_be_read_is_a_bad_row(read_rows, bad, words):
    (found,) = read_rows(bad, format="openai")
    assert found.trajectory is None
    assert words in found.reason


TRAJECTORY = Trajectory(
    policy="p",
    tools=(ToolSpec(name="f", description="does", parameters={"type": "object"}),),
    turns=(
        Turn(role="user", content="u"),
        Turn(
            role="assistant",
            content="text",
            tool_calls=(
                ToolCall(name="f", arguments={"a": "é"}, call_id="1"),
                ToolCall(name="g", raw="{bad", call_id="2"),
            ),
        ),
        Turn(role="tool", content="one", call_id="1", name="f"),
        Turn(role="tool", content=None, call_id="2", name="g", is_error=True),
        Turn(role="assistant", content=None, loss=False),
    ),
)


def test_openai_rows_hold_arguments_as_text():
    assert write_openai(TRAJECTORY) == {
        "messages": [
            {"role": "system", "content": "p"},
            {"role": "user", "content": "u"},
            {
                "role": "assistant",
                "content": "text",
                "tool_calls": [
                    {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": "é"}'}},
                    {"id": "2", "type": "function", "function": {"name": "g", "arguments": "{bad"}},
                ],
            },
            {"role": "tool", "content": "one", "tool_call_id": "1"},
            {"role": "tool", "content": None, "tool_call_id": "2", "is_error": True},
            {"role": "assistant", "content": None, "weight": 0},
        ],
        "tools": [
            {"type": "function", "function": {"name": "f", "description": "does", "parameters": {"type": "object"}}}
        ],
    }


def test_trl_rows_hold_arguments_as_objects_and_no_ids():
    row = write_trl(TRAJECTORY)
    assert row["messages"][2:] == [
        {
            "role": "assistant",
            "content": "text",
            "tool_calls": [
                {"type": "function", "function": {"name": "f", "arguments": {"a": "é"}}},
                {"type": "function", "function": {"name": "g", "arguments": "{bad"}},
            ],
        },
        {"role": "tool", "name": "f", "content": "one"},
        {"role": "tool", "name": "g", "content": ""},
        {"role": "assistant", "content": "", "loss": False},
    ]
    assert row["tools"] == write_openai(TRAJECTORY)["tools"]
    assert write_trl(Trajectory(turns=(Turn(role="user", content="u"),)))["tools"] == []
