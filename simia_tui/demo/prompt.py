"""What the demo model understands of a prompt: the blocks of the synthesize prompt, each marker alone on its line."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from simia_tui.model import ToolSpec, content_hash

BLOCKS = ("policy", "tools", "exemplar", "request")
ROLES = ("user", "assistant", "tool")


class PromptError(Exception):
    """A prompt or a request that cannot be answered; the message goes into the error reply."""


class Ask(NamedTuple):
    """A prompt, read. `known` is False where the blocks are missing; `prefixes` are its static beginnings, the longest
    first: up to the request, and up to the exemplar."""

    sha: str
    text: str
    known: bool
    tools: tuple[ToolSpec, ...] = ()
    exemplar: tuple[dict[str, Any], ...] = ()
    prefixes: tuple[str, ...] = ()


def read(messages: Any) -> Ask:
    """Read the `messages` of a request. `sha` is the content hash of the messages as they came.

    Raises:
        PromptError: the messages are not chat messages, or a block does not hold what it should.
    """
    if not isinstance(messages, list) or not messages:
        raise PromptError("'messages' must be a non-empty array of chat messages.")
    texts = [_text(message) for message in messages]
    try:
        sha = content_hash(messages)
    except ValueError as error:
        raise PromptError("'messages' hold a number that JSON does not have.") from error
    for text in reversed(texts):
        if (blocks := _blocks(text)) is not None:
            break
    else:
        return Ask(sha, "\n".join(texts), False)
    body, before_request, before_exemplar = blocks
    tools = tuple(_tool(line) for line in body["tools"])
    exemplar = tuple(_turn(line) for line in body["exemplar"])
    return Ask(sha, text, True, tools, exemplar, (text[:before_request], text[:before_exemplar]))


def _text(message: Any) -> str:
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        if all(isinstance(part, str) for part in parts):
            return "\n".join(str(part) for part in parts)
    if isinstance(message, dict) and content is None and message.get("role") == "assistant":
        return ""
    raise PromptError("Every message needs a 'content' that is text.")


def _blocks(text: str) -> tuple[dict[str, list[str]], int, int] | None:
    """The lines of each block with the offsets of `<request>` and `<exemplar>`; None where a block is missing.

    Read from the end: a policy may hold anything, also a line that looks like a marker.
    """
    lines = text.split("\n")
    found: dict[str, list[str]] = {}
    starts: dict[str, int] = {}
    end = len(lines)
    for name in reversed(BLOCKS):
        close = _last(lines, f"</{name}>", end)
        start = -1 if close is None else _opening(lines, name, close)
        if close is None or start < 0:
            return None
        found[name], starts[name], end = lines[start + 1 : close], start, start
    offsets = {name: sum(len(line) + 1 for line in lines[:start]) for name, start in starts.items()}
    return found, offsets["request"], offsets["exemplar"]


def _last(lines: Sequence[str], marker: str, end: int) -> int | None:
    return next((index for index in range(end - 1, -1, -1) if lines[index].strip() == marker), None)


def _opening(lines: Sequence[str], name: str, close: int) -> int:
    """The line that opens a block: for the policy the first in the text, else the last before `close`."""
    if name == "policy":
        return next((index for index in range(close) if lines[index].strip() == "<policy>"), -1)
    opening = _last(lines, f"<{name}>", close)
    return -1 if opening is None else opening


def _object(line: str, block: str) -> dict[str, Any] | None:
    if not line.strip():
        return None
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise PromptError(f"A line of the <{block}> block is not JSON: {line[:80]!r}.") from error
    if not isinstance(value, dict):
        raise PromptError(f"A line of the <{block}> block is not a JSON object: {line[:80]!r}.")
    return value


def _tool(line: str) -> ToolSpec:
    value = _object(line, "tools") or {}
    known = {key: value.get(key) for key in ("name", "description", "parameters")}
    try:
        return ToolSpec.load(known)
    except ValueError as error:
        raise PromptError(f"A line of the <tools> block is not a tool: {line[:80]!r}.") from error


def _turn(line: str) -> dict[str, Any]:
    value = _object(line, "exemplar") or {}
    calls = value.get("tool_calls") or []
    sound = isinstance(calls, list) and all(isinstance(c, dict) and isinstance(c.get("name"), str) for c in calls)
    content = value.get("content")
    if value.get("role") not in ROLES or not sound or not (content is None or isinstance(content, str)):
        raise PromptError(f"A line of the <exemplar> block is not a turn: {line[:80]!r}.")
    turn: dict[str, Any] = {"role": value["role"]}
    if content is not None:
        turn["content"] = content
    if calls:
        turn["tool_calls"] = [{"name": c["name"], "arguments": c.get("arguments")} for c in calls]
    if value.get("is_error"):
        turn["is_error"] = True
    return turn
