"""`simia resimulate`, `simia regenerate`, `simia take`: new ends, fresh episodes, and the decision on what came."""

import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

import click

from simia_tui.cli.common import (
    author,
    dollars,
    json_option,
    load_settings,
    open_workspace,
    print_json,
    require_done,
    workspace_option,
)
from simia_tui.errors import UsageError
from simia_tui.services import resimulation
from simia_tui.services.resimulation import Mix, Place
from simia_tui.services.waiting import wait_for_job
from simia_tui.store import Workspace, remakes, trajectories
from simia_tui.store.remakes import Remake, Stage, Taken

F = TypeVar("F", bound=Callable[..., Any])


def asking(function: F) -> F:
    """The options of whoever has something written."""
    for option in reversed(
        [
            click.option("--model", help="Another model of the endpoint."),
            click.option(
                "--concurrency", type=int, default=16, show_default=True, help="Requests in flight at a time."
            ),
            click.option("--budget", "budget_usd", type=float, help="Stop before this many USD are spent."),
            click.option("--demo", is_flag=True, help="Use the offline demo model even if an endpoint is set up."),
            click.option("--wait", is_flag=True, help="Wait until the job is over."),
            json_option,
            workspace_option,
        ]
    ):
        function = option(function)
    return function


@click.command("resimulate")
@click.argument("episodes", nargs=-1, required=True)
@click.option("--turn", type=click.IntRange(min=2), help="The first turn that is written anew, from 2.")
@click.option("--flagged", is_flag=True, help="Each from its first turn with a finding.")
@asking
def resimulate_command(
    episodes: tuple[str, ...], turn: int | None, flagged: bool, workspace: str, **options: Any
) -> None:
    """Have the simulator write EPISODES anew from a turn on; the turns before stay as they are."""
    if (turn is None) != flagged:
        raise UsageError("Give --turn K, or --flagged for the first turn with a finding, and not both.")
    opened = open_workspace(workspace)
    db = opened.connect()
    places: dict[int, Place] = {}
    for name in episodes:
        pk = trajectories.find(db, name)
        first = resimulation.first_flagged(db, pk) if turn is None else turn - 1
        if first is None:
            raise UsageError(f"No turn of #{pk} has a finding; name the turn with --turn.")
        places[pk] = Place(first)
    _ask(opened, db, places, **options)


@click.command("regenerate")
@click.argument("episodes", nargs=-1, required=True)
@asking
def regenerate_command(episodes: tuple[str, ...], workspace: str, **options: Any) -> None:
    """Have a fresh episode made from the same seed as each of EPISODES."""
    opened = open_workspace(workspace)
    db = opened.connect()
    _ask(opened, db, {trajectories.find(db, name): Place(None) for name in episodes}, **options)


def _ask(
    workspace: Workspace,
    db: sqlite3.Connection,
    places: dict[int, Place],
    *,
    demo: bool,
    wait: bool,
    as_json: bool,
    **asked: Any,
) -> None:
    settings = load_settings(workspace, demo)
    planned = resimulation.plan(db, settings, places, **asked)
    job = resimulation.queue(workspace, db, planned, settings.reviewer.name)
    if not as_json:
        click.echo(f"job {job.id}: {job.target} to be written by {author(planned.spec)}")
        for reason in planned.left_out.values():
            click.echo(f"  left out: {reason}")
    if wait:
        job = wait_for_job(workspace, db, job.id)
    if as_json:
        print_json({"job": job.id, "status": job.status, "done": job.done, "failed": job.failed})
    elif wait:
        click.echo(f"{job.done} came, {job.failed} failed, {dollars(job.cost_nano)}")
    if wait:
        require_done(job)


@click.command("take")
@click.argument("which", type=click.Choice(["old", "new", "mixed"]))
@click.argument("episodes", nargs=-1, required=True)
@click.option("--upto", type=click.IntRange(min=1), help="Mixed: the last turn of the new one that is taken.")
@click.option(
    "--then", type=click.IntRange(min=1), help="Mixed: the turn of the old one that follows; none without it."
)
@json_option
@workspace_option
def take_command(
    which: Taken, episodes: tuple[str, ...], upto: int | None, then: int | None, as_json: bool, workspace: str
) -> None:
    """Decide on the new ends of EPISODES: keep the old one, take the new one, or mix them."""
    if (which == "mixed") != (upto is not None):
        raise UsageError("--upto N says how much of the new one a mixed end takes; give it with `mixed` only.")
    opened = open_workspace(workspace)
    db = opened.connect()
    chosen = [_landed(db, trajectories.find(db, name)) for name in episodes]
    reviewer = load_settings(opened).reviewer.name
    mix = Mix(upto, None if then is None else then - 1) if upto is not None else None
    resimulation.settle(opened, db, chosen, which, reviewer, mix)
    if as_json:
        print_json({"taken": which, "changed": len(chosen)})
    else:
        click.echo(f"{which}: {len(chosen)} by {reviewer}; `simia episodes undo` takes it back")


def _landed(db: sqlite3.Connection, pk: int) -> Remake:
    one = remakes.current(db, pk)
    if one is None or one.stage is not Stage.LANDED:
        state = f"its job {one.job} has brought none" if one is not None else "`simia resimulate` asks for one"
        raise UsageError(f"Episode #{pk} has no new end to decide on; {state}.")
    return one
