"""Calls that a reader could not take apart: the text of the whole call stands in `raw`, under an empty name."""

import re
from typing import Any

from simia_tui.checks import traits
from simia_tui.checks.arguments import read_arguments
from simia_tui.checks.context import Context
from simia_tui.checks.rule import Note, Outcome, repair
from simia_tui.checks.schema import show
from simia_tui.model import Severity, ToolCall, Trajectory, Turn

_THINK = re.compile(r"<think>(.*?)</think>", re.DOTALL)
_FENCED = re.compile(r"\s*`{3,}\w*\n(.*)\n`{3,}\s*", re.DOTALL)
_PARTS = frozenset(("name", "arguments", "parameters", "id", "type", "function"))


@repair(
    "call.text-repaired",
    Severity.WARNING,
    "A call whose text could not be read as a whole teaches nothing; where only fences or punctuation stood in the way,"
    " name and arguments are taken out of it.",
    needs=traits.UNREAD,
)
def text_repaired(trajectory: Trajectory, context: Context) -> Outcome:
    notes: list[Note] = []
    turns: list[Turn] = []
    for index, position, call in context.calls(trajectory):
        if call.name or call.arguments is not None or not call.raw:
            continue
        read = _read(call.raw)
        if read is None or (context.box.declared and read[0].name not in context.box.declared):
            # A name that no tool has was not read but guessed.
            continue
        made, lead, thought = read
        turns = turns or list(trajectory.turns)
        turns[index] = _put(turns[index], position, made.replace(call_id=call.call_id), lead, thought)
        message = f"The text of a call was taken apart and read as {show(made.name)} with {show(made.arguments)}."
        notes.append(Note(message, index, position, before=call.raw))
    return (trajectory.with_turns(tuple(turns)), notes) if notes else (trajectory, notes)


def _put(turn: Turn, position: int, call: ToolCall, lead: str, thought: str) -> Turn:
    """The turn with `call` in its place; what stood before the call becomes text, and a thought reasoning."""
    calls = (*turn.tool_calls[:position], call, *turn.tool_calls[position + 1 :])
    return turn.replace(
        tool_calls=calls,
        content="\n\n".join(part for part in (turn.content, lead) if part) or None,
        reasoning="\n\n".join(part for part in (turn.reasoning, thought) if part) or None,
    )


def _read(text: str) -> tuple[ToolCall, str, str] | None:
    """The call, the text before it, and the thoughts in it."""
    thoughts = [match.strip() for match in _THINK.findall(text)]
    rest = _THINK.sub("\n", text).strip()
    if "<think>" in rest or "</think>" in rest:
        return None
    lead = rest[: rest.find("{")].rstrip("`[ \n").removesuffix("```json").strip() if "{" in rest else ""
    fenced = _FENCED.fullmatch(rest)
    body = (fenced[1] if fenced else rest[len(lead) :]).strip()
    value = _object(body)
    call = _call(value, text) if value is not None else None
    return (call, "" if fenced else lead, "\n\n".join(thought for thought in thoughts if thought)) if call else None


def _object(body: str) -> dict[str, Any] | None:
    if body.startswith("[") and body.endswith("]"):
        # A list of one call is that call; of several the reader has made several.
        body = body[1:-1]
    return read_arguments(body)[0]


def _call(value: dict[str, Any], text: str) -> ToolCall | None:
    if not value.keys() <= _PARTS:
        return None
    inner = value.get("function")
    value = inner if isinstance(inner, dict) else value
    name, arguments = value.get("name"), value.get("arguments", value.get("parameters"))
    if not isinstance(name, str) or not name:
        return None
    if isinstance(arguments, dict):
        return ToolCall(name=name, arguments=arguments, raw=text)
    return ToolCall(name=name, raw=arguments if isinstance(arguments, str) else "") if _is_text(arguments) else None


def _is_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


REPAIRS = (text_repaired,)
