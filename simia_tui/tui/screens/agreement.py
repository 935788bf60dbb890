"""`g v`: how well the reviewing is done, and the way to what reviewers differ on."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from simia_tui.model import Kind
from simia_tui.services.care import Care, care
from simia_tui.tui.screens.base import RoomScreen
from simia_tui.tui.screens.queue import QueueScreen
from simia_tui.tui.widgets.card_sheet import CardSheet
from simia_tui.tui.widgets.care_lines import care_lines

DISPUTE = "has:dispute"


@dataclass
class WorkedOut(Message):
    """What a thread has found."""

    care: Care


class AgreementScreen(RoomScreen):
    """Agreement, overruled judges, planted copies and pace, of episodes or of seeds."""

    ROOM = "agreement"
    PARTS = (CardSheet,)
    DEFAULT_CSS = """
    AgreementScreen #care-head { height: 1; padding: 0 1; color: $text-muted; background: $panel; }
    AgreementScreen #care { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "settle", "Settle", id="agreement.settle", tooltip="Open what reviewers differ on"),
        Binding("tab", "other", "Seeds/episodes", id="agreement.kind", tooltip="The same of the other kind"),
        Binding("full_stop", "look", "Again", id="agreement.again", key_display=".", tooltip="Work it out again"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._kind: Kind = "episode"
        self._care: Care | None = None

    def body(self) -> Iterator[Widget]:
        yield Static("", id="care-head", markup=False)
        yield CardSheet(id="care")

    def on_mount(self) -> None:
        self.query_one(CardSheet).focus()

    def on_screen_resume(self) -> None:
        self.action_look()

    def action_look(self) -> None:
        """Works it out in a thread: the intervals take seconds."""
        workspace, kind = self.bench.workspace, self._kind
        self._show()

        def look() -> None:
            with workspace.session(readonly=True) as db:
                self.post_message(WorkedOut(care(db, kind)))

        self.run_worker(look, group="care", exclusive=True, thread=True, exit_on_error=False)

    def on_worked_out(self, message: WorkedOut) -> None:
        if message.care.kind == self._kind:
            self._care = message.care
            self._show()

    def _show(self) -> None:
        found = self._care if self._care is not None and self._care.kind == self._kind else None
        self.query_one("#care-head", Static).update(Content(f"How {self._kind}s are reviewed"))
        self.query_one(CardSheet).show(partial(care_lines, found), keep=True)

    def action_other(self) -> None:
        self._kind = "seed" if self._kind == "episode" else "episode"
        self.action_look()

    async def action_settle(self) -> None:
        """The queue of what differs: there one key decides, and undo takes it back."""
        await self.app.switch_mode(f"{self._kind}s")
        if isinstance(self.app.screen, QueueScreen):
            self.app.screen.open(DISPUTE)
