"""`simia prefilter`: seeds are screened before anything is made from them."""

import click

from simia_tui.cli.common import (
    author,
    json_option,
    load_settings,
    open_workspace,
    print_json,
    require_done,
    workspace_option,
)
from simia_tui.model import Job
from simia_tui.services import prefiltering
from simia_tui.services.waiting import wait_for_job
from simia_tui.store import Query, screenings


@click.command("prefilter")
@click.option("--where", default="status:pending", show_default=True, help="Which seeds, as in `simia seeds list`.")
@click.option("--model", help="Another model of the endpoint.")
@click.option("--concurrency", type=int, default=16, show_default=True, help="Requests in flight at a time.")
@click.option("--budget", type=float, help="Stop before this many USD are spent.")
@click.option("--demo", is_flag=True, help="Use the offline demo model even if an endpoint is set up.")
@click.option("--batch", is_flag=True, help="By the endpoint's Batch API: half the price, within 24 hours.")
@click.option("--wait", is_flag=True, help="Wait until the job is over.")
@json_option
@workspace_option
def prefilter_command(
    where: str,
    model: str | None,
    concurrency: int,
    budget: float | None,
    demo: bool,
    batch: bool,
    wait: bool,
    as_json: bool,
    workspace: str,
) -> None:
    """Have an LLM say which seeds are complete and make sense; the rules are asked first, and you decide."""
    opened = open_workspace(workspace)
    db = opened.connect()
    settings = load_settings(opened, demo)
    planned = prefiltering.plan(
        opened,
        db,
        settings,
        Query.parse("seed", where),
        model=model,
        concurrency=concurrency,
        budget_usd=budget,
        batch=batch,
    )
    job = prefiltering.queue(opened, db, planned)
    if not as_json:
        click.echo(f"job {job.id}: {len(planned.seeds)} seeds to be screened by {author(planned.spec)}")
        click.echo(f"  {planned.ruled} fail by rule, {planned.remembered} were judged before")
    if wait:
        job = wait_for_job(opened, db, job.id, _quiet if as_json else _tell)
    if as_json:
        figures = {"ruled": planned.ruled, "remembered": planned.remembered, "asked": len(planned.seeds)}
        print_json({"job": job.id, "status": job.status, "done": job.done, "failed": job.failed, **figures})
    elif wait and planned.seeds:
        said = ", ".join(f"{n} {opinion}" for opinion, n in sorted(screenings.counts(db, job.id).items())) or "none"
        click.echo(f"verdicts: {said}; `simia seeds list --where judge:fail` lists those that fail, and you decide")
    if wait:
        require_done(job)


def _tell(job: Job) -> None:
    click.echo(f"  {job.done} of {job.target} screened, {job.failed} without a verdict", err=True)


def _quiet(_job: Job) -> None:
    return
