"""Reads a simulator's reply into a trajectory, whatever shape it came in, and says what it had to put up with.

Asked for is JSON Lines, one turn a line. Also understood: an array, an object with `turns`, pretty-printed objects,
code fences, lines whose JSON is broken, and text with markers instead of JSON. A piece that stays unreadable is kept as
text in its place.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from simia_tui.checks import parse_arguments
from simia_tui.formats.pairing import Draft, DraftCall, link, read_arguments
from simia_tui.model import Finding, Origin, Role, Severity, ToolSpec, Trajectory, Turn
from simia_tui.simulate import markers
from simia_tui.simulate.markers import printable, text_safe

_ROLES: dict[str, Role] = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "agent": "assistant",
    "function_call": "assistant",
    "tool": "tool",
    "observation": "tool",
    "function": "tool",
    "system": "system",
}
_NEXT_OBJECT = re.compile(r"\n\s*(?=\{\s*[\"'](?:role|end|from)[\"'])")
_ROLE = re.compile(r"[\"'](?:role|from)[\"']\s*:\s*[\"'](\w+)[\"']")
_END = {"end": True}
_FENCE = re.compile(r"^\s*```\w*\s*$", re.MULTILINE)


class _Piece(NamedTuple):
    """One turn of the reply: what it parsed to (None: unreadable), its text, whether it had to be repaired."""

    value: dict[str, Any] | None
    text: str
    repaired: bool


def parse(
    text: str, seed: Trajectory, tools: tuple[ToolSpec, ...], origin: Origin
) -> tuple[Trajectory | None, list[Finding]]:
    """The trajectory in `text`, with the seed's policy and domain, or None when it holds no assistant turn."""
    turns, findings, ended = _script(text)
    if not any(turn.role == "assistant" for turn in turns):
        return None, findings
    if not ended:
        findings.append(_no_end(len(turns) - 1))
    trajectory = Trajectory(domain=seed.domain, policy=seed.policy, tools=tools, turns=link(turns), origin=origin)
    return trajectory, findings


def continuation(text: str, kept: Sequence[Turn]) -> tuple[tuple[Turn, ...], list[Finding]]:
    """The turns in `text` that go on after `kept`, their calls linked to what stands there, and findings on them.

    Turns that the reply has copied from the end of `kept` are left out.
    """
    drafts, findings, ended = _script(text)
    echo = _echo(drafts, kept)
    shift = len(kept) - echo
    tail = link([*map(_draft, kept), *drafts[echo:]])[len(kept) :]
    placed = [f.replace(turn=(f.turn or 0) + shift) for f in findings if (f.turn or 0) >= echo]
    if not ended:
        placed.append(_no_end(len(kept) + len(tail) - 1))
    return tail, placed


def _echo(drafts: Sequence[Draft], kept: Sequence[Turn]) -> int:
    """How many turns at the start of a reply are a copy of the last ones of `kept`."""
    for count in range(min(len(drafts), len(kept)), 0, -1):
        pairs = list(zip(drafts, kept[-count:], strict=False))
        same = all(
            draft.role == turn.role
            and (draft.content or "") == (turn.content or "")
            and [call.name for call in draft.tool_calls] == [call.name for call in turn.tool_calls]
            for draft, turn in pairs
        )
        # Two calls of one turn may well be answered alike.
        if same and any(turn.role != "tool" for _, turn in pairs):
            return count
    return 0


def _draft(turn: Turn) -> Draft:
    calls = [DraftCall(call.name, call.arguments, call.raw, call.call_id) for call in turn.tool_calls]
    return Draft(
        turn.role, turn.content, tool_calls=calls, call_id=turn.call_id, name=turn.name, requestor=turn.requestor
    )


def _no_end(turn: int) -> Finding:
    return Finding(
        rule="reply.no-end",
        severity=Severity.WARNING,
        message="The reply stops without its end line; it may be cut off.",
        turn=turn,
    )


def _script(text: str) -> markers.Script:
    """The turns of a reply: from its JSON, or from its markers where no JSON in it is a turn."""
    pieces = list(_pieces(text))
    if not any(piece.value is not None and _role(piece.value) for piece in pieces) and markers.found(text):
        return markers.read(printable(text))
    turns: list[Draft] = []
    findings: list[Finding] = []
    ended = False
    for piece in pieces:
        if piece.value is not None and piece.value.get("end") is True and "role" not in piece.value:
            ended = True
            break
        turn, problem = _turn(piece)
        if problem is not None:
            findings.append(problem.replace(turn=len(turns)))
        turns.append(turn)
    return markers.Script(turns, findings, ended)


def _role(value: dict[str, Any]) -> Role | None:
    return _ROLES.get(str(value.get("role", value.get("from"))).lower())


def _pieces(text: str) -> Iterator[_Piece]:
    decoder = json.JSONDecoder()
    text = _FENCE.sub("", text)
    position = 0
    while (start := text.find("{", position)) != -1:
        try:
            value, position = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            following = _NEXT_OBJECT.search(text, start + 1)
            position = following.end() if following else len(text)
            yield _repair(text[start : following.start() if following else len(text)])
            continue
        inner = value.get("turns", value.get("messages")) if "role" not in value else None
        if isinstance(inner, list):
            yield from (_Piece(turn if isinstance(turn, dict) else None, json.dumps(turn), False) for turn in inner)
            yield _Piece(_END, "", False)
        else:
            yield _Piece(value, text[start:position], False)


def _repair(text: str) -> _Piece:
    value, _ = parse_arguments(text)
    readable = value is not None and ("role" in value or "from" in value or "end" in value)
    return _Piece(value if readable else None, text.strip(), True)


def _turn(piece: _Piece) -> tuple[Draft, Finding | None]:
    """The turn of a piece and what is to be said of it."""
    value = piece.value
    role = _role(value) if value is not None else None
    if value is None or role is None:
        named = _ROLE.search(piece.text)
        guess = _ROLES.get(named.group(1).lower(), "assistant") if named else "assistant"
        problem = Finding(
            rule="reply.unreadable",
            severity=Severity.ERROR,
            message="This line of the reply could not be read as a turn; its text is kept as it came.",
            before=piece.text,
        )
        return Draft(role=guess, content=printable(piece.text)), problem
    turn = Draft(
        role=role,
        content=_content(value),
        tool_calls=list(_calls(value)) if role == "assistant" else [],
        is_error=role == "tool" and value.get("is_error") is True,
        name=str(value["name"]) if role == "tool" and value.get("name") else None,
    )
    if not piece.repaired:
        return turn, None
    problem = Finding(
        rule="reply.json-repaired",
        severity=Severity.WARNING,
        message="This line of the reply was broken JSON and was mended.",
        repaired=True,
        before=piece.text,
    )
    return turn, problem


def _content(value: dict[str, Any]) -> str | None:
    content = value.get("content", value.get("value"))
    if content is None or isinstance(content, str):
        return printable(content) if content else content
    return json.dumps(content, ensure_ascii=False)


def _calls(value: dict[str, Any]) -> Iterator[DraftCall]:
    listed = value.get("tool_calls") or []
    for item in listed if isinstance(listed, list) else [listed]:
        call = item.get("function", item) if isinstance(item, dict) else {"arguments": item}
        if not isinstance(call, dict):
            call = {**item, "name": call}
        arguments, raw = read_arguments(text_safe(call.get("arguments", call.get("parameters", ""))))
        yield DraftCall(name=str(call.get("name") or ""), arguments=arguments, raw=raw)
