"""Dialogs with a few fields and one button key: enter does it, escape leaves."""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static
from textual.worker import Worker, WorkerState

from simia_tui.tui.bench import Bench
from simia_tui.tui.keymap import key_of
from simia_tui.tui.text import visible
from simia_tui.tui.widgets.key_bar import KeyBar


class Field(NamedTuple):
    """One line of a form. `known` are values that the line is completed to; it may hold another."""

    name: str
    label: str
    value: str = ""
    hint: str = ""
    known: Sequence[str] = ()


class Form(ModalScreen[str | None]):
    """A titled form. A subclass gives `fields` and does the work in `submit`; the result is a sentence or None."""

    HEADING = ""
    DO = "Start"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Start", id="form.submit", priority=True, tooltip="Do it"),
        Binding("escape", "cancel", "Cancel", id="form.cancel", priority=True, tooltip="Leave without a change"),
        Binding("tab", "app.focus_next", "Next field", id="form.next", tooltip="Next field"),
    ]

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self.bench = bench
        self.busy = False

    def fields(self) -> Sequence[Field]:
        """The fields, top to bottom."""
        return ()

    def intro(self) -> str:
        """A sentence or two above the fields."""
        return ""

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog form", can_focus=False) as box:
            box.border_title = self.HEADING
            submit, cancel = key_of(self.app, "form.submit"), key_of(self.app, "form.cancel")
            box.border_subtitle = f"{submit} starts, {cancel} leaves"
            yield Static(Content(visible(self.intro())), id="intro", markup=False)
            for field in self.fields():
                with Horizontal(classes="field"):
                    yield Static(field.label, classes="label", markup=False)
                    suggester = SuggestFromList(field.known) if field.known else None
                    yield Input(field.value, field.hint, suggester=suggester, id=f"field-{field.name}")
            yield Static("", id="report", markup=False)
            yield Static("", id="problem", markup=False)
        yield KeyBar(pinned=("form.submit", "form.cancel"))

    def value(self, name: str) -> str:
        """What stands in a field."""
        return self.query_one(f"#field-{name}", Input).value.strip()

    def report(self, text: str | Content) -> None:
        """Shows what would happen."""
        self.query_one("#report", Static).update(Content(visible(text, lines=True)) if isinstance(text, str) else text)

    def problem(self, text: str) -> None:
        """Shows why it does not happen."""
        self.busy = False
        self.query_one("#problem", Static).update(Content.styled(visible(text), "$text-error"))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR:
            self.problem(str(event.worker.error))

    def action_submit(self) -> None:
        if not self.busy:
            self.submit()

    def submit(self) -> None:
        """Do it; `dismiss` with a sentence, or call `problem`."""
        raise NotImplementedError

    def action_cancel(self) -> None:
        self.dismiss(None)
