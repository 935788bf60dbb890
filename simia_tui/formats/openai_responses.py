"""Items of OpenAI's Responses API: `{instructions, input, output, tools}`, calls and results as items of their own.

Field names: the types `ResponseInputItem`, `ResponseOutputItem` and `FunctionTool` of the openai package. Thoughts,
words and calls between two answers of tools are one turn here and stand side by side there.
"""

from typing import Any

from simia_tui.formats.base import Format, RowError, read_tools
from simia_tui.formats.fields import dict_of, list_of, shown, text_of, without
from simia_tui.formats.openai_chat import read_content
from simia_tui.formats.pairing import Draft, DraftCall, link, read_arguments
from simia_tui.model import Role, Trajectory

_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system", "developer": "system"}
_COLUMNS = ("instructions", "input", "output", "items", "tools")
_OWN = ("function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output", "mcp_call", "reasoning")
_PARTS = ("input_text", "output_text", "refusal")
_HOSTED = "hosted_items"


class OpenAIResponses(Format):
    """Reads `{instructions, input, output, tools}` (a request with its response), or the same items under `items`.

    What OpenAI's own tools did (web search, files, code, pictures) is kept under `meta["hosted_items"]`.
    """

    name = "openai-responses"
    title = "OpenAI Responses API items"
    loses = (
        "where one text part of a message ends",
        "the order of thoughts, words and calls within a turn",
        "ids and states of items, and encrypted thoughts",
        "calls of OpenAI's own tools as turns",
    )

    def detect(self, sample: dict[str, Any]) -> bool:
        return "messages" not in sample and any(_is_own(item) for item in _items(sample))

    def read_record(self, record: dict[str, Any], domain: str = "generic") -> Trajectory:
        drafts: list[Draft] = []
        hosted: list[Any] = []
        if isinstance(record.get("input"), str):
            drafts.append(Draft("user", record["input"]))
        for index, item in enumerate(_items(record), 1):
            if not isinstance(item, dict):
                raise RowError(f"Item {index} is not an object.")
            if not _add(drafts, item, index):
                hosted.append(item)
        policy = text_of(record.get("instructions"))
        if policy is None and drafts and drafts[0].role == "system":
            policy = drafts.pop(0).content
        if not drafts:
            raise RowError("The row holds no item that makes a turn.")
        tools = [tool for tool in list_of(record.get("tools")) if text_of(dict_of(tool).get("name"))]
        meta = without(record, *_COLUMNS) | ({_HOSTED: hosted} if hosted else {})
        return Trajectory(domain=domain, policy=policy, tools=read_tools(tools), turns=link(drafts), meta=meta)


def _items(record: dict[str, Any]) -> list[Any]:
    return [item for name in ("input", "items", "output") for item in list_of(record.get(name))]


def _is_own(item: Any) -> bool:
    """Whether an item is of a kind that chat messages do not have."""
    kind = dict_of(item).get("type")
    parts = list_of(dict_of(item).get("content"))
    return kind in _OWN or (kind == "message" and any(dict_of(part).get("type") in _PARTS for part in parts))


def _add(drafts: list[Draft], item: dict[str, Any], index: int) -> bool:
    """Adds what an item says to the turns; false for an item of one of OpenAI's own tools."""
    kind = item.get("type", "message")
    if kind == "message":
        _say(drafts, item, index)
    elif kind == "reasoning":
        parts = list_of(item.get("content")) or list_of(item.get("summary"))
        thought = "\n".join(str(dict_of(part).get("text") or "") for part in parts)
        if thought:
            draft = _speaking(drafts)
            draft.reasoning = _joined(draft.reasoning, thought)
    elif kind in ("function_call", "custom_tool_call", "mcp_call"):
        _call(drafts, item, index)
    elif kind in ("function_call_output", "custom_tool_call_output"):
        drafts.append(Draft("tool", _output(item.get("output"), index), call_id=text_of(item.get("call_id"))))
    else:
        return False
    return True


def _say(drafts: list[Draft], item: dict[str, Any], index: int) -> None:
    role = _ROLES.get(str(item.get("role")))
    if role is None:
        raise RowError(f"Item {index} has the role “{str(item.get('role'))[:40]}”, which is not known.")
    content = item.get("content")
    parts = [_part(part) for part in content] if isinstance(content, list) else content
    text = read_content(parts, index)
    if role != "assistant":
        drafts.append(Draft(role, text))
        return
    draft = _speaking(drafts)
    draft.content = text if draft.content is None else _joined(draft.content, text or "")


def _part(part: Any) -> Any:
    return part["refusal"] if dict_of(part).get("type") == "refusal" and "refusal" in part else part


def _call(drafts: list[Draft], item: dict[str, Any], index: int) -> None:
    name = item.get("name")
    if not isinstance(name, str):
        raise RowError(f"The call in item {index} names no function.")
    # A custom tool takes plain text.
    custom = item.get("type") == "custom_tool_call"
    arguments, raw = (None, shown(item.get("input"))) if custom else read_arguments(item.get("arguments", ""))
    call_id = text_of(item.get("call_id")) or text_of(item.get("id"))
    _speaking(drafts).tool_calls.append(DraftCall(name, arguments, raw, call_id))
    if item.get("type") == "mcp_call" and (item.get("output") is not None or item.get("error")):
        failed = bool(item.get("error"))
        text = shown(item["error"] if failed else item["output"])
        drafts.append(Draft("tool", text, call_id=call_id, is_error=failed))


def _output(value: Any, index: int) -> str | None:
    return read_content(value, index) if isinstance(value, list) else shown(value)


def _speaking(drafts: list[Draft]) -> Draft:
    """The assistant's turn that is being said; a new one after anything else."""
    if not drafts or drafts[-1].role != "assistant":
        drafts.append(Draft("assistant"))
    return drafts[-1]


def _joined(before: str | None, text: str) -> str:
    return text if before is None else f"{before}\n{text}"
