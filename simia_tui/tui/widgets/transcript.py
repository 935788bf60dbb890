"""One trajectory to read: turns, calls, observations and findings, with a cursor that goes turn by turn."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from simia_tui.model import Finding, Trajectory
from simia_tui.tui.widgets.diff_lines import Change, changed_lines, changes
from simia_tui.tui.widgets.line_view import LineView, Part
from simia_tui.tui.widgets.pretty import json_parts
from simia_tui.tui.widgets.turn_lines import GAP, Block, Line, View, call_names, head_block, turn_block, turn_text

GUTTER = 2
"""Cells before the text: the sign of the current turn, and one that a screen may set for each turn."""


class Transcript(LineView, inherit_bindings=False):
    """A trajectory with its findings. Block 0 is the policy with the tools, block n is turn n - 1."""

    DEFAULT_CSS = "Transcript { scrollbar-gutter: stable; }"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "turn(1)", "Next turn", show=False, id="transcript.next", tooltip="Go to the next turn"),
        Binding("k,up", "turn(-1)", "Previous turn", show=False, id="transcript.previous", tooltip="One turn back"),
        Binding(
            "right_square_bracket", "flagged(1)", "Flagged", key_display="]", id="transcript.next-flagged",
            tooltip="Go to the next turn with a finding",
        ),
        Binding(
            "left_square_bracket", "flagged(-1)", "Flagged back", key_display="[", show=False,
            id="transcript.previous-flagged", tooltip="Go to the previous turn with a finding",
        ),
        Binding("o", "fold", "Open", id="transcript.open", tooltip="Show all of a long text, or fold it again"),
        Binding("t", "thoughts", "Thoughts", show=False, id="transcript.thoughts", tooltip="Show or hide thoughts"),
        Binding("s", "spine", "Spine/full", id="transcript.spine", tooltip="One line a turn, or everything"),
        Binding("n", "match(1)", "Next match", show=False, id="transcript.next-match", tooltip="Next place found"),
        Binding("N", "match(-1)", "Match back", show=False, id="transcript.previous-match", tooltip="One match back"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="transcript.page-down", tooltip="Scroll a page"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="transcript.page-up", tooltip="Scroll a page back"),
        Binding("home", "first", "First turn", show=False, id="transcript.first", tooltip="Go to the policy"),
        Binding("end,G", "last", "Last turn", show=False, id="transcript.last", tooltip="Go to the last turn"),
    ]  # fmt: skip

    class TurnHighlighted(Message):
        """The cursor stands on another turn; `index` is None on the policy."""

        def __init__(self, transcript: "Transcript", index: int | None) -> None:
            super().__init__()
            self.transcript, self.index = transcript, index

        @property
        def control(self) -> "Transcript":
            return self.transcript

    class SpineToggled(Message):
        """The reader has gone from the spine to the full view or back."""

        def __init__(self, transcript: "Transcript") -> None:
            super().__init__()
            self.transcript = transcript

        @property
        def control(self) -> "Transcript":
            return self.transcript

    def __init__(
        self, *, empty: str = "Nothing to read here.", id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.empty = empty
        self.trajectory: Trajectory | None = None
        self.findings: Sequence[Finding] = ()
        self.spine = False
        self.thoughts = True
        self.needle: re.Pattern[str] | None = None
        self.cursor = 0
        self._opened: set[int] = set()
        self._blocks: list[Block] = []
        self._starts: list[int] = [0]
        self._names: list[str | None] = []
        self._last_word = 0
        self._by_turn: dict[int | None, list[Finding]] = {}
        self._width = 0
        self._changes: list[Change] | None = None
        self._signs: Sequence[Part] = ()
        self._stale: int | None = None

    @property
    def turn(self) -> int | None:
        """Position of the turn under the cursor from 0; None on the policy, or where nothing is shown."""
        return self.cursor - 1 if self.cursor else None

    @property
    def flagged(self) -> list[int]:
        """The blocks with findings, in order; while changes are shown, those with a change."""
        if self._changes is not None:
            return [index for index in range(1, len(self._blocks)) if self._changed(index)]
        return sorted({0 if turn is None else turn + 1 for turn in self._by_turn})

    def show(self, trajectory: Trajectory | None, findings: Sequence[Finding] = (), *, turn: int | None = 0) -> None:
        """Show `trajectory` with the cursor on `turn` (None: the policy). Folds are closed, the search is kept."""
        self.trajectory = trajectory
        self.findings = findings
        self._changes = None
        self._signs = ()
        self._stale = None
        self._opened = set()
        turns = trajectory.turns if trajectory else ()
        self._names = call_names(trajectory) if trajectory else []
        spoken = (n for n, turn in enumerate(turns) if turn.role == "assistant" and turn.content)
        self._last_word = max(spoken, default=0)
        self._by_turn = {}
        for finding in findings:
            place = finding.turn if finding.turn is not None and finding.turn < len(turns) else None
            self._by_turn.setdefault(place, []).append(finding)
        self.cursor = 0 if turn is None else min(turn + 1, len(turns))
        self._lay_out()
        self.jump(0)
        if self.cursor > 1:
            self._reveal()

    def compare(self, original: Trajectory | None) -> int:
        """Show what differs from `original`, or with None no more; how many turns have a change."""
        self._changes = changes(original, self.trajectory) if original and self.trajectory else None
        self._lay_out()
        self._reveal()
        return len(self.flagged) if self._changes is not None else 0

    def sign(self, signs: Sequence[Part]) -> None:
        """Put a sign of one cell before every line of each turn; with none the gutter is empty again."""
        self._signs = signs
        self.refresh()

    def mark_stale(self, first: int | None) -> None:
        """Mark the turns from `first` on as no longer holding; with None none."""
        if first != self._stale:
            self._stale = first
            self._lay_out()

    def _changed(self, index: int) -> bool:
        """Whether block `index` has a change; what is gone from the end belongs to the last turn."""
        if self._changes is None or self.trajectory is None or index == 0:
            return False
        turns = self.trajectory.turns
        return self._changes[index - 1].of(turns[index - 1]) or (index == len(turns) and bool(self._changes[-1].gone))

    def _changed_lines(self, index: int, opened: bool) -> list[Line]:
        assert self._changes is not None and self.trajectory is not None
        turns = self.trajectory.turns
        found = self._changes[index - 1 : index] if index < len(turns) else self._changes[index - 1 :]
        lines: list[Line] = []
        for change, turn in zip(found, (turns[index - 1], None), strict=False):
            lines += changed_lines(change, turn, self._width, opened=opened, thoughts=self.thoughts)
        return lines

    def go_to(self, turn: int | None) -> None:
        """Put the cursor on `turn`, or with None on the policy."""
        self._move_to(0 if turn is None else turn + 1)

    def search(self, text: str) -> int:
        """Mark `text` wherever it stands (in any case) and go to the first turn from here; how many turns hold it."""
        self.needle = re.compile(re.escape(text), re.IGNORECASE) if text else None
        found = self._found()
        if found and self.cursor not in found:
            self.action_match(1)
        elif found:
            self._open_match()
        self.refresh()
        return len(found)

    def _found(self) -> list[int]:
        if self.needle is None or self.trajectory is None:
            return []
        texts = [self.trajectory.policy or "", *map(turn_text, self.trajectory.turns)]
        return [index for index, text in enumerate(texts) if self.needle.search(text)]

    def _block(self, index: int) -> Block:
        trajectory = self.trajectory
        assert trajectory is not None
        view = View(self._width, self.spine, self.thoughts)
        opened = index in self._opened
        if index == 0:
            whole = [finding.replace(turn=None) for finding in self._by_turn.get(None, [])]
            return head_block(trajectory, whole, view, opened)
        turns = trajectory.turns
        return turn_block(
            turns[index - 1],
            index - 1,
            self._by_turn.get(index - 1, []),
            view,
            opened=opened,
            name=self._names[index - 1],
            gap=index < len(turns) and turns[index].role != "tool",
            brief=self.spine and index - 1 < self._last_word,
            stale=self._stale is not None and index > self._stale,
            instead=self._changed_lines(index, opened) if self._changed(index) else None,
        )

    def _lay_out(self) -> None:
        """Make the lines of every block for the present width."""
        self._width = max(20, self.scrollable_content_region.width - GUTTER)
        count = len(self.trajectory.turns) + 1 if self.trajectory else 0
        self._blocks = [self._block(index) for index in range(count)]
        self._measure()

    def _measure(self) -> None:
        self._starts = [0, *accumulate(len(block.lines) for block in self._blocks)]
        self.set_height(self._starts[-1])

    def render_line(self, y: int) -> Strip:
        y += self.scroll_offset.y
        if not self._blocks:
            return self.line([(f"  {self.empty}" if y == 1 else "", "muted")])
        if y >= self._starts[-1]:
            return self.line([])
        index = bisect_right(self._starts, y) - 1
        line = self._blocks[index].lines[y - self._starts[index]]
        parts: list[Part] = list(line.parts)
        if line.json:
            text, name = parts.pop()
            parts += [(piece, ink or name) for piece, ink in json_parts(text)]
        if self.needle is not None:
            parts = self._mark(parts, self.needle)
        current = index == self.cursor and line is not GAP
        lead: list[Part] = [("▌ " if current else "  ", "accent")]
        if 0 < index <= len(self._signs) and line is not GAP:
            lead = [("▌" if current else " ", "accent"), self._signs[index - 1]]
        return self.line([*lead, *parts])

    @staticmethod
    def _mark(parts: list[Part], needle: re.Pattern[str]) -> list[Part]:
        marked: list[Part] = []
        for text, name in parts:
            place = 0
            for match in needle.finditer(text):
                marked += [(text[place : match.start()], name), (match[0], "match")]
                place = match.end()
            marked.append((text[place:], name))
        return marked

    def on_resize(self, _event: events.Resize) -> None:
        if max(20, self.scrollable_content_region.width - GUTTER) != self._width:
            self._lay_out()
            self._reveal()

    def _reveal(self) -> None:
        """Scroll as little as shows the current block whole, or its beginning where it is longer than the view."""
        if not self._blocks:
            return
        start, end = self._starts[self.cursor], self._starts[self.cursor + 1]
        top, height = self.scroll_offset.y, max(1, self.scrollable_content_region.height)
        if start < top or end - start > height:
            self.jump(start)
        elif end > top + height:
            self.jump(end - height)

    def _move_to(self, index: int) -> None:
        index = max(0, min(index, len(self._blocks) - 1))
        if not self._blocks or index == self.cursor:
            return
        self.cursor = index
        self._reveal()
        self.refresh()
        self.post_message(self.TurnHighlighted(self, self.turn))

    def _step(self, places: list[int], step: int) -> None:
        """Go to the next of `places` in the direction of `step`; at the end stay."""
        ahead = [place for place in places if (place > self.cursor if step > 0 else place < self.cursor)]
        if ahead:
            self._move_to(ahead[0] if step > 0 else ahead[-1])

    def on_click(self, event: events.Click) -> None:
        y = event.get_content_offset_capture(self).y + self.scroll_offset.y
        if self._blocks and 0 <= y < self._starts[-1]:
            self._move_to(bisect_right(self._starts, y) - 1)

    def action_turn(self, step: int) -> None:
        self._move_to(self.cursor + step)

    def action_flagged(self, step: int) -> None:
        self._step(self.flagged, step)

    def action_match(self, step: int) -> None:
        found = self._found()
        ahead = [place for place in found if (place > self.cursor if step > 0 else place < self.cursor)]
        if found:
            self._move_to((ahead or found)[0 if step > 0 else -1])
            self._open_match()

    def _open_match(self) -> None:
        shown = "\n".join(text for line in self._blocks[self.cursor].lines for text, _ in line.parts)
        if self.needle and not self.needle.search(shown) and self._blocks[self.cursor].foldable:
            self.action_fold()

    def action_fold(self) -> None:
        if not self._blocks or not self._blocks[self.cursor].foldable:
            return
        self._opened ^= {self.cursor}
        self._blocks[self.cursor] = self._block(self.cursor)
        self._measure()
        self._reveal()

    def action_thoughts(self) -> None:
        self.thoughts = not self.thoughts
        self._lay_out()
        self._reveal()

    def action_spine(self) -> None:
        self.show_spine(not self.spine)
        self.post_message(self.SpineToggled(self))

    def show_spine(self, spine: bool) -> None:
        """Show the spine: who said what, with calls, results and all but the last words of the assistant on one line
        each. Otherwise show all.
        """
        self.spine = spine
        self._lay_out()
        self._reveal()

    def action_page(self, step: int) -> None:
        """Scroll a page; the cursor comes along so that it never stands outside the view."""
        height = max(1, self.scrollable_content_region.height)
        limit = max(0, self._starts[-1] - height)
        top = max(0, min(self.scroll_offset.y + step * max(1, height - 2), limit))
        self.jump(top)
        if not self._blocks:
            return
        first, last = self._in_view(top, top + height)
        if step > 0 and top == limit:
            first = last
        if step < 0 and top == 0:
            last = first
        place = max(first, min(self.cursor, last))
        if place != self.cursor:
            self.cursor = place
            self.refresh()
            self.post_message(self.TurnHighlighted(self, self.turn))

    def _in_view(self, top: int, bottom: int) -> tuple[int, int]:
        """The first and the last block with text in the lines from `top` up to `bottom`."""
        first = bisect_right(self._starts, top) - 1
        if first + 1 < len(self._blocks) and self._blocks[first].lines[top - self._starts[first] :] == [GAP]:
            first += 1
        return first, min(bisect_right(self._starts, bottom - 1) - 1, len(self._blocks) - 1)

    def action_first(self) -> None:
        self._move_to(0)

    def action_last(self) -> None:
        self._move_to(len(self._blocks) - 1)
