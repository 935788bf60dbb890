"""The workbench application: its rooms as modes, the keys that hold everywhere, and the pulse that brings news."""

import sqlite3
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from importlib import import_module
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, get_args

from textual import events
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.dom import DOMNode
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Input, TextArea
from textual.worker import Worker, WorkerState

from simia_tui.errors import SimiaError
from simia_tui.model import Kind, Status
from simia_tui.store import Workspace, claims, data_version, trajectories
from simia_tui.store.connection import explain
from simia_tui.tui import keymap, rooms
from simia_tui.tui.bench import Bench
from simia_tui.tui.screens.base import RoomScreen
from simia_tui.tui.screens.goto import ROOM_KEYS, GoToStrip
from simia_tui.tui.screens.help import HelpScreen
from simia_tui.tui.screens.small import SmallScreen, too_small
from simia_tui.tui.screens.strip import Strip
from simia_tui.tui.text import visible

if TYPE_CHECKING:
    from simia_tui.tui.screens.job_form import JobDialog

RECONCILE_S = 5.0
"""How often runs and jobs whose process died are looked for."""
IDLE_S = 1.0
"""How long no key has come until the rooms that nobody has opened yet are imported, one at a time."""


def _line_commands() -> type[Provider]:
    from simia_tui.tui.lines import LineCommands

    return LineCommands


class Workbench(App[None]):
    """`simia`: home, seeds, episodes, error cards, jobs, exports and runs over one workspace."""

    TITLE = "simia"
    CSS_PATH = "app.tcss"
    MODES = dict(rooms.MODES)
    DEFAULT_MODE = "home"
    ENABLE_COMMAND_PALETTE = True
    COMMANDS = App.COMMANDS | {_line_commands}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("g", "go", "Go to", id="app.go", tooltip="Go to another room, by its letter"),
        Binding("I", "import", "Import", id="app.import", tooltip="Import files of real traces"),
        Binding("S", "synthesize", "Simulate", id="app.synthesize", tooltip="Simulate episodes from approved seeds"),
        Binding("O", "order", "Other job", show=False, id="app.order", tooltip="Start a rollout, judge or prefilter"),
        Binding("T", "train", "Train", id="app.train", tooltip="Freeze the approved episodes and train on them"),
        Binding("E", "export", "Export", id="app.export", tooltip="Freeze the approved episodes, without training"),
        Binding("colon", "command_palette", "Commands", id="app.command", key_display=":", tooltip="Every act by name"),
        Binding("q", "quit", "Quit", id="app.quit", tooltip="Close the workbench; jobs and runs go on"),
        Binding("question_mark", "help", "Keys", id="app.help", key_display="?", tooltip="All keys that act now"),
    ]  # fmt: skip

    def __init__(self, workspace: Workspace, reviewer: str | None = None, minutes: float | None = None) -> None:
        """On `workspace`, for another reviewer than the settings name, or with a time box of so many `minutes`."""
        super().__init__()
        self.bench = Bench.open(workspace, reviewer)
        self._minutes = minutes
        keys = self.bench.settings.keys
        self.own_keys = keymap.keymap(keys, rooms.scopes(Workbench)) if keys else {}
        self._version = data_version(self.bench.db)
        self._trouble = ""
        self._idle: Timer | None = None

    def on_mount(self) -> None:
        self.set_keymap(self.own_keys)
        ui = self.bench.settings.ui
        if ui.theme:
            self.theme = ui.theme if ui.theme in self.available_themes else self.theme
        self.animation_level = "none" if not ui.animations else self.animation_level
        # Readers of ids give the interpreter up more often, so that the screen answers while they read.
        sys.setswitchinterval(0.0005)
        self.set_interval(1 / ui.refresh_hz, self._pulse)
        self.set_interval(RECONCILE_S, self._reconcile)
        # What the first screen does not need waits until it has been painted.
        self.set_timer(IDLE_S, self._reconcile)
        ahead = rooms.unopened()
        prepare = partial(self._prepare, iter(ahead))
        self.call_after_refresh(prepare)
        self._idle = self.set_interval(IDLE_S, prepare, repeat=len(ahead))
        if self._minutes is not None:
            self.call_later(self._open_box, self._minutes)

    async def _open_box(self, minutes: float) -> None:
        """The time box opens where more waits."""
        from simia_tui.tui.screens.desk import DeskScreen

        counts = trajectories.counts(self.bench.db)
        waiting = {kind: counts.get((kind, Status.PENDING), 0) for kind in get_args(Kind)}
        await self.switch_mode(f"{max(waiting, key=lambda kind: waiting[kind])}s")
        if isinstance(self.screen, DeskScreen):
            self.screen.open_box(minutes)

    def _prepare(self, modules: Iterator[str]) -> None:
        """Imports the next of `modules`, so that the room in it opens at once."""
        module = next(modules, None)
        if module is not None:
            self.run_worker(partial(import_module, module), group="prepare", thread=True, exit_on_error=False)

    def on_unmount(self) -> None:
        # What is not given back expires by itself.
        with suppress(SimiaError):
            claims.release(self.bench.db, self.bench.reviewer)
        self.bench.db.close()

    def on_resize(self, event: events.Resize) -> None:
        small = too_small(event.size)
        if small and not isinstance(self.screen, SmallScreen):
            self.push_screen(SmallScreen())
        elif not small and isinstance(self.screen, SmallScreen):
            self.screen.dismiss(None)

    async def on_event(self, event: events.Event) -> None:
        """Keys act one after the other, each on what the one before has left, however fast they come.

        Textual hands a key to the queue of the focused widget and takes the next at once; of two keys in one burst
        (`x` and `1`, or `j` and `a`) the second would then find the screen as it was before the first.
        """
        if isinstance(event, events.Key) and self._idle is not None:
            self._idle.reset()
        if isinstance(event, events.Key) and not event.is_forwarded and not isinstance(self.focused, (Input, TextArea)):
            screen = self.screen
            if isinstance(screen, Strip):
                screen.take(event)
                return
            active = screen.active_bindings.get(event.key)
            acts = active is not None and active.enabled
            if isinstance(screen, RoomScreen):
                screen.hint("" if acts else keymap.idle(self, event.key))
            if active is not None and acts:
                await self.run_action(active.binding.action, active.node)
                if isinstance(self.screen, RoomScreen):
                    self.screen.catch_up()
                return
        await super().on_event(event)

    def action_help_quit(self) -> None:
        self.notify("Press q to leave the workbench; jobs and runs go on.")

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """As Textual's, but text that may come from data is shown as it is: no markup, no control characters."""
        super().notify(visible(message), title=visible(title), severity=severity, timeout=timeout, markup=False)

    def _pulse(self) -> None:
        try:
            version = data_version(self.bench.db)
            if version != self._version:
                self._version = version
                self.tell_rooms()
        except sqlite3.Error as error:
            self._cannot_read(error)

    def _cannot_read(self, error: sqlite3.Error) -> None:
        """Says once why the screens stand still; the next pulse tries again."""
        sentence = str(explain(error))
        if sentence != self._trouble:
            self._trouble = sentence
            self.notify(sentence, title="The workspace cannot be read", severity="error")

    def tell_rooms(self) -> None:
        """Lets the room in view read the workspace again."""
        # The stack is empty while the app closes. A room that has just been switched to reads for itself as it stands.
        for room in self.screen_stack[:1]:
            if isinstance(room, RoomScreen) and room.is_mounted:
                room.news()

    def _reconcile(self) -> None:
        workspace = self.bench.workspace

        def look() -> None:
            from simia_tui.services import synthesis, training

            db = workspace.connect()
            try:
                training.reconcile(db)
                synthesis.reattach(workspace, db)
            finally:
                db.close()

        self.run_worker(look, group="reconcile", exclusive=True, thread=True, exit_on_error=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR:
            self.notify(str(event.worker.error), title="That did not work", severity="error")

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Everything a key does now stands in the palette too, and every room."""
        for word, mode in filter(itemgetter(0), ROOM_KEYS.values()):
            yield SystemCommand(f"Go to {word}", "Another room", partial(self._go, mode))
        seen: set[str] = {"app.command", "app.go"}
        for node, binding, enabled, tooltip in screen.active_bindings.values():
            if enabled and binding.id and binding.id not in seen:
                seen.add(binding.id)
                name = f"{binding.description} ({self.get_key_display(binding)})"
                yield SystemCommand(name, tooltip or binding.description, self._runner(node, binding.action))
        yield SystemCommand("Theme", "Choose the colours", self.action_change_theme)
        yield SystemCommand(
            "Screenshot", "Save this screen as an SVG picture", lambda: self.set_timer(0.1, self.deliver_screenshot)
        )

    def _runner(self, node: DOMNode, action: str) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            await self.run_action(action, node)

        return run

    def action_go(self) -> None:
        self.push_screen(GoToStrip(), self._go)

    async def _go(self, room: str | None) -> None:
        if room is not None:
            await self.switch_mode(room)

    def action_help(self) -> None:
        self.push_screen(HelpScreen(self.screen))

    def action_train(self) -> None:
        self._freeze(train=True)

    def action_export(self) -> None:
        self._freeze(train=False)

    def _freeze(self, train: bool) -> None:
        from simia_tui.tui.screens.train import TrainDialog

        self.push_screen(TrainDialog(self.bench, train=train), self._started)

    async def _started(self, sentence: str | None) -> None:
        if sentence is not None:
            await self.switch_mode("exports")
            self.notify(sentence)
            self.tell_rooms()

    def action_synthesize(self) -> None:
        from simia_tui.tui.screens.launch import LaunchDialog

        self.push_screen(LaunchDialog(self.bench), self._queued)

    def action_order(self) -> None:
        from simia_tui.tui.screens.launch import OrderStrip

        self.push_screen(OrderStrip(), self._order)

    def _order(self, dialog: "type[JobDialog[Any]] | None") -> None:
        from simia_tui.tui.screens.queue import QueueScreen

        if dialog is not None:
            shown = self.screen.state.query if isinstance(self.screen, QueueScreen) else None
            self.push_screen(dialog.on(self.bench, shown), self._queued)

    async def _queued(self, sentence: str | None) -> None:
        if sentence is not None:
            await self.switch_mode("jobs")
            self.notify(sentence)
            self.tell_rooms()

    def action_import(self) -> None:
        from simia_tui.tui.screens.importing import ImportDialog

        self.push_screen(ImportDialog(self.bench), self._imported)

    def _imported(self, sentence: str | None) -> None:
        if sentence is not None:
            self.notify(sentence)
            self.tell_rooms()


def open_workbench(workspace: Workspace, reviewer: str | None = None, minutes: float | None = None) -> None:
    """Runs the workbench in this terminal until the user leaves; see `Workbench` for the rest.

    Raises:
        UsageError: input, output or error is no terminal, or the settings are wrong.
        SimiaError: the workbench broke off.
    """
    from simia_tui.errors import SimiaError, UsageError

    # Textual paints on standard error, so a screen that goes to a file would stay black.
    if not (sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()):
        raise UsageError("The workbench needs a terminal; for scripts use a command, see `simia --help`.")
    app = Workbench(workspace, reviewer, minutes)
    app.run()
    if app.return_code:
        raise SimiaError("The workbench has broken off; decisions made so far are kept, and what went wrong is above.")
