"""What was changed in a trajectory, turn by turn and word by word, as lines with signs.

A word that is gone stands as `[-word-]`, a new one as `{+word+}`, and the line begins with `-`, `+` or `±`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from functools import partial
from itertools import groupby, takewhile
from operator import eq
from typing import NamedTuple

from simia_tui.model import Trajectory, Turn
from simia_tui.tui.text import visible, wrap
from simia_tui.tui.widgets.line_view import Part
from simia_tui.tui.widgets.pretty import pretty_arguments
from simia_tui.tui.widgets.turn_lines import PRETTY_CHARS, Line, plural

MOST = 1_000_000
"""Pairs of words (or lines) that are compared; matching them takes 150 ms where all of them are changed."""
AROUND = 1
"""Lines without a change that stay in view beside one with a change."""

_word = re.compile(r"\w+|\s+|[^\w\s]")
_INKS = {"": "", "-": "error", "+": "success"}
_MARKS = {"": ("", ""), "-": ("[-", "-]"), "+": ("{+", "+}")}


class Change(NamedTuple):
    """What became of one turn. `before` is None where it is new; `gone` stood before it and was taken away."""

    before: Turn | None
    gone: tuple[Turn, ...] = ()

    def of(self, turn: Turn) -> bool:
        """Whether anything is different at `turn`."""
        return bool(self.gone) or self.before != turn


def changes(original: Trajectory, now: Trajectory) -> list[Change]:
    """A change for every turn of `now`, and a last one, without a turn, for what is gone from the end."""
    old, new = original.turns, now.turns
    matcher = SequenceMatcher(None, [repr(turn) for turn in old], [repr(turn) for turn in new], autojunk=False)
    found: list[Change] = []
    gone: list[Turn] = []
    for tag, start, end, new_start, new_end in matcher.get_opcodes():
        waiting = list(old[start:end])
        for turn in new[new_start:new_end]:
            place = next((n for n, other in enumerate(waiting) if other.role == turn.role), None)
            if tag == "insert" or place is None:
                found.append(Change(None, tuple(gone)))
            else:
                gone += waiting[:place]
                found.append(Change(waiting[place], tuple(gone)))
                del waiting[: place + 1]
            gone = []
        gone += waiting
    return [*found, Change(None, tuple(gone))]


def word_diff(before: str, after: str) -> list[tuple[str, str]]:
    """The two texts as one: pieces with the sign "", "-" or "+".

    Compared are words, in long texts lines, and where those are too many the changed middle counts as one piece.
    """
    for split in (_word.findall, partial(str.splitlines, keepends=True)):
        left, right = split(before), split(after)
        start = _alike(left, right)
        end = _alike(left[start:][::-1], right[start:][::-1])
        middle = left[start : len(left) - end], right[start : len(right) - end]
        if len(middle[0]) * len(middle[1]) <= MOST:
            break
    else:
        middle = ["".join(middle[0])], ["".join(middle[1])]
    pieces = [("", "".join(left[:start])), *_opcodes(*middle), ("", "".join(left[len(left) - end :]))]
    return [piece for piece in pieces if piece[1]]


def _alike(left: list[str], right: list[str]) -> int:
    """How many entries the two lists have in common at their start."""
    return sum(1 for _ in takewhile(bool, map(eq, left, right)))


def _opcodes(left: list[str], right: list[str]) -> Iterator[tuple[str, str]]:
    for tag, start, end, new_start, new_end in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if tag == "equal":
            yield "", "".join(left[start:end])
        else:
            yield "-", "".join(left[start:end])
            yield "+", "".join(right[new_start:new_end])


def diff_lines(before: str, after: str, width: int, *, opened: bool = True) -> list[Line]:
    """The word diff of two texts that have passed `visible`; folded to what changed unless `opened`."""
    pieces = []
    for sign, text in word_diff(before, after):
        start, end = _MARKS[sign]
        pieces.append((sign, f"{start}{text}{end}"))
    lines = list(_broken(pieces, width - 2))
    if opened:
        return [_line(parts) for parts in lines]
    near = {n + by for n, parts in enumerate(lines) if _sign(parts) for by in range(-AROUND, AROUND + 1)}
    shown: list[Line] = []
    for kept, run in groupby(range(len(lines)), key=near.__contains__):
        places = list(run)
        if kept or len(places) == 1:
            shown += [_line(lines[n]) for n in places]
        else:
            shown.append(Line(((f"  … {plural(len(places), 'line')} the same, o opens", "muted"),)))
    return shown


def _broken(pieces: Sequence[tuple[str, str]], width: int) -> Iterator[list[tuple[str, str]]]:
    """The pieces in lines of at most `width` cells."""
    whole = "".join(text for _, text in pieces)
    waiting = [(sign, text) for sign, text in reversed(pieces)]
    for number, paragraph in enumerate(whole.split("\n")):
        if number:
            _take(waiting, 1)
        for line in wrap(paragraph, width):
            yield _take(waiting, len(line))


def _take(waiting: list[tuple[str, str]], count: int) -> list[tuple[str, str]]:
    """Removes `count` characters from the end of the reversed list and gives them as pieces."""
    taken = []
    while count and waiting:
        sign, text = waiting.pop()
        taken.append((sign, text[:count]))
        if len(text) > count:
            waiting.append((sign, text[count:]))
        count -= min(count, len(text))
    return taken


def _sign(pieces: Iterable[tuple[str, str]]) -> str:
    signs = {sign for sign, text in pieces if sign and text.strip()}
    return "±" if len(signs) > 1 else "".join(signs)


def _line(pieces: Sequence[tuple[str, str]]) -> Line:
    sign = _sign(pieces)
    lead: Part = (f"{sign or ' '} ", {"-": "error", "+": "success"}.get(sign, "warning"))
    return Line((lead, *((text, _INKS[own]) for own, text in pieces)))


def turn_words(turn: Turn | None, thoughts: bool = True) -> str:
    """All that a turn holds as visible lines, in the order in which it is read."""
    if turn is None:
        return ""
    parts = [f"thoughts: {turn.reasoning}"] if turn.reasoning and thoughts else []
    if turn.is_error:
        parts.append("an error")
    if turn.content is not None:
        parts.append(turn.content)
    for call in turn.tool_calls:
        arguments = call.raw or "" if call.arguments is None else pretty_arguments(call.arguments, 0)
        parts.append(f"⚙ {call.name} {arguments}")
    return visible("\n".join(parts)[: 4 * PRETTY_CHARS], lines=True)


def changed_lines(change: Change, turn: Turn | None, width: int, *, opened: bool, thoughts: bool) -> list[Line]:
    """What stands in place of a changed turn's text; without `turn` only what is gone."""
    lines: list[Line] = []
    for gone in change.gone:
        lines.append(Line((("- ", "error"), (f"{gone.role} turn taken away", "error"))))
        lines += diff_lines(turn_words(gone, thoughts), "", width, opened=True)
    if turn is not None and change.before != turn:
        word = "new turn" if change.before is None else "changed"
        lines.append(Line((("+ " if change.before is None else "± ", "warning"), (word, "warning"))))
        lines += diff_lines(turn_words(change.before, thoughts), turn_words(turn, thoughts), width, opened=opened)
    return lines
