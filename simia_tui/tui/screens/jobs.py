"""Jobs: what runs in the background, how far it is, what it costs, and why it stands still."""

from array import array
from collections.abc import Iterator
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from simia_tui.model import Job, JobStatus
from simia_tui.services import processes, synthesis
from simia_tui.store import jobs
from simia_tui.tui.screens.base import RoomScreen
from simia_tui.tui.screens.reasons import ConfirmStrip
from simia_tui.tui.state.news import SIGNS, cost_usd
from simia_tui.tui.state.rates import Rate, Rates
from simia_tui.tui.text import visible
from simia_tui.tui.widgets.bar import ProgressText, money
from simia_tui.tui.widgets.record_table import Column, RecordTable

FAULTS_SHOWN = 8
INK = {
    "done": "success",
    "failed": "error",
    "cancelled": "error",
    "paused": "warning",
    "running": "accent",
    "queued": "",
}


def _cost(job: Job) -> str:
    usd = cost_usd(job)
    return "free" if job.spec.demo else "unknown" if usd is None else money(usd)


COLUMNS: tuple[Column[Job], ...] = (
    Column("job", lambda job: str(job.id), width=4, right=True),
    Column("state", lambda job: [(f"{SIGNS[job.status]} {job.status}", INK[job.status])], width=11),
    Column("kind", lambda job: job.kind, width=11, drop=2),
    Column("done", lambda job: f"{job.done:,}/{job.target:,}", width=13, right=True),
    Column("failed", lambda job: str(job.failed or ""), width=6, right=True),
    Column("cost", _cost, width=9, right=True, drop=1),
    Column("model", lambda job: f"{job.spec.model}{' (demo)' if job.spec.demo else ''}", flex=1),
)


class JobsScreen(RoomScreen):
    """The list of jobs; below it the one under the cursor."""

    ROOM = "jobs"
    PARTS = (RecordTable,)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("S", "app.synthesize", "Simulate", id="jobs.new", tooltip="Start a job on the approved seeds"),
        Binding("p", "pause", "Pause/go on", id="jobs.pause", tooltip="Pause the job, or let it go on"),
        Binding("x", "cancel", "Cancel", id="jobs.cancel", tooltip="End the job; what came so far is kept"),
        Binding("r", "retry", "Retry failed", id="jobs.retry", tooltip="Give its failed tasks another round"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._jobs: dict[int, Job] = {}
        self._rates = Rates()

    def body(self) -> Iterator[Widget]:
        with Container(id="jobs-room"):
            yield RecordTable(
                COLUMNS,
                lambda ids: [self._jobs[pk] for pk in ids if pk in self._jobs],
                key=lambda job: job.id,
                empty="No jobs yet: S simulates episodes from the approved seeds.",
                id="table",
            )
            with Vertical(id="job"):
                yield ProgressText(id="progress")
                yield Static("", id="job-facts", markup=False)

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(RecordTable).focus()
        # A rate falls while nothing is written, so the clock has to tick here.
        self.set_interval(1.0, self._tick)

    def _tick(self) -> None:
        if self.is_current and any(job.status is JobStatus.RUNNING for job in self._jobs.values()):
            self._show_job()

    def refresh_data(self) -> None:
        self._jobs = {job.id: job for job in jobs.jobs(self.bench.db)}
        self.query_one(RecordTable).show(array("q", self._jobs))
        self._show_job()

    def on_record_table_highlighted(self, _message: RecordTable.Highlighted) -> None:
        self._show_job()

    @property
    def _job(self) -> Job | None:
        pk = self.query_one(RecordTable).pk
        return self._jobs.get(pk) if pk is not None else None

    def _show_job(self) -> None:
        self.refresh_bindings()
        job = self._job
        facts = self.query_one("#job-facts", Static)
        if job is None:
            facts.update(Content(""))
            return
        rate = self._rates.of(job)
        progress = self.query_one(ProgressText)
        progress.show(job.done, job.target, failed=job.failed, rate=rate.per_second, left=rate.left, cost=cost_usd(job))
        facts.update(Content("\n".join(self._facts(job, rate))))

    def _facts(self, job: Job, rate: Rate) -> list[str]:
        db = self.bench.db
        worker = processes.worker_pid(self.bench.workspace)
        at_work = f"worker process {worker}" if worker else "no worker at work"
        outcomes = ", ".join(f"{n:,} {outcome}" for outcome, n in jobs.outcome_counts(db, job.id).items())
        budget = f" of {money(job.spec.budget_usd)}" if job.spec.budget_usd else ""
        lines = [
            visible(job.reason) if job.reason else "",
            f"attempts   {outcomes or 'none yet'}",
            f"in flight  {job.in_flight} of {job.spec.concurrency}; {at_work}",
            f"tokens     {job.tokens_in:,} in, {job.tokens_out:,} out; cost {_cost(job)}{budget}",
            f"simulator  {visible(job.spec.model)} at {visible(job.spec.endpoint)}; random seed {job.spec.random_seed}",
        ]
        faults = jobs.attempts(db, job.id, FAULTS_SHOWN, only_faults=True)
        if faults:
            lines += ["", "latest faults"]
            lines += [
                f"  task {a.ord}, try {a.n}: {a.outcome or 'in flight'}  {visible(a.message or '')}" for a in faults
            ]
        return lines

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what the job under the cursor can do stands in the key bar."""
        if action not in ("pause", "cancel", "retry"):
            return True
        job = self._job if self.is_mounted else None
        return job is not None and (job.failed > 0 if action == "retry" else not job.status.ended)

    def action_pause(self) -> None:
        job = self._job
        if job is None:
            return
        if job.status is JobStatus.PAUSED:
            self.act(lambda: synthesis.resume(self.bench.workspace, self.bench.db, job.id))
        else:
            self.act(lambda: jobs.set_desired(self.bench.db, job.id, "paused"))

    def action_cancel(self) -> None:
        job = self._job
        if job is None or job.status.ended:
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.act(lambda: jobs.set_desired(self.bench.db, job.id, "cancelled"))

        left = job.target - job.done - job.failed
        self.app.push_screen(
            ConfirmStrip(f"End job {job.id}? {left:,} tasks stay undone, what came is kept."), answered
        )

    def action_retry(self) -> None:
        job = self._job
        if job is not None and job.failed:
            self.act(lambda: synthesis.retry(self.bench.workspace, self.bench.db, job.id))
