"""What programs keep of their talks with a maker's API: Anthropic's messages, the items of OpenAI's Responses."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simia_tui import formats
from simia_tui.formats.anthropic_messages import AnthropicMessages
from simia_tui.formats.base import RowError
from simia_tui.formats.openai_responses import OpenAIResponses

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
ASK = {"role": "user", "content": "Weather in Porto and Faro?"}


def use(id, city):
    return {"type": "tool_use", "id": id, "name": "weather", "input": {"city": city}}


def result(id, content, **more):
    return {"type": "tool_result", "tool_use_id": id, "content": content, **more}


TALK = {
    "model": "claude",
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "tools": [{"name": "weather", "description": "Now.", "input_schema": SCHEMA}],
    "messages": [
        ASK,
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Two look-ups.", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "eA=="},
                {"type": "text", "text": "I look."},
                use("a", "Porto"),
                use("b", "Faro"),
            ],
        },
        {
            "role": "user",
            "content": [
                result("b", [{"type": "text", "text": "sunny"}, {"type": "text", "text": "31°"}]),
                result("a", "no station", is_error=True),
                {"type": "text", "text": "And be quick."},
            ],
        },
        {"role": "assistant", "content": "Faro: sunny."},
    ],
}


class TestAnthropic:
    def test_blocks_become_turns_calls_and_results(self, read_one):
        trajectory = read_one(TALK)
        assert trajectory.policy == "Be brief."
        assert trajectory.meta == {"model": "claude"}
        (tool,) = trajectory.tools
        assert (tool.name, tool.description, tool.parameters, tool.extra) == ("weather", "Now.", SCHEMA, {})
        asked, called, sunny, failed, more, last = trajectory.turns
        assert (called.content, called.reasoning) == ("I look.", "Two look-ups.")
        assert [(c.call_id, c.arguments) for c in called.tool_calls] == [
            ("a", {"city": "Porto"}),
            ("b", {"city": "Faro"}),
        ]
        assert (sunny.role, sunny.call_id, sunny.content, sunny.is_error) == ("tool", "b", "sunny\n31°", False)
        assert (failed.call_id, failed.name, failed.is_error) == ("a", "weather", True)
        assert [(turn.role, turn.content) for turn in (asked, more, last)] == [
            ("user", ASK["content"]),
            ("user", "And be quick."),
            ("assistant", "Faro: sunny."),
        ]

    def test_requests_of_a_batch_and_rows_of_plain_text(self, read_rows):
        rows = [
            {"custom_id": "r1", "params": TALK},
            {"system": "Be brief.", "messages": [ASK, {"role": "assistant", "content": "Sunny."}]},
        ]
        batch, plain = read_rows(*rows)
        assert batch.trajectory.meta == {"custom_id": "r1", "model": "claude"}
        assert len(batch.trajectory.turns) == 6
        assert (plain.trajectory.policy, len(plain.trajectory.turns)) == ("Be brief.", 2)

    def test_what_a_server_s_own_tool_does_stands_between_two_turns(self):
        blocks = [
            {"type": "text", "text": "I search."},
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "Porto"}},
            {
                "type": "web_search_tool_result",
                "tool_use_id": "s",
                "content": [{"type": "web_search_result", "url": "u"}],
            },
            {"type": "text", "text": "Found."},
        ]
        turns = AnthropicMessages().read_record({"messages": [ASK, {"role": "assistant", "content": blocks}]}).turns
        assert [(turn.role, turn.content) for turn in turns[1:]] == [
            ("assistant", "I search."),
            ("tool", '[{"type": "web_search_result", "url": "u"}]'),
            ("assistant", "Found."),
        ]
        assert turns[2].call_id == turns[1].tool_calls[0].call_id == "s"
        broken = {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"}
        blocks[2]["content"] = broken
        assert (
            AnthropicMessages()
            .read_record({"messages": [ASK, {"role": "assistant", "content": blocks}]})
            .turns[2]
            .is_error
        )

    @pytest.mark.parametrize(
        "message",
        [
            {"role": "user", "content": [{"type": "image", "source": {}}]},
            {"role": "user", "content": [result("a", [{"type": "image", "source": {}}])]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "input": {}}]},
            {"role": "narrator", "content": "x"},
            {"role": "user", "content": 7},
        ],
    )
    def test_what_is_no_text_is_refused_with_a_sentence(self, message):
        with pytest.raises(RowError, match=r"^(Turn|The content|A tool (call|result) of turn).*\.$"):
            AnthropicMessages().read_record({"system": "s", "messages": [ASK, message]})

    def test_chat_messages_of_openai_stay_what_they_are(self, tmp_path):
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        called = {"messages": [ASK, {"role": "assistant", "content": None, "tool_calls": [call]}], "system": "policy"}
        for row in ({"messages": [ASK, {"role": "assistant", "content": "Sunny."}]}, called):
            path = tmp_path / "row"
            path.write_text(json.dumps(row))
            assert formats.detect(path) == "openai"
        (found,) = formats.read(path)
        assert (found.trajectory.policy, found.trajectory.meta) == ("policy", {})


def item(type, **fields):
    return {"type": type, "id": f"{type}_1", "status": "completed", **fields}


RESPONSE = {
    "object": "response",
    "model": "gpt",
    "instructions": "Be brief.",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "Weather in Porto?"}]},
        item("reasoning", summary=[{"type": "summary_text", "text": "A look-up."}], encrypted_content="x"),
        item("message", role="assistant", content=[{"type": "output_text", "text": "I look.", "annotations": []}]),
        item("function_call", call_id="c1", name="weather", arguments='{"city": "Porto"}'),
        item("function_call", call_id="c2", name="weather", arguments="{"),
        item("function_call_output", call_id="c2", output="bad call"),
        item("function_call_output", call_id="c1", output=[{"type": "input_text", "text": "sunny"}]),
    ],
    "output": [
        item("web_search_call", action={"query": "Porto"}),
        item("message", role="assistant", content=[{"type": "refusal", "refusal": "I had rather not."}]),
    ],
    "tools": [{"type": "function", "name": "weather", "parameters": SCHEMA, "strict": True}, {"type": "web_search"}],
}


class TestResponses:
    def test_items_become_turns_calls_and_results(self, read_one):
        trajectory = read_one(RESPONSE)
        assert trajectory.policy == "Be brief."
        (tool,) = trajectory.tools
        assert (tool.name, tool.parameters, tool.extra) == ("weather", SCHEMA, {"strict": True})
        asked, called, bad, good, last = trajectory.turns
        assert (asked.role, asked.content) == ("user", "Weather in Porto?")
        assert (called.content, called.reasoning) == ("I look.", "A look-up.")
        assert [(c.call_id, c.arguments, c.raw) for c in called.tool_calls] == [
            ("c1", {"city": "Porto"}, None),
            ("c2", None, "{"),
        ]
        assert [(turn.call_id, turn.content) for turn in (bad, good)] == [("c2", "bad call"), ("c1", "sunny")]
        assert (last.role, last.content) == ("assistant", "I had rather not.")
        hosted = trajectory.meta.pop("hosted_items")
        assert [one["action"] for one in hosted] == [{"query": "Porto"}]
        assert trajectory.meta == {"object": "response", "model": "gpt"}

    def test_a_plain_question_custom_tools_and_tools_of_servers(self):
        row = {
            "input": "Run it.",
            "output": [
                item("custom_tool_call", call_id="p", name="python", input="print(1)"),
                item("custom_tool_call_output", call_id="p", output="1"),
                item("mcp_call", name="look", arguments="{}", output=None, error="gone", server_label="s"),
                item("message", role="assistant", content="Done."),
            ],
        }
        assert OpenAIResponses().detect(row)
        turns = OpenAIResponses().read_record(row).turns
        assert [turn.role for turn in turns] == ["user", "assistant", "tool", "assistant", "tool", "assistant"]
        assert turns[1].tool_calls[0].raw == "print(1)"
        assert (turns[4].content, turns[4].is_error) == ("gone", True)

    @pytest.mark.parametrize(
        ("items", "says"),
        [
            ([item("function_call", arguments="{}")], "names no function"),
            ([item("message", role="narrator", content="x")], "not known"),
            (["x"], "not an object"),
            ([item("web_search_call")], "no item that makes a turn"),
            ([{"role": "user", "content": [{"type": "input_image", "image_url": "u"}]}], "only text can be read"),
        ],
    )
    def test_what_cannot_be_read_is_refused_with_a_sentence(self, items, says):
        with pytest.raises(RowError, match=says):
            OpenAIResponses().read_record({"items": items})


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner))


@pytest.mark.parametrize(("name", "row"), [("anthropic", TALK), ("openai-responses", RESPONSE)])
@settings(max_examples=150)
@given(data=st.data())
def test_a_row_with_anything_in_the_place_of_anything_never_crashes(tmp_path, name, row, data):
    value = spoilt = json.loads(json.dumps(row))
    for _ in range(data.draw(st.integers(1, 5))):
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(value[key], dict | list) or not value[key] or data.draw(st.booleans()):
            value[key] = data.draw(JSON)
            break
        value = value[key]
    path = tmp_path / "spoilt"
    path.write_text(json.dumps(spoilt))
    for read in formats.read(path, name):
        assert (read.trajectory is None) == (read.reason is not None)
        if read.trajectory is not None:
            assert json.loads(json.dumps(formats.write_openai(read.trajectory)))
