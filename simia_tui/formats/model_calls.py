"""Trajectories out of traces: each call of a model holds the chat so far, so the calls are joined to conversations.

What tracing tools record is a set of spans. The spans of one trace are brought in order, each model call is turned
into OpenAI messages, and a call whose messages begin with a conversation's continues it.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simia_tui.errors import UsageError
from simia_tui.formats.base import RAW_CHARS, RowError, json_text, read_tools, strict_json
from simia_tui.formats.fields import dict_of, list_of, shown, text_of
from simia_tui.formats.openai_chat import Messages
from simia_tui.formats.stream import Item, items
from simia_tui.model import ToolSpec, Trajectory

MOST_SPANS = 200_000
"""Spans of a trace may stand anywhere in a file, so all are held in memory; a file with more is refused."""

_COMPARED = ("role", "content", "tool_calls")


@dataclass(slots=True)
class ModelCall:
    """One call of a model: the messages it was given and those it gave, both as OpenAI messages."""

    given: list[dict[str, Any]] = field(default_factory=list)
    answered: list[dict[str, Any]] = field(default_factory=list)
    tools: Any = None
    meta: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class ToolRun:
    """One execution of a tool as a span of its own tells it."""

    call_id: str | None
    name: str | None
    result: Any
    is_error: bool


@dataclass(slots=True)
class Trace:
    """What is known of one trace, in the order of time."""

    key: str
    calls: list[tuple[str, ModelCall]] = field(default_factory=list)
    runs: list[tuple[str, ToolRun]] = field(default_factory=list)
    empty: int = 0


class Traces:
    """Gathers the spans of a file by trace.

    Args:
        path: the file, for the message when it holds too many spans.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._count = 0
        self.found: dict[str, Trace] = {}

    def of(self, key: str) -> Trace:
        """The trace with this key, made at its first span.

        Raises:
            UsageError: when the file holds too many spans.
        """
        self._count += 1
        if self._count > MOST_SPANS:
            raise UsageError(f"{self._path} holds more than {MOST_SPANS:,} spans; split it by trace first.")
        return self.found.setdefault(key, Trace(key))

    def items(self, bad: Iterable[Item] = ()) -> Iterator[Item]:
        """One record for each conversation, then the rows that could not be read; a reason where there is nothing."""
        number = 0
        for trace in self.found.values():
            for record in _conversations(trace):
                number += 1
                yield Item(number, record, None, json_text(record)[:RAW_CHARS])
        for item in bad:
            number += 1
            yield Item(number, None, item.reason, item.raw)
        if number == 0:
            yield Item(1, None, "The file holds no span of a model or a tool.", "")


def spans(path: Path) -> Iterator[Item]:
    """The rows of a file of spans; a row that is a list counts as that many rows."""
    for item in items(path):
        if isinstance(item.value, list):
            yield from (Item(item.number, value, None, item.raw) for value in item.value)
        else:
            yield item


def _conversations(trace: Trace) -> Iterator[dict[str, Any]]:
    open_ones: list[dict[str, Any]] = []
    for _, call in sorted(trace.calls, key=lambda pair: pair[0]):
        found = next((one for one in reversed(open_ones) if _continues(one["messages"], call.given)), None)
        if found is None:
            found = {"trace": trace.key, "messages": [], "tools": None, "meta": {}}
            open_ones.append(found)
        found["messages"] = call.given + call.answered
        found["tools"] = call.tools or found["tools"]
        found["meta"] = {**found["meta"], **call.meta}
    runs = [run for _, run in sorted(trace.runs, key=lambda pair: pair[0])]
    for one in open_ones:
        _finish(one["messages"], runs)
    if not open_ones:
        open_ones = [{"trace": trace.key, "messages": [], "tools": None, "meta": {}}]
    yield from open_ones


def _continues(before: list[dict[str, Any]], given: list[dict[str, Any]]) -> bool:
    if len(given) < len(before):
        return False
    return all(_same(old, new) for old, new in zip(before, given[: len(before)], strict=True))


def _same(old: dict[str, Any], new: dict[str, Any]) -> bool:
    return all((old.get(key) or None) == (new.get(key) or None) for key in _COMPARED)


def _finish(messages: list[dict[str, Any]], runs: list[ToolRun]) -> None:
    """Marks the results whose span failed, and adds those of the last calls, which no later chat holds."""
    by_id = {run.call_id: run for run in runs if run.call_id}
    for message in messages:
        run = by_id.get(str(message.get("tool_call_id"))) if message.get("role") == "tool" else None
        if run is not None and run.is_error:
            message["is_error"] = True
    last = messages[-1] if messages else {}
    for call in list_of(last.get("tool_calls")):
        run = by_id.get(str(dict_of(call).get("id")))
        if run is not None and run.result is not None:
            result = {"role": "tool", "tool_call_id": run.call_id, "name": run.name, "content": shown(run.result)}
            messages.append(result | ({"is_error": True} if run.is_error else {}))


def trajectory_of(record: dict[str, Any], domain: str) -> Trajectory:
    """The trajectory of one conversation.

    Raises:
        RowError: when the spans held no messages, or the messages cannot be read.
    """
    messages = record.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
        raise RowError("The trace holds no messages: its spans were recorded without content.")
    meta = {"trace": record.get("trace"), **dict_of(record.get("meta"))}
    return Messages(messages).trajectory(domain, _tools(record.get("tools")), meta)


def _tools(value: Any) -> tuple[ToolSpec, ...]:
    """The tools that can be read of a list; what is no tool is left out."""
    found: list[ToolSpec] = []
    for tool in list_of(unpacked(value)):
        try:
            found += read_tools([unpacked(tool)])
        except RowError:
            continue
    return tuple(found)


def unpacked(value: Any) -> Any:
    """The value of a text that is a JSON object or list, twice where it was packed twice; else the value itself."""
    for _ in range(2):
        if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "[", '"'):
            return value
        try:
            inner = strict_json(value)
        except (ValueError, json.JSONDecodeError):
            return value
        if not isinstance(inner, dict | list | str):
            return value
        value = inner
    return value


def chat_message(value: Any) -> dict[str, Any] | None:
    """One message as providers and frameworks log it, in the shape of OpenAI's; None where it is no message.

    Takes OpenAI's own, parts of the GenAI conventions (`{role, parts}`), and content blocks.
    """
    if not isinstance(value, dict) or not (role := text_of(value.get("role"))):
        return None
    role = {"human": "user", "ai": "assistant", "model": "assistant"}.get(role, role)
    parts = value.get("parts", value.get("content"))
    message: dict[str, Any] = {"role": role, "content": None if isinstance(parts, list) else value.get("content")}
    if isinstance(parts, list):
        _read_parts(message, parts)
    elif message["content"] is not None:
        message["content"] = shown(message["content"])
    calls = value.get("tool_calls")
    if isinstance(calls, list) and calls:
        message["tool_calls"] = [call for call in map(chat_call, calls) if call]
    for key in ("tool_call_id", "name", "reasoning_content"):
        if text_of(value.get(key)) and key not in message:
            message[key] = value[key]
    return message


def chat_call(call: Any) -> dict[str, Any] | None:
    """One tool call in the shape of OpenAI's; None where it names no function."""
    call = dict_of(call)
    function = dict_of(call.get("function")) or call
    name = text_of(function.get("name"))
    if name is None:
        return None
    arguments = next((function[key] for key in ("arguments", "args", "input") if key in function), "")
    return {"id": text_of(call.get("id")), "function": {"name": name, "arguments": arguments}}


def _read_parts(message: dict[str, Any], parts: list[Any]) -> None:
    texts, thoughts, calls = [], [], []
    for part in parts:
        kind = part.get("type", "text") if isinstance(part, dict) else "text"
        if kind in ("tool_call", "tool_use", "function_call"):
            calls.append(chat_call(part))
        elif kind in ("tool_call_response", "tool_result"):
            message["role"] = "tool"
            message["tool_call_id"] = text_of(part.get("id")) or text_of(part.get("tool_use_id"))
            texts.append(shown(next((part[k] for k in ("response", "result", "content") if k in part), None)))
        elif kind in ("reasoning", "thinking"):
            thoughts.append(shown(part.get("content", part.get("thinking"))))
        else:
            texts.append(shown(part.get("content", part.get("text"))) if isinstance(part, dict) else shown(part))
    if texts:
        message["content"] = "\n".join(texts)
    if thoughts:
        message["reasoning_content"] = "\n".join(thoughts)
    if calls:
        message["tool_calls"] = [call for call in calls if call]


def chat(value: Any) -> list[dict[str, Any]]:
    """The messages of a chat: a list of them, an object with `messages`, or a single one."""
    value = unpacked(value)
    if isinstance(value, dict) and isinstance(value.get("messages"), list):
        value = value["messages"]
    entries = value if isinstance(value, list) else [value]
    return [message for entry in entries for message in _several(unpacked(entry))]


def _several(entry: Any) -> Iterator[dict[str, Any]]:
    """The message of an entry; one with several tool results in its parts makes as many messages."""
    parts = dict_of(entry).get("parts")
    results = [p for p in list_of(parts) if dict_of(p).get("type") == "tool_call_response"]
    for one in [{**entry, "parts": [part]} for part in results] if len(results) > 1 else [entry]:
        if (message := chat_message(one)) is not None:
            yield message
