"""What a reviewer can lay over or beside the text: what was changed, and the reply as it came."""

from collections.abc import Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from simia_tui.store import jobs, trajectories
from simia_tui.tui.bench import Bench
from simia_tui.tui.screens.bulk import BulkScreen
from simia_tui.tui.text import visible, wrap
from simia_tui.tui.widgets.card_sheet import CardSheet
from simia_tui.tui.widgets.diff_lines import diff_lines, turn_words
from simia_tui.tui.widgets.key_bar import KeyBar
from simia_tui.tui.widgets.transcript import Transcript
from simia_tui.tui.widgets.turn_lines import OPEN_LINES, Line, plural

ON_AN_EPISODE = ("raw",)
"""Actions that only what was simulated has."""


class RawScreen(ModalScreen[None]):
    """The reply that an episode was made of, as it came, and above it what the rules mended."""

    DEFAULT_CSS = """
    RawScreen { background: $background; }
    RawScreen #raw-head { height: 1; padding: 0 1; color: $text-muted; background: $panel; }
    RawScreen CardSheet { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,w,q", "dismiss", "Back", id="raw.close", tooltip="Back to the episode"),
    ]

    def __init__(self, bench: Bench, pk: int) -> None:
        super().__init__()
        self._bench = bench
        self._pk = pk

    def compose(self) -> ComposeResult:
        yield Static(Content(f"the reply of #{self._pk} as it came"), id="raw-head", markup=False)
        yield CardSheet(id="raw")
        yield KeyBar(pinned=("raw.close",))

    def on_mount(self) -> None:
        sheet = self.query_one(CardSheet)
        sheet.show(lambda width: list(self._lines(width)))
        sheet.focus()

    def _lines(self, width: int) -> Iterator[Line]:
        db = self._bench.db
        (row,) = trajectories.rows(db, [self._pk])
        raw = jobs.raw_reply(db, row.job, row.ord) if row.job is not None and row.ord is not None else None
        repairs = list(self._repairs(width))
        if repairs:
            yield Line((("mended by the rules", "strong"),))
            yield from repairs
            yield Line(())
        yield Line((("the reply", "strong"), ("" if raw else "  was not kept", "muted")))
        lines = wrap(visible(raw, lines=True), width - 2) if raw else []
        yield from (Line((("  ", ""), (line, "")), line[:1] in ("{", "[")) for line in lines[:OPEN_LINES])
        if len(lines) > OPEN_LINES:
            yield Line(((f"  … {plural(len(lines) - OPEN_LINES, 'more line')}", "muted"),))

    def _repairs(self, width: int) -> Iterator[Line]:
        """Every repair with the words it changed, from the findings that the rules made when the reply came."""
        db = self._bench.db
        found = {number: trajectories.findings(db, self._pk, number) for number in (0, 1)}
        number = 1 if any(finding.repaired for finding in found[1]) else 0
        body = trajectories.get(db, self._pk, number)
        for finding in found[number]:
            if not finding.repaired:
                continue
            place = f"turn {finding.turn + 1}  " if finding.turn is not None else ""
            yield Line((("~ ", "accent"), (visible(f"{place}{finding.rule}  {finding.message}"), "")))
            if finding.before is None or finding.turn is None or finding.turn >= len(body.turns):
                continue
            turn = body.turns[finding.turn]
            if finding.call is not None and finding.call < len(turn.tool_calls):
                turn = turn.model_copy(update={"content": None, "tool_calls": (turn.tool_calls[finding.call],)})
            yield from diff_lines(visible(finding.before, lines=True), turn_words(turn), width, opened=False)


class ReadingScreen(BulkScreen):
    """The queue with its overlays. They stay on from one item to the next until their key is pressed again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "diff", "Changes", show=False, id="review.diff", tooltip="What was changed, word by word"),
        Binding("w", "raw", "Raw reply", show=False, id="review.raw", tooltip="The reply as it came, and its repairs"),
    ]

    _diff = False

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ON_AN_EPISODE and self.is_mounted and (self.state.row is None or self.state.row.job is None):
            return False
        return super().check_action(action, parameters)

    def _show_current(self) -> None:
        transcript = self.query_one("#transcript", Transcript)
        shown = transcript.trajectory
        super()._show_current()
        if transcript.trajectory is not shown:
            self._lay_over()

    def _lay_over(self) -> None:
        """Puts the overlays that are on over the trajectory that has just come into view."""
        if self._diff:
            self._show_diff()

    def action_diff(self) -> None:
        self._catch_up()
        self._diff = not self._diff
        if self._diff:
            self._mention(self._show_diff())
        else:
            self.query_one("#transcript", Transcript).compare(None)

    def _show_diff(self) -> str:
        pk = self.state.pk
        if pk is None:
            return ""
        count = self.query_one("#transcript", Transcript).compare(trajectories.get(self.state.db, pk, 0))
        return f"changed since it came: {plural(count, 'turn')}{', ] goes there' if count else ''}"

    def action_raw(self) -> None:
        self._catch_up()
        if self.state.pk is not None:
            self.app.push_screen(RawScreen(self.bench, self.state.pk))
