"""Messages made of parts `{type, value}`: text, reasoning and tool calls side by side (LLaMA-Factory's newer sets)."""

from typing import Any

from simia_tui.formats.base import Format, RowError, loss_of, messages_of, read_tools, strict_json
from simia_tui.formats.fields import list_of, shown, without
from simia_tui.formats.pairing import Draft, link
from simia_tui.formats.sharegpt import read_calls
from simia_tui.model import Role, Trajectory

_ROLES: dict[str, Role] = {
    "system": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "tool": "tool",
}
_KINDS = ("text", "reasoning", "tool_call", "tools")


class Parts(Format):
    """Reads `{messages, tools}` whose contents are lists of parts.

    A call is the JSON text of its part; one that is no call object keeps the text in `raw` under an empty name.
    Results of several calls that stand in one message as `[{tool_call_id, name, content}]` are turns of their own,
    linked by name and order. Other columns go to `meta`.
    """

    name = "parts"
    title = "Messages of text, reasoning and tool_call parts (LLaMA-Factory)"
    loses = (
        "where one part of a kind ends and the next begins",
        "the order of text, reasoning and calls in a message",
        "ids of results, which no call of these rows has",
    )

    def detect(self, sample: dict[str, Any]) -> bool:
        messages = sample.get("messages")
        if not isinstance(messages, list) or not messages:
            return False
        return all(isinstance(message, dict) and _is_parts(message.get("content")) for message in messages[:4])

    def read_record(self, record: dict[str, Any], domain: str = "generic") -> Trajectory:
        messages = enumerate(messages_of(record, "messages"), 1)
        drafts = [draft for index, message in messages for draft in _apart(_draft(message, index))]
        policy = drafts.pop(0).content if drafts[0].role == "system" else None
        if not drafts:
            raise RowError("The row holds no turn, only a system message.")
        tools = read_tools(record.get("tools"))
        return Trajectory(
            domain=domain, policy=policy, tools=tools, turns=link(drafts), meta=without(record, "messages", "tools")
        )


def _is_parts(content: Any) -> bool:
    return (
        isinstance(content, list)
        and bool(content)
        and all(isinstance(part, dict) and part.get("type") in _KINDS and "value" in part for part in content)
    )


_RESULT = frozenset(("tool_call_id", "name", "content"))


def _apart(draft: Draft) -> list[Draft]:
    """A turn, or the results of several calls that it holds, each as a turn."""
    results = list_of(_parsed(draft.content)) if draft.role == "tool" else []
    if not results or not all(
        isinstance(one, dict) and "content" in one and isinstance(one.get("name"), str) and one.keys() <= _RESULT
        for one in results
    ):
        return [draft]
    return [Draft("tool", shown(one["content"]), name=one["name"] or None, loss=draft.loss) for one in results]


def _parsed(text: str | None) -> Any:
    try:
        return strict_json(text or "")
    except ValueError:
        return None


def _draft(message: dict[str, Any], turn: int) -> Draft:
    role = _ROLES.get(str(message.get("role")))
    if role is None:
        raise RowError(f"Turn {turn} has the role “{str(message.get('role'))[:40]}”, which is not known.")
    content = message.get("content")
    if not _is_parts(content):
        raise RowError(f"The content of turn {turn} is no list of text, reasoning and tool_call parts.")
    weight = message.get("loss_weight")
    draft = Draft(role=role, loss=bool(weight) if isinstance(weight, int | float) else loss_of(message))
    held: dict[str, list[str]] = {}
    for part in content if isinstance(content, list) else ():
        held.setdefault(part["type"], []).append(shown(part["value"]))
    texts = held.get("text", []) + held.get("tools", [])
    draft.content = "\n".join(texts) if texts else None
    draft.reasoning = "\n".join(held["reasoning"]) if "reasoning" in held else None
    draft.tool_calls = [call for text in held.get("tool_call", []) for call in read_calls(text)]
    return draft
