"""Rows for TRL's SFTTrainer, conversational with tools. Read back by `openai_chat`."""

from typing import Any

from simia_tui.formats.base import Writer, write_tool
from simia_tui.model import ToolCall, Trajectory, Turn


def write_trl(trajectory: Trajectory) -> dict[str, Any]:
    """A row `{messages, tools}`: arguments as objects, tool messages `{role, name, content}` in order.

    Chat templates add to the content, so null becomes the empty text. Arguments that are no object stay the
    text they came in: templates print a string as it stands. `tools` is there also when empty, so that every
    row of a file has the same columns. A masked turn of the assistant says `"loss": false`, which simia's trainer
    respects and TRL ignores.
    """
    messages: list[dict[str, Any]] = []
    if trajectory.policy is not None:
        messages.append({"role": "system", "content": trajectory.policy})
    names = {call.call_id: call.name for _, _, call in trajectory.calls()}
    messages += [_message(turn, names) for turn in trajectory.turns]
    return {"messages": messages, "tools": [write_tool(tool) for tool in trajectory.tools]}


def _message(turn: Turn, names: dict[str | None, str]) -> dict[str, Any]:
    if turn.role == "tool":
        name = turn.name or (names.get(turn.call_id) if turn.call_id else None) or ""
        return {"role": "tool", "name": name, "content": turn.content or ""}
    message: dict[str, Any] = {"role": turn.role, "content": turn.content or ""}
    if turn.reasoning is not None:
        message["reasoning_content"] = turn.reasoning
    if turn.role == "assistant" and turn.loss is False:
        message["loss"] = False
    if turn.tool_calls:
        message["tool_calls"] = [_call(call) for call in turn.tool_calls]
    return message


def _call(call: ToolCall) -> dict[str, Any]:
    arguments = call.arguments if call.arguments is not None else call.raw or ""
    return {"type": "function", "function": {"name": call.name, "arguments": arguments}}


TRL = Writer(
    name="trl",
    title="TRL conversational JSON Lines",
    write=write_trl,
    loses=(
        "call ids: results follow their calls in order",
        "null content, which becomes empty",
        "error marks of observations",
        "marks that a turn is trained on, which is the rule for the assistant's; of other turns also masks",
        "who called a tool",
        "meta, domain and origin",
    ),
)
