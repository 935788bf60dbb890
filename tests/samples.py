"""Small trajectories that tests of several rooms build on."""

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
