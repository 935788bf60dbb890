"""Hermes function calling: roles system, human, gpt and tool, with the calls, schemas and results between tags.

The form of the public Hermes data sets. Unlike the mapping for LLaMA-Factory it keeps every turn as it is: nothing
is merged, nothing cut.
"""

from typing import Any

from simia_tui.formats.base import Writer, json_text, write_tool
from simia_tui.formats.sharegpt_hermes import ShareGPTHermes, response_block, said, write_section
from simia_tui.model import Trajectory, Turn

_FROM = {"user": "human", "assistant": "gpt", "tool": "tool", "system": "system"}


class Hermes(ShareGPTHermes):
    """Reads rows whose system text stands in a turn of its own, or whose results come from `tool`."""

    name = "hermes"
    title = "Hermes function calling (system, human, gpt, tool)"
    led = False

    def detect(self, sample: dict[str, Any]) -> bool:
        if not super().detect({**sample, "system": _system_of(sample)}) or sample.get("system"):
            return False
        return any(isinstance(t, dict) and t.get("from") in ("system", "tool") for t in sample["conversations"])


def _system_of(sample: dict[str, Any]) -> Any:
    turns = sample.get("conversations")
    first = turns[0] if isinstance(turns, list) and turns and isinstance(turns[0], dict) else {}
    return first.get("value") if first.get("from") == "system" else None


def write_hermes(trajectory: Trajectory) -> dict[str, Any]:
    """A row `{conversations, tools}`: the schemas stand in the system turn and, as JSON text, in `tools`."""
    calls = any(turn.tool_calls for turn in trajectory.turns)
    system = write_section(trajectory.policy, trajectory.tools, calls)
    head = [{"from": "system", "value": system}] if system else []
    return {
        "conversations": [*head, *(_message(turn) for turn in trajectory.turns)],
        "tools": json_text([write_tool(tool) for tool in trajectory.tools]),
    }


def _message(turn: Turn) -> dict[str, Any]:
    if turn.role == "assistant":
        value = said(turn)
    else:
        value = response_block(turn.content or "") if turn.role == "tool" else turn.content or ""
    message: dict[str, Any] = {"from": _FROM[turn.role], "value": value}
    if turn.loss is not None:
        message["loss"] = turn.loss
    return message


HERMES_CHAT = Writer(
    name="hermes",
    title="Hermes function calling (system, human, gpt, tool)",
    write=write_hermes,
    loses=(
        "call ids, error marks, and the name of a tool whose result answers no call",
        "the difference between null and empty content; an empty policy",
        "calls of the user; a first system message where there is no policy, which becomes the policy",
        "text that looks like a block of ours, which reads back as one",
        "meta, domain and origin",
    ),
)
