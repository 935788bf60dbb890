"""Malformed calls are answered by rule, in the same way every time."""

import json
from typing import Any

import pytest
from simulate.parts import TOOLS, act, say

from simia_tui.checks import Hints
from simia_tui.model import ToolCall, Turn
from simia_tui.simulate.calls import checked, failure, malformed, told, with_ids


def wrong(*calls: ToolCall, strict: bool = True) -> tuple[Turn, dict[int, Any]]:
    return checked(Turn(role="assistant", tool_calls=calls), TOOLS, Hints(), strict)


MALFORMED = [
    (ToolCall(name="get_ordr", arguments={}), "tools"),
    (ToolCall(name="get_order", arguments={}), "required"),
    (ToolCall(name="get_order", arguments={"order_id": 7}), "required"),
    (ToolCall(name="get_order", arguments={"order_id": "X1"}), "required"),
    (ToolCall(name="get_order", arguments={"order_id": "W1", "colour": "red"}), "required"),
    (ToolCall(name="get_order", raw="W1, please"), "expected"),
    (ToolCall(name="get_order", raw='{"order_id": "W1",}'), "expected"),
]


@pytest.mark.parametrize(("call", "member"), MALFORMED)
def test_a_malformed_call_is_told_what_is_wrong_and_what_would_be_right(call: ToolCall, member: str) -> None:
    _, findings = wrong(call)
    rich = json.loads(malformed(call, findings[0], TOOLS, "rich"))
    assert rich["error"] == "invalid_call" and rich["message"] and member in rich
    terse = json.loads(malformed(call, findings[0], TOOLS, "terse"))
    assert set(terse) == {"error", "message"}
    assert json.loads(malformed(call, findings[0], TOOLS, "binary")) == {"error": "invalid_call"}
    assert malformed(call, findings[0], TOOLS, "rich") == malformed(call, wrong(call)[1][0], TOOLS, "rich")


def test_a_sound_call_passes_and_a_harmless_slip_is_put_right() -> None:
    turn, findings = wrong(ToolCall(name="get_order", arguments={"order_id": "W1"}), ToolCall(name="get_time", raw=""))
    assert findings == {} and turn.tool_calls[1].arguments == {}


def test_slips_of_punctuation_pass_only_where_calls_are_not_strict() -> None:
    call = ToolCall(name="get_order", raw='{"order_id": "W1",}')
    assert wrong(call)[1]
    turn, findings = wrong(call, strict=False)
    assert not findings and turn.tool_calls[0].arguments == {"order_id": "W1"}


def test_without_tools_every_call_is_wrong() -> None:
    _, findings = checked(act(("get_order", {})), (), Hints(), True)
    assert list(findings) == [0]


def test_calls_get_ids_of_their_own() -> None:
    turn = act(("a", {}), ("b", {}), ("c", {}))
    calls = (turn.tool_calls[0].replace(call_id="x"), *turn.tool_calls[1:2])
    third = turn.tool_calls[2].replace(call_id="call_5")
    made = with_ids(turn.replace(tool_calls=(*calls, third)), 4, frozenset({"x", "call_6"}))
    own = [call.call_id for call in made.tool_calls]
    assert len({*own, "x", "call_6"}) == 5 and own[0] == "call_4"


def test_a_call_that_stands_unparsed_in_the_text_is_a_malformed_call() -> None:
    turn = with_ids(say('Now <tool_call>{"name": "get_order", "arguments": {</tool_call>'), 1, frozenset())
    assert turn.tool_calls[0].name == "get_order" and turn.tool_calls[0].arguments is None
    _, findings = checked(turn, TOOLS, Hints(), True)
    assert "expected" in json.loads(malformed(turn.tool_calls[0], findings[0], TOOLS, "rich"))


REFUSAL = json.dumps({"error": "too_late", "message": "It has left. Try a return instead.", "hint": "return_order"})


@pytest.mark.parametrize(
    ("feedback", "text", "wanted"),
    [
        ("rich", REFUSAL, REFUSAL),
        ("terse", REFUSAL, json.dumps({"error": "too_late", "message": "It has left."})),
        ("binary", REFUSAL, '{"error": "failed"}'),
        ("terse", "Error: too late. Try a return.", "Error: too late."),
        ("terse", '{"detail": 1}', '{"error": "failed"}'),
    ],
)
def test_errors_are_told_as_richly_as_is_set(feedback: Any, text: str, wanted: str) -> None:
    assert told(text, True, feedback) == wanted
    assert told(text, False, feedback) == text


def test_a_drawn_failure_says_that_nothing_happened() -> None:
    assert "Nothing was changed" in json.loads(failure("timeout"))["message"]
