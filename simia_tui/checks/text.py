"""Rules on text that does not belong in a turn: reasoning tags, tool markup, pieces of the simulator's prompt."""

import re
from collections.abc import Iterator

from simia_tui.checks import traits
from simia_tui.checks.context import Context
from simia_tui.checks.rule import Note, Outcome, check, repair
from simia_tui.checks.schema import show
from simia_tui.checks.screen import Screen
from simia_tui.model import Severity, Trajectory, Turn

_THINK_TAG = re.compile(r"(?<!`)</?think>(?!`)")


@repair(
    "text.think-moved",
    Severity.WARNING,
    "Reasoning belongs in its own field, so that each export can show, hide or train on it as its trainer expects.",
    needs=traits.THOUGHT_TAG,
)
def think_moved(trajectory: Trajectory, context: Context) -> Outcome:
    notes: list[Note] = []
    turns = list(trajectory.turns)
    for index, turn in enumerate(turns):
        if turn.role == "assistant" and turn.content and "</think>" in turn.content:
            moved = _move(turn)
            if moved is not turn:
                notes.append(Note("A complete <think> block was moved to the reasoning.", index, before=turn.content))
                turns[index] = moved
    return (trajectory.with_turns(tuple(turns)), notes) if notes else (trajectory, notes)


def _move(turn: Turn) -> Turn:
    """Takes every complete block out; what stays is never joined into a new tag, so one pass is enough."""
    content = turn.content or ""
    kept, thoughts, end = "", [], 0
    for start, stop in _blocks(content):
        kept = _join(kept, content[end:start])
        thoughts.append(_THINK_TAG.sub("", content[start:stop]).strip())
        end = stop
    if not thoughts:
        return turn
    rest = _join(kept, content[end:]).strip()
    reasoning = "\n\n".join(part for part in (turn.reasoning, *thoughts) if part) or None
    return turn.replace(content=rest or None, reasoning=reasoning)


def _blocks(text: str) -> list[tuple[int, int]]:
    """The outermost complete blocks, as `(start, end)` in order."""
    opened: list[int] = []
    found: list[tuple[int, int]] = []
    for match in _THINK_TAG.finditer(text):
        if match.group() == "<think>":
            opened.append(match.start())
        elif opened:
            start = opened.pop()
            while found and found[-1][0] > start:
                found.pop()
            found.append((start, match.end()))
    return found


def _join(left: str, right: str) -> str:
    right = right.lstrip() if left else right
    return f"{left} {right}" if left and right and not left[-1].isspace() else left + right


@check(
    "text.think-tag",
    Severity.ERROR,
    "A <think> tag without its partner leaves open where the reasoning ends, and the tag itself leaks into training.",
    needs=traits.THOUGHT_TAG,
)
def think_tag(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    for index, turn in _spoken(trajectory):
        match = _THINK_TAG.search(turn.content or "")
        if match is not None:
            yield Note(f"The text holds {match.group()} without a complete block.", index)


_TOOL_MARKUP = re.compile(
    r"</?tool_call>|</?tool_response>|</?function_call>|</?functioncall>|\[TERMINATE\]|<\|im_(?:start|end)\|>"
    r"|^(?:\*\*)?(?:FUNCTION[_ ]CALL|OBSERVATION|HUMAN|ASSISTANT)(?:\*\*)?:",
    re.MULTILINE,
)

MARKUP = Screen(
    r"</?tool_call>|</?tool_response>|</?function_?call>|\[TERMINATE\]|<\|im_(?:start|end)\|>"
    r"|(?:FUNCTION[_ ]CALL|OBSERVATION|HUMAN|ASSISTANT)(?:\*\*)?:"
)


@check(
    "text.tool-markup",
    Severity.ERROR,
    "Call markup in plain text is a call that no parser saw, or a marker of the generator; the model would repeat it.",
    needs=traits.MARKUP,
)
def tool_markup(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    for index, turn in _spoken(trajectory):
        match = _TOOL_MARKUP.search(turn.content or "")
        if match is not None:
            yield Note(f"The text holds the marker {show(match.group())}.", index)


_SIMULATOR_TEXT = re.compile(
    r"^[ \t]*(?:</?(?:policy|tools|errors|exemplar|request)>|\{[ \t]*\"end\"[ \t]*:[ \t]*true[ \t]*\}|Variation: \d+)"
    r"[ \t]*\r?$",
    re.MULTILINE,
)

SIMULATOR = Screen(r'</?(?:policy|tools|errors|exemplar|request)>|\{[ \t]*"end"[ \t]*:[ \t]*true|Variation: ')


@check(
    "text.simulator-leak",
    Severity.ERROR,
    "Text of the simulation prompt inside a turn shows that the simulator stepped out of its scene.",
    needs=traits.SIMULATOR,
)
def simulator_leak(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    for index, turn in enumerate(trajectory.turns):
        match = _SIMULATOR_TEXT.search(turn.content or "") if turn.role != "system" else None
        if match is not None:
            yield Note(f"The text holds {show(match.group().strip())}, which belongs to the simulation prompt.", index)


def _spoken(trajectory: Trajectory) -> Iterator[tuple[int, Turn]]:
    """The turns of user and assistant; an observation may well quote a page that holds any markup."""
    return ((index, turn) for index, turn in enumerate(trajectory.turns) if turn.role in ("user", "assistant"))


REPAIRS = (think_moved,)
RULES = (think_tag, tool_markup, simulator_leak)
