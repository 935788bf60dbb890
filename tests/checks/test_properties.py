"""What must hold of the pipeline for any trajectory whatever."""

from typing import Any
from unittest import mock

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simia_tui import checks
from simia_tui.checks import pipeline, traits
from simia_tui.model import ToolCall, ToolSpec, Trajectory, Turn

WORDS = [
    "",
    "ok",
    "<think>",
    "</think>",
    "`",
    " ",
    "a",
    "é😀",
    "\nOBSERVATION: x",
    "<tool_call>",
    "\n<request>\n",
    "\ud800",
]
TEXT = st.none() | st.text(max_size=30) | st.lists(st.sampled_from(WORDS), max_size=8).map("".join)
KEYS = st.sampled_from(["a", "b", "name", "arguments", "parameters", "id", "x_id", "\ud800"]) | st.text(max_size=4)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["get_a", "set_a", "", "a.get_b", "think"]) | st.text(max_size=6)
RAW = (
    st.none()
    | st.text(max_size=20)
    | st.lists(
        st.sampled_from(["{", "}", '"a"', ":", "1", ",", "'", '{"parameters": {"a": 1.0}}', " ", '"', "\\", "“"]),
        max_size=8,
    ).map("".join)
)
CALLS = st.builds(
    ToolCall,
    name=NAMES,
    arguments=st.none() | st.dictionaries(KEYS, JSON, max_size=3),
    call_id=st.sampled_from([None, "1", "2"]),
    raw=RAW,
)
TURNS = st.builds(
    Turn,
    role=st.sampled_from(["system", "user", "assistant", "tool"]),
    content=TEXT | st.sampled_from(['{"id": "x", "v": 1}', '{"id": "x", "v": 2}', "[]", "{", "not found"]),
    reasoning=TEXT,
    tool_calls=st.lists(CALLS, max_size=3).map(tuple),
    call_id=st.sampled_from([None, "1", "2"]),
    is_error=st.booleans(),
    requestor=st.sampled_from(["assistant", "user"]),
)
SCHEMAS = st.none() | st.dictionaries(
    st.sampled_from(["type", "properties", "required", "additionalProperties", "items", "$ref", "enum", "anyOf"]),
    JSON | st.sampled_from(["object", "integer", ["a"], {"a": {"type": "integer"}, "b": {"enum": [1]}}]),
    max_size=4,
)
TOOLS = st.lists(st.builds(ToolSpec, name=NAMES, parameters=SCHEMAS), max_size=3).map(tuple)
HINTS = st.sampled_from(
    [
        {},
        {
            "ids": {"any": ".*"},
            "arguments": {
                "a": {"prefix": "#"},
                "x_id": {"aliases": {"a": "b", "b": "ab", "ab": "a"}},
                "get_a:b": {"starts": ["#"], "form": "[0-9]+", "options": ["1"]},
            },
            "status": [{"of": "id", "field": "v", "order": [["2"], ["1"]]}],
            "totals": [{"of": "id", "total": "v", "parts": "a.b", "also": ["c"], "unless": {"k": [None]}}],
            "limits": {"rounds": 1, "repeats": 2, "single_line": True},
            "evaluation": [{"name": "t", "text": "a b c d e f g h i j k", "ids": ["a", "b"]}],
            "checks": {"calculators": ["get_a"]},
        },
    ]
).map(checks.Hints.of)
TRAJECTORIES = st.builds(Trajectory, turns=st.lists(TURNS, max_size=6).map(tuple), tools=TOOLS)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TRAJECTORIES, HINTS)
def test_any_trajectory_is_checked_and_a_second_run_changes_nothing(
    trajectory: Trajectory, hints: checks.Hints
) -> None:
    first, findings = checks.run(trajectory, hints=hints)
    assert not [finding for finding in findings if finding.rule == checks.FAILED]
    second, again = checks.run(first, hints=hints)
    assert repr(second) == repr(first)
    assert not any(finding.repaired for finding in again)
    assert len(first.turns) == len(trajectory.turns)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TRAJECTORIES, HINTS)
def test_no_rule_is_left_out_that_would_have_said_something(trajectory: Trajectory, hints: checks.Hints) -> None:
    quick = checks.run(trajectory, hints=hints)
    with mock.patch.object(pipeline, "survey", lambda *_: traits.ANY):
        assert repr(checks.run(trajectory, hints=hints)) == repr(quick)


@settings(deadline=None)
@given(st.text(min_size=1, max_size=40))
def test_text_without_markup_is_kept_letter_by_letter(text: str) -> None:
    turns = (Turn(role="user", content=text), Turn(role="assistant", content=text))
    trajectory = Trajectory(turns=turns)
    assert checks.run(trajectory)[0] == trajectory or "<think>" in text
