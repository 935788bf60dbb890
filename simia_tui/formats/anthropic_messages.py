"""Requests of Anthropic's Messages API: `{system, tools, messages}`, with calls and results as blocks of content.

The policy stands outside the messages, a result is a block of the user's message, and a tool's schema is its
`input_schema` (docs.claude.com, API reference, Messages). Fine-tuning rows for these models have the same shape.
"""

from typing import Any

from simia_tui.formats.base import Format, RowError, json_text, messages_of, read_tools
from simia_tui.formats.fields import dict_of, list_of, text_of, without
from simia_tui.formats.openai_chat import read_content
from simia_tui.formats.pairing import Draft, DraftCall, link, read_arguments
from simia_tui.model import Role, ToolSpec, Trajectory

_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system"}
_COLUMNS = ("system", "tools", "messages")
_SILENT = ("redacted_thinking",)
_FOREIGN = frozenset(("tool_calls", "function_call", "tool_call_id"))


class AnthropicMessages(Format):
    """Reads `{system, tools, messages}`; also the requests of a batch, whose rows hold them under `params`.

    A message of blocks is taken apart in their order: text, thinking and calls make a turn, each result one of its
    own. What servers' own tools do (`server_tool_use`, `mcp_tool_use` and their results) are calls and results too.
    """

    name = "anthropic"
    title = "Anthropic messages with tool_use and tool_result blocks"
    loses = ("where one text or thinking block ends", "signatures of thoughts and thoughts that are hidden")

    def detect(self, sample: dict[str, Any]) -> bool:
        record = _request(sample)
        messages = record.get("messages")
        if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
            return False
        if any(str(m.get("role")) not in _ROLES or not _FOREIGN.isdisjoint(m) for m in messages[:8]):
            return False
        tools = list_of(record.get("tools"))
        return (
            isinstance(record.get("system"), str | list)
            or any("input_schema" in dict_of(tool) for tool in tools[:4])
            or any(_is_own(block) for m in messages for block in list_of(m.get("content")))
        )

    def read_record(self, record: dict[str, Any], domain: str = "generic") -> Trajectory:
        request = _request(record)
        drafts: list[Draft] = []
        for index, message in enumerate(messages_of(request, "messages"), 1):
            drafts += _drafts(message, index)
        policy = read_content(request.get("system"), 0)
        if policy is None and drafts and drafts[0].role == "system":
            policy = drafts.pop(0).content
        if not drafts:
            raise RowError("The row holds no turn, only a system message.")
        meta = without(record, "params", *_COLUMNS) | without(request, *_COLUMNS)
        tools = _tools(request.get("tools"))
        return Trajectory(domain=domain, policy=policy, tools=tools, turns=link(drafts), meta=meta)


def _request(record: dict[str, Any]) -> dict[str, Any]:
    """The row, or what a row of a batch holds."""
    return record if "messages" in record else dict_of(record.get("params"))


def _is_own(block: Any) -> bool:
    """Whether a block is of a kind that no other maker's messages have."""
    kind = dict_of(block).get("type")
    return isinstance(kind, str) and (_is_call(kind) or _is_result(kind) or kind in ("thinking", *_SILENT))


def _is_call(kind: str) -> bool:
    return kind.endswith("tool_use")


def _is_result(kind: str) -> bool:
    return kind.endswith("tool_result")


def _tools(value: Any) -> tuple[ToolSpec, ...]:
    if not isinstance(value, list):
        return read_tools(value)
    return read_tools(
        [
            {**without(tool, "input_schema"), "parameters": tool["input_schema"]}
            if isinstance(tool, dict) and "input_schema" in tool
            else tool
            for tool in value
        ]
    )


def _drafts(message: dict[str, Any], turn: int) -> list[Draft]:
    role = _ROLES.get(str(message.get("role")))
    if role is None:
        raise RowError(f"Turn {turn} has the role “{str(message.get('role'))[:40]}”, which is not known.")
    content = message.get("content")
    if not isinstance(content, list):
        return [Draft(role, read_content(content, turn))]
    drafts: list[Draft] = []
    for block in content:
        kind = str(block.get("type")) if isinstance(block, dict) else ""
        if _is_result(kind):
            drafts.append(_result(block, turn))
        elif kind not in _SILENT:
            if not drafts or drafts[-1].role != role:
                drafts.append(Draft(role))
            _add(drafts[-1], block, kind, turn)
    return drafts or [Draft(role)]


def _add(draft: Draft, block: Any, kind: str, turn: int) -> None:
    """Puts a block into the turn it belongs to. Raises RowError for a block that holds no text, such as an image."""
    if _is_call(kind):
        name = block.get("name")
        if not isinstance(name, str):
            raise RowError(f"A tool call of turn {turn} names no function.")
        arguments, raw = read_arguments(block.get("input"))
        draft.tool_calls.append(DraftCall(name, arguments, raw, text_of(block.get("id"))))
    elif kind == "thinking":
        draft.reasoning = _joined(draft.reasoning, str(block.get("thinking") or ""))
    else:
        draft.content = _joined(draft.content, read_content([block], turn) or "")


def _joined(before: str | None, text: str) -> str:
    return text if before is None else f"{before}\n{text}"


def _result(block: dict[str, Any], turn: int) -> Draft:
    content = block.get("content")
    kinds = [dict_of(part).get("type") for part in list_of(content)]
    if all(kind == "text" for kind in kinds) and isinstance(content, str | list | None):
        text = read_content(content, turn)
    elif "image" in kinds:
        raise RowError(f"A tool result of turn {turn} holds an image; only text can be read.")
    else:
        text = json_text(content)
    failed = block.get("is_error") is True or str(dict_of(content).get("type")).endswith("_error")
    return Draft("tool", text, call_id=text_of(block.get("tool_use_id")), is_error=failed)
