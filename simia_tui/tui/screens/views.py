"""Saved filters, and the place where a reviewer left off."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input

from simia_tui.errors import SimiaError, UsageError
from simia_tui.model import Kind
from simia_tui.store import Query, completions, views
from simia_tui.tui.bench import Bench
from simia_tui.tui.keymap import key_of
from simia_tui.tui.screens.form import Field, Form
from simia_tui.tui.screens.queue import QueueScreen
from simia_tui.tui.screens.strip import Strip
from simia_tui.tui.screens.view_list import ViewListScreen
from simia_tui.tui.text import clip, visible
from simia_tui.tui.widgets.filter_field import Completions, FilterInput
from simia_tui.tui.widgets.transcript import Transcript

SETTLE_S = 1.0
"""How long the cursor rests before its place is written down."""
SHOWN = 9
"""Views that have a digit; all can be typed as filters."""
SAVE = ""
ALL = " "
"""No names: what the strip gives for the keys beside the digits."""


@dataclass
class Offered(Message):
    """The values of a field, counted in a thread."""

    name: str
    values: Sequence[completions.Value]


class ViewStrip(Strip[str]):
    """Which view to show: the name of one, `SAVE` to keep the present filter, or `ALL` for the list."""

    def __init__(self, known: Sequence[views.View]) -> None:
        choices = {
            str(number): (f"{view.name} ({clip(visible(view.line), 30) or 'everything'})", view.name)
            for number, view in enumerate(known[:SHOWN], start=1)
        }
        super().__init__("View", {**choices, "s": ("save this filter", SAVE), "m": ("manage", ALL)})


class SaveViewDialog(Form):
    """Asks for the name of a view; the result is that name."""

    HEADING = "Save this filter"

    def __init__(self, bench: Bench, kind: Kind, line: str) -> None:
        super().__init__(bench)
        self._kind: Kind = kind
        self._line = line

    def intro(self) -> str:
        key = key_of(self.app, "review.views")
        return f"{self._line or 'everything'}: under which name? {key} then shows it with one digit."

    def fields(self) -> Sequence[Field]:
        return (Field("name", "name", "", "one word"),)

    def submit(self) -> None:
        name = self.value("name")
        try:
            views.save(self.bench.db, self._kind, name, self._line, self.bench.reviewer)
        except SimiaError as error:
            self.problem(str(error))
            return
        self.dismiss(name)


class ViewsScreen(QueueScreen):
    """A queue that opens where its reviewer left it, and keeps filters under names."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("V", "views", "Views", show=False, id="review.views", tooltip="Saved filters: show one, or save this"),
    ]

    _here: tuple[str, int | None] | None = None
    _written: tuple[str, int | None, int | None] | None = None
    _rest: Timer | None = None

    def on_filter_input_wanted(self, message: FilterInput.Wanted) -> None:
        workspace, kind, name = self.bench.workspace, self.KIND, message.name

        def look() -> None:
            with workspace.session(readonly=True) as db:
                self.post_message(Offered(name, completions.values(db, kind, name)))

        self.run_worker(look, group=f"values of {name}", thread=True, exit_on_error=False)

    def on_offered(self, message: Offered) -> None:
        self.query_one(FilterInput).learn(message.name, message.values)

    def action_filter(self) -> None:
        self.query_one(FilterInput).forget()
        super().action_filter()

    def _show_filter(self) -> None:
        super()._show_filter()
        self.query_one(Completions).say(f"{self.state.found:,} found")

    def on_mount(self) -> None:
        place = views.place(self.bench.db, self.bench.reviewer, self.KIND)
        if place is not None:
            self._return_to(place)

    def _return_to(self, place: views.Place) -> None:
        """Textual mounts the queue after this, which then looks up what stands here."""
        try:
            self.state.query = self.state.parse(place.line)
        except UsageError:
            # A filter of an older version: the queue opens without one.
            return
        self.state.pk = place.trajectory

    def _show_current(self) -> None:
        super()._show_current()
        self._settle()

    @property
    def _shown_pk(self) -> int | None:
        """The trajectory under the cursor, or the one whose place a planted copy has taken."""
        return abs(self.state.pk) if self.state.pk is not None else None

    def _settle(self) -> None:
        here = (self.state.query.line(), self._shown_pk)
        if here == self._here:
            return
        self._here = here
        if self._rest is not None:
            self._rest.stop()
        self._rest = self.set_timer(SETTLE_S, self._leave)

    def on_screen_suspend(self) -> None:
        if self.is_mounted:
            self._leave()

    def _leave(self) -> None:
        """Writes the place down in a thread: another process may hold the database for a while."""
        workspace, reviewer, kind = self.bench.workspace, self.bench.reviewer, self.KIND
        place = (self.state.query.line(), self._shown_pk, self.query_one(Transcript).turn)
        if place == self._written:
            return
        self._written = place

        def write() -> None:
            db = workspace.connect()
            try:
                views.leave(db, reviewer, kind, *place)
            finally:
                db.close()

        self.run_worker(write, group="place", thread=True, exit_on_error=False)

    def action_views(self) -> None:
        def chosen(name: str | None) -> None:
            if name == SAVE:
                line = self.state.query.line()
                self.app.push_screen(SaveViewDialog(self.bench, self.KIND, line), self._saved)
            elif name == ALL:
                self.app.push_screen(ViewListScreen(self.bench, self.KIND), shown)
            elif name is not None:
                shown(views.view(self.bench.db, self.KIND, name).line)

        def shown(line: str | None) -> None:
            if line is not None:
                self._look_up(Query.parse(self.KIND, line), follow=True)

        if not isinstance(self.focused, Input):
            self.app.push_screen(ViewStrip(views.views(self.bench.db, self.KIND)), chosen)

    def _saved(self, name: str | None) -> None:
        if name is not None:
            self._mention(f"saved as {name}; {self.key_of('review.views')} shows it")
