"""A trajectory as lines of text for one width: what the transcript paints, made without Textual's event loop.

Every role, state and severity has a sign and a word, so that nothing rests on colour alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rich.cells import cell_len

from simia_tui.model import Finding, Severity, ToolCall, Trajectory, Turn
from simia_tui.tui.text import clip, visible, wrap
from simia_tui.tui.widgets.line_view import Part
from simia_tui.tui.widgets.pretty import indent_json, pretty_arguments

TEXT_LINES = 60
"""Lines of a user's or an assistant's text before it is folded: two screens and a half at 80x24."""
RESULT_LINES = 12
"""Lines of an observation before it is folded: half a screen, so that its call stays in sight."""
OPEN_LINES = 20_000
"""Lines shown of an opened text. A megabyte of prose has 14,000 at 76 cells."""
PRETTY_CHARS = 256_000
"""Observations beyond this length are shown as they are, not set out as JSON."""
INDENT = "  "

ROLES = {"user": ("▸ user", "primary"), "assistant": ("◂ assistant", "success"), "system": ("≡ system", "muted")}
SEVERITIES = {
    Severity.ERROR: ("✗ error", "error"),
    Severity.WARNING: ("! warning", "warning"),
    Severity.INFO: ("· info", "muted"),
}
REPAIRED = ("~ repaired", "accent")


@dataclass(frozen=True)
class View:
    """How a transcript is shown: cells per line, observations on one line (`spine`), thoughts shown or hidden."""

    width: int
    spine: bool = False
    thoughts: bool = True


class Line(NamedTuple):
    """One line: parts with their inks; `json` marks text that is coloured as JSON when it is painted."""

    parts: tuple[Part, ...]
    json: bool = False


GAP = Line(())
"""The empty line between two turns."""


class Block(NamedTuple):
    """The lines of one turn (or of the policy), and whether opening would show more."""

    lines: list[Line]
    foldable: bool


def plural(count: int, word: str) -> str:
    """`3 turns`, `1 turn`."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


class _Writer:
    """Collects the lines of one block."""

    def __init__(self, view: View, opened: bool) -> None:
        self.view = view
        self.opened = opened
        self.lines: list[Line] = []
        self.foldable = False

    def put(self, *parts: Part) -> None:
        self.lines.append(Line(parts))

    def one_line(self, parts: Sequence[Part], text: str, ink: str) -> None:
        """`parts`, then as much of `text` as fits beside them."""
        used = sum(cell_len(part) for part, _ in parts)
        room = self.view.width - used
        shown = visible(" ".join(text[: room * 8].split()))
        if len(text) > room * 8:
            shown += "…"
        self.put(*parts, (clip(shown, room), ink))

    def brief(self, text: str) -> None:
        """As much of `text` as fits on one line."""
        self.foldable = self.foldable or cell_len(text) > self.view.width - len(INDENT) or "\n" in text
        self.one_line([(INDENT, "")], text, "")

    def text(self, text: str, limit: int, ink: str = "", json: bool = False, indent: str = INDENT) -> None:
        """`text` wrapped; folded after `limit` lines unless the block is open."""
        width = self.view.width - len(indent)
        start = text if self.opened else text[: (limit + 1) * max(width, 2)]
        lines = wrap(visible(start, lines=True), width)
        cut = len(start) < len(text)
        most = OPEN_LINES if self.opened else limit
        if len(text) > limit * width or len(lines) > limit + 2:
            self.foldable = True
        if not cut and len(lines) <= most + 2:
            most = len(lines)
        for line in lines[:most]:
            starts_token = line[:1] in (" ", "{", "}", "[", "]")
            self.lines.append(Line(((indent, ""), (line, ink)), json and starts_token))
        if cut:
            self.put((f"{indent}… {plural(len(text), 'character')} in all, o opens", "muted"))
        elif len(lines) > most:
            how = "too many to show here" if self.opened else "o opens"
            self.put((f"{indent}… {plural(len(lines) - most, 'more line')}, {how}", "muted"))

    def findings(self, findings: Iterable[Finding], indent: str = INDENT) -> None:
        for finding in findings:
            sign, ink = REPAIRED if finding.repaired else SEVERITIES[finding.severity]
            lead = f"{sign}  {visible(finding.rule)}  "
            lines = wrap(lead + visible(finding.message), self.view.width - len(indent) - 2)
            start = min(len(lead), len(lines[0]))
            self.put((indent, ""), (lines[0][:start], ink), (lines[0][start:], ""))
            for line in lines[1:]:
                self.put((f"{indent}  {line}", ""))
            if finding.before is not None:
                self.foldable = True
                if self.opened:
                    self.put((f"{indent}  before the repair:", "muted"))
                    self.text(finding.before, RESULT_LINES, "muted", indent=indent + "    ")

    def block(self, gap: bool) -> Block:
        if gap:
            self.lines.append(GAP)
        return Block(self.lines, self.foldable)


def head_block(trajectory: Trajectory, findings: Sequence[Finding], view: View, opened: bool) -> Block:
    """Policy and tools, each on one line until opened, and the findings that belong to no turn."""
    out = _Writer(view, opened)
    policy = trajectory.policy
    words = plural(len(policy.split()), "word") if policy else "none"
    out.put(("≡ policy", "strong"), (f"  {words}" + ("" if opened or not policy else ", o opens"), "muted"))
    if policy:
        out.foldable = True
        if opened:
            out.text(policy, OPEN_LINES)
    tools = trajectory.tools
    names = ", ".join(tool.name for tool in tools)
    lead: list[Part] = [("⚒ tools", "strong"), (f"   {len(tools)}  ", "muted")]
    if opened and tools:
        out.foldable = True
        out.put(*lead)
        for tool in tools:
            out.one_line([(INDENT, ""), (visible(tool.name), "key"), ("  ", "")], tool.description or "", "muted")
    else:
        out.one_line(lead, names, "muted")
    out.findings(finding for finding in findings if finding.turn is None)
    return out.block(gap=True)


def turn_block(
    turn: Turn,
    index: int,
    findings: Sequence[Finding],
    view: View,
    *,
    opened: bool,
    name: str | None,
    gap: bool,
    instead: Sequence[Line] | None = None,
    brief: bool = False,
    stale: bool = False,
) -> Block:
    """One turn with its findings. `name` is the tool that an observation answers, as far as it is known.

    With `instead` these lines stand in place of what the turn holds. `brief` puts the words of the assistant on one
    line, `stale` says that the turn no longer holds.
    """
    out = _Writer(view, opened)
    title = _title(turn, index, findings, name, view.width)
    if stale:
        title.append(("  stale", "warning"))
    if turn.role == "tool" and turn.content and view.spine and not opened and instead is None:
        out.foldable = True
        out.one_line([*title, ("  ", "")], turn.content, "muted")
        out.findings(findings)
        return out.block(gap=False)
    out.put(*title)
    if instead is not None:
        out.foldable = True
        out.lines += instead
        out.findings(findings)
        return out.block(gap and not view.spine)
    if turn.reasoning:
        _thoughts(out, turn.reasoning)
    if turn.role == "tool":
        _result(out, turn.content)
    elif turn.content and brief and turn.role == "assistant" and not opened:
        out.brief(turn.content)
    elif turn.content:
        out.text(turn.content, TEXT_LINES)
    elif not turn.tool_calls:
        out.put((f"{INDENT}{'no content' if turn.content is None else 'empty text'}", "muted"))
    for position, call in enumerate(turn.tool_calls):
        _call(out, call)
        out.findings([finding for finding in findings if finding.call == position], INDENT * 2)
    positions = range(len(turn.tool_calls))
    out.findings([finding for finding in findings if finding.call not in positions])
    return out.block(gap and not view.spine)


def _title(turn: Turn, index: int, findings: Sequence[Finding], name: str | None, width: int) -> list[Part]:
    if turn.role == "tool":
        sign, ink = ("✗ error", "error") if turn.is_error else ("↳ result", "accent")
        parts: list[Part] = [
            (sign, ink),
            (" " + clip(visible(turn.name or name or "of an unknown call"), width // 2), "strong"),
        ]
    else:
        parts = [ROLES[turn.role]]
    parts.append((f"  {index + 1}", "muted"))
    if turn.requestor == "user":
        parts.append(("  called by the user", "muted"))
    if turn.loss is not None and turn.loss != (turn.role == "assistant"):
        parts.append(("  trained on" if turn.loss else "  not trained on", "muted"))
    if findings:
        ink = "error" if any(f.severity is Severity.ERROR and not f.repaired for f in findings) else "warning"
        parts.append((f"  {plural(len(findings), 'finding')}", ink))
    return parts


def _thoughts(out: _Writer, reasoning: str) -> None:
    if (out.view.thoughts and not out.view.spine) or out.opened:
        out.put((f"{INDENT}✻ thoughts", "muted"))
        out.text(reasoning, RESULT_LINES, "muted", indent=INDENT * 2)
    else:
        out.foldable = out.foldable or out.view.spine
        key = "o opens" if out.view.spine else "t shows"
        out.put((f"{INDENT}✻ thoughts  {plural(len(reasoning.split()), 'word')}, {key}", "muted"))


def _result(out: _Writer, content: str | None) -> None:
    if not content:
        out.put((f"{INDENT}{'no content' if content is None else 'empty text'}", "muted"))
        return
    pretty = indent_json(content) if len(content) <= PRETTY_CHARS else None
    out.text(pretty or content, RESULT_LINES, json=pretty is not None)


def _call(out: _Writer, call: ToolCall) -> None:
    lead: list[Part] = [
        (f"{INDENT}⚙ ", "accent"),
        (clip(visible(call.name or "without a name"), out.view.width // 2), "strong"),
    ]
    if call.arguments is None:
        out.put(*lead, ("  arguments that are no object:", "error"))
        out.text(call.raw if call.raw is not None else "nothing", RESULT_LINES, indent=INDENT * 2)
        return
    room = out.view.width - sum(cell_len(text) for text, _ in lead) - 1
    below = out.view.width - 2 * len(INDENT)
    pretty = pretty_arguments(call.arguments, max(room, below))
    if cell_len(pretty) <= room and "\n" not in pretty:
        out.lines.append(Line((*lead, (" " + pretty, "")), json=True))
    elif out.view.spine and not out.opened:
        out.foldable = True
        out.one_line([*lead, (" ", "")], pretty, "")
    else:
        out.put(*lead)
        out.text(pretty, TEXT_LINES, json=True, indent=INDENT * 2)
    if call.raw is not None:
        out.foldable = True
        if out.opened:
            out.put((f"{INDENT * 2}as it was written:", "muted"))
            out.text(call.raw, TEXT_LINES, "muted", indent=INDENT * 3)


def call_names(trajectory: Trajectory) -> list[str | None]:
    """For every turn the name of the tool that it answers, by call id, else by the order of the calls before it."""
    by_id: dict[str, str] = {}
    waiting: list[ToolCall] = []
    names: list[str | None] = []
    for turn in trajectory.turns:
        if turn.tool_calls:
            waiting = list(turn.tool_calls)
            by_id.update({call.call_id: call.name for call in waiting if call.call_id})
        name = None
        if turn.role == "tool":
            first = waiting.pop(0).name if waiting else None
            name = by_id.get(turn.call_id or "", first)
        names.append(name)
    return names


def turn_text(turn: Turn) -> str:
    """Everything a search within the transcript looks at."""
    calls = [f"{call.name} {call.raw or ''} {pretty_arguments(call.arguments or {}, 0)}" for call in turn.tool_calls]
    return "\n".join(filter(None, [turn.name, turn.reasoning, turn.content, *calls]))
