"""`e`: one turn as a form: its text, and for each call the tool and its arguments as JSON."""

import json
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static, TextArea

from simia_tui.errors import SimiaError, UsageError
from simia_tui.model import Trajectory
from simia_tui.services import reviewing
from simia_tui.tui.bench import Bench
from simia_tui.tui.editor import hand_over
from simia_tui.tui.keymap import key_of
from simia_tui.tui.text import clip, visible
from simia_tui.tui.widgets.key_bar import KeyBar
from simia_tui.tui.widgets.plain_area import PlainArea

MAX_CHARS = 30_000
"""A longer text is slow under the cursor (16 ms a key at 20 kB, measured): only `$EDITOR` takes it."""
START_CHARS = 400
"""What is shown of a text that is too long."""


class LongText(Static, can_focus=True):
    """A text that is too long for a field: how it begins, and the key that hands it over."""

    DEFAULT_CSS = """
    LongText { height: auto; padding: 0 1; background: $boost; }
    LongText:focus { background: $panel; }
    """

    def __init__(self, text: str, *, id: str) -> None:
        super().__init__("", id=id, markup=False)
        self._text = text

    @property
    def text(self) -> str:
        return self._text

    @text.setter
    def text(self, text: str) -> None:
        self._text = text
        self._tell()

    def on_mount(self) -> None:
        self._tell()

    def _tell(self) -> None:
        told = f"{len(self._text):,} characters: too long to edit here; ctrl+e opens $EDITOR"
        start = clip(visible(" ".join(self._text[:START_CHARS].split())), START_CHARS)
        self.update(Content.assemble((told, "$text-warning"), "\n", (start, "$text-muted")))


def field(text: str, name: str, classes: str | None = None) -> PlainArea | LongText:
    """Where a text is edited: in place, or by `$EDITOR` where it is long."""
    return LongText(text, id=name) if len(text) > MAX_CHARS else PlainArea(text, id=name, classes=classes)


class Edited(NamedTuple):
    """What was saved: the turn, and how many findings the trajectory has now."""

    turn: int
    findings: int


class EditDialog(ModalScreen[Edited | None]):
    """Edits turn `turn` of a trajectory; gives nothing where nothing was saved."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2,ctrl+o", "save", "Save", id="edit.save", priority=True, tooltip="Keep the edit as a new revision"),
        Binding("escape", "cancel", "Cancel", id="edit.cancel", priority=True, tooltip="Leave without a change"),
        Binding("tab", "app.focus_next", "Next field", id="edit.next", tooltip="Next field"),
        Binding(
            "ctrl+e", "editor", "$EDITOR", id="edit.editor", priority=True,
            tooltip="Hand the field to the editor that $VISUAL or $EDITOR names",
        ),
    ]  # fmt: skip

    def __init__(self, bench: Bench, pk: int, trajectory: Trajectory, turn: int) -> None:
        super().__init__()
        self._bench = bench
        self._pk = pk
        self._turn = turn
        self._old = trajectory.turns[turn]
        self._asked = False

    def compose(self) -> ComposeResult:
        turn = self._old
        with Vertical(id="edit", classes="dialog") as box:
            box.border_title = f"Turn {self._turn + 1}: {turn.role}"
            box.border_subtitle = "the original is kept"
            with VerticalScroll(id="edit-fields", can_focus=False):
                if turn.content is not None or not turn.tool_calls:
                    yield Static("text", classes="label")
                    yield field(turn.content or "", "content")
                for n, call in enumerate(turn.tool_calls):
                    yield Static(f"call {n + 1}: tool", classes="label")
                    yield field(call.name, f"tool-{n}", "one-line")
                    yield Static(f"call {n + 1}: arguments, a JSON object", classes="label")
                    yield field(_arguments_text(call.arguments, call.raw), f"arguments-{n}")
            yield Static("", id="edit-problem", markup=False)
        yield KeyBar(pinned=("edit.save", "edit.cancel"))

    def on_text_area_changed(self, _event: TextArea.Changed) -> None:
        self._asked = False
        self._validate()

    def _calls(self) -> list[tuple[str, str]]:
        return [
            (self._value(f"tool-{n}") or "", self._value(f"arguments-{n}") or "")
            for n in range(len(self._old.tool_calls))
        ]

    def _value(self, name: str) -> str | None:
        """What stands in a field; None where there is none."""
        found = next(iter(self.query(f"#{name}")), None)
        return found.text if isinstance(found, PlainArea | LongText) else None

    def _validate(self) -> None:
        problem = ""
        for (name, text), before in zip(self._calls(), self._old.tool_calls, strict=True):
            if before.arguments is None and text == (before.raw or ""):
                continue
            try:
                reviewing.parse_arguments(text, name)
            except UsageError as error:
                problem = str(error)
                break
        self.query_one("#edit-problem", Static).update(Content(visible(problem)))

    def action_save(self) -> None:
        content = self._value("content")
        if content == "" and self._old.content is None:
            content = None
        try:
            findings = reviewing.edit_turn(
                self._bench.workspace,
                self._bench.db,
                self._pk,
                self._turn,
                content=content,
                calls=self._calls(),
                reviewer=self._bench.reviewer,
            )
        except SimiaError as error:
            self.query_one("#edit-problem", Static).update(Content(visible(str(error))))
            return
        self.dismiss(Edited(self._turn, len(findings)))

    def action_editor(self) -> None:
        """Gives the terminal to the editor; what it saved stands in the field afterwards."""
        area = self.focused
        if not isinstance(area, PlainArea | LongText):
            return
        suffix = ".json" if (area.id or "").startswith("arguments") else ".txt"
        try:
            text = hand_over(self.app, area.text, suffix)
        except UsageError as error:
            self.query_one("#edit-problem", Static).update(Content(visible(str(error))))
            return
        if text is not None:
            area.text = text
            self._asked = False
            self._validate()

    def action_cancel(self) -> None:
        if self._changed() and not self._asked:
            self._asked = True
            save, leave = key_of(self.app, "edit.save"), key_of(self.app, "edit.cancel")
            self.query_one("#edit-problem", Static).update(
                Content(f"You have changed something: {save} saves it, {leave} once more throws it away.")
            )
            return
        self.dismiss(None)

    def _changed(self) -> bool:
        text = self._value("content")
        text = self._old.content if text is None else text
        before = [(call.name, _arguments_text(call.arguments, call.raw)) for call in self._old.tool_calls]
        return (text or "") != (self._old.content or "") or self._calls() != before


def _arguments_text(arguments: dict[str, object] | None, raw: str | None) -> str:
    return raw or "" if arguments is None else json.dumps(arguments, ensure_ascii=False, indent=2)
