"""Commands for data: import, quarantine, seeds and episodes."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click

from simia_tui.cli.common import (
    json_option,
    load_settings,
    open_workspace,
    print_json,
    print_table,
    workspace_option,
)
from simia_tui.errors import UsageError
from simia_tui.model import Fault, Kind, Status, Verdict
from simia_tui.store import Query, Row, decisions, imports, screenings, trajectories

F = TypeVar("F", bound=Callable[..., Any])


@click.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--as", "kind", type=click.Choice(["seed", "episode"]), default="seed", show_default=True)
@click.option("--format", "format_name", default="auto", show_default=True, help="A format's name, or auto.")
@click.option("--domain", default="generic", show_default=True, help="The domain pack of these trajectories.")
@click.option("--dry-run", is_flag=True, help="Count without writing.")
@click.option(
    "--workers", type=click.IntRange(1, 256), help="Processes side by side; default: one a core for large files."
)
@json_option
@workspace_option
def import_command(
    paths: tuple[Path, ...],
    kind: Kind,
    format_name: str,
    domain: str,
    dry_run: bool,
    workers: int | None,
    as_json: bool,
    workspace: str,
) -> None:
    """Read trajectories from files; bad rows go to quarantine with their number and reason."""
    from simia_tui.services.importing import import_files

    opened = open_workspace(workspace)
    report = import_files(
        opened, paths, kind=kind, format_name=format_name, domain=domain, dry_run=dry_run, workers=workers
    )
    if as_json:
        totals = {"added": report.added, "duplicates": report.duplicates, "quarantined": report.quarantined}
        names = sorted({file.format for file in report.files})
        files = [asdict(file) for file in report.files]
        print_json({"format": ", ".join(names), **totals, "dry_run": dry_run, "files": files})
        return
    print_table(
        ("file", "format", "added", "duplicates", "quarantined"),
        ((file.path, file.format, file.added, file.duplicates, file.quarantined) for file in report.files),
    )
    for file in report.files:
        for reason in file.reasons:
            click.echo(f"  {file.path} {reason}")
    if dry_run:
        click.echo("Dry run: nothing was written.")


@click.command("quarantine")
@json_option
@workspace_option
def quarantine_command(as_json: bool, workspace: str) -> None:
    """Rows that could not be imported, with their reasons."""
    db = open_workspace(workspace).connect()
    rows = imports.quarantined(db)
    if as_json:
        print_json([row._asdict() for row in rows])
        return
    print_table(("file", "row", "reason"), ((row.path, row.row, row.reason) for row in rows))


def filters(function: F) -> F:
    """The filters of every listing, and `--where` with the line that the workbench's `/` takes."""
    for option in reversed(
        [
            click.option("--status", type=click.Choice([item.value for item in Status])),
            click.option(
                "--verdict", type=click.Choice([item.value for item in Verdict]), help="What the rules made of it."
            ),
            click.option("--domain"),
            click.option("--rule", help="Has a finding of this rule."),
            click.option("--tool", help="Calls this tool."),
            click.option("--job", type=int),
            click.option("--text", help="Words of user or assistant."),
            click.option(
                "--where", help='All of these in one line, e.g. "status:pending rule:call.unknown-tool refund".'
            ),
        ]
    ):
        function = option(function)
    return function


def make_query(kind: Kind | None, options: dict[str, Any]) -> Query:
    """The query of `filters`' options; single options overrule `--where`."""
    query = Query.parse(kind, options.pop("where", None) or "")
    return query.but(**{name: value for name, value in options.items() if value is not None})


def _row_json(row: Row) -> dict[str, Any]:
    return row._asdict()


def _group(kind: Kind) -> click.Group:
    noun = f"{kind}s"

    @click.group(noun, help=f"List, show and decide on {noun}.")
    def group() -> None: ...

    @group.command("list")
    @filters
    @click.option("--limit", type=int, default=None, help="At most this many (the table shows 50 by default).")
    @json_option
    @workspace_option
    def list_(limit: int | None, as_json: bool, workspace: str, **options: Any) -> None:
        """List what matches."""
        db = open_workspace(workspace).connect()
        found = trajectories.ids(db, make_query(kind, options))
        shown = found[: limit if limit is not None else (len(found) if as_json else 50)].tolist()
        rows = [row for start in range(0, len(shown), 500) for row in trajectories.rows(db, shown[start : start + 500])]
        if as_json:
            print_json([_row_json(row) for row in rows])
            return
        print_table(
            ("#", "id", "status", "rules", "domain", "turns", "errors", "findings", "from", "title"),
            (
                (r.pk, r.id[:8], r.status, r.verdict, r.domain, r.turns, r.errors, r.findings, _source(r), r.title[:48])
                for r in rows
            ),
        )
        click.echo(f"{len(rows)} of {len(found)} {noun}")

    @group.command("show")
    @click.argument("name")
    @click.option("--revision", type=int, default=None, help="0 is what came in.")
    @workspace_option
    def show(name: str, revision: int | None, workspace: str) -> None:
        """Print one in its canonical form, as JSON."""
        db = open_workspace(workspace).connect()
        pk = trajectories.find(db, name)
        (row,) = trajectories.rows(db, [pk])
        body = trajectories.get(db, pk, revision)
        findings = [f.dump() for f in trajectories.findings(db, pk, revision)]
        history = [d.model_dump(mode="json", exclude_none=True) for d in decisions.history(db, pk)]
        screened = screenings.latest(db, pk)
        print_json(
            {
                **_row_json(row),
                **body.dump(),
                "id": row.id,
                "findings": findings,
                "prefilter": screened.shape() if screened else None,
                "decisions": history,
            }
        )

    for verb in ("approve", "reject", "flag", "reset"):
        group.add_command(_decision(kind, verb))
    group.add_command(_edit())
    group.add_command(_step("undo"))
    group.add_command(_step("redo"))
    return group


def _source(row: Row) -> str:
    origin = f"job {row.job}" if row.job is not None else Path(row.path or "-").name
    return f"{origin} (demo)" if row.demo else origin


def _decision(kind: Kind, verb: decisions.Verb) -> click.Command:
    @filters
    @json_option
    @workspace_option
    def command(
        names: tuple[str, ...],
        as_json: bool,
        workspace: str,
        fault: str | None = None,
        note: str | None = None,
        **options: Any,
    ) -> None:
        opened = open_workspace(workspace)
        db = opened.connect()
        asked = any(value is not None for value in options.values())
        if bool(names) == asked:
            raise UsageError(f"Name some {kind}s to {verb}, or give filters that choose them, and not both.")
        pks = [trajectories.find(db, name) for name in names] or trajectories.ids(
            db, make_query(kind, options)
        ).tolist()
        reviewer = load_settings(opened).reviewer.name
        if pks:
            decisions.decide(db, pks, verb, reviewer, Fault(fault) if fault else None, note)
        if as_json:
            print_json({"action": verb, "changed": len(pks)})
        else:
            click.echo(f"{verb}: {len(pks)} {kind}s by {reviewer}; `simia {kind}s undo` takes it back")

    command = click.argument("names", nargs=-1)(command)
    if verb == "reject":
        command = click.option(
            "--fault", type=click.Choice([item.value for item in Fault]), required=True, help="Who is to blame."
        )(command)
    command = click.option("--note", help="A remark kept with the decision.")(command)
    return click.command(verb, help=f"{verb.capitalize()} by number or id, or all that match the filters.")(command)


def _edit() -> click.Command:
    @click.command("edit")
    @click.argument("name")
    @click.option("--turn", type=click.IntRange(min=1), required=True, help="Which turn, from 1.")
    @click.option("--content", help="The new text of the turn.")
    @click.option(
        "--call", "call_number", type=click.IntRange(min=1), default=1, help="Which call of the turn, from 1."
    )
    @click.option("--tool", help="The new tool name of that call.")
    @click.option("--arguments", help="The new arguments of that call, as a JSON object.")
    @workspace_option
    def edit(
        name: str,
        turn: int,
        content: str | None,
        call_number: int,
        tool: str | None,
        arguments: str | None,
        workspace: str,
    ) -> None:
        """Change one turn; the original is kept as a former revision."""
        import json

        from simia_tui.services.reviewing import edit_turn

        opened = open_workspace(workspace)
        db = opened.connect()
        pk = trajectories.find(db, name)
        turns = trajectories.get(db, pk).turns
        if turn > len(turns):
            raise UsageError(f"Trajectory {pk} has {len(turns)} turns; there is no turn {turn}.")
        old = turns[turn - 1]
        calls = [
            (call.name, json.dumps(call.arguments) if call.arguments is not None else call.raw or "")
            for call in old.tool_calls
        ]
        if tool is not None or arguments is not None:
            if call_number > len(calls):
                raise UsageError(f"Turn {turn} has {len(calls)} calls; there is no call {call_number}.")
            before = calls[call_number - 1]
            calls[call_number - 1] = (tool or before[0], arguments if arguments is not None else before[1])
        reviewer = load_settings(opened).reviewer.name
        text = old.content if content is None else content
        findings = edit_turn(opened, db, pk, turn - 1, content=text, calls=calls, reviewer=reviewer)
        click.echo(f"edited turn {turn} of trajectory {pk}; the rules now find {len(findings)} things")

    return edit


def _step(direction: str) -> click.Command:
    @click.command(direction)
    @json_option
    @workspace_option
    def step(as_json: bool, workspace: str) -> None:
        opened = open_workspace(workspace)
        replay = decisions.undo if direction == "undo" else decisions.redo
        done = replay(opened.connect(), load_settings(opened).reviewer.name)
        if as_json:
            print_json(done._asdict() if done else None)
        elif done is None:
            click.echo(f"There is nothing to {direction}.")
        else:
            left = f"; {done.skipped} were changed by others since and stay" if done.skipped else ""
            click.echo(f"{direction}: {done.action} of {len(done.pks)}{left}")

    step.help = "Take back your latest act." if direction == "undo" else "Bring back what was undone last."
    return step


seeds_command = _group("seed")
episodes_command = _group("episode")
