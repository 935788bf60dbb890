"""Home: the way from seeds to runs, what is at work, and what to do next."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from simia_tui.model import JobStatus, Status
from simia_tui.store import exports, imports, jobs, runs, trajectories
from simia_tui.tui.screens.base import RoomScreen
from simia_tui.tui.state.news import job_line, run_line
from simia_tui.tui.state.rates import Rates
from simia_tui.tui.widgets.funnel import Funnel, Stage
from simia_tui.tui.widgets.turn_lines import plural

if TYPE_CHECKING:
    from simia_tui.tui.screens.overview import Place

SHOWN = 4
"""Jobs and runs listed on Home, newest first."""


class HomeScreen(RoomScreen):
    """The funnel, the latest jobs and runs, and the next step."""

    ROOM = "home"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "y",
            "yield",
            "Yield",
            show=False,
            id="home.yield",
            tooltip="What became of everything generated, with reasons",
        ),
        Binding(
            "c",
            "coverage",
            "Coverage",
            show=False,
            id="home.coverage",
            tooltip="What calls came to in seeds and episodes, and what is missing",
        ),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._rates = Rates()

    def body(self) -> Iterator[Widget]:
        lost, covered = self.key_of("home.yield"), self.key_of("home.coverage")
        heading = f"From seeds to runs   ({lost} what was lost where, {covered} which tools are covered)"
        yield Static(heading, classes="heading", markup=False)
        yield Funnel(id="funnel")
        yield Static("Next", classes="heading")
        yield Static("", id="next", markup=False, classes="lines")
        yield Static("Jobs", classes="heading")
        yield Static("", id="jobs", markup=False, classes="lines")
        yield Static("Training runs", classes="heading")
        yield Static("", id="runs", markup=False, classes="lines")

    def refresh_data(self) -> None:
        self.query_one(Funnel).show(self._stages())
        # Two margins of two cells, and the bar that a low screen scrolls with.
        width = max(20, self.size.width - 5)
        db = self.bench.db
        job_lines = [job_line(job, self._rates.of(job), width) for job in jobs.jobs(db)[:SHOWN]]
        run_lines = [run_line(run, width) for run in runs.runs(db)[:SHOWN]]
        self.query_one("#jobs", Static).update(Content("\n".join(job_lines or ["none yet"])))
        self.query_one("#runs", Static).update(Content("\n".join(run_lines or ["none yet"])))
        self.query_one("#next", Static).update(Content("\n".join(self._next())))

    def action_yield(self) -> None:
        from simia_tui.tui.screens.overview import YieldScreen

        self.app.push_screen(YieldScreen(self.bench), self._open)

    def action_coverage(self) -> None:
        from simia_tui.tui.screens.coverage import CoverageScreen

        self.app.push_screen(CoverageScreen(self.bench), self._open)

    async def _open(self, place: "Place | None") -> None:
        """Goes to the room of a bar and shows its rows."""
        if place is None:
            return
        from simia_tui.tui.screens.queue import QueueScreen

        await self.app.switch_mode(place.mode)
        if isinstance(self.app.screen, QueueScreen):
            self.app.screen.open(place.line)

    def _stages(self) -> list[Stage]:
        db = self.bench.db
        counts = trajectories.counts(db)
        verdicts = trajectories.verdict_counts(db, "episode")
        seeds = sum(n for (kind, _), n in counts.items() if kind == "seed")
        episodes = sum(n for (kind, _), n in counts.items() if kind == "episode")
        quarantined = imports.quarantine_count(db)
        refused = counts.get(("episode", Status.REJECTED), 0)
        broken = sum(n for verdict, n in verdicts.items() if verdict == "broken")
        exported = exports.exports(db)
        return [
            Stage("seeds", seeds, f"{quarantined:,} rows in quarantine" if quarantined else ""),
            Stage("seeds approved", counts.get(("seed", Status.APPROVED), 0), ""),
            Stage("episodes", episodes, ""),
            Stage("whole by the rules", episodes - broken, f"{broken:,} broken" if broken else ""),
            Stage("episodes approved", counts.get(("episode", Status.APPROVED), 0), f"{refused:,} rejected"),
            Stage("in newest export", exported[0].rows if exported else 0, exported[0].name if exported else ""),
            Stage("training runs", len(runs.runs(db)), ""),
        ]

    def _next(self) -> list[str]:
        """What a person would do now, most useful first."""
        db = self.bench.db
        counts = trajectories.counts(db)
        steps = []
        go, load, simulate, train = map(self.key_of, ("app.go", "app.import", "app.synthesize", "app.train"))
        if not any(kind == "seed" for kind, _ in counts):
            steps.append((load, "import real traces; some thirty formats are found by themselves"))
        if n := counts.get(("seed", Status.PENDING), 0):
            steps.append((f"{go} s", f"{plural(n, 'seed')} waiting for a decision"))
        if counts.get(("seed", Status.APPROVED)) and not any(kind == "episode" for kind, _ in counts):
            steps.append((simulate, f"simulate episodes from the approved seeds (simulator: {self.bench.simulator})"))
        if n := counts.get(("episode", Status.PENDING), 0):
            steps.append((f"{go} e", f"{plural(n, 'episode')} waiting for a decision"))
        if n := counts.get(("episode", Status.APPROVED), 0):
            steps.append((train, f"freeze {plural(n, 'approved episode')} and train on them"))
        if any(job.status is JobStatus.PAUSED for job in jobs.jobs(db)):
            steps.append((f"{go} j", "a job is paused"))
        if not steps:
            steps.append((simulate, f"simulate more episodes, or {load} to import more traces"))
        return [f"{keys:<5}{what}" for keys, what in steps]
