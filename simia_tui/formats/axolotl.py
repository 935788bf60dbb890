"""Axolotl's `chat_template` data sets: OpenAI messages with a mark of its own on each turn that is trained or not.

Axolotl loads rows through Arrow, which merges the keys of objects at one place. So what differs from row to row,
the arguments and the schemas' parameters, is JSON text; Axolotl parses both back (prompt_strategies/chat_template.py).
"""

from typing import Any

from simia_tui.formats.base import Writer, json_text, strict_json
from simia_tui.formats.openai_chat import OpenAIChat, write_openai
from simia_tui.model import Trajectory

DATASET = """\
# The entry of an Axolotl configuration that reads this file as it was written.
datasets:
  - path: axolotl.jsonl
    ds_type: json
    type: chat_template
    field_messages: messages
    field_tools: tools
    message_field_training: train
    roles_to_train: ["assistant"]
    train_on_eos: turn
"""
"""What the trainer must be told so that masks and tools are respected."""


class Axolotl(OpenAIChat):
    """Reads OpenAI messages with `train` or `train_detail` marks; arguments and parameters may be JSON text."""

    name = "axolotl"
    title = "Axolotl chat_template"

    def detect(self, sample: dict[str, Any]) -> bool:
        if not super().detect(sample):
            return False
        tools = sample.get("tools")
        textual = isinstance(tools, list) and any(isinstance(_parameters(tool), str) for tool in tools)
        return textual or any(isinstance(m, dict) and ("train" in m or "train_detail" in m) for m in sample["messages"])

    def read_record(self, record: dict[str, Any], domain: str = "generic") -> Trajectory:
        messages = record.get("messages")
        if isinstance(messages, list):
            record = {**record, "messages": [_read_message(message) for message in messages]}
        return super().read_record(record, domain)


def _parameters(tool: Any) -> Any:
    function = tool.get("function") if isinstance(tool, dict) else None
    return function.get("parameters") if isinstance(function, dict) else None


def _read_message(message: Any) -> Any:
    calls = message.get("tool_calls") if isinstance(message, dict) else None
    if not isinstance(calls, list):
        return message
    return {**message, "tool_calls": [_read_call(call) for call in calls]}


def _read_call(call: Any) -> Any:
    """A call whose arguments are JSON text of a text: they were no object before they were written."""
    function = call.get("function") if isinstance(call, dict) else None
    value = _parsed(function.get("arguments")) if isinstance(function, dict) else None
    return {**call, "function": {**call["function"], "arguments": value}} if isinstance(value, str) else call


def _parsed(text: Any) -> Any:
    try:
        return strict_json(text) if isinstance(text, str) else None
    except ValueError:
        return None


def write_axolotl(trajectory: Trajectory) -> dict[str, Any]:
    """A row `{messages, tools}`. `train` stands on every turn whose mask the source or a reviewer has set."""
    row = write_openai(trajectory)
    for message, turn in zip(row["messages"][trajectory.policy is not None :], trajectory.turns, strict=True):
        message["content"] = message["content"] or ""
        if message.pop("weight", None) is not None:
            message["train"] = turn.loss
        if turn.role == "tool" and turn.name is not None:
            message["name"] = turn.name
        for written, call in zip(message.get("tool_calls", ()), turn.tool_calls, strict=True):
            if call.arguments is None:
                written["function"]["arguments"] = json_text(call.raw or "")
    for tool in row.setdefault("tools", []):
        if isinstance(tool["function"].get("parameters"), dict):
            tool["function"]["parameters"] = json_text(tool["function"]["parameters"])
    return row


AXOLOTL = Writer(
    name="axolotl",
    title="Axolotl chat_template",
    write=write_axolotl,
    loses=(
        "the difference between null and empty content",
        "the original text of arguments that were repaired",
        "meta, domain and origin",
    ),
)
