"""Reads a reply that is text with markers (`HUMAN:`, `ASSISTANT:`, `FUNCTION_CALL:`, `OBSERVATION:`) instead of JSON.

A marker is a whole word at the start of a line. Bold type, numbering, other names and, where the reply has no marker in
capitals, other cases are put up with. The text between markers stays as it is, indentation and blank lines included.
Source of what must be borne: the pitfalls of the published parser (simia-method.md §4).
"""

import json
import re
from typing import Any, Literal, NamedTuple

from simia_tui.checks import parse_arguments
from simia_tui.formats.pairing import Draft, DraftCall, read_arguments
from simia_tui.model import Finding, Severity

Side = Literal["user", "assistant", "call", "tool", "system"]
_SIDES: dict[str, Side] = {
    "human": "user",
    "user": "user",
    "customer": "user",
    "assistant": "assistant",
    "agent": "assistant",
    "gpt": "assistant",
    "function call": "call",
    "tool call": "call",
    "observation": "tool",
    "tool": "tool",
    "tool response": "tool",
    "tool result": "tool",
    "function response": "tool",
    "function result": "tool",
    "system": "system",
}
_WORDS = "|".join(sorted((name.replace(" ", "[ _-]") for name in _SIDES), key=len, reverse=True))
_MARKER = re.compile(
    rf"^(?:#{{1,6}}[ ]+|\d{{1,3}}[.)][ ]*)?[*_]{{0,3}}(?P<word>{_WORDS})[*_]{{0,3}}[ ]?:[*_]{{0,3}}[ \t]?",
    re.MULTILINE | re.IGNORECASE,
)
_MIDLINE = re.compile(r"[^\n]*\S[ \t]+(?:HUMAN|USER|ASSISTANT|FUNCTION[_ ]CALL|OBSERVATION):")
_END = re.compile(r"^[ \t]*(?:\[?<?/?END(?: OF CONVERSATION)?>?\]?|\{\s*\"end\"\s*:\s*true\s*\})[ \t]*$", re.MULTILINE)
_RULE = re.compile(r"^-{3,}[ \t]*$", re.MULTILINE)
_FENCED = re.compile(r"\A\s*```[\w-]*[ \t]*\n(.*?)\n?[ \t]*```\s*\Z", re.DOTALL)
_THINK = re.compile(r"\A(.*?)<think>(.*?)</think>(.*)\Z", re.DOTALL)
_CALL_TAG = re.compile(r"</?tool_call>")


class Script(NamedTuple):
    """The turns of a reply (none: it is refused), what had to be put up with, and whether its end line came."""

    turns: list[Draft]
    findings: list[Finding]
    ended: bool


class _Part(NamedTuple):
    side: Side
    body: str


def found(text: str) -> bool:
    """Whether `text` holds markers of a user and of an assistant or a call."""
    sides = {part.side for part in _parts(_unfenced(text))[0]}
    return "user" in sides and not sides.isdisjoint(("assistant", "call"))


def read(text: str) -> Script:
    """The turns that the markers of `text` set apart; neighbours of the same side become one turn."""
    text = _unfenced(text)
    end = _END.search(text)
    parts, preamble = _parts(text[: end.start()] if end else text)
    findings: list[Finding] = []
    if preamble.strip():
        findings.append(
            _say("reply.preamble", Severity.INFO, "Text before the first turn is left out.", None, preamble)
        )
    turns: list[Draft] = []
    for number, part in enumerate(parts):
        if part.side == "system":
            if turns:
                said = "The reply speaks as SYSTEM in the middle of the conversation; it is refused."
                return Script([], [_say("reply.system", Severity.ERROR, said, len(turns), part.body)], False)
            continue
        body = _body(part, number == len(parts) - 1, len(turns), findings)
        _add(turns, part.side, body, findings)
    return Script(turns, findings, end is not None)


def _unfenced(text: str) -> str:
    """The reply without a code fence around the whole of it."""
    whole = _FENCED.match(text)
    return whole[1] if whole and _MARKER.match(whole[1].lstrip("\n")) else text


def _parts(text: str) -> tuple[list[_Part], str]:
    """The text of each marker, and what stands before the first one."""
    marks = list(_MARKER.finditer(text))
    capitals = [mark for mark in marks if mark["word"].isupper()]
    # A reply that writes its markers in capitals means something else by "User: ada" inside a turn.
    marks = capitals or marks
    parts = []
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    for mark, end in zip(marks, ends, strict=False):
        body = text[mark.end() : end]
        parts.append(_Part(_SIDES[re.sub("[_-]", " ", mark["word"]).lower()], body))
    return parts, text[: marks[0].start()] if marks else text


def _body(part: _Part, last: bool, turn: int, findings: list[Finding]) -> str:
    """The text of a turn without blank lines around it, rules that part turns, and notes after the last one."""
    body = part.body
    rules = list(_RULE.finditer(body))
    notes = next((rule for rule in rules if last or not body[rule.end() :].strip()), None)
    if notes is not None:
        if dropped := body[notes.end() :].strip():
            what = "Text after a line of dashes at the end of the reply is left out."
            findings.append(_say("reply.notes", Severity.INFO, what, turn, dropped))
        body = body[: notes.start()]
    body = re.sub(r"\A(?:[ \t]*\n)+", "", body).rstrip()
    if part.side != "tool" and _MIDLINE.search(body):
        what = "A marker stands in the middle of a line; this may be two turns in one."
        findings.append(_say("reply.marker-midline", Severity.WARNING, what, turn, body))
    return body


def _add(turns: list[Draft], side: Side, body: str, findings: list[Finding]) -> None:
    """Adds a turn, or what it holds to the turn before where both are of the same side."""
    here = len(turns)
    before = turns[-1] if turns else None
    if not body:
        marker = {"user": "HUMAN", "assistant": "ASSISTANT", "call": "FUNCTION_CALL"}.get(side, "OBSERVATION")
        findings.append(_say("reply.empty-turn", Severity.ERROR, f"Nothing follows the marker {marker}.", here, None))
        turns.append(Draft(role="assistant" if side == "call" else side, content=""))
        return
    if side == "call" or (side == "tool" and _is_call(body)):
        draft = _call_turn(body, here, findings)
        if before is not None and before.role == "assistant" and draft.tool_calls:
            # What is said beside a call, and calls made at once, are one turn of the assistant.
            before.tool_calls += draft.tool_calls
            before.reasoning = before.reasoning or draft.reasoning
            before.content = "\n\n".join(filter(None, (before.content, draft.content))) or None
        else:
            turns.append(draft)
        return
    role: Literal["user", "assistant", "tool"] = "user" if side == "user" else "tool" if side == "tool" else "assistant"
    if before is not None and before.role == role != "tool" and not before.tool_calls:
        before.content = "\n\n".join(filter(None, (before.content, body)))
        what = "Two turns of the same side follow each other; they are made one."
        findings.append(_say("reply.merged", Severity.WARNING, what, here - 1, None))
        return
    turns.append(Draft(role=role, content=body))


def _is_call(body: str) -> bool:
    value = _json(_unfence(_CALL_TAG.sub("", body)))
    calls = value if isinstance(value, list) and value else [value]
    return all(isinstance(call, dict) and {"name", "arguments"} <= call.keys() for call in calls)


def _call_turn(body: str, turn: int, findings: list[Finding]) -> Draft:
    """An assistant turn with the calls in `body`: thought first, code fences and tags taken off."""
    thought = _THINK.match(body)
    lead, reasoning, rest = (thought[1], thought[2].strip(), thought[3]) if thought else ("", None, body)
    text = _unfence(_CALL_TAG.sub("", rest))
    value = _json(text)
    if value is None:
        value, _ = parse_arguments(text)
        if value is not None and isinstance(value.get("name"), str):
            what = "The call of this turn was broken JSON and was mended."
            mended = _say("reply.json-repaired", Severity.WARNING, what, turn, body)
            findings.append(mended.replace(repaired=True))
    calls = [_call(item) for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict)]
    if not calls or not all(call.name for call in calls):
        what = "The call of this turn could not be read; its text is kept as it came."
        findings.append(_say("reply.unreadable", Severity.ERROR, what, turn, body))
        return Draft(role="assistant", content=body)
    return Draft(role="assistant", content=lead.strip() or None, reasoning=reasoning, tool_calls=calls)


def _call(value: dict[str, Any]) -> DraftCall:
    function = value.get("function")
    value = function if isinstance(function, dict) else value
    arguments, raw = read_arguments(text_safe(value.get("arguments", value.get("parameters", ""))))
    name = value.get("name")
    return DraftCall(name=name if isinstance(name, str) else "", arguments=arguments, raw=raw)


def _unfence(text: str) -> str:
    fenced = _FENCED.match(text)
    return (fenced[1] if fenced else text).strip()


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def printable(text: str) -> str:
    """Half of a surrogate pair is no text; a reply that holds one is cut in an emoji."""
    return text.encode("utf-8", "replace").decode("utf-8") if not text.isascii() else text


def text_safe(value: Any) -> Any:
    """`value` without halves of surrogate pairs, which no file could hold."""
    text = json.dumps(value, ensure_ascii=False)
    return value if text.isascii() else json.loads(printable(text))


def _say(rule: str, severity: Severity, message: str, turn: int | None, before: str | None) -> Finding:
    return Finding(rule=rule, severity=severity, message=message, turn=turn, before=before)
