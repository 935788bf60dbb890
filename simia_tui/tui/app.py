"""The workbench application: its rooms as modes, the keys that hold everywhere, and the pulse that brings news."""

import sys
from collections.abc import Iterable
from typing import ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from simia_tui.services import synthesis, training
from simia_tui.store import Workspace, data_version
from simia_tui.tui.bench import Bench
from simia_tui.tui.screens.base import RoomScreen
from simia_tui.tui.screens.exports import ExportsScreen
from simia_tui.tui.screens.goto import GoToStrip
from simia_tui.tui.screens.help import HelpScreen
from simia_tui.tui.screens.home import HomeScreen
from simia_tui.tui.screens.importing import ImportDialog
from simia_tui.tui.screens.jobs import JobsScreen
from simia_tui.tui.screens.launch import LaunchDialog
from simia_tui.tui.screens.review import EpisodesScreen, SeedsScreen
from simia_tui.tui.screens.train import TrainDialog

RECONCILE_S = 5.0
"""How often runs and jobs whose process died are looked for."""


class Workbench(App[None]):
    """`simia`: home, seeds, episodes, jobs, exports and runs over one workspace."""

    TITLE = "simia"
    CSS_PATH = "app.tcss"
    MODES: ClassVar[dict[str, type[Screen[None]]]] = {  # type: ignore[assignment]  # Textual wants the wider union
        "home": HomeScreen,
        "seeds": SeedsScreen,
        "episodes": EpisodesScreen,
        "jobs": JobsScreen,
        "exports": ExportsScreen,
    }
    DEFAULT_MODE = "home"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("g", "go", "Go to", id="app.go", tooltip="Go to another room: g, then its letter"),
        Binding("T", "train", "Train", id="app.train", tooltip="Freeze the approved episodes and train on them"),
        Binding("E", "export", "Export", show=False, id="app.export", tooltip="Freeze the approved episodes"),
        Binding("S", "synthesize", "Simulate", show=False, id="app.synthesize", tooltip="Start a background job"),
        Binding("I", "import", "Import", show=False, id="app.import", tooltip="Import files of traces"),
        Binding("question_mark", "help", "Keys", id="app.help", key_display="?", tooltip="All keys that act now"),
        Binding("colon", "command_palette", "Commands", show=False, id="app.command", key_display=":"),
        Binding("q", "quit", "Quit", show=False, id="app.quit", tooltip="Close the workbench; jobs and runs go on"),
    ]

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self.bench = Bench.open(workspace)
        self._version = data_version(self.bench.db)

    def on_mount(self) -> None:
        ui = self.bench.settings.ui
        if ui.theme:
            self.theme = ui.theme if ui.theme in self.available_themes else self.theme
        self.animation_level = "none" if not ui.animations else self.animation_level
        # Readers of ids give the interpreter up more often, so that the screen answers while they read.
        sys.setswitchinterval(0.0005)
        self.set_interval(1 / ui.refresh_hz, self._pulse)
        self.set_interval(RECONCILE_S, self._reconcile)
        self._reconcile()

    def on_unmount(self) -> None:
        self.bench.db.close()

    def _pulse(self) -> None:
        version = data_version(self.bench.db)
        if version != self._version:
            self._version = version
            self.tell_rooms()

    def tell_rooms(self) -> None:
        """Lets the room in view read the workspace again."""
        room = self.screen_stack[0]
        if isinstance(room, RoomScreen):
            room.news()

    def _reconcile(self) -> None:
        workspace = self.bench.workspace

        def look() -> None:
            db = workspace.connect()
            try:
                training.reconcile(db)
                synthesis.reattach(workspace, db)
            finally:
                db.close()

        self.run_worker(look, group="reconcile", exclusive=True, thread=True, exit_on_error=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR:
            self.notify(str(event.worker.error), title="That did not work", severity="error", markup=False)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Everything a key does stands in the palette too."""
        yield from super().get_system_commands(screen)
        seen: set[str] = set()
        for _, binding, enabled, tooltip in screen.active_bindings.values():
            if (
                enabled
                and binding.id
                and binding.id not in seen
                and not binding.id.startswith(("table.", "transcript."))
            ):
                seen.add(binding.id)
                key = self.get_key_display(binding)
                yield SystemCommand(
                    f"{binding.description} ({key})",
                    tooltip or binding.description,
                    self._runner(screen, binding.action),
                )

    def _runner(self, screen: Screen[object], action: str):  # type: ignore[no-untyped-def]  # a callback of Textual's own shape
        async def run() -> None:
            await self.run_action(action, self if hasattr(self, f"action_{action.partition('(')[0]}") else screen)

        return run

    def action_go(self) -> None:
        self.push_screen(GoToStrip(), self._go)

    def _go(self, room: str | None) -> None:
        if room is not None:
            self.switch_mode(room)

    def action_help(self) -> None:
        self.push_screen(HelpScreen(self.screen))

    def action_train(self) -> None:
        self.push_screen(TrainDialog(self.bench, train=True), self._started)

    def action_export(self) -> None:
        self.push_screen(TrainDialog(self.bench, train=False), self._started)

    def _started(self, sentence: str | None) -> None:
        if sentence is not None:
            self.switch_mode("exports")
            self.notify(sentence, markup=False)
            self.tell_rooms()

    def action_synthesize(self) -> None:
        self.push_screen(LaunchDialog(self.bench), self._queued)

    def _queued(self, sentence: str | None) -> None:
        if sentence is not None:
            self.switch_mode("jobs")
            self.notify(sentence, markup=False)
            self.tell_rooms()

    def action_import(self) -> None:
        self.push_screen(ImportDialog(self.bench), self._imported)

    def _imported(self, sentence: str | None) -> None:
        if sentence is not None:
            self.notify(sentence, markup=False)
            self.tell_rooms()


def open_workbench(workspace: Workspace) -> None:
    """Runs the workbench in this terminal until the user leaves.

    Raises:
        UsageError: standard input or output is no terminal, or the settings are wrong.
    """
    from simia_tui.errors import UsageError

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("The workbench needs a terminal; for scripts use a command, see `simia --help`.")
    Workbench(workspace).run()
