from simia_tui import checks
from simia_tui.domains import infer_tools
from simia_tui.model import ToolCall, Trajectory, Turn


def trajectory(*calls: ToolCall, role: str = "assistant") -> Trajectory:
    return Trajectory(turns=tuple(Turn.load({"role": role, "tool_calls": (call,)}) for call in calls))


def test_a_spec_is_the_union_of_what_the_calls_show() -> None:
    seen = trajectory(
        ToolCall(name="b", arguments={"x": 1, "y": ["p"]}),
        ToolCall(name="b", arguments={"x": 1.5, "z": None}),
        ToolCall(name="a", arguments={}),
        ToolCall(name="b", arguments={"x": True, "y": [1]}),
    )
    first, second = infer_tools([seen])
    assert (first.name, first.parameters) == ("a", {"type": "object", "properties": {}})
    assert second.parameters == {
        "type": "object",
        "properties": {
            "x": {"type": ["boolean", "number"]},
            "y": {"type": "array", "items": {"type": ["integer", "string"]}},
            "z": {"type": "null"},
        },
        "required": ["x"],
    }
    assert second.extra == {"inferred": True, "calls": 3}
    assert second.description is not None and "3 recorded calls" in second.description


def test_unreadable_arguments_count_for_the_name_only() -> None:
    (spec,) = infer_tools([trajectory(ToolCall(name="a", raw="{"), ToolCall(name="a", arguments={"x": "1"}))])
    assert spec.extra["calls"] == 1
    assert spec.parameters is not None and spec.parameters["required"] == ["x"]


def test_the_tools_of_a_simulated_user_are_not_the_agent_s() -> None:
    assert infer_tools([trajectory(ToolCall(name="a", arguments={}), role="user")]) == ()


def test_what_the_specs_were_inferred_from_passes_them() -> None:
    seen = [trajectory(ToolCall(name="a", arguments={"x": [1, {"y": None}], "n": n})) for n in (1, 2.5)]
    tools = infer_tools(seen)
    for one in seen:
        assert not [f for f in checks.run(one, tools)[1] if f.rule.startswith("call.") and f.rule != "call.unanswered"]
    assert infer_tools(reversed(seen)) == tools
