"""Commands for workspaces: init, doctor, demo."""

import shutil
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

import click

from simia_tui import __version__
from simia_tui.cli.common import (
    json_option,
    load_settings,
    open_workspace,
    print_json,
    print_table,
    workspace_option,
)
from simia_tui.presets import DEFAULT_TOML
from simia_tui.settings import ROLES, EndpointSettings
from simia_tui.store import Workspace


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path))
def init_command(folder: Path) -> None:
    """Make a workspace."""
    there = (folder / "db" / "simia.db").exists()
    Workspace.create(folder, DEFAULT_TOML)
    click.echo(f"{folder} is a workspace already" if there else f"made a workspace in {folder}")


@click.command("open")
@click.option("--reviewer", help="Who decides, in place of the name in simia.toml.")
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, max=600, min_open=True),
    help="A time box: what a decision tells most about comes first, and a summary ends it.",
)
@workspace_option
def open_command(reviewer: str | None, minutes: float | None, workspace: str) -> None:
    """Open the workbench, as `simia` alone does, for a reviewer or for so many minutes."""
    from simia_tui.tui.app import open_workbench

    open_workbench(open_workspace(workspace), reviewer, minutes)


@click.command("demo")
@click.option("--headless", is_flag=True, help="Run the whole loop in a temporary workspace and print what it did.")
@click.option("--no-train", is_flag=True, help="With --headless: leave the training out.")
@click.option("--keep", is_flag=True, help="With --headless: keep the temporary workspace.")
@click.option("-n", "n", type=click.IntRange(min=1), default=120, show_default=True, help="How many episodes.")
@click.option(
    "--workspace", type=click.Path(path_type=Path), default=Path("simia-demo"), show_default=True, help="Its folder."
)
def demo_command(headless: bool, no_train: bool, keep: bool, n: int, workspace: Path) -> None:
    """The workbench on an offline demo workspace (no key, no network)."""
    from simia_tui.services import demo

    if headless:
        _headless(n, not no_train, keep)
        return
    from simia_tui.tui.app import open_workbench

    open_workbench(demo.prepare(workspace))


def _headless(n: int, train: bool, keep: bool) -> None:
    from simia_tui.services import demo

    root = Path(tempfile.mkdtemp(prefix="simia-demo-"))
    started = time.monotonic()
    try:
        steps = demo.headless(root, n, train, lambda text: click.echo(text, err=True))
    except BaseException:
        click.echo(f"The workspace is kept in {root}", err=True)
        raise
    print_table(("step", "result", "seconds"), ((s.name, s.figures, f"{s.seconds:.1f}") for s in steps))
    click.echo(f"demo loop done in {time.monotonic() - started:.0f} s; everything in it was made by the demo model")
    if keep:
        click.echo(f"workspace: {root}")
    else:
        shutil.rmtree(root, ignore_errors=True)


@click.command("doctor")
@json_option
@workspace_option
def doctor_command(as_json: bool, workspace: str) -> None:
    """What works here and what is missing."""
    found = _findings(Path(workspace))
    if as_json:
        print_json([{"what": what, "ok": ok, "says": says} for what, ok, says in found])
    else:
        print_table(("what", "", "says"), ((what, "ok" if ok else "--", says) for what, ok, says in found))


def _endpoint(endpoint: EndpointSettings | None) -> str:
    if endpoint is None:
        return "none set up: the offline demo model is used"
    options = {"effort": endpoint.reasoning_effort, "tier": endpoint.service_tier}
    more = "".join(f", {name} {value}" for name, value in options.items() if value)
    return f"{endpoint.model} at {endpoint.base_url}{more}"


SAFE_SQLITE = (3, 51, 3)
"""The first SQLite without the WAL-reset bug (also fixed in 3.50.7 and 3.44.6)."""


def _findings(root: Path) -> list[tuple[str, bool, str]]:
    from simia_tui.errors import SimiaError
    from simia_tui.services import processes, training

    found = [("simia", True, f"{__version__}, Python {sys.version.split()[0]}")]
    safe = sqlite3.sqlite_version_info >= SAFE_SQLITE or sqlite3.sqlite_version in ("3.50.7", "3.44.6")
    warning = "" if safe else "; has the rare WAL-reset bug of all builds before 3.51.3, keep copies"
    found.append(("SQLite", safe, sqlite3.sqlite_version + warning))
    try:
        opened = Workspace.open(root)
        found.append(("workspace", True, str(root.absolute())))
        settings = load_settings(opened)
        found.append(("endpoint", True, _endpoint(settings.simulator())))
        own = [role for role, name in settings.roles if name is not None and role != "simulator"]
        found += [(f"endpoint of {role}", True, _endpoint(settings.endpoint_of(role))) for role in ROLES if role in own]
        pid = processes.worker_pid(opened)
        found.append(("worker", True, f"at work, process {pid}" if pid else "none at work"))
    except SimiaError as error:
        found.append(("workspace", False, str(error)))
    lacking = training.missing()
    says = f"missing: {', '.join(lacking)}; pip install 'simia-tui[train]'" if lacking else "torch, trl, peft are there"
    found.append(("training", not lacking, says))
    free = shutil.disk_usage(root if root.exists() else Path.cwd()).free
    found.append(("disk", free > 1 << 30, f"{free / (1 << 30):.1f} GiB free"))
    return found
