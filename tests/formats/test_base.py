import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simia_tui.formats.base import RowError, loss_of, read_tool, read_tools, strict_json, too_deep, write_tool
from simia_tui.model import ToolSpec

FLAT = {"name": "f", "description": "does", "parameters": {"type": "object"}, "strict": True}
SPEC = ToolSpec(name="f", description="does", parameters={"type": "object"}, extra={"strict": True})


@pytest.mark.parametrize(
    "tools",
    [
        [FLAT],
        [FLAT | {"type": "function"}],
        [{"type": "function", "function": FLAT}],
        json.dumps([FLAT]),
        json.dumps([{"type": "function", "function": FLAT}]),
        [FLAT | {"parameters": json.dumps(FLAT["parameters"])}],
    ],
)
def test_tools_are_read_flat_nested_and_as_a_string(tools):
    assert read_tools(tools) == (SPEC,)


@pytest.mark.parametrize("tools", [None, "", [], "[]", " ", "null"])
def test_no_tools(tools):
    assert read_tools(tools) == ()


@pytest.mark.parametrize("tools", ["{broken", "7", {"name": "f"}, ["f"], [{"type": "web_search"}], [{"name": 3}], 5])
def test_tools_that_cannot_be_read_are_a_reason(tools):
    with pytest.raises(RowError):
        read_tools(tools)


def test_fields_of_a_wrong_type_are_kept_as_extra():
    assert read_tool({"name": "f", "description": 3, "parameters": "none"}) == ToolSpec(
        name="f", extra={"description": 3, "parameters": "none"}
    )


TEXT = st.text(max_size=8)


@given(
    st.builds(
        ToolSpec,
        name=TEXT,
        description=st.none() | TEXT,
        parameters=st.none() | st.dictionaries(TEXT, st.integers() | TEXT, max_size=3),
        extra=st.dictionaries(st.sampled_from(["strict", "type", "function", "x"]), st.integers(), max_size=3),
    )
)
def test_a_written_tool_reads_back_the_same(tool):
    assert read_tool(write_tool(tool)) == tool


def test_depth_is_counted_in_levels():
    value = 1
    for _ in range(3):
        value = {"a": [value]}
    assert too_deep(value, limit=5)
    assert not too_deep(value, limit=6)


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "1e999", '"\\ud800"', "[" * 9000, "[" * 300 + "]" * 300, "x", ""])
def test_what_cannot_be_stored_is_no_strict_json(text):
    with pytest.raises(ValueError):
        strict_json(text)


@pytest.mark.parametrize(
    ("message", "expected"),
    [({}, None), ({"loss": False}, False), ({"train": True}, True), ({"weight": 0}, False), ({"weight": 1.0}, True)],
)
def test_loss_marks(message, expected):
    assert loss_of(message) is expected
