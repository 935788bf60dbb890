"""The saved views of a kind: show one, rename it, remove it, and take that back."""

from array import array
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from simia_tui.errors import SimiaError
from simia_tui.model import Kind
from simia_tui.store import views
from simia_tui.tui.bench import Bench
from simia_tui.tui.screens.form import Field, Form
from simia_tui.tui.text import visible
from simia_tui.tui.widgets.key_bar import KeyBar
from simia_tui.tui.widgets.record_table import Column, RecordTable

Numbered = tuple[int, views.View]


class RenameDialog(Form):
    """Asks for another name of a view; the result is that name."""

    HEADING = "Rename a view"

    def __init__(self, bench: Bench, kind: Kind, name: str) -> None:
        super().__init__(bench)
        self._kind: Kind = kind
        self._view = name

    def intro(self) -> str:
        return f"{self._view}: which name instead?"

    def fields(self) -> Sequence[Field]:
        return (Field("name", "name", self._view),)

    def submit(self) -> None:
        try:
            views.rename(self.bench.db, self._kind, self._view, self.value("name"), self.bench.reviewer)
        except SimiaError as error:
            self.problem(str(error))
            return
        self.dismiss(self.value("name"))


class ViewListScreen(ModalScreen[str | None]):
    """All views of a kind; the result is the line of the one that is to be shown."""

    DEFAULT_CSS = """
    ViewListScreen { background: $background; }
    ViewListScreen #views-head { height: 1; padding: 0 1; color: $text-muted; background: $panel; }
    ViewListScreen RecordTable { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "rename", "Rename", id="views.rename", tooltip="Give the view another name"),
        Binding("x,delete", "remove", "Remove", id="views.remove", tooltip="Forget the view"),
        Binding("u,backspace", "undo", "Undo", id="views.undo", tooltip="Take back your latest change of a view"),
        Binding("escape,q", "dismiss", "Back", id="views.close", tooltip="Back to the queue"),
    ]

    def __init__(self, bench: Bench, kind: Kind) -> None:
        super().__init__()
        self._bench = bench
        self._kind: Kind = kind
        self._views: list[views.View] = []

    def compose(self) -> ComposeResult:
        yield Static(Content(f"Saved views of {self._kind}s"), id="views-head", markup=False)
        yield RecordTable[Numbered](
            (
                Column("view", lambda row: visible(row[1].name), width=24),
                Column("filter", lambda row: visible(row[1].line) or "everything", flex=1),
                Column("by", lambda row: visible(row[1].reviewer), width=12, drop=1),
            ),
            lambda ids: [(n, self._views[n]) for n in ids if n < len(self._views)],
            key=lambda row: row[0],
            empty="No view is saved yet.",
            id="table",
        )
        yield KeyBar(pinned=("views.close",))

    def on_mount(self) -> None:
        self.query_one(RecordTable).focus()
        self._read()

    def _read(self, said: str = "") -> None:
        self._views = views.views(self._bench.db, self._kind)
        table = self.query_one(RecordTable)
        table.show(array("q", range(len(self._views))))
        table.reload()
        self.query_one(KeyBar).status = said

    @property
    def _chosen(self) -> str | None:
        place = self.query_one(RecordTable).pk
        return self._views[place].name if place is not None and place < len(self._views) else None

    def on_record_table_selected(self, message: RecordTable.Selected) -> None:
        self.dismiss(self._views[message.pk].line)

    def action_rename(self) -> None:
        name = self._chosen
        if name is not None:
            self.app.push_screen(RenameDialog(self._bench, self._kind, name), self._renamed)

    def _renamed(self, name: str | None) -> None:
        if name is not None:
            self._read(f"renamed to {name}")

    def action_remove(self) -> None:
        name = self._chosen
        if name is not None:
            self._try(lambda: f"removed {views.remove(self._bench.db, self._kind, name, self._bench.reviewer).name}")

    def action_undo(self) -> None:
        def undo() -> str:
            names = views.undo(self._bench.db, self._kind, self._bench.reviewer)
            return f"undo: {', '.join(names)}" if names else "nothing to undo"

        self._try(undo)

    def _try(self, act: Callable[[], str]) -> None:
        try:
            said = act()
        except SimiaError as error:
            self.app.notify(str(error), severity="error")
            return
        self._read(said)
