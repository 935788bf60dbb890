"""`simia prompts`: the templates that are in force, and what is sent for a real seed."""

import click

from simia_tui.cli.common import json_option, open_workspace, print_json, print_table, workspace_option
from simia_tui.errors import UsageError
from simia_tui.services import prompts
from simia_tui.store import trajectories
from simia_tui.tui.text import visible


@click.group("prompts", help="List and show prompt templates, also as they are sent for a seed.")
def prompts_command() -> None: ...


@prompts_command.command("list")
@click.option("--domain", help="Only those of this domain.")
@json_option
@workspace_option
def list_prompts(domain: str | None, as_json: bool, workspace: str) -> None:
    """Every template in force, with its version (the start of its hash) and where it comes from."""
    found = [one for one in prompts.listed(open_workspace(workspace)) if domain in (None, one.domain)]
    if not found:
        raise UsageError(f"There is no domain {domain!r}; `simia prompts list` shows them.")
    if as_json:
        print_json([one._asdict() for one in found])
        return
    print_table(
        ("domain", "prompt", "version", "from"),
        ((p.domain, p.kind, p.version, f"{p.pack} ({'workspace' if p.own else 'shipped'})") for p in found),
    )
    click.echo("A file prompts/DOMAIN/PROMPT.md in the workspace takes the place of a shipped one.")


@prompts_command.command("show")
@click.argument("prompt")
@click.option("--domain", help="The domain; that of the seed, or generic.")
@click.option("--seed", metavar="ID", help="Fill it in for this seed, as it would be sent.")
@json_option
@workspace_option
def show_prompt(prompt: str, domain: str | None, seed: str | None, as_json: bool, workspace: str) -> None:
    """One template as it is written, or as it is sent for a seed; its version stands below."""
    opened = open_workspace(workspace)
    if seed is None:
        template = prompts.template(opened, prompt, domain or "generic")
        text, version, sha = template.text, template.version, None
    else:
        if domain is not None:
            raise UsageError("A seed has its own domain; leave --domain or --seed out.")
        db = opened.connect()
        sent = prompts.rendered(opened, db, prompt, trajectories.find(db, seed))
        text, version, sha = "\n".join(message["content"] for message in sent.messages), sent.version, sent.sha
    if as_json:
        print_json({"prompt": prompt, "version": version, "sha": sha, "text": text})
        return
    click.echo(visible(text, lines=True))
    about = f", sent as {sha[:12]}, about {len(text) // 4} tokens" if sha else ""
    click.echo(f"version {version}{about}", err=True)
