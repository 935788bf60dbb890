"""`e`: one turn as a form: its text, and for each call the tool and its arguments as JSON."""

import json
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static, TextArea

from simia_tui.errors import SimiaError, UsageError
from simia_tui.model import Trajectory
from simia_tui.services import reviewing
from simia_tui.tui.bench import Bench
from simia_tui.tui.text import visible
from simia_tui.tui.widgets.key_bar import KeyBar

MAX_CHARS = 30_000
"""A longer text is slow under the cursor (16 ms a key at 20 kB, measured): `simia seeds edit` takes it instead."""


class EditDialog(ModalScreen[int | None]):
    """Edits turn `turn` of a trajectory; gives its number when something was saved."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2,ctrl+o", "save", "Save", id="edit.save", priority=True, tooltip="Keep the edit as a new revision"),
        Binding("escape", "cancel", "Cancel", id="edit.cancel", priority=True, tooltip="Leave without a change"),
    ]

    def __init__(self, bench: Bench, pk: int, trajectory: Trajectory, turn: int) -> None:
        super().__init__()
        self._bench = bench
        self._pk = pk
        self._turn = turn
        self._old = trajectory.turns[turn]
        self._asked = False

    def compose(self) -> ComposeResult:
        turn = self._old
        with Vertical(id="edit", classes="dialog"):
            yield Static(f"Turn {self._turn + 1}: {turn.role}. The original is kept.", id="edit-head", markup=False)
            with VerticalScroll(id="edit-fields"):
                if turn.content is not None or not turn.tool_calls:
                    yield Static("text", classes="label")
                    yield TextArea(turn.content or "", id="content", tab_behavior="focus")
                for n, call in enumerate(turn.tool_calls):
                    yield Static(f"call {n + 1}: tool", classes="label")
                    yield Input(call.name, id=f"tool-{n}")
                    yield Static(f"call {n + 1}: arguments, a JSON object", classes="label")
                    yield TextArea(_arguments_text(call.arguments, call.raw), id=f"arguments-{n}", tab_behavior="focus")
            yield Static("", id="edit-problem", markup=False)
        yield KeyBar(pinned=("edit.save", "edit.cancel"))

    def on_mount(self) -> None:
        size = len(self._old.content or "") + sum(len(area.text) for area in self.query(TextArea))
        if size > MAX_CHARS * 2:
            self.dismiss(None)
            self.app.notify(
                f"This turn is too long to edit here; use `simia seeds edit {self._pk} --turn {self._turn + 1}`.",
                severity="warning",
                markup=False,
            )

    def on_text_area_changed(self, _event: TextArea.Changed) -> None:
        self._asked = False
        self._validate()

    def on_input_changed(self, _event: Input.Changed) -> None:
        self._asked = False
        self._validate()

    def _calls(self) -> list[tuple[str, str]]:
        return [
            (self.query_one(f"#tool-{n}", Input).value, self.query_one(f"#arguments-{n}", TextArea).text)
            for n in range(len(self._old.tool_calls))
        ]

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
        areas = self.query("#content").results(TextArea)
        content = next((area.text for area in areas), None)
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
        self.app.notify(f"Saved; the rules now find {len(findings)} things. u takes it back.", markup=False)
        self.dismiss(self._turn)

    def action_cancel(self) -> None:
        if self._changed() and not self._asked:
            self._asked = True
            self.query_one("#edit-problem", Static).update(
                Content("You have changed something: f2 saves it, esc once more throws it away.")
            )
            return
        self.dismiss(None)

    def _changed(self) -> bool:
        text = next((area.text for area in self.query("#content").results(TextArea)), self._old.content)
        before = [(call.name, _arguments_text(call.arguments, call.raw)) for call in self._old.tool_calls]
        return (text or "") != (self._old.content or "") or self._calls() != before


def _arguments_text(arguments: dict[str, object] | None, raw: str | None) -> str:
    return raw or "" if arguments is None else json.dumps(arguments, ensure_ascii=False, indent=2)
