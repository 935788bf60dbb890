"""Jobs: what runs in the background, how far it is, what it costs, and why it stands still."""

import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.message import Message
from textual.widget import Widget
from textual.worker import Worker

from simia_tui.model import Job, JobStatus
from simia_tui.services import progress, synthesis
from simia_tui.services.progress import Standing
from simia_tui.store import jobs
from simia_tui.tui.screens.base import RoomScreen
from simia_tui.tui.screens.queue import QueueScreen
from simia_tui.tui.screens.reasons import ConfirmStrip
from simia_tui.tui.state.news import SIGNS, cost_usd
from simia_tui.tui.state.rates import Rates
from simia_tui.tui.widgets.bar import ProgressText, money
from simia_tui.tui.widgets.card_sheet import CardSheet
from simia_tui.tui.widgets.job_lines import job_lines
from simia_tui.tui.widgets.record_table import Column, RecordTable

LOOK = "job"
"""The group of the threads that read the job under the cursor."""

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
    Column("kind", lambda job: job.kind, width=11),
    Column("done", lambda job: f"{job.done:,}/{job.target:,}", width=13, right=True),
    Column("line", lambda job: f"{job.priority:+d}" if job.priority else "", width=4, right=True, drop=3),
    Column("failed", lambda job: str(job.failed or ""), width=6, right=True),
    Column("cost", _cost, width=9, right=True, drop=1),
    Column("model", lambda job: f"{job.spec.model}{' (demo)' if job.spec.demo else ''}", flex=1, drop=2),
)


@dataclass
class Read(Message):
    """What a thread has read of a job."""

    found: Standing


class JobsScreen(RoomScreen):
    """The list of jobs; beside or below it the one under the cursor."""

    ROOM = "jobs"
    PARTS = (RecordTable, CardSheet)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("S", "app.synthesize", "Simulate", id="jobs.new", tooltip="Start a job on the approved seeds"),
        Binding("O", "app.order", "Other job", id="jobs.order", tooltip="Start a rollout, judge or prefilter"),
        Binding("p", "pause", "Pause/go on", id="jobs.pause", tooltip="Pause the job, or let it go on"),
        Binding("x", "cancel", "Cancel", id="jobs.cancel", tooltip="End the job; what came so far is kept"),
        Binding("r", "retry", "Retry failed", id="jobs.retry", tooltip="Give its failed tasks another round"),
        Binding("plus", "priority(1)", "First", id="jobs.up", key_display="+", tooltip="Let it go before other jobs"),
        Binding(
            "minus", "priority(-1)", "Later", show=False, id="jobs.down", key_display="-", tooltip="Let others go first"
        ),
        Binding("tab", "app.focus_next", "Details", id="jobs.other", tooltip="Scroll the details, or back to the list"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._jobs: dict[int, Job] = {}
        self._rates = Rates()
        self._found: Standing | None = None
        self._reading = self._stale = False

    def body(self) -> Iterator[Widget]:
        with Container(id="jobs-room"):
            yield RecordTable(
                COLUMNS,
                lambda ids: [self._jobs[pk] for pk in ids if pk in self._jobs],
                key=lambda job: job.id,
                empty=f"No jobs yet: {self.key_of('app.synthesize')} simulates episodes from the approved seeds.",
                id="table",
            )
            with Vertical(id="job"):
                yield ProgressText(id="progress")
                yield CardSheet(id="job-facts")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(RecordTable).focus()
        # A rate falls and a pause runs out while nothing is written, so the clock has to tick here.
        self.set_interval(1.0, self._tick)

    def _tick(self) -> None:
        if self.is_current and any(not job.status.ended for job in self._jobs.values()):
            self._show_job()

    def refresh_data(self) -> None:
        self._jobs = {job.id: job for job in jobs.jobs(self.bench.db)}
        self.query_one(RecordTable).show(array("q", self._jobs))
        self._show_job()
        self._look()

    def on_record_table_highlighted(self, _message: RecordTable.Highlighted) -> None:
        self.query_one(CardSheet).jump(0)
        self._show_job()
        self._look()

    async def on_record_table_selected(self, _message: RecordTable.Selected) -> None:
        """What the job brought, in its room."""
        job = self._job
        if job is None:
            return
        await self.app.switch_mode("seeds" if job.kind == "prefilter" else "episodes")
        if isinstance(self.app.screen, QueueScreen):
            self.app.screen.open({"prefilter": "", "resimulate": "has:new-end"}.get(job.kind, f"job:{job.id}"))

    @property
    def _job(self) -> Job | None:
        pk = self.query_one(RecordTable).pk
        return self._jobs.get(pk) if pk is not None else None

    def _look(self) -> None:
        """Reads the job under the cursor in a thread, one look after the other."""
        job = self._job
        if job is None:
            return
        if self._reading:
            self._stale = True
            return
        self._reading, self._stale = True, False
        workspace, pk = self.bench.workspace, job.id

        def look() -> None:
            with workspace.session(readonly=True) as db:
                self.post_message(Read(progress.standing(workspace, db, pk)))

        self.run_worker(look, thread=True, group=LOOK, exit_on_error=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        super().on_worker_state_changed(event)
        if event.worker.group == LOOK and event.worker.is_finished:
            self._reading = False
            if self._stale:
                self._look()

    def on_read(self, message: Read) -> None:
        self._found = message.found
        self._show_job()

    def _show_job(self) -> None:
        self.refresh_bindings()
        job, sheet, bar = self._job, self.query_one(CardSheet), self.query_one(ProgressText)
        bar.display = job is not None
        if job is None:
            sheet.show(lambda width: [])
            return
        rate = self._rates.of(job)
        bar.show(job.done, job.target, failed=job.failed, rate=rate.per_second, left=rate.left, cost=cost_usd(job))
        if self._found is None or self._found.job.id != job.id:
            return
        found, now = self._found._replace(job=job), time.time()
        sheet.show(lambda width: job_lines(found, rate, width, now, self.key_of), keep=True)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what the job under the cursor can do stands in the key bar."""
        if action not in ("pause", "cancel", "retry", "priority"):
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

    def action_priority(self, step: int) -> None:
        job = self._job
        if job is not None and not job.status.ended:
            self.act(lambda: jobs.set_priority(self.bench.db, job.id, job.priority + step))

    def action_cancel(self) -> None:
        job = self._job
        if job is None or job.status.ended:
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.act(lambda: synthesis.cancel(self.bench.workspace, self.bench.db, job.id))

        left = job.target - job.done - job.failed
        self.app.push_screen(
            ConfirmStrip(f"End job {job.id}? {left:,} tasks stay undone, what came is kept."), answered
        )

    def action_retry(self) -> None:
        job = self._job
        if job is not None and job.failed:
            self.act(lambda: synthesis.retry(self.bench.workspace, self.bench.db, job.id))
