"""What the commands share: the workspace option, tables, JSON."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from simia_tui.errors import SimiaError
from simia_tui.model import Job, JobSpec, JobStatus
from simia_tui.settings import Settings
from simia_tui.store import Workspace
from simia_tui.tui.text import visible

F = TypeVar("F", bound=Callable[..., Any])
_NUMBER = re.compile(r"[-+$]?[\d.,]*(?:e[-+]?\d+)?|-")


def workspace_option(function: F) -> F:
    """`--workspace DIR`, before the command or behind it, else the variable SIMIA_WORKSPACE, else this folder."""
    option = click.option(
        "--workspace",
        default=".",
        envvar="SIMIA_WORKSPACE",
        show_default="this folder",
        callback=_nearest_given,
        help="The workspace's folder.",
    )
    return option(function)


def _nearest_given(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """`value` where the command itself was given it, else what `simia` was given before the command."""
    assert param.name is not None
    own = ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE
    return value if own else str(ctx.find_root().params.get(param.name, value))


def json_option(function: F) -> F:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")(function)


def second_option(function: F) -> F:
    """`--second-share`."""
    return click.option(
        "--second-share",
        "share",
        type=click.FloatRange(0, 1),
        help="About which share of the episodes the role judge2 is asked too; 0.1 where simia.toml names one.",
    )(function)


def open_workspace(path: str) -> Workspace:
    """The workspace at `path`; a usage error says how to make one."""
    return Workspace.open(Path(path))


def load_settings(workspace: Workspace, demo: bool = False) -> Settings:
    """The settings of a workspace; with `demo` the offline demo model plays all parts."""
    settings = Settings.load(workspace.root)
    return settings.played_by_demo() if demo else settings


def author(spec: JobSpec) -> str:
    """Who answers the requests of a job."""
    return "the offline demo model" if spec.demo else f"{spec.model} at {spec.endpoint}"


def require_done(job: Job) -> None:
    """Raises SimiaError with the reason unless the job is done."""
    if job.status is not JobStatus.DONE:
        raise SimiaError(f"Job {job.id} is {job.status}: {job.reason or 'see its attempts'}")


def print_json(value: Any) -> None:
    """One JSON value on standard output."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def print_table(titles: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """An aligned table; numbers to the right, text from data made harmless."""
    lines = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(title), *(len(line[i]) for line in lines), 0) for i, title in enumerate(titles)]
    right = [bool(lines) and all(_NUMBER.fullmatch(line[i]) for line in lines) for i in range(len(titles))]
    for line in [list(titles), *lines]:
        cells = (
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(line, widths, right, strict=True)
        )
        click.echo("  ".join(cells).rstrip())


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return visible(str(value)).replace("\n", " ")


def dollars(nano: float | None) -> str:
    """A cost in 1e-9 USD as text; unknown is not zero."""
    return "unknown" if nano is None else f"${nano / 1e9:.4f}"
