"""`simia serve-model`: a trained model behind an OpenAI-compatible endpoint."""

import os
import sys

import click

from simia_tui.cli.common import open_workspace, workspace_option
from simia_tui.services import serving
from simia_tui.store import runs


@click.command("serve-model")
@click.argument("run_id", type=int)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=int, default=8000, show_default=True)
@click.option("--print", "only_print", is_flag=True, help="Print the command; start nothing.")
@workspace_option
def serve_model_command(run_id: int, host: str, port: int, only_print: bool, workspace: str) -> None:
    """Serve the model of a run until interrupted; name its address as an endpoint in simia.toml to use it."""
    found = serving.plan(runs.run(open_workspace(workspace).connect(), run_id), host, port)
    command = found.arguments if found.server == "transformers" else [sys.executable, *found.arguments]
    click.echo(f"{found.server}: http://{host}:{port}/v1, model {found.model}", err=True)
    if only_print:
        click.echo(" ".join(command))
        return
    sys.stdout.flush()
    os.execv(command[0], command)
