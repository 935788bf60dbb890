"""What rules say of a call before anybody is asked: a malformed one is answered here, always in the same way."""

import json
import re
from dataclasses import replace
from typing import Any

from simia_tui.checks import RULES, Hints, run
from simia_tui.model import Finding, Severity, ToolCall, ToolSpec, Trajectory, Turn
from simia_tui.simulate.controls import ErrorKind, Feedback

_CALL_RULES = frozenset(
    (
        "call.double-encoded",
        "call.arguments-repaired",
        "call.arguments-wrapped",
        "call.arguments-blank",
        "call.integer-normalised",
        "call.arguments-unparsable",
        "call.unknown-tool",
        "call.missing-argument",
        "call.unknown-argument",
        "call.bad-value",
    )
)
_OTHER_RULES = frozenset(RULES) - _CALL_RULES

_HARMLESS = frozenset({"call.arguments-blank", "call.integer-normalised"})
"""Repairs that also a strict tool server would make."""

_BLOCK = re.compile(r"<tool_call>(.*?)(?:</tool_call>|$)", re.DOTALL)
_NAME = re.compile(r'"name"\s*:\s*"([^"\\]{1,100})"')
_TERSE = 160


def with_ids(turn: Turn, first: int, taken: frozenset[str]) -> Turn:
    """An assistant turn whose calls all have an id of their own; missing and doubled ones become `call_<n>`.

    A call that stands in the text because it could not be parsed is taken as a call without arguments, so that it is
    answered like any other malformed call.
    """
    calls, used = list(turn.tool_calls), set(taken)
    if not calls and turn.content and (block := _BLOCK.search(turn.content)):
        named = _NAME.search(block[1])
        calls = [ToolCall(name=named[1] if named else "unreadable", raw=block[1].strip())]
    for position, call in enumerate(calls):
        number = first + position
        own = call.call_id
        while own is None or own in used:
            own, number = f"call_{number}", number + 1
        used.add(own)
        calls[position] = call.replace(call_id=own)
    return turn.replace(tool_calls=tuple(calls))


def checked(
    turn: Turn, tools: tuple[ToolSpec, ...], hints: Hints, strict: bool
) -> tuple[Turn, dict[int, list[Finding]]]:
    """The turn with harmless slips put right, and for each malformed call (by position) what is wrong with it."""
    trajectory, findings = run(Trajectory(tools=tools, turns=(turn,)), tools, replace(hints, off=_OTHER_RULES))
    wrong: dict[int, list[Finding]] = {}
    for finding in findings:
        slip = finding.repaired and (finding.rule in _HARMLESS or not strict)
        if finding.call is not None and not slip and (finding.repaired or finding.severity is Severity.ERROR):
            wrong.setdefault(finding.call, []).append(finding)
    if not tools:
        for position, call in enumerate(turn.tool_calls):
            message = f"There are no tools here, so {json.dumps(call.name)} cannot be called."
            wrong[position] = [Finding(rule="call.unknown-tool", severity=Severity.ERROR, message=message)]
    return trajectory.turns[0], wrong


def malformed(call: ToolCall, findings: list[Finding], tools: tuple[ToolSpec, ...], feedback: Feedback) -> str:
    """The observation for a malformed call: what is wrong and, under `rich`, what the tool wants."""
    error: dict[str, Any] = {"error": "invalid_call"}
    if feedback == "binary":
        return json.dumps(error)
    if feedback == "terse":
        return json.dumps({**error, "message": findings[0].message}, ensure_ascii=False)
    error["message"] = " ".join(dict.fromkeys(finding.message for finding in findings))
    spec = next((tool for tool in tools if tool.name == call.name), None)
    if any(finding.rule == "call.unknown-tool" for finding in findings):
        error["tools"] = [tool.name for tool in tools]
    elif any(finding.repaired or finding.rule == "call.arguments-unparsable" for finding in findings):
        error["expected"] = "The arguments must be one JSON object, for example " + json.dumps(_example(spec))
    elif spec is not None and spec.parameters:
        error["parameters"] = spec.parameters.get("properties", {})
        error["required"] = spec.parameters.get("required", [])
    return json.dumps(error, ensure_ascii=False)


def _example(spec: ToolSpec | None) -> dict[str, str]:
    required = (spec.parameters or {}).get("required", []) if spec is not None else []
    return {str(name): "..." for name in required} if isinstance(required, list) else {}


_FAILURES: dict[ErrorKind, str] = {
    "timeout": "The tool did not answer in time. Nothing was changed; try again.",
    "unavailable": "The service is not available at the moment. Nothing was changed; try again.",
    "rate_limited": "Too many requests. Nothing was changed; try again.",
    "internal_error": "The tool failed for an internal reason. Nothing was changed; try again.",
}


def failure(kind: ErrorKind) -> str:
    """The observation of a failure that has nothing to do with the call."""
    return json.dumps({"error": kind, "message": _FAILURES[kind]})


def told(text: str, is_error: bool, feedback: Feedback) -> str:
    """What the policy is told of an observation: errors in full, in one short sentence, or only that there was one."""
    if not is_error or feedback == "rich":
        return text
    if feedback == "binary":
        return json.dumps({"error": "failed"})
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        return _first_sentence(text)
    kept = {name: value[name] for name in ("error", "code", "message") if isinstance(value.get(name), str | int)}
    if isinstance(kept.get("message"), str):
        kept["message"] = _first_sentence(str(kept["message"]))
    return json.dumps(kept or {"error": "failed"}, ensure_ascii=False)


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.!?;])\s", text.strip(), maxsplit=1)[0][:_TERSE]
