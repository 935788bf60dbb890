"""Commands for background work: synthesize, jobs, worker."""

import sqlite3
import time
from collections.abc import Iterator
from typing import Any

import click

from simia_tui.cli.common import (
    author,
    dollars,
    json_option,
    load_settings,
    open_workspace,
    print_json,
    print_table,
    require_done,
    workspace_option,
)
from simia_tui.model import NANO, Job
from simia_tui.services import coverage, forecasts, progress, synthesis
from simia_tui.services.waiting import wait_for_job
from simia_tui.store import Workspace, costs, jobs
from simia_tui.tui.text import visible


@click.command("synthesize")
@click.option("-n", "n", type=int, required=True, help="How many episodes.")
@click.option("--domain", help="Only seeds of this domain.")
@click.option("--model", help="Another model of the endpoint.")
@click.option("--concurrency", type=int, default=16, show_default=True, help="Requests in flight at a time.")
@click.option("--budget", type=float, help="Stop before this many USD are spent.")
@click.option(
    "--seed", "random_seed", type=int, default=0, show_default=True, help="The random seed, stored in the job."
)
@click.option("--demo", is_flag=True, help="Use the offline demo model even if an endpoint is set up.")
@click.option(
    "--defect-rate", type=click.FloatRange(0, 1), default=0.25, show_default=True, help="Of the demo model's replies."
)
@click.option("--axis", "axes", multiple=True, metavar="NAME=VALUE", help="Only these values of an axis of variation.")
@click.option("--errors", type=click.Choice(["none", "few", "some", "many"]), help="How often tools fail.")
@click.option("--feedback", type=click.Choice(["rich", "terse", "binary"]), help="How much the tools tell.")
@click.option("--target", metavar="tool=NAME[,outcome=error]", help="What every episode is to show.")
@click.option(
    "--spare",
    type=click.FloatRange(0, 10),
    default=0.5,
    show_default=True,
    help="Failed tasks are replaced by at most this share of N.",
)
@click.option("--priority", type=int, default=0, show_default=True, help="A higher one takes free slots first.")
@click.option("--preview", is_flag=True, help="Only five samples, with a forecast of cost and time for N.")
@click.option("--batch", is_flag=True, help="By the endpoint's Batch API: half the price, within 24 hours.")
@click.option("--wait", is_flag=True, help="Wait until the job is over.")
@json_option
@workspace_option
def synthesize_command(
    n: int,
    domain: str | None,
    model: str | None,
    concurrency: int,
    budget: float | None,
    random_seed: int,
    demo: bool,
    defect_rate: float,
    axes: tuple[str, ...],
    errors: str | None,
    feedback: str | None,
    target: str | None,
    spare: float,
    priority: int,
    preview: bool,
    batch: bool,
    wait: bool,
    as_json: bool,
    workspace: str,
) -> None:
    """Have an LLM write new episodes from the approved seeds, in the background (Simia-SFT)."""
    opened = open_workspace(workspace)
    db = opened.connect()
    settings = load_settings(opened, demo)
    planned = synthesis.plan(
        db,
        settings,
        n,
        domain=domain,
        model=model,
        concurrency=concurrency,
        budget_usd=budget,
        random_seed=random_seed,
        defect_rate=defect_rate,
        axes=_axes(axes),
        errors=errors,
        feedback=feedback,
        target=coverage.read_target(target) if target else None,
        spare=spare,
        batch=batch,
    )
    if preview:
        _preview(opened, db, planned, priority, as_json)
        return
    job = synthesis.queue(opened, db, planned, priority)
    if not as_json:
        click.echo(f"job {job.id}: {n} episodes from {planned.distinct} seeds, written by {author(planned.spec)}")
    if wait:
        job = wait_for_job(opened, db, job.id, _quiet if as_json else _tell)
    if as_json:
        print_json({"job": job.id, "status": job.status, "done": job.done, "failed": job.failed})
    if wait:
        require_done(job)


def _axes(given: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    axes: dict[str, tuple[str, ...]] = {}
    for text in given:
        name, sign, value = (part.strip() for part in text.partition("="))
        if not (name and sign and value):
            raise click.UsageError(f"--axis takes NAME=VALUE, not {text!r}.")
        axes[name] = (*axes.get(name, ()), value)
    return axes


def _preview(
    workspace: Workspace, db: sqlite3.Connection, planned: synthesis.Plan, priority: int, as_json: bool
) -> None:
    # Somebody waits for it, so it goes before other jobs of its priority.
    sample = synthesis.queue(workspace, db, synthesis.preview(planned), priority + 1)
    job = wait_for_job(workspace, db, sample.id)
    told = forecasts.forecast(db, job, planned.spec, len(planned.seeds))
    if as_json:
        cost = None if told.cost_nano is None else told.cost_nano / 1e9
        figures = {"n": told.n, "cost_usd": cost, "seconds": told.seconds, "yield": told.yield_, "cached": told.cached}
        print_json({"job": job.id, **figures})
        return
    click.echo(f"job {job.id}: {job.done} samples for {dollars(job.cost_nano)}; they are among the episodes")
    click.echo(
        f"  {told.yield_:.0%} of requests brought an episode, {told.cached:.0%} of prompt tokens came from a cache"
    )
    click.echo(f"{told.n} episodes: {told.said}")


def _tell(job: Job) -> None:
    click.echo(f"  {job.done} of {job.target} done, {job.failed} failed", err=True)


def _quiet(_job: Job) -> None:
    return


@click.group("jobs", help="List, show, pause, resume, cancel and retry background jobs.")
def jobs_command() -> None: ...


@jobs_command.command("list")
@json_option
@workspace_option
def list_jobs(as_json: bool, workspace: str) -> None:
    """All jobs, newest first."""
    opened = open_workspace(workspace)
    found = jobs.jobs(opened.connect())
    if as_json:
        print_json([job_json(job) for job in found])
        return
    print_table(
        ("job", "kind", "status", "done", "failed", "target", "cost", "model", "reason"),
        (
            (
                *(job.id, job.kind, job.status, job.done, job.failed, job.target, dollars(job.cost_nano)),
                *(job.spec.model + (" (demo)" if job.spec.demo else ""), job.reason or ""),
            )
            for job in found
        ),
    )


def job_json(job: Job) -> dict[str, Any]:
    """A job as scripts read it."""
    return {
        **job.model_dump(mode="json"),
        "cost_usd": None if job.cost_nano is None else job.cost_nano / 1e9,
        "domain": job.spec.domain,
    }


FAULTS, STORY = 10, 40
"""How many kinds of faults and of the latest lines of a job's log are told."""


@jobs_command.command("show")
@click.argument("job_id", type=int)
@json_option
@workspace_option
def show_job(job_id: int, as_json: bool, workspace: str) -> None:
    """One job: its figures, how its attempts ended, why tasks failed, the latest faults, and its log."""
    opened = open_workspace(workspace)
    found = progress.standing(opened, opened.connect(), job_id, FAULTS, STORY)
    if as_json:
        shown = [{"count": n, **attempt.model_dump(mode="json", exclude={"raw"})} for n, attempt in found.faults]
        told = {"rewards": found.rewards, "agreements": [one._asdict() for one in found.agreements]}
        figures = {"outcomes": found.outcomes, "costs": _costs_json(found.costs), "faults": shown}
        print_json({**job_json(found.job), **figures, **(told if found.rewards else {})})
        return
    for line in _told(found):
        click.echo(line)
    print_table(("attempts that ended", "n"), found.outcomes.items())
    if found.failures:
        print_table(("failed", "first", "why"), ((one.n, f"task {one.ord}", one.why) for one in found.failures))
    if found.faults:
        print_table(
            ("latest faults", "outcome", "status", "newest", "message"),
            ((n, a.outcome, a.status_code, f"task {a.ord}, try {a.n}", a.message or "") for n, a in found.faults),
        )
    if found.story:
        print_table(
            ("when", "what happened"), ((time.strftime("%d %H:%M:%S", time.localtime(t)), s) for t, s in found.story)
        )


def _told(found: progress.Standing) -> Iterator[str]:
    """How a job stands, what it costs and what came of it, a line each."""
    job = found.job
    yield f"job {job.id}: {job.kind}, {job.status}{', demo' if job.spec.demo else ''}"
    if job.reason:
        yield f"  {visible(job.reason)}"
    yield f"  {job.done} of {job.target} done, {job.failed} failed, {job.in_flight} in flight"
    cached = f" ({job.tokens_cached / job.tokens_in:.0%} from a cache)" if job.tokens_in else ""
    yield f"  {job.tokens_in} tokens in{cached}, {job.tokens_out} out"
    for line in _cost(job, found.costs):
        yield f"  {line}"
    if job.kind == "prefilter":
        said = ", ".join(f"{n} {opinion}" for opinion, n in sorted(found.verdicts.items()))
        yield f"  verdicts: {said or 'none yet'}"
    elif job.kind == "synthesize" and job.done:
        yield f"  diversity {1 - job.copies / job.done:.0%}: {job.copies} near-duplicates among {job.done} episodes"
    elif job.kind in ("rollout", "judge"):
        yield f"  rewards: {progress.rewards_line(found.rewards) or 'none yet'}"
        yield from (f"  {visible(progress.agreement_line(one))}" for one in found.agreements)
    if found.hit:
        yield f"  target: {visible(found.hit)}"
    rank = f", priority {job.priority}" if job.priority else ""
    yield f"  {job.spec.model} at {job.spec.endpoint}, {job.spec.concurrency} at a time{rank}"


def _cost(job: Job, told: costs.Costs) -> Iterator[str]:
    """The three sums: what is known, what is estimated, and the budget; and what one of everything came to."""
    if told.total is None:
        yield "cost unknown: the price of the model is not known"
        return
    budget = "no budget" if job.spec.budget_usd is None else f"budget ${job.spec.budget_usd:.2f}"
    yield f"cost {dollars(told.total - told.estimated)} known + {dollars(told.estimated)} estimated, {budget}"
    result = progress.RESULTS.get(job.kind, "episode")
    each = (("attempt", told.per_attempt), (result, told.per_result), ("approved episode", told.per_approved))
    if shown := [f"{dollars(nano)} per {what}" for what, nano in each if nano is not None]:
        yield ", ".join(shown)
    if any(part.role for part in told.parts):
        yield "; ".join(f"{p.role}: {p.attempts} requests to {p.model}, {dollars(p.cost_nano)}" for p in told.parts)


def _costs_json(told: costs.Costs) -> dict[str, Any]:
    """Costs as scripts read them, in USD."""
    shares = {"per_attempt": told.per_attempt, "per_result": told.per_result, "per_approved": told.per_approved}
    return {
        "attempts": told.attempts,
        "results": told.results,
        "approved": told.approved,
        **{f"{name}_usd": None if nano is None else nano / NANO for name, nano in shares.items()},
        "parts": [{**part._asdict(), "cost_usd": part.cost_nano / NANO} for part in told.parts],
    }


def _control(verb: str, help_text: str) -> click.Command:
    @click.command(verb, help=help_text)
    @click.argument("job_id", type=int)
    @json_option
    @workspace_option
    def command(job_id: int, as_json: bool, workspace: str) -> None:
        opened = open_workspace(workspace)
        db = opened.connect()
        if verb == "resume":
            synthesis.resume(opened, db, job_id)
        elif verb == "cancel":
            synthesis.cancel(opened, db, job_id)
        elif verb == "retry":
            synthesis.retry(opened, db, job_id)
        else:
            jobs.set_desired(db, job_id, "paused")
        job = jobs.job(db, job_id)
        if as_json:
            print_json(job_json(job))
        else:
            click.echo(f"job {job_id}: {verb} asked for; it is {job.status}")

    return command


for _verb, _help in {
    "pause": "Start nothing new; what is in flight is finished.",
    "resume": "Go on with a paused job.",
    "cancel": "End a job; what came so far is kept.",
    "retry": "Give the failed tasks of a job another round.",
}.items():
    jobs_command.add_command(_control(_verb, _help))


@jobs_command.command("priority", context_settings={"ignore_unknown_options": True})
@click.argument("job_id", type=int)
@click.argument("priority", type=int)
@json_option
@workspace_option
def set_priority(job_id: int, priority: int, as_json: bool, workspace: str) -> None:
    """Let a job go before those of a lower priority, also while it runs."""
    job = jobs.set_priority(open_workspace(workspace).connect(), job_id, priority)
    if as_json:
        print_json(job_json(job))
    else:
        click.echo(f"job {job.id}: priority {job.priority}; it is {job.status}")


@click.command("worker")
@click.option("--wait", is_flag=True, help="Stay and wait for jobs.")
@workspace_option
def worker_command(wait: bool, workspace: str) -> None:
    """Do the queued jobs in this terminal (the workbench starts one by itself)."""
    from simia_tui.jobs.worker import work

    work(open_workspace(workspace), wait)
