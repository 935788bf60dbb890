"""ShareGPT as LLaMA-Factory takes it: `{conversations: [{from, value}], system, tools}`, a call being a turn."""

import re
from typing import Any

from simia_tui.formats.base import (
    Format,
    RowError,
    Writer,
    json_text,
    loss_of,
    messages_of,
    read_tools,
    strict_json,
    write_tool,
)
from simia_tui.formats.pairing import Draft, DraftCall, link, read_arguments
from simia_tui.model import Role, ToolCall, Trajectory, Turn

ROLES: dict[str, Role] = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "function_call": "assistant",
    "observation": "tool",
    "tool": "tool",
    "system": "system",
}
"""The values of `from`, and whose turn each is."""

_PLAIN = {source: role for source, role in ROLES.items() if source != "function_call"}
COLUMNS = frozenset(("conversations", "system", "tools"))
_KNOWN = frozenset(("from", "value", "loss", "train", "weight"))
_THINK = re.compile(r"\s*<think>\n?(.*?)\n?</think>(?:\n\n|\s*)", re.DOTALL)


class ShareGPT(Format):
    """Reads rows with `function_call` and `observation` turns; results answer the calls before them in order.

    A `<think>` block before a call becomes `reasoning`. A call that is no JSON object keeps its whole text in
    `raw`, under an empty name. Other columns go to `meta`, unknown fields of a turn to `meta["turn_fields"]`.
    """

    name = "sharegpt"
    title = "ShareGPT with function_call and observation (LLaMA-Factory)"
    loses = ("white space around a call's JSON, and its fields besides name and arguments",)

    def detect(self, sample: dict[str, Any]) -> bool:
        return is_sharegpt(sample)

    def read_record(self, record: dict[str, Any], domain: str = "generic") -> Trajectory:
        messages = messages_of(record, "conversations")
        policy, start = read_system(record, messages)
        drafts = [_draft(message, index) for index, message in enumerate(messages[start:], 1)]
        if not drafts:
            raise RowError("The row holds no turn, only a system message.")
        meta = read_meta(record, messages[start:])
        tools = read_tools(record.get("tools"))
        return Trajectory(domain=domain, policy=policy, tools=tools, turns=link(drafts), meta=meta)


def is_sharegpt(sample: dict[str, Any]) -> bool:
    """Whether a row has the shape `{conversations: [{from, value}]}`."""
    turns = sample.get("conversations")
    if not isinstance(turns, list) or not turns:
        return False
    return all(isinstance(turn, dict) and "from" in turn and "value" in turn for turn in turns[:4])


def read_system(record: dict[str, Any], messages: list[dict[str, Any]]) -> tuple[str | None, int]:
    """The policy, from the column or else a leading system turn, and the index of the first other turn.

    An empty system text means none in this format.
    """
    column = record.get("system")
    if column is not None and not isinstance(column, str):
        raise RowError("The row's system text is not a string.")
    if column:
        return column, 0
    if messages[0].get("from") == "system":
        return read_value(messages[0], 1) or None, 1
    return None, 0


def read_meta(record: dict[str, Any], messages: list[dict[str, Any]]) -> dict[str, Any]:
    """The columns and turn fields that no other place holds."""
    meta = {key: value for key, value in record.items() if key not in COLUMNS}
    fields = {
        str(index): more
        for index, message in enumerate(messages)
        if not message.keys() <= _KNOWN
        and (more := {k: v for k, v in message.items() if k not in _KNOWN and v is not None})
    }
    return meta | {"turn_fields": fields} if fields else meta


def read_role(message: dict[str, Any], turn: int) -> Role:
    """Whose turn it is. Raises RowError when `from` is not known."""
    source = message.get("from")
    role = ROLES.get(source) if isinstance(source, str) else None
    if role is None:
        raise RowError(f"Turn {turn} is from “{str(source)[:40]}”, which is not known.")
    return role


def read_value(message: dict[str, Any], turn: int) -> str | None:
    """The text of a turn, or null. Raises RowError for anything else."""
    value = message.get("value")
    if value is not None and not isinstance(value, str):
        raise RowError(f"The value of turn {turn} is not text.")
    return value


def _draft(message: dict[str, Any], turn: int) -> Draft:
    source, value = message.get("from"), message.get("value")
    if type(value) is str and len(message) == 2 and type(source) is str and source in _PLAIN:
        # Most turns are no more than this.
        return Draft(_PLAIN[source], value)
    role = read_role(message, turn)
    loss = loss_of(message)
    if message["from"] != "function_call":
        return Draft(role=role, content=read_value(message, turn), loss=loss)
    if isinstance(value, dict | list):
        return Draft(role=role, tool_calls=read_calls(json_text(value)), loss=loss)
    reasoning, text = take_thought(read_value(message, turn))
    return Draft(role=role, reasoning=reasoning, tool_calls=read_calls(text or ""), loss=loss)


def take_thought(text: str | None) -> tuple[str | None, str | None]:
    """A leading `<think>` block and the text after it; an unclosed block is plain text."""
    think = _THINK.match(text) if text else None
    return (think[1], (text or "")[think.end() :]) if think else (None, text)


def read_calls(text: str) -> list[DraftCall]:
    """The calls that JSON `text` holds: one object, or a list of them.

    What is no call object becomes one call with an empty name and the text as `raw`; to mend it is a matter of
    the rules.
    """
    try:
        value = strict_json(text)
    except ValueError:
        value = None
    entries = value if isinstance(value, list) and value else [value]
    if not all(isinstance(entry, dict) and isinstance(entry.get("name"), str) for entry in entries):
        return [DraftCall("", None, text)]
    calls = []
    for entry in entries:
        arguments, raw = read_arguments(entry.get("arguments", entry.get("parameters", "")))
        calls.append(DraftCall(entry["name"], arguments, raw))
    return calls


def call_json(call: ToolCall) -> str:
    """A call as `{"name", "arguments"}`. What came in as text stays text; a call without a name is its raw text."""
    if not call.name and call.arguments is None and call.raw is not None:
        return call.raw
    arguments = call.arguments if call.arguments is not None else call.raw or ""
    return json_text({"name": call.name, "arguments": arguments})


def cut(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """The turns up to and with the last one of the assistant: trainers of this family must end there."""
    end = len(turns)
    while end and turns[end - 1].role != "assistant":
        end -= 1
    return turns[:end]


def write_sharegpt(trajectory: Trajectory, split: bool = False, whole: bool = False) -> dict[str, Any]:
    """A row with `function_call` turns.

    Args:
        trajectory: what to write.
        split: write text and call of one turn as two turns; else the call replaces the text.
        whole: keep the turns after the assistant's last one.
    """
    turns = trajectory.turns if whole else cut(trajectory.turns)
    return {
        "conversations": [message for turn in turns for message in _messages(turn, split)],
        "system": trajectory.policy or "",
        "tools": json_text([write_tool(tool)["function"] for tool in trajectory.tools]),
    }


def _messages(turn: Turn, split: bool) -> list[dict[str, Any]]:
    source = {"user": "human", "assistant": "gpt", "tool": "observation", "system": "system"}[turn.role]
    if not turn.tool_calls:
        return [{"from": source, "value": turn.content or ""}]
    calls = [call_json(call) for call in turn.tool_calls]
    value = calls[0] if len(calls) == 1 else f"[{', '.join(calls)}]"
    text = [{"from": source, "value": turn.content}] if split and turn.content else []
    return [*text, {"from": "function_call", "value": value}]


SHAREGPT = Writer(
    name="sharegpt",
    title="ShareGPT with function_call (LLaMA-Factory)",
    write=write_sharegpt,
    loses=(
        "the assistant's text beside a call",
        "the turns after the assistant's last one",
        "call ids, error marks and reasoning",
        "which turns are masked",
        "meta, domain and origin",
    ),
)
