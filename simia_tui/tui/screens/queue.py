"""The queue of one kind of trajectory: list, filter and transcript, without the decisions."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from simia_tui.errors import UsageError
from simia_tui.model import Kind
from simia_tui.store import Query, trajectories
from simia_tui.tui.screens.base import RoomScreen
from simia_tui.tui.screens.listing import COLUMNS, LEGEND, head
from simia_tui.tui.state.review import ReviewState
from simia_tui.tui.text import clip, visible
from simia_tui.tui.widgets.filter_field import Completions, FilterInput
from simia_tui.tui.widgets.record_table import RecordTable
from simia_tui.tui.widgets.transcript import Transcript

DEBOUNCE_S = 0.05
"""Pause in typing after which a filter is looked up."""


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


class QueueScreen(RoomScreen):
    """A list that holds a snapshot: what arrives or leaves waits until it is asked for."""

    KIND: Kind = "seed"
    PARTS = (RecordTable, Transcript, FilterInput)
    LEGEND = LEGEND
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "switch", "List/text", id="review.switch", tooltip="From the list to the transcript and back"),
        Binding("space", "skip", "Skip", show=False, id="review.skip", tooltip="Put at the end of the queue"),
        Binding("J", "item(1)", "Next item", show=False, id="review.next", tooltip="Next item, no decision"),
        Binding("K", "item(-1)", "Previous item", show=False, id="review.previous", tooltip="Previous item"),
        Binding(
            "full_stop", "renew", "Show new", show=False, id="review.renew", key_display=".",
            tooltip="Bring the list up to date",
        ),
        Binding("escape", "leave", "Back", show=False, id="review.back", tooltip="Back to the list; clears the filter"),
        Binding(
            "right_square_bracket", "flagged(1)", "Next finding", show=False, id="review.next-finding",
            key_display="]", tooltip="Next turn with a finding",
        ),
        Binding(
            "left_square_bracket", "flagged(-1)", "Finding back", show=False, id="review.previous-finding",
            key_display="[", tooltip="Previous turn with a finding",
        ),
    ]  # fmt: skip

    state: ReviewState

    def __init__(self) -> None:
        super().__init__()
        self._new = 0
        self._sought: Query | None = None
        self._word: tuple[int | None, str] = (None, "")
        self._before: int | None = None
        """Where the cursor stood when a filter was begun; it is there again with every line that matches it."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While a filter is typed only `leave` and `switch` act here."""
        typing = self.is_mounted and isinstance(self.focused, Input)
        return not typing or action in ("leave", "switch") or hasattr(super(), f"action_{action}")

    def body(self) -> Iterator[Widget]:
        self.state = ReviewState(self.bench.db, self.bench.reviewer, self.KIND, policy=self.bench.settings.review)
        noun = f"{self.KIND}s"
        seeds = f"import some with {self.key_of('app.import')}"
        episodes = f"simulate some from approved seeds with {self.key_of('app.synthesize')}"
        self._nothing = f"No {noun} here: {seeds if self.KIND == 'seed' else episodes}."
        with Container(id="review"):
            with Vertical(id="list"):
                yield Static("", id="filter-line", markup=False)
                yield FilterInput(placeholder="status:pending  rule:call.unknown-tool  words …", id="filter")
                yield Completions(id="completions")
                yield RecordTable(COLUMNS, self.state.rows, empty=self._nothing, markable=True, id="table")
            with Vertical(id="reading"):
                yield Static("", id="head", markup=False)
                yield from self.above()
                with Container(id="texts"):
                    yield Transcript(empty=f"No {self.KIND} is chosen.", id="transcript")
                    yield from self.beside()

    def above(self) -> Iterator[Widget]:
        """What stands between the head and the transcript."""
        yield from ()

    def beside(self) -> Iterator[Widget]:
        """What stands beside or below the transcript."""
        yield from ()

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#filter", Input).display = False
        self.state.subscribe(self._show)
        self.query_one(RecordTable).focus()
        # Who has opened the room may have asked for something before it stood.
        if self._sought is None:
            self._look_up(self.state.query, follow=True)

    # -- what is shown ------------------------------------------------------------------------------------------

    def refresh_data(self) -> None:
        self.state.forget()
        self.query_one(RecordTable).reload()
        self._count(self.state.query)

    def _show(self) -> None:
        """The state has changed: list, transcript and head follow."""
        table = self.query_one(RecordTable)
        filtered = bool(self.state.query.line())
        every = f"No {self.KIND} matches the filter: {self.key_of('review.back')} shows all."
        table.empty = every if filtered else self._nothing
        if table.ids is not self.state.ids:
            table.show(self.state.ids, pk=self.state.pk)
        elif self.state.pk is not None and table.pk != self.state.pk:
            table.go_to(self.state.pk)
        self._show_current()

    def _show_current(self) -> None:
        transcript = self.query_one(Transcript)
        if transcript.trajectory is not self.state.trajectory:
            transcript.show(self.state.trajectory, self.state.findings)
        field = self.query_one("#head", Static)
        field.update(head(self.state.row, field.content_size.width or self.size.width - 2), layout=False)
        self._show_status()

    def _show_status(self) -> None:
        """At the end of the key bar: what was just done, as long as the cursor stays, and the place in the list."""
        pk, word = self._word
        self.say(word if pk == self.state.pk else "", self.query_one(RecordTable).count_text)
        self.refresh_bindings()

    def _mention(self, word: str) -> None:
        self._word = (self.state.pk, word)
        self._show_status()

    def _show_filter(self) -> None:
        """Above the list: the filter, how many it found, and what has come since."""
        line = self.state.query.line()
        left = (
            f"/ {line}   {self.state.found:,} found"
            if line
            else f"all {self.KIND}s   {self.key_of('review.filter')} filters"
        )
        more = f"   {self._new:,} new, {self.key_of('review.renew')} shows them" if self._new > 0 else ""
        field = self.query_one("#filter-line", Static)
        room = max(10, (field.content_size.width or self.size.width - 2) - len(more))
        field.update(Content.assemble(clip(visible(left), room), (more, "bold $text-warning")), layout=False)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_lines)

    def _show_lines(self) -> None:
        self._show_filter()
        self._show_current()

    def show_one(self, pk: int) -> None:
        """Go to a trajectory, without a filter."""
        self.state.pk = pk
        self._look_up(Query(kind=self.KIND))

    def open(self, line: str) -> None:
        """Show what `line` matches."""
        self._look_up(self.state.parse(line), follow=True)

    def _look_up(self, query: Query, follow: bool = False) -> None:
        workspace, start = self.bench.workspace, self.state.pk
        self._sought = query

        def look() -> None:
            with workspace.session(readonly=True) as db:
                ids = ReviewState.ids_of(db, query)
                self.post_message(Found(query, self.arranged(query, ids, start), follow))

        self.run_worker(look, group="ids", exclusive=True, thread=True, exit_on_error=False)

    def arranged(self, query: Query, ids: "array[int]", start: int | None) -> "array[int]":
        """What `query` matches as it is shown, from the trajectory `start` on; runs in a thread."""
        return ids

    def on_found(self, message: Found) -> None:
        if message.query != self._sought:
            # Another was looked up meanwhile, and a thread cannot be stopped.
            return
        if self._before is not None and self._before in message.ids:
            self.state.pk = self._before
        if not self.query_one("#filter", Input).display:
            self._before = None
        self.state.take(message.query, message.ids)
        if message.follow:
            self.state.to_waiting()
        self._new = 0
        self._show_filter()

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
        self._new = message.count - self.state.found
        if not self.state.ids and self._new > 0 and self._sought == self.state.query:
            self._look_up(self.state.query, follow=True)
        self._show_filter()

    def on_record_table_highlighted(self, _message: RecordTable.Highlighted) -> None:
        self.catch_up()
        self._show_status()

    def catch_up(self) -> None:
        """Takes the place of the list's cursor: a message about its last move may still be on its way."""
        self.state.go_to(self.query_one(RecordTable).pk)

    def on_record_table_marked(self, _message: RecordTable.Marked) -> None:
        self._show_status()

    def on_record_table_selected(self, _message: RecordTable.Selected) -> None:
        self.query_one(Transcript).focus()

    # -- the filter ---------------------------------------------------------------------------------------------

    def action_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.display = True
        self._before = self.state.pk
        self.query_one("#filter-line", Static).display = False
        line = self.state.query.line()
        # What is typed is one more condition, not the end of the last one.
        field.value = f"{line} " if line else ""
        field.cursor_position = len(field.value)
        self.set_focus(field)
        back = self.key_of("review.back")
        self._mention(f"decisions rest while you type; enter keeps the filter, {back} drops it")

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
        else:
            self._show_status()
        return True

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self._apply(event.value):
            self._close_filter()
            if self._sought == self.state.query:
                self._before = None

    def _close_filter(self) -> None:
        self.query_one("#filter", Input).display = False
        self.query_one("#filter-line", Static).display = True
        self._mention("")
        self.set_focus(self.query_one(RecordTable))

    def action_leave(self) -> None:
        if self.query_one("#filter", Input).display:
            self._close_filter()
            self._look_up(Query(kind=self.KIND))
        elif self.focused is self.query_one(RecordTable) and self.state.query.line():
            self._look_up(Query(kind=self.KIND))
        self.set_focus(self.query_one(RecordTable))

    def action_switch(self) -> None:
        self._before = None
        table = self.query_one(RecordTable)
        self.set_focus(self.query_one(Transcript) if self.focused is table else table)

    def action_renew(self) -> None:
        self._look_up(self.state.query)

    def action_item(self, step: int) -> None:
        self.catch_up()
        self.state.step(step)

    def action_skip(self) -> None:
        self.catch_up()
        self.state.skip()

    def action_flagged(self, step: int) -> None:
        self.query_one(Transcript).action_flagged(step)
