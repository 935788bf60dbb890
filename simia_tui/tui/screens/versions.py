"""`v` on a prompt: every text that it had here, what its attempts brought, and what differs from the one in force."""

import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from simia_tui.errors import SimiaError
from simia_tui.services import prompts
from simia_tui.services.prompts import Version
from simia_tui.tui.bench import Bench
from simia_tui.tui.screens.reasons import ConfirmStrip
from simia_tui.tui.text import visible
from simia_tui.tui.widgets.card_sheet import CardSheet
from simia_tui.tui.widgets.key_bar import KeyBar
from simia_tui.tui.widgets.prompt_lines import diff_lines, text_lines
from simia_tui.tui.widgets.record_table import Column, RecordTable

Numbered = tuple[int, Version]


@dataclass
class Read(Message):
    """The versions, as a thread has read them."""

    found: Sequence[Version]


def _standing(numbered: Numbered) -> str:
    one = numbered[1]
    return ", ".join([*(["in force"] * one.in_force), *(["shipped"] * one.shipped)])


def _day(numbered: Numbered) -> str:
    at = numbered[1].at
    return "" if at is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


COLUMNS: tuple[Column[Numbered], ...] = (
    Column("version", lambda row: row[1].version, width=12),
    Column("", _standing, flex=1, least=9),
    Column("first seen", _day, width=16, drop=1),
    Column("attempts", lambda row: f"{row[1].used.attempts:,}", width=8, right=True),
    Column("episodes", lambda row: f"{row[1].used.episodes:,}", width=8, right=True),
    Column("whole", lambda row: f"{row[1].used.whole:,}", width=7, right=True),
    Column("approved", lambda row: f"{row[1].used.approved:,}", width=8, right=True),
)


class VersionsScreen(ModalScreen[str | None]):
    """The versions of one prompt; gives a sentence when another one was put in force."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "Back", id="versions.close", tooltip="Back to the prompts"),
        Binding(
            "d", "diff", "Diff/text", id="versions.diff", tooltip="What differs from the one in force, or the text"
        ),
        Binding("u", "use", "Put in force", id="versions.use", tooltip="Put this text in force in the workspace"),
        Binding("tab", "app.focus_next", "Text", id="versions.other", tooltip="Scroll the text, or back to the list"),
    ]

    def __init__(self, bench: Bench, kind: str, domain: str) -> None:
        super().__init__()
        self._bench, self._kind, self._domain = bench, kind, domain
        self._found: Sequence[Version] = ()
        self._as_diff = True

    def compose(self) -> ComposeResult:
        with Container(id="versions"):
            yield Static(
                Content(visible(f"Versions of {self._kind} for {self._domain}")), id="versions-head", markup=False
            )
            yield RecordTable(
                COLUMNS,
                lambda ids: [(n, self._found[n]) for n in ids if n < len(self._found)],
                key=lambda row: row[0],
                empty="Reading …",
                id="table",
            )
            yield CardSheet(id="versions-text")
        yield KeyBar(pinned=("versions.close",))

    def on_mount(self) -> None:
        self.query_one(RecordTable).focus()
        workspace, kind, domain = self._bench.workspace, self._kind, self._domain

        def look() -> None:
            with workspace.session(readonly=True) as db:
                self.post_message(Read(prompts.versions(workspace, db, kind, domain)))

        self.run_worker(look, thread=True, exit_on_error=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR:
            self.app.notify(str(event.worker.error), title="That did not work", severity="error")

    def on_read(self, message: Read) -> None:
        self._found = message.found
        self.query_one(RecordTable).show(array("q", range(len(self._found))))
        self._show()

    def on_record_table_highlighted(self, _message: RecordTable.Highlighted) -> None:
        self._show()

    @property
    def _version(self) -> Version | None:
        pk = self.query_one(RecordTable).pk
        return self._found[pk] if pk is not None and pk < len(self._found) else None

    def _show(self) -> None:
        self.refresh_bindings()
        one = self._version
        if one is None:
            return
        now = self._found[0]
        if self._as_diff and not one.in_force:
            self.query_one(CardSheet).show(lambda width: diff_lines(one, now, width))
        else:
            self.query_one(CardSheet).show(lambda width: text_lines(one.text, width))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The one in force differs from nothing and need not be put in force."""
        if action not in ("diff", "use"):
            return True
        one = self._version if self.is_mounted else None
        return one is not None and not one.in_force

    def action_diff(self) -> None:
        self._as_diff = not self._as_diff
        self._show()

    def on_record_table_selected(self, _message: RecordTable.Selected) -> None:
        self.action_use()

    def action_use(self) -> None:
        one, bench = self._version, self._bench
        if one is None or one.in_force:
            return

        def answered(yes: bool | None) -> None:
            if not yes:
                return
            try:
                if one.shipped:
                    prompts.revert(bench.workspace, bench.db, self._kind, self._domain)
                else:
                    prompts.save(bench.workspace, bench.db, self._kind, self._domain, one.text)
            except SimiaError as error:
                self.app.notify(str(error), severity="error")
                return
            self.dismiss(f"Version {one.version} of {self._kind} is in force for {self._domain}.")

        question = (
            f"Put version {one.version} of {visible(self._kind)} in force? The present text stays among the versions."
        )
        self.app.push_screen(ConfirmStrip(question), answered)

    def action_leave(self) -> None:
        self.dismiss(None)
