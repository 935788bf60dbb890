"""Seeds and Episodes: a list, the transcript beside it, and decisions by single keys."""

import sqlite3
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from simia_tui.errors import SimiaError, UsageError
from simia_tui.model import Fault, Kind
from simia_tui.store import Query, Row, trajectories
from simia_tui.store.decisions import Undone, Verb
from simia_tui.tui.screens.base import RoomScreen
from simia_tui.tui.screens.edit import EditDialog
from simia_tui.tui.screens.reasons import ConfirmStrip, ReasonStrip
from simia_tui.tui.state.review import ReviewState
from simia_tui.tui.text import visible
from simia_tui.tui.widgets.line_view import Part
from simia_tui.tui.widgets.record_table import Column, RecordTable
from simia_tui.tui.widgets.transcript import Transcript

STATUS_INK = {
    "pending": ("· pending", "muted"),
    "approved": ("✓ approved", "success"),
    "rejected": ("✗ rejected", "error"),
    "flagged": ("⚑ flagged", "warning"),
}
VERDICT_INK = {
    "clean": ("clean", "success"),
    "repaired": ("repaired", "accent"),
    "warned": ("warned", "warning"),
    "broken": ("broken", "error"),
}
DEBOUNCE_S = 0.08
"""Pause in typing after which a filter is looked up."""


def _status(row: Row) -> list[Part]:
    return [STATUS_INK[row.status]]


def _rules(row: Row) -> list[Part]:
    word, ink = VERDICT_INK[row.verdict]
    return [(word, ink)]


COLUMNS: tuple[Column[Row], ...] = (
    Column("#", lambda row: str(row.pk), width=6, right=True, drop=1),
    Column("status", _status, width=10),
    Column("rules", _rules, width=8),
    Column("title", lambda row: row.title or "(no user text)", flex=1, least=24),
    Column("turns", lambda row: str(row.turns), width=5, right=True, drop=2),
    Column("errors", lambda row: str(row.errors or ""), width=6, right=True, drop=3),
    Column("domain", lambda row: row.domain, width=9, drop=4),
    Column("", lambda row: "demo" if row.demo else "", width=4, drop=5),
)


@dataclass
class Found(Message):
    """The ids that a query matches, looked up in a thread."""

    query: Query
    ids: "array[int]"
    follow: bool


@dataclass
class Grown(Message):
    """How many trajectories the present query matches by now."""

    query: Query
    count: int


class ReviewScreen(RoomScreen):
    """The queue of one kind. The list holds a snapshot: what arrives or leaves waits until it is asked for."""

    KIND: Kind = "seed"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "decide('approve')", "Approve", id="review.approve", tooltip="Approve, and go to the next"),
        Binding("x", "reject", "Reject", id="review.reject", tooltip="Reject with a reason: x, then 1 to 9"),
        Binding("e", "edit", "Edit", id="review.edit", tooltip="Edit the turn under the cursor"),
        Binding("u,backspace", "undo", "Undo", id="review.undo", tooltip="Take back your latest act"),
        Binding("slash", "filter", "Filter", id="review.filter", key_display="/", tooltip="Filter the list"),
        Binding("f", "decide('flag')", "Flag", show=False, id="review.flag", tooltip="Flag for a second opinion"),
        Binding("U", "redo", "Redo", show=False, id="review.redo", tooltip="Bring back what was undone last"),
        Binding("space", "skip", "Skip", show=False, id="review.skip", tooltip="Put at the end of the queue"),
        Binding("J", "item(1)", "Next item", show=False, id="review.next", tooltip="Next item, no decision"),
        Binding("K", "item(-1)", "Previous item", show=False, id="review.previous", tooltip="Previous item"),
        Binding(
            "full_stop",
            "renew",
            "Show new",
            show=False,
            id="review.renew",
            key_display=".",
            tooltip="Bring the list up to date",
        ),
        Binding(
            "asterisk",
            "mark_all",
            "Mark all",
            show=False,
            id="review.mark-all",
            key_display="*",
            tooltip="Mark everything that the filter matches, or nothing",
        ),
        Binding(
            "tab", "switch", "List/text", id="review.switch", tooltip="Go from the list to the transcript and back"
        ),
        Binding("escape", "leave", "Back", show=False, id="review.back", tooltip="Back to the list; clears the filter"),
        Binding(
            "right_square_bracket",
            "flagged(1)",
            "Next finding",
            show=False,
            id="review.next-finding",
            key_display="]",
            tooltip="Next turn with a finding",
        ),
        Binding(
            "left_square_bracket",
            "flagged(-1)",
            "Finding back",
            show=False,
            id="review.previous-finding",
            key_display="[",
            tooltip="Previous turn with a finding",
        ),
    ]

    state: ReviewState

    def body(self) -> Iterator[Widget]:
        self.state = ReviewState(self.bench.db, self.bench.reviewer, self.KIND)
        noun = f"{self.KIND}s"
        hint = "import some with I" if self.KIND == "seed" else "simulate some from approved seeds with S"
        with Container(id="review"):
            with Vertical(id="list"):
                yield Static("", id="filter-line", markup=False)
                yield Input(placeholder="status:pending  rule:call.unknown-tool  words …", id="filter")
                yield RecordTable(COLUMNS, self.state.rows, empty=f"No {noun} here: {hint}.", markable=True, id="table")
            with Vertical(id="reading"):
                yield Static("", id="head", markup=False)
                yield Transcript(empty=f"No {self.KIND} is chosen.", id="transcript")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#filter", Input).display = False
        self.state.subscribe(self._show)
        self.query_one(RecordTable).focus()
        self._look_up(self.state.query, follow=True)

    # -- what is shown ------------------------------------------------------------------------------------------

    def refresh_data(self) -> None:
        self.state.forget()
        self.query_one(RecordTable).reload()
        self._count(self.state.query)

    def _show(self) -> None:
        """The state has changed: list, transcript and head follow."""
        table = self.query_one(RecordTable)
        if table.ids is not self.state.ids:
            table.show(self.state.ids, pk=self.state.pk)
        else:
            table.reload()
            if self.state.pk is not None and table.pk != self.state.pk:
                table.go_to(self.state.pk)
        self._show_current()

    def _show_current(self) -> None:
        transcript = self.query_one(Transcript)
        if transcript.trajectory is not self.state.trajectory:
            transcript.show(self.state.trajectory, self.state.findings)
        self.query_one("#head", Static).update(self._head())
        self.say(self.query_one(RecordTable).count_text)

    def _head(self) -> Content:
        row = self.state.row
        if row is None:
            return Content("")
        word, _ = STATUS_INK[row.status]
        fault = f": {row.fault}" if row.fault else ""
        origin = f"job {row.job} task {row.ord}" if row.job is not None else f"{row.path or ''} row {row.row}"
        parts = [f"#{row.pk}", row.id[:8], f"{word}{fault}", f"rules: {row.verdict}", f"rev {row.revision}", origin]
        demo = [Content.styled("made by the demo model  ", "bold $text-warning")] if row.demo else []
        return Content.assemble(*demo, Content(visible("  ".join(parts))))

    def _look_up(self, query: Query, follow: bool = False) -> None:
        workspace = self.bench.workspace

        def look() -> None:
            db = workspace.connect(readonly=True)
            try:
                self.post_message(Found(query, ReviewState.ids_of(db, query), follow))
            except sqlite3.OperationalError:
                self.post_message(Found(query, array("q"), follow))
            finally:
                db.close()

        self.run_worker(look, group="ids", exclusive=True, thread=True, exit_on_error=False)

    def on_found(self, message: Found) -> None:
        self.state.take(message.query, message.ids)
        if message.follow:
            self._to_first_waiting()
        line = message.query.line()
        self.query_one("#filter-line", Static).update(
            Content(visible(f" / {line}   {len(message.ids):,} found" if line else f" all {self.KIND}s   / filters"))
        )

    def _to_first_waiting(self) -> None:
        row = self.state.row
        if row is not None and row.status != "pending":
            self.state.advance()

    def _count(self, query: Query) -> None:
        workspace = self.bench.workspace

        def look() -> None:
            db = workspace.connect(readonly=True)
            try:
                self.post_message(Grown(query, trajectories.count(db, query)))
            finally:
                db.close()

        self.run_worker(look, group="count", exclusive=True, thread=True, exit_on_error=False)

    def on_grown(self, message: Grown) -> None:
        if message.query != self.state.query:
            return
        more = message.count - len(self.state.ids)
        if not self.state.ids and more > 0:
            self._look_up(self.state.query, follow=True)
        elif more > 0:
            self.say(f"{more:,} new, . shows them   {self.query_one(RecordTable).count_text}")

    def on_record_table_highlighted(self, message: RecordTable.Highlighted) -> None:
        if message.pk != self.state.pk:
            self.state.go_to(message.pk)
        else:
            self._show_current()

    def on_record_table_selected(self, _message: RecordTable.Selected) -> None:
        self.query_one(Transcript).focus()

    # -- the filter ---------------------------------------------------------------------------------------------

    def action_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.display = True
        self.query_one("#filter-line", Static).display = False
        field.value = self.state.query.line()
        self.set_focus(field)
        self.say("Decisions rest while you type; enter keeps the filter, esc drops it")

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.set_timer(DEBOUNCE_S, partial(self._apply, event.value))

    def _apply(self, line: str) -> bool:
        field = self.query_one("#filter", Input)
        if not field.display or field.value != line:
            return False
        try:
            query = self.state.parse(line)
        except UsageError as error:
            self.say(str(error))
            return False
        if query != self.state.query:
            self._look_up(query)
        return True

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self._apply(event.value):
            self._close_filter()

    def _close_filter(self) -> None:
        self.query_one("#filter", Input).display = False
        self.query_one("#filter-line", Static).display = True
        self.set_focus(self.query_one(RecordTable))

    def action_leave(self) -> None:
        if self.query_one("#filter", Input).display:
            self._close_filter()
            self._look_up(Query(kind=self.KIND))
        elif self.focused is self.query_one(RecordTable) and self.state.query.line():
            self._look_up(Query(kind=self.KIND))
        self.set_focus(self.query_one(RecordTable))

    def action_switch(self) -> None:
        table = self.query_one(RecordTable)
        self.set_focus(self.query_one(Transcript) if self.focused is table else table)

    def action_renew(self) -> None:
        self._look_up(self.state.query)

    # -- decisions ----------------------------------------------------------------------------------------------

    def action_decide(self, action: Verb) -> None:
        marked = self._marked()
        if marked:
            self._ask(action, None, marked)
        else:
            self._decide(action, None, None)

    def action_reject(self) -> None:
        marked = self._marked()

        def chosen(fault: Fault | None) -> None:
            if fault is None:
                return
            if marked:
                self._ask("reject", fault, marked)
            else:
                self._decide("reject", fault, None)

        if self.state.pk is not None:
            self.app.push_screen(ReasonStrip(self.state.last_fault), chosen)

    def _marked(self) -> list[int]:
        table = self.query_one(RecordTable)
        return [pk for pk in table.ids if pk in table.marks] if table.marks else []

    def _ask(self, action: Verb, fault: Fault | None, marked: Sequence[int]) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self._decide(action, fault, marked)

        reason = f" ({fault})" if fault else ""
        self.app.push_screen(
            ConfirmStrip(f"{action.capitalize()} {len(marked):,} marked {self.KIND}s{reason}?"), answered
        )

    def _decide(self, action: Verb, fault: Fault | None, marked: Sequence[int] | None) -> None:
        try:
            batch = self.state.decide(action, fault, pks=marked)
        except SimiaError as error:
            self.app.notify(str(error), title="Not decided", severity="error", markup=False)
            return
        if marked is not None:
            self.query_one(RecordTable).marks.clear()
        if batch is not None:
            self.news()

    def action_undo(self) -> None:
        self._tell("undo", self._guarded(self.state.undo))

    def action_redo(self) -> None:
        self._tell("redo", self._guarded(self.state.redo))

    def _guarded(self, act: Callable[[], Undone | None]) -> Undone | None:
        try:
            return act()
        except SimiaError as error:
            self.app.notify(str(error), severity="error", markup=False)
            return None

    def _tell(self, direction: str, undone: Undone | None) -> None:
        if undone is None:
            self.app.notify(f"There is nothing to {direction}.", markup=False)
            return
        self.news()
        many = f" of {len(undone.pks):,}" if len(undone.pks) != 1 else ""
        left = f"; {undone.skipped} changed by others stay" if undone.skipped else ""
        self.say(f"{direction}: {undone.action}{many}{left}")

    # -- moving and editing -------------------------------------------------------------------------------------

    def action_item(self, step: int) -> None:
        self.state.step(step)

    def action_skip(self) -> None:
        self.state.skip()

    def action_mark_all(self) -> None:
        table = self.query_one(RecordTable)
        table.marks = set() if len(table.marks) == len(table.ids) else set(table.ids)
        table.refresh()
        self.say(table.count_text)

    def action_flagged(self, step: int) -> None:
        self.query_one(Transcript).action_flagged(step)

    def action_edit(self) -> None:
        turn = self.query_one(Transcript).turn
        if self.state.pk is None or self.state.trajectory is None:
            return
        if turn is None:
            self.say("The policy cannot be edited; go to a turn with tab and j")
            return
        self.app.push_screen(EditDialog(self.bench, self.state.pk, self.state.trajectory, turn), self._edited)

    def _edited(self, turn: int | None) -> None:
        if turn is None:
            return
        self.state.forget()
        self._show_current()
        self.query_one(Transcript).go_to(turn)
        self.news()


class SeedsScreen(ReviewScreen):
    """Imported real trajectories."""

    ROOM = "seeds"
    KIND: Kind = "seed"


class EpisodesScreen(ReviewScreen):
    """Simulated trajectories."""

    ROOM = "episodes"
    KIND: Kind = "episode"
