"""Commands for the rules: check a file, list the rules, measure them against the demo model's record."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from simia_tui import checks, formats
from simia_tui.cli.common import json_option, open_workspace, print_json, print_table, workspace_option
from simia_tui.evaluation import Share
from simia_tui.formats import JsonSink
from simia_tui.model import Kind
from simia_tui.services.checking import FileCheck
from simia_tui.store import rulings


@click.command("check")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Where the mended trajectories go.")
@click.option("--to", "target", default="openai", show_default=True, help="The format of the mended trajectories.")
@click.option("--report", type=click.Path(path_type=Path), help="Where the findings go, as JSON; else standard output.")
@click.option("--format", "format_name", default="auto", show_default=True)
@click.option("--domain", default="generic", show_default=True)
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes side by side.")
@workspace_option
def check_command(
    path: Path,
    out: Path | None,
    target: str,
    report: Path | None,
    format_name: str,
    domain: str,
    workers: int,
    workspace: str,
) -> None:
    """Run the rules over a file; no workspace is needed, but the rules that one switches off do not run."""
    check = FileCheck(path, format_name, domain, target, Path(workspace))
    with ExitStack() as stack:
        findings = stack.enter_context(JsonSink(report or sys.stdout.buffer, array=True))
        sink = stack.enter_context(formats.open_sink(out, target)) if out else None
        counts = check.run(findings, sink, workers)
    if report:
        print_table(("verdict", "rows"), sorted(counts.items()))


@click.command("rules")
@click.option("--kind", type=click.Choice(["seed", "episode"]), default="episode", show_default=True)
@json_option
@workspace_option
def rules_command(kind: Kind, as_json: bool, workspace: str) -> None:
    """The rules, how many trajectories of this workspace each has a finding on or repaired, and where it was overruled.

    A person overrules a rule by approving a trajectory in which an error of that rule stands.
    """
    db = open_workspace(workspace).connect()
    counts = rulings.rulings(db, kind)
    known: dict[str, Any] = {rule.id: rule for rule in checks.RULES.values()}
    rows = [
        {
            "rule": name,
            "severity": known[name].severity if name in known else None,
            "repairs": known[name].repairs if name in known else None,
            **counts.get(name, rulings.Ruling())._asdict(),
            "why": known[name].why if name in known else "of the reply's shape",
        }
        for name in (*known, *(name for name in counts if name not in known))
    ]
    if as_json:
        print_json(rows)
        return
    print_table(
        ("rule", "severity", f"{kind}s", "repaired", "judged", "overruled", "why"),
        ([row[key] for key in ("rule", "severity", *rulings.Ruling._fields, "why")] for row in rows),
    )
    click.echo(
        f"\n{rulings.missed(db, kind)} {kind}s were rejected by a person though no error of a rule stands in them."
    )


@click.group("eval", help="Measure what the program does against what is known to be true.")
def eval_command() -> None: ...


@eval_command.command("rules")
@click.option("--job", type=int, help="Only the episodes of this job.")
@json_option
@workspace_option
def eval_rules(job: int | None, as_json: bool, workspace: str) -> None:
    """Precision and recall of the rules on the demo model's injected defects."""
    from simia_tui.services.scoring import score_rules

    opened = open_workspace(workspace)
    scores = score_rules(opened, opened.connect(), job)
    if as_json:
        print_json(
            {
                "episodes": scores.cases,
                "recall": {kind.kind: _share_json(kind.recall) for kind in scores.kinds},
                "structural": _share_json(scores.structural),
                "precision": {rule.rule: _share_json(rule.precision) for rule in scores.rules},
            }
        )
        return
    click.echo(f"{scores.cases} episodes of the demo model")
    print_table(
        ("injected defect", "n", "found", "recall", "95 % interval"),
        [
            *(_share_row(f"{kind.kind}{' *' if kind.structural else ''}", kind.recall) for kind in scores.kinds),
            _share_row("all structural (*)", scores.structural),
        ],
    )
    click.echo("")
    print_table(
        ("rule", "findings", "true", "precision", "95 % interval"),
        (_share_row(rule.rule, rule.precision) for rule in scores.rules),
    )


def _share_row(name: str, share: Share) -> tuple[str, int, int, str, str]:
    value = "-" if share.value is None else f"{share.value:.3f}"
    return name, share.n, share.k, value, f"{share.low:.3f} to {share.high:.3f}"


def _share_json(share: Share) -> dict[str, Any]:
    return {"n": share.n, "k": share.k, "value": share.value, "low": share.low, "high": share.high}
