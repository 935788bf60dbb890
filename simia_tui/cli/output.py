"""Commands for what comes out: export, train, runs."""

from typing import Any, Literal

import click

from simia_tui.cli.common import json_option, open_workspace, print_json, print_table, workspace_option
from simia_tui.cli.data import filters, make_query
from simia_tui.formats import Preflight
from simia_tui.model import Kind, Run
from simia_tui.services import exporting, training
from simia_tui.store import exports, runs


@click.command("export")
@click.argument("name")
@filters
@click.option("--kind", type=click.Choice(["episode", "seed", "both"]), default="episode", show_default=True)
@click.option(
    "--to", "targets", multiple=True, metavar="FORMAT", help="Another format to write; `simia formats` lists."
)
@click.option("--preflight-only", is_flag=True, help="Say what would be lost; write nothing.")
@click.option("--accept-losses", is_flag=True, help="Export although the preflight found losses.")
@json_option
@workspace_option
def export_command(
    name: str,
    kind: Literal["episode", "seed", "both"],
    targets: tuple[str, ...],
    preflight_only: bool,
    accept_losses: bool,
    as_json: bool,
    workspace: str,
    **options: Any,
) -> None:
    """Freeze the approved episodes (or what the filters choose) as training files with a manifest."""
    opened = open_workspace(workspace)
    db = opened.connect()
    only: Kind | None = None if kind == "both" else kind
    query = make_query(only, options)
    if query.status is None:
        query = query.but(status="approved")
    every = (*exporting.TARGETS, *targets)
    if preflight_only:
        previewed = exporting.preview(db, query, every)
        if as_json:
            print_json({target: report.model_dump(mode="json") for target, report in previewed.reports.items()})
        else:
            _print_preview(previewed)
        return
    with exporting.draft(opened, db, name, query, every) as draft:
        if not as_json:
            _print_preview(draft.preview)
        if unwritten := [target for target in targets if target not in draft.preview.written]:
            click.echo(f"only looked at, not written: {', '.join(unwritten)}", err=True)
        export = draft.freeze(accept_losses=accept_losses)
    if as_json:
        print_json({"export": export.name, "path": export.path, "rows": export.rows, "sha256": export.sha256})
    else:
        click.echo(f"export {export.id}: {export.rows} rows in {export.path}{' (demo)' if export.demo else ''}")


def _print_preview(previewed: exporting.Preview) -> None:
    print_preflight(previewed.reports)
    if previewed.broken:
        click.echo(f"  {previewed.broken} rows are broken by the rules and were approved all the same")
    if previewed.undecided:
        click.echo(f"  {previewed.undecided} rows have a new end that waits (has:new-end); the old one goes out")


def print_preflight(reports: dict[str, Preflight]) -> None:
    """The preflight as a table, with reasons."""
    print_table(
        ("for", "rows", "dropped", "words", "words lost"),
        ((target, r.rows, r.dropped, r.words, r.words_lost) for target, r in reports.items()),
    )
    for target, report in reports.items():
        for issue in report.issues:
            fix = f"; {issue.fix}" if issue.fix else ""
            click.echo(
                f"  {target}: {issue.severity}: {issue.reason} ({issue.count} rows, e.g. {issue.example[:8]}{fix})"
            )


@click.group("exports", help="List frozen exports.")
def exports_command() -> None: ...


@exports_command.command("list")
@json_option
@workspace_option
def list_exports(as_json: bool, workspace: str) -> None:
    """All exports, newest first."""
    found = exports.exports(open_workspace(workspace).connect())
    if as_json:
        print_json([export.model_dump(mode="json") for export in found])
        return
    print_table(
        ("export", "name", "rows", "sha256", "path"), ((e.id, e.name, e.rows, e.sha256[:12], e.path) for e in found)
    )


@click.group("runs", help="List, show, stop and resume training runs.")
def runs_command() -> None: ...


def run_json(run: Run) -> dict[str, Any]:
    """A run as scripts read it."""
    return run.model_dump(mode="json")


@runs_command.command("list")
@json_option
@workspace_option
def list_runs(as_json: bool, workspace: str) -> None:
    """All runs, newest first."""
    db = open_workspace(workspace).connect()
    training.reconcile(db)
    found = runs.runs(db)
    if as_json:
        print_json([run_json(run) for run in found])
        return
    print_table(
        ("run", "status", "step", "of", "loss", "profile", "folder", "reason"),
        ((r.id, r.status, r.step, r.max_steps, r.loss, r.spec.profile, r.path, r.reason or "") for r in found),
    )


@runs_command.command("show")
@click.argument("run_id", type=int)
@json_option
@workspace_option
def show_run(run_id: int, as_json: bool, workspace: str) -> None:
    """One run with its metrics and the end of its log."""
    opened = open_workspace(workspace)
    db = opened.connect()
    training.reconcile(db)
    run = runs.run(db, run_id)
    metrics = runs.metrics(db, run_id)
    if as_json:
        shown = [metric.model_dump(mode="json") for metric in metrics]
        print_json({**run_json(run), "alarm": training.alarm(metrics), "metrics": shown})
        return
    click.echo(f"run {run.id}: {run.status}, step {run.step} of {run.max_steps or '?'}, {run.path}")
    if run.reason:
        click.echo(f"  {run.reason}")
    if alarm := training.alarm(metrics):
        click.echo(f"  ALARM: {alarm}")
    print_table(("figure", "value"), run.result.items())
    names = [name for name in ("reward", "masked", "zero_variance_groups") if any(name in m.values for m in metrics)]
    rows = ((m.step, m.loss, *(m.values.get(name) for name in names)) for m in metrics[-10:])
    print_table(("step", "loss", *(name.replace("_", " ") for name in names)), rows)
    for line in training.log_tail(opened, run):
        click.echo(f"  | {line}")


@runs_command.command("stop")
@click.argument("run_id", type=int)
@workspace_option
def stop_run(run_id: int, workspace: str) -> None:
    """Write a checkpoint and stop."""
    run = training.stop_run(open_workspace(workspace).connect(), run_id)
    click.echo(f"run {run.id}: {run.status}")


@runs_command.command("resume")
@click.argument("run_id", type=int)
@workspace_option
def resume_run(run_id: int, workspace: str) -> None:
    """Go on from the last checkpoint."""
    opened = open_workspace(workspace)
    run = training.resume_run(opened, opened.connect(), run_id)
    click.echo(f"run {run.id}: {run.status}")
