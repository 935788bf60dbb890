"""Reading bodies and usage: whatever comes, there is an answer and no exception."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simia_tui.llm import usage
from simia_tui.llm.reply import read_body
from simia_tui.model import Outcome, ToolCall, Usage

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
SHAPED = st.fixed_dictionaries(
    {},
    optional={
        "id": JSON,
        "model": JSON,
        "usage": JSON | st.fixed_dictionaries({"prompt_tokens": JSON, "completion_tokens": JSON}),
        "error": JSON,
        "choices": JSON
        | st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "finish_reason": JSON | st.sampled_from(["stop", "length", "content_filter"]),
                    "message": JSON
                    | st.fixed_dictionaries({}, optional={"content": JSON, "refusal": JSON, "role": JSON}),
                },
            ),
            max_size=2,
        ),
    },
)


@given(SHAPED | JSON)
def test_any_json_is_classified(value: Any) -> None:
    body = read_body(json.dumps(value).encode(), "host")
    assert (body.outcome is Outcome.OK) == (body.message == "")
    assert body.outcome is not Outcome.OK or body.text.strip()
    used = usage.read(body.usage, 400, body.text, 100)
    assert min(used.prompt, used.completion, used.cached, used.reasoning) >= 0
    assert used.cached <= used.prompt
    assert used.reasoning <= used.completion


@given(st.binary(max_size=200))
def test_any_bytes_are_classified(raw: bytes) -> None:
    assert read_body(raw, "host").outcome is not Outcome.OK


def test_an_error_beside_a_good_reply_does_not_hide_it() -> None:
    choice = {"message": {"content": "text"}, "finish_reason": "stop"}
    body = read_body(json.dumps({"choices": [choice], "error": {"message": "late"}}).encode(), "host")
    assert (body.outcome, body.text) == (Outcome.OK, "text")


def test_parts_of_the_usage_never_exceed_the_whole() -> None:
    told = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 99},
        "completion_tokens_details": {"reasoning_tokens": 99},
    }
    assert usage.read(told, 40, "12345678", 100) == Usage(prompt=10, completion=5, cached=10, reasoning=5)


def test_one_bad_figure_leaves_the_other_as_told() -> None:
    told = {"prompt_tokens": 10, "completion_tokens": -1}
    assert usage.read(told, 40, "12345678", 100) == Usage(prompt=10, completion=2, estimated=True)


def test_an_empty_reply_may_cost_no_tokens_of_its_own() -> None:
    assert usage.read({"prompt_tokens": 10, "completion_tokens": 0}, 40, "", 100) == Usage(prompt=10)


@pytest.mark.parametrize(
    ("arguments", "call"),
    [
        ('{"a": 1}', ToolCall(name="f", arguments={"a": 1}, call_id="c1")),
        ({"a": 1}, ToolCall(name="f", arguments={"a": 1}, call_id="c1")),
        (None, ToolCall(name="f", arguments={}, call_id="c1")),
        ("", ToolCall(name="f", arguments={}, call_id="c1")),
        ('{"a": ', ToolCall(name="f", raw='{"a": ', call_id="c1")),
        ("[1]", ToolCall(name="f", raw="[1]", call_id="c1")),
    ],
)
def test_calls_are_read_and_what_is_no_object_is_kept(arguments: object, call: ToolCall) -> None:
    made = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    message = {"role": "assistant", "content": None, "tool_calls": [made, "nonsense", {"function": {"name": 7}}]}
    body = read_body(json.dumps({"choices": [{"finish_reason": "tool_calls", "message": message}]}).encode(), "h")
    assert (body.outcome, body.text, body.calls) == (Outcome.OK, "", (call,))


def test_neither_words_nor_calls_is_empty() -> None:
    message = {"role": "assistant", "content": None, "tool_calls": []}
    body = read_body(json.dumps({"choices": [{"finish_reason": "stop", "message": message}]}).encode(), "h")
    assert (body.outcome, body.calls) == (Outcome.EMPTY, ())
