"""`simia rollout` and `simia judge`: episodes played turn by turn, and episodes judged anew."""

import sqlite3

import click

from simia_tui.cli.common import (
    json_option,
    load_settings,
    open_workspace,
    print_json,
    require_done,
    second_option,
    workspace_option,
)
from simia_tui.model import Job
from simia_tui.services import forecasts, rollouts
from simia_tui.services.progress import agreement_line
from simia_tui.services.waiting import wait_for_job
from simia_tui.store import Query, Workspace, judgements
from simia_tui.tui.text import visible


@click.command("rollout")
@click.option("-n", "n", type=int, required=True, help="How many episodes.")
@click.option("--domain", help="Only seeds of this domain.")
@click.option("--model", help="Another model of the agent's endpoint.")
@click.option("--concurrency", type=int, default=16, show_default=True, help="Episodes that are played at a time.")
@click.option("--budget", type=float, help="Stop before this many USD are spent.")
@click.option(
    "--seed", "random_seed", type=int, default=0, show_default=True, help="The random seed, stored in the job."
)
@click.option("--max-steps", type=click.IntRange(1), default=30, show_default=True, help="Turns of the agent at most.")
@click.option("--feedback", type=click.Choice(["rich", "terse", "binary"]), default="rich", show_default=True)
@click.option(
    "--error-rate",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Calls that fail without a reason.",
)
@click.option("--judge-samples", type=click.IntRange(1), default=1, show_default=True, help="An odd number.")
@second_option
@click.option("--demo", is_flag=True, help="Use the offline demo model in all parts.")
@click.option("--priority", type=int, default=0, show_default=True, help="A higher one takes free slots first.")
@click.option("--wait", is_flag=True, help="Wait until the job is over.")
@json_option
@workspace_option
def rollout_command(
    n: int,
    domain: str | None,
    model: str | None,
    concurrency: int,
    budget: float | None,
    random_seed: int,
    max_steps: int,
    feedback: str,
    error_rate: float,
    judge_samples: int,
    share: float | None,
    demo: bool,
    priority: int,
    wait: bool,
    as_json: bool,
    workspace: str,
) -> None:
    """Have an agent play episodes against simulated tools and a simulated user; a judge rewards each with 0 or 1."""
    opened = open_workspace(workspace)
    db, settings = opened.connect(), load_settings(opened, demo)
    planned = rollouts.plan_rollouts(
        db,
        settings,
        n,
        domain=domain,
        model=model,
        concurrency=concurrency,
        budget_usd=budget,
        random_seed=random_seed,
        max_steps=max_steps,
        feedback=feedback,
        error_rate=error_rate,
        judge_samples=judge_samples,
        share=share,
    )
    _go(opened, db, planned, priority, wait, as_json)


@click.command("judge")
@click.option("--where", default="", help="Which episodes, as in `simia episodes list`; all if left out.")
@click.option("--model", help="Another model of the judge's endpoint.")
@click.option("--samples", type=int, default=1, show_default=True, help="Verdicts on each episode.")
@second_option
@click.option("--concurrency", type=int, default=16, show_default=True, help="Requests in flight at a time.")
@click.option("--budget", type=float, help="Stop before this many USD are spent.")
@click.option("--demo", is_flag=True, help="Use the offline demo model even if an endpoint is set up.")
@click.option("--priority", type=int, default=0, show_default=True, help="A higher one takes free slots first.")
@click.option("--wait", is_flag=True, help="Wait until the job is over.")
@json_option
@workspace_option
def judge_command(
    where: str,
    model: str | None,
    samples: int,
    share: float | None,
    concurrency: int,
    budget: float | None,
    demo: bool,
    priority: int,
    wait: bool,
    as_json: bool,
    workspace: str,
) -> None:
    """Have a judge say of episodes whether they did what the user came for; it decides nothing, you do."""
    opened = open_workspace(workspace)
    db, settings = opened.connect(), load_settings(opened, demo)
    planned = rollouts.plan_judgements(
        db,
        settings,
        Query.parse("episode", where),
        model=model,
        samples=samples,
        share=share,
        concurrency=concurrency,
        budget_usd=budget,
    )
    _go(opened, db, planned, priority, wait, as_json)


def _go(
    opened: Workspace, db: sqlite3.Connection, planned: rollouts.Plan, priority: int, wait: bool, as_json: bool
) -> None:
    outlook = forecasts.outlook(db, planned.spec, len(planned.chosen))
    queued = rollouts.queue(opened, db, planned, priority)
    if not as_json:
        click.echo(f"job {queued[0].id}: {planned.said}")
        click.echo(f"  {outlook}")
    if wait:
        queued = [wait_for_job(opened, db, job.id, _quiet if as_json else _tell) for job in queued]
    job, *second = queued
    said, agreed = rollouts.rewards(db, job.id), judgements.agreements(db, job.id)
    if as_json:
        figures = {"done": job.done, "failed": job.failed, "rewards": said._asdict()}
        others = {"second": second[0].id} if second else {}
        told = [one._asdict() for one in agreed]
        print_json({"job": job.id, "status": job.status, **figures, **others, "agreements": told})
    elif wait:
        click.echo(f"rewards: {said.good} of 1, {said.bad} of 0, {said.invalid} invalid")
        for one in agreed:
            click.echo(f"  {visible(agreement_line(one))}")
    if wait:
        for job in queued:
            require_done(job)


def _tell(job: Job) -> None:
    click.echo(f"  {job.done} of {job.target} done, {job.failed} failed", err=True)


def _quiet(_job: Job) -> None:
    return
