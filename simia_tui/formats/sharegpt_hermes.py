"""ShareGPT with the calls inline in the assistant's text, as Hermes and Qwen models write them.

The one LLaMA-Factory mapping that drops no row and loses no assistant word: a turn holds its text and its
`<tool_call>` blocks, so the two sides always take turns. The tool schemas stand in the system text; the trainer's
`tools` column is not used, so none is written.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any, Literal

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
from simia_tui.formats.pairing import Draft, link
from simia_tui.formats.sharegpt import (
    call_json,
    cut,
    is_sharegpt,
    read_calls,
    read_meta,
    read_role,
    read_system,
    read_value,
    take_thought,
)
from simia_tui.model import Role, ToolCall, ToolSpec, Trajectory, Turn

_HEADING = "# Tools\n\n"
_LISTING = _HEADING + "These functions can be called; each line holds the JSON schema of one:\n<tools>\n"
_LISTED = "\n</tools>\n\n"
_MANNER = (
    "Call a function by writing its name and arguments as one JSON object in a block of this form, "
    "one block for each call:\n"
    '<tool_call>\n{"name": "name of the function", "arguments": {"name of a parameter": "its value"}}\n</tool_call>\n'
    "The result of each call comes back in a <tool_response> block."
)
_CALL, _CALLED = "<tool_call>", "</tool_call>"
_TAGS = (_CALL, _CALLED, "<tools>", "</tools>")
_RESULT, _RESULTED = "<tool_response>\n", "\n</tool_response>"


class ShareGPTHermes(Format):
    """Reads `<tool_call>` blocks in the assistant's turns and `<tool_response>` blocks in observations.

    A system text that our writer made is taken apart again into policy and tools; of another one the schemas
    between `<tools>` tags are read, and the text stays whole. Text after a block begins a new turn.
    """

    name = "sharegpt-hermes"
    title = "ShareGPT with inline tool calls (Hermes)"
    loses = ("white space around a block",)
    led = True
    """Whether an empty human turn before the assistant's first is only there because the trainer wants one."""

    def detect(self, sample: dict[str, Any]) -> bool:
        if not is_sharegpt(sample):
            return False
        system = sample.get("system")
        if isinstance(system, str) and ("<tools>" in system or system.endswith(_MANNER)):
            return True
        values = [turn.get("value") for turn in sample["conversations"] if isinstance(turn, dict)]
        texts = [value for value in values if isinstance(value, str)]
        return any(_CALLED in text or text.startswith("<tool_response>") for text in texts)

    def read_record(self, record: dict[str, Any], domain: str = "generic") -> Trajectory:
        messages = messages_of(record, "conversations")
        system, start = read_system(record, messages)
        policy, tools = read_section(system)
        meta = read_meta(record, messages[start:])
        if self.led and _led(messages[start:]):
            start += 1
        drafts = [d for index, m in enumerate(messages[start:], 1) for d in _drafts(m, index)]
        if not drafts:
            raise RowError("The row holds no turn, only a system message.")
        tools = tools or read_tools(record.get("tools"))
        return Trajectory(domain=domain, policy=policy, tools=tools, turns=link(drafts), meta=meta)


def _led(messages: list[dict[str, Any]]) -> bool:
    """Whether an empty human turn stands before the assistant's first, as the writer puts it."""
    first = messages[:2]
    return [m.get("from") for m in first] == ["human", "gpt"] and first[0].get("value") == ""


def _drafts(message: dict[str, Any], turn: int) -> Iterator[Draft]:
    role, value, loss = read_role(message, turn), read_value(message, turn), loss_of(message)
    if message["from"] == "function_call":
        yield Draft(role=role, tool_calls=read_calls(value or ""), loss=loss)
    elif role == "assistant":
        yield from _assistant(value, loss)
    elif value and (role == "tool" or (role == "user" and value.startswith(_RESULT))):
        yield from _results(value, role, loss)
    else:
        yield Draft(role=role, content=value, loss=loss)


def _assistant(value: str | None, loss: bool | None) -> Iterator[Draft]:
    """The turns of one value: text up to a block begins a turn, the blocks that follow are its calls."""
    draft: Draft | None = None
    at = 0
    for start, stop, inner in _blocks(value or ""):
        before = (value or "")[at:start]
        if draft is None or before.strip():
            if draft is not None:
                yield draft
            draft = _spoken(before.removesuffix("\n\n"), loss, first=draft is None)
        draft.tool_calls += read_calls(inner.strip())
        at = stop
    if draft is None:
        reasoning, text = take_thought(value)
        yield Draft(role="assistant", content=text, reasoning=reasoning, loss=loss)
        return
    yield draft
    if (rest := (value or "")[at:]).strip():
        yield _spoken(rest, loss, first=False)


def _spoken(text: str, loss: bool | None, first: bool) -> Draft:
    reasoning, content = take_thought(text if first else text.removeprefix("\n\n"))
    return Draft(role="assistant", content=content or None, reasoning=reasoning, loss=loss)


def _blocks(text: str) -> Iterator[tuple[int, int, str]]:
    """Complete call blocks as (start, stop, inner text); an opening tag without its end is plain text."""
    at = 0
    while (end := text.find(_CALLED, at)) >= 0:
        stop = end + len(_CALLED)
        start = text.rfind(_CALL, at, end)
        if start >= 0:
            yield start, stop, text[start + len(_CALL) : end]
        at = stop


def _results(value: str, role: Role, loss: bool | None) -> Iterator[Draft]:
    """Tool turns, and user turns where text was merged with them; without a block the value is one turn."""
    at, last = 0, len(value.rstrip())
    while (start := value.find(_RESULT, at)) >= 0 and (end := _end_of_result(value, start, last)) >= 0:
        before = value[at:start].removesuffix("\n\n")
        if (before.removeprefix("\n\n") if at else before).strip():
            yield Draft(role="user", content=before.removeprefix("\n\n") if at else before, loss=loss)
        yield Draft(role="tool", content=value[start + len(_RESULT) : end], loss=loss)
        at = end + len(_RESULTED)
    if not at:
        yield Draft(role=role, content=value, loss=loss)
    elif (rest := value[at:].removeprefix("\n\n")).strip():
        yield Draft(role="user", content=rest, loss=loss)


def _end_of_result(value: str, start: int, last: int) -> int:
    """Where the block's text ends: at the first closing tag that a block, a blank line or the end (`last`) follows."""
    end = start + len(_RESULT) - 1
    while (end := value.find(_RESULTED, end)) >= 0:
        after = end + len(_RESULTED)
        if after >= last or value.startswith(("\n" + _RESULT, "\n\n"), after):
            return end
        end += 1
    return -1


def read_section(system: str | None) -> tuple[str | None, tuple[ToolSpec, ...]]:
    """The policy and the tools in a system text; our own section is taken out of it, others are left."""
    if not system:
        return None, ()
    rest = system.removesuffix(_MANNER)
    if rest == system:
        return system, _foreign_tools(system)
    head, found, lines = rest.removesuffix(_LISTED).rpartition(_LISTING)
    if rest.endswith(_LISTED) and found:
        return head.removesuffix("\n\n") or None, _foreign_tools(f"<tools>\n{lines}\n</tools>")
    return rest.removesuffix(_HEADING).removesuffix("\n\n") or None, ()


def _foreign_tools(system: str) -> tuple[ToolSpec, ...]:
    """Schemas between `<tools>` tags, one a line or as one list; none where they are neither."""
    inner = system.rpartition("<tools>")[2].partition("</tools>")[0].strip() if "<tools>" in system else ""
    try:
        if inner.startswith("["):
            return read_tools(inner)
        return read_tools([strict_json(line) for line in inner.split("\n") if line.strip()])
    except (ValueError, RowError):
        return ()


def write_section(policy: str | None, tools: tuple[ToolSpec, ...], calls: bool) -> str:
    """The system text: policy, then schemas and the manner of calling where there are tools or calls."""
    section = _listed(tools) if tools else _HEADING + _MANNER if calls else ""
    return "\n\n".join(part for part in (policy, section) if part)


_MOST_LISTS = 64
_by_tools: dict[tuple[int, ...], tuple[tuple[ToolSpec, ...], str]] = {}
"""Sections by the identities of their tools, which are kept beside: an id alone could be reused by a later object."""


def _listed(tools: tuple[ToolSpec, ...]) -> str:
    """The section of `tools`, written once for as long as the same specs come row after row."""
    key = tuple(map(id, tools))
    known = _by_tools.get(key)
    if known is not None:
        return known[1]
    if len(_by_tools) >= _MOST_LISTS:
        _by_tools.clear()
    section = _LISTING + "\n".join(_escaped(json_text(write_tool(tool))) for tool in tools) + _LISTED + _MANNER
    _by_tools[key] = (tools, section)
    return section


def write_sharegpt_hermes(
    trajectory: Trajectory, results_from: Literal["observation", "human"] = "observation"
) -> dict[str, Any]:
    """A row `{conversations, system}` that LLaMA-Factory's rules accept: sides alternate, the assistant ends.

    Cut after the assistant's last turn. Turns of one side that follow each other are merged with a blank line,
    parallel results into one turn. Where the assistant speaks first, an empty human turn goes before.

    Args:
        trajectory: what to write; without an assistant turn `conversations` is empty.
        results_from: the tag of turns with results. Templates of the trainer that wrap an observation in
            `<tool_response>` themselves (its qwen family) wrap it twice; with "human" none does.
    """
    conversations: list[dict[str, str]] = []
    for assistant, group in groupby(cut(trajectory.turns), key=lambda turn: turn.role == "assistant"):
        turns = list(group)
        if assistant:
            if not conversations:
                conversations.append({"from": "human", "value": ""})
            conversations.append(
                {"from": "gpt", "value": said(turns[0]) if len(turns) == 1 else _joined([said(turn) for turn in turns])}
            )
        else:
            source = results_from if "tool" in [turn.role for turn in turns] else "human"
            conversations.append({"from": source, "value": _heard(turns)})
    calls = any([turn.tool_calls for turn in trajectory.turns])
    return {"conversations": conversations, "system": write_section(trajectory.policy, trajectory.tools, calls)}


def write_llamafactory(trajectory: Trajectory) -> dict[str, Any]:
    """The row as an export holds it: results are human turns, for many of the trainer's templates wrap observations."""
    return write_sharegpt_hermes(trajectory, results_from="human")


def said(turn: Turn) -> str:
    """An assistant turn as text: the thought, the words, the calls, each in its block."""
    if not turn.reasoning and not turn.tool_calls:
        return turn.content or ""
    parts = [f"<think>\n{turn.reasoning}\n</think>"] if turn.reasoning else []
    if turn.content:
        parts.append(turn.content)
    if turn.tool_calls:
        parts.append("\n".join([f"{_CALL}\n{_call(call)}\n{_CALLED}" for call in turn.tool_calls]))
    return "\n\n".join(parts)


def _call(call: ToolCall) -> str:
    text = call_json(call)
    return text if not call.name and call.arguments is None else _escaped(text)


def _escaped(text: str) -> str:
    """JSON in which no tag stands literally, so that a value cannot end the block it is in."""
    for tag in _TAGS if "<" in text else ():
        text = text.replace(tag, "\\u003c" + tag[1:])
    return text


def _heard(turns: list[Turn]) -> str:
    if len(turns) == 1:
        text = turns[0].content or ""
        return response_block(text) if turns[0].role == "tool" else text
    parts: list[str] = []
    for tool, group in groupby(turns, key=lambda turn: turn.role == "tool"):
        texts = [turn.content or "" for turn in group]
        parts.append("\n".join(response_block(text) for text in texts) if tool else _joined(texts))
    return _joined(parts)


def response_block(text: str) -> str:
    """A result between its tags."""
    return f"{_RESULT}{text}{_RESULTED}"


def _joined(parts: list[str]) -> str:
    return "\n\n".join(part for part in parts if part)


HERMES = Writer(
    name="sharegpt-hermes",
    title="ShareGPT with inline tool calls (LLaMA-Factory, Hermes)",
    write=write_llamafactory,
    loses=(
        "the turns after the assistant's last one",
        "where one turn ends when a side takes several in a row",
        "system messages after the first, which become the user's; calls that the user makes",
        "call ids, error marks, and the name of a tool whose result answers no call",
        "the difference between null and empty content",
        "which turns are masked: the trainer trains on every assistant turn",
        "text that looks like a block of ours, which reads back as one",
        "meta, domain and origin",
    ),
)
