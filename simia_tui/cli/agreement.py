"""`simia agreement`: how well the reviewing is done."""

import click

from simia_tui.cli.common import json_option, open_workspace, print_json, workspace_option
from simia_tui.model import Kind


@click.command("agreement")
@click.option("--kind", type=click.Choice(["seed", "episode"]), default="episode", show_default=True)
@click.option("--random-seed", type=int, default=0, show_default=True, help="Of the bootstrap.")
@json_option
@workspace_option
def agreement_command(kind: Kind, random_seed: int, as_json: bool, workspace: str) -> None:
    """How far reviewers agree, whom they overrule, what planted copies they saw, and how fast they decide."""
    from simia_tui.services.care import care
    from simia_tui.tui.widgets.care_lines import care_lines

    found = care(open_workspace(workspace).connect(), kind, random_seed)
    if as_json:
        print_json(found.shape())
        return
    for line in care_lines(found, 100):
        click.echo("".join(text for text, _ in line.parts).rstrip())
