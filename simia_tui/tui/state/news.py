"""Jobs and runs in one line of text each."""

from simia_tui.model import NANO, Job, JobStatus, Run
from simia_tui.tui.state.rates import Rate
from simia_tui.tui.text import clip, visible
from simia_tui.tui.widgets.bar import progress_text

SIGNS = {
    "queued": "·",
    "running": "▸",
    "stopping": "▸",
    "paused": "‖",
    "stopped": "‖",
    "done": "✓",
    "failed": "✗",
    "cancelled": "✗",
}
"""A sign for each state, beside its word."""


def cost_usd(job: Job) -> float | None:
    """The known cost in USD; None where the price is not known, or where nothing is paid."""
    return None if job.cost_nano is None or job.spec.demo else job.cost_nano / NANO


def job_line(job: Job, rate: Rate, width: int) -> str:
    """One job: sign, number, state, progress, and the reason where it stands still."""
    demo = " demo" if job.spec.demo else ""
    head = f"{SIGNS[job.status]} {job.id} {job.kind}{demo} {job.status}  "
    progress = progress_text(
        job.done,
        job.target,
        failed=job.failed,
        rate=rate.per_second,
        left=rate.left,
        cost=cost_usd(job),
        width=max(20, width - len(head)),
    )
    reason = f"  {visible(job.reason)}" if job.reason and job.status is not JobStatus.RUNNING else ""
    return clip(f"{head}{progress}{reason}", width)


def run_line(run: Run, width: int) -> str:
    """One run: sign, number, state, profile, steps, loss, and why it ended."""
    steps = f"step {run.step}/{run.max_steps}" if run.max_steps else f"step {run.step}"
    loss = f"  loss {run.loss:.3f}" if run.loss is not None else ""
    reason = f"  {visible(run.reason)}" if run.reason else ""
    return clip(f"{SIGNS[run.status]} {run.id} {run.status}  {visible(run.spec.profile)}  {steps}{loss}{reason}", width)
