"""What every room has: the title line, the key bar, and news from the database."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widget import Widget
from textual.worker import Worker, WorkerState

from simia_tui import collector
from simia_tui.errors import SimiaError
from simia_tui.model import JobStatus, RunStatus, Status
from simia_tui.store import jobs, runs, trajectories
from simia_tui.tui.bench import Bench
from simia_tui.tui.keymap import key_of
from simia_tui.tui.widgets.key_bar import KeyBar
from simia_tui.tui.widgets.title_bar import TitleBar

if TYPE_CHECKING:
    from simia_tui.tui.app import Workbench

NARROW = 110
"""Below this many columns a room puts its parts one above the other."""


class RoomScreen(Screen[None]):
    """A room of the workbench. A subclass gives `ROOM` and `body`, and reads the database in `refresh_data`."""

    ROOM = ""
    PARTS: ClassVar[tuple[type[Widget], ...]] = ()
    """The kinds of widget in the room that take keys."""

    LEGEND: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Signs and words of the room with what they mean, for `?`."""

    _hint = ""

    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-narrow"), (NARROW, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (20, "-low"), (30, "-tall")]

    @property
    def bench(self) -> Bench:
        return cast("Workbench", self.app).bench

    def compose(self) -> ComposeResult:
        yield TitleBar()
        yield from self.body()
        yield KeyBar()

    def body(self) -> Iterator[Widget]:
        """The widgets between title and key bar."""
        raise NotImplementedError

    def refresh_data(self) -> None:
        """Read what the room shows. Called on the UI thread: short reads only."""

    def on_mount(self) -> None:
        title = self.query_one(TitleBar)
        title.room = self.ROOM
        title.place = self.bench.workspace.root.absolute().name
        self.call_after_refresh(collector.settle)

    def on_screen_resume(self) -> None:
        self.news()

    def news(self) -> None:
        """The workspace has changed, or the room has come into view."""
        db = self.bench.db
        # A room that is being closed may have lost its parts already.
        title = next(iter(self.query(TitleBar)), None)
        if title is None:
            return
        counts = trajectories.counts(db)
        working = sum(job.status in (JobStatus.RUNNING, JobStatus.QUEUED) for job in jobs.jobs(db))
        training = sum(run.status in (RunStatus.RUNNING, RunStatus.STOPPING) for run in runs.runs(db))
        title.waiting = {
            "seeds": _waiting(counts.get(("seed", Status.PENDING), 0)),
            "episodes": _waiting(counts.get(("episode", Status.PENDING), 0)),
            "jobs": f"▸{working}" if working else "",
            "exports": f"▸{training}" if training else "",
        }
        title.demo = trajectories.has_demo(db)
        self.refresh_data()

    def catch_up(self) -> None:
        """Follow at once what a key has moved, so that its whole effect comes in one frame."""

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR:
            self.app.notify(str(event.worker.error), title="That did not work", severity="error")

    def act(self, act: Callable[[], object]) -> None:
        """Does what a key asks for; where that fails the user is told why. Then the room is read again."""
        try:
            act()
        except SimiaError as error:
            self.app.notify(str(error), severity="error")
        self.news()

    def key_of(self, act: str) -> str:
        """The key of an act, for a text that names it."""
        return key_of(self.app, act)

    def hint(self, text: str) -> None:
        """A word on the key just pressed that did nothing; the next key takes it away."""
        bar = self.query_one(KeyBar)
        if text or bar.status == self._hint:
            bar.status = text
        self._hint = text

    def say(self, text: str, place: str = "") -> None:
        """A word at the right end of the key bar, before the place in a list."""
        bar = self.query_one(KeyBar)
        bar.status, bar.place = text, place


def _waiting(n: int) -> str:
    return f"{n:,}" if n else ""
