"""Small trajectories that tests of several rooms build on."""

import json

from simia_tui.model import ToolCall, ToolSpec, Trajectory, Turn


def make_trajectory(text: str = "I want to renew my loan", **changes: object) -> Trajectory:
    """A small legal trajectory with one call; `text` makes it distinct."""
    spec = ToolSpec(
        name="get_member",
        description="Reads one member.",
        parameters={"type": "object", "properties": {"member_id": {"type": "string"}}, "required": ["member_id"]},
    )
    turns = (
        Turn(role="user", content=text),
        Turn(
            role="assistant",
            content="I look you up.",
            tool_calls=(ToolCall(name="get_member", arguments={"member_id": "M1"}, call_id="call_1"),),
        ),
        Turn(role="tool", content='{"member_id": "M1", "name": "Ada"}', call_id="call_1", name="get_member"),
        Turn(role="assistant", content="Done, Ada."),
    )
    base = Trajectory(domain="library", policy="Be kind.", tools=(spec,), turns=turns)
    return base.replace(**changes)


def debt(n: int) -> Trajectory:
    """A member of the library, named by `n`, asks what is owed and is told."""
    call = ToolCall(name="get_member", arguments={"member_id": f"M{n}0"}, call_id="a")
    shown = json.dumps({"member_id": f"M{n}0", "owed": 250 + n})
    turns = (
        Turn(role="user", content=f"I am M{n}0. What do I owe?"),
        Turn(role="assistant", tool_calls=(call,)),
        Turn(role="tool", call_id="a", name="get_member", content=shown),
        Turn(role="assistant", content=f"You owe {250 + n}."),
    )
    return make_trajectory(turns=turns)
