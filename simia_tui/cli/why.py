"""`simia why`: where a trajectory comes from and what came of it."""

import click

from simia_tui.cli.common import json_option, open_workspace, print_json, print_table, workspace_option
from simia_tui.services import lineage
from simia_tui.store import trajectories


@click.command("why")
@click.argument("name")
@json_option
@workspace_option
def why_command(name: str, as_json: bool, workspace: str) -> None:
    """The way of one seed or episode: seed, prompt, job, attempt, edits, decisions, exports, runs."""
    db = open_workspace(workspace).connect()
    links = lineage.lineage(db, trajectories.find(db, name))
    if as_json:
        print_json([{"stage": link.stage.strip(), "text": link.text, "opens": link.opens} for link in links])
        return
    print_table(("station", "what"), ((link.stage, link.text) for link in links))
