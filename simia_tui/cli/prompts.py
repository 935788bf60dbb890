"""`simia prompts`: the templates in force, their versions, editing them, and two versions on the same seeds."""

import time
from typing import Any

import click

from simia_tui.cli.common import (
    dollars,
    json_option,
    load_settings,
    open_workspace,
    print_json,
    print_table,
    workspace_option,
)
from simia_tui.errors import UsageError
from simia_tui.services import comparing, prompts
from simia_tui.services.comparing import Arm, Measure, Result
from simia_tui.services.waiting import wait_for_job
from simia_tui.store import prompts as store
from simia_tui.store import trajectories
from simia_tui.tui.text import visible

domain_option = click.option("--domain", default=prompts.BASE, show_default=True, help="The domain that it is for.")


@click.group("prompts", help="List, show, edit and compare prompt templates.")
def prompts_command() -> None: ...


@prompts_command.command("list")
@click.option("--domain", help="Only those of this domain.")
@json_option
@workspace_option
def list_prompts(domain: str | None, as_json: bool, workspace: str) -> None:
    """Every template in force: its version (the start of its hash), where it comes from, and what it brought."""
    opened = open_workspace(workspace)
    found = [one for one in prompts.listed(opened) if domain in (None, one.domain)]
    if not found:
        raise UsageError(f"There is no domain {domain!r}; `simia prompts list` shows them.")
    used = store.used(opened.connect())
    rows = [(one, used.get((one.domain, one.version), prompts.UNUSED)) for one in found]
    if as_json:
        print_json([{**one._asdict(), **use._asdict()} for one, use in rows])
        return
    print_table(
        ("domain", "prompt", "version", "from", "attempts", "answered", "episodes", "whole", "approved"),
        (
            (p.domain, p.kind, p.version, f"{p.pack} ({'workspace' if p.own else 'shipped'})", *_figures(use))
            for p, use in rows
        ),
    )
    click.echo("A file prompts/DOMAIN/PROMPT.md in the workspace takes the place of a shipped one.")


def _figures(used: store.Used) -> tuple[int, ...]:
    return used.attempts, used.answered, used.episodes, used.whole, used.approved


@prompts_command.command("show")
@click.argument("prompt")
@click.option("--domain", help="The domain; that of the seed, or generic.")
@click.option("--version", help="Another version than the one in force: the start of its hash, or `shipped`.")
@click.option("--seed", metavar="ID", help="Fill it in for this seed, as it would be sent.")
@json_option
@workspace_option
def show_prompt(
    prompt: str, domain: str | None, version: str | None, seed: str | None, as_json: bool, workspace: str
) -> None:
    """One template as it is written, or as it is sent for a seed; its version stands below."""
    opened = open_workspace(workspace)
    db = opened.connect()
    pk = None if seed is None else trajectories.find(db, seed)
    if pk is not None and domain is not None:
        raise UsageError("A seed has its own domain; leave --domain or --seed out.")
    place = domain or prompts.BASE if pk is None else trajectories.rows(db, [pk])[0].domain
    template = prompts.template(opened, prompt, place)
    if version is not None:
        text = prompts.version(opened, db, prompt, place, version).text
        template = template.of(text, template.path)
    if pk is None:
        text, sha = template.text, None
    else:
        from simia_tui.services.rendering import rendered

        sent = rendered(opened, db, prompt, pk, template)
        text, sha = "\n".join(message["content"] for message in sent.messages), sent.sha
    if as_json:
        print_json({"prompt": prompt, "version": template.version, "sha": sha, "text": text})
        return
    click.echo(visible(text, lines=True))
    about = f", sent as {sha[:12]}, about {len(text) // 4} tokens" if sha else ""
    click.echo(f"version {template.version}{about}", err=True)


@prompts_command.command("versions")
@click.argument("prompt")
@domain_option
@json_option
@workspace_option
def list_versions(prompt: str, domain: str, as_json: bool, workspace: str) -> None:
    """Every text of a prompt that was saved or used, and what its attempts brought."""
    opened = open_workspace(workspace)
    found = prompts.versions(opened, opened.connect(), prompt, domain)
    if as_json:
        print_json([{**{k: v for k, v in one._asdict().items() if k != "used"}, **one.used._asdict()} for one in found])
        return
    print_table(
        ("version", "", "first seen", "attempts", "answered", "episodes", "whole", "approved"),
        ((one.version, _standing(one), _day(one.at), *_figures(one.used)) for one in found),
    )


def _standing(one: prompts.Version) -> str:
    return ", ".join([*(["in force"] * one.in_force), *(["shipped"] * one.shipped)])


def _day(at: float | None) -> str:
    return "" if at is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


@prompts_command.command("diff")
@click.argument("prompt")
@click.argument("version_a")
@click.argument("version_b")
@domain_option
@workspace_option
def diff_versions(prompt: str, version_a: str, version_b: str, domain: str, workspace: str) -> None:
    """What differs between two versions (the start of a hash, `now`, or `shipped`)."""
    opened = open_workspace(workspace)
    db = opened.connect()
    before, after = (prompts.version(opened, db, prompt, domain, name) for name in (version_a, version_b))
    for line in prompts.diff(before, after):
        click.echo(visible(line))


@prompts_command.command("edit")
@click.argument("prompt")
@domain_option
@click.option("--from", "source", metavar="VERSION", help="Put this version in force, without an editor.")
@workspace_option
def edit_prompt(prompt: str, domain: str, source: str | None, workspace: str) -> None:
    """Edit a prompt in $EDITOR, or put another version in force; a shipped one is copied into the workspace first."""
    opened = open_workspace(workspace)
    db = opened.connect()
    now = prompts.template(opened, prompt, domain)
    text = prompts.version(opened, db, prompt, domain, source).text if source else click.edit(now.text, extension=".md")
    if text is None or text == now.text:
        click.echo(f"nothing was changed; version {now.version} stays in force")
        return
    made = prompts.save(opened, db, prompt, domain, text)
    click.echo(f"version {made.version} is in force for {domain}, as {made.path}; {now.version} is kept")


@prompts_command.command("revert")
@click.argument("prompt")
@domain_option
@workspace_option
def revert_prompt(prompt: str, domain: str, workspace: str) -> None:
    """Go back to the shipped template; the workspace's own text stays among the versions."""
    opened = open_workspace(workspace)
    made = prompts.revert(opened, opened.connect(), prompt, domain)
    click.echo(f"version {made.version} of {made.path.parent.name} is in force again for {domain}")


@prompts_command.command("ab")
@click.argument("domain")
@click.argument("prompt")
@click.argument("version_a")
@click.argument("version_b")
@click.option("--seeds", "n", type=int, default=50, show_default=True, help="Tasks for each version.")
@click.option("--model", help="Another model of the endpoint.")
@click.option("--concurrency", type=int, default=16, show_default=True, help="Requests in flight at a time.")
@click.option("--budget", type=float, help="Stop before this many USD are spent, half by each version.")
@click.option("--seed", "random_seed", type=int, default=0, show_default=True, help="The random seed of both jobs.")
@click.option("--demo", is_flag=True, help="Use the offline demo model even if an endpoint is set up.")
@click.option("--wait", is_flag=True, help="Wait for both jobs and show what came of them.")
@json_option
@workspace_option
def compare_versions(
    domain: str,
    prompt: str,
    version_a: str,
    version_b: str,
    n: int,
    model: str | None,
    concurrency: int,
    budget: float | None,
    random_seed: int,
    demo: bool,
    wait: bool,
    as_json: bool,
    workspace: str,
) -> None:
    """Set two versions of a prompt to work on the same seeds with the same variation, as a job each."""
    opened = open_workspace(workspace)
    db = opened.connect()
    settings = load_settings(opened, demo)
    started = comparing.start(
        opened,
        db,
        settings,
        domain,
        prompt,
        (version_a, version_b),
        n,
        concurrency=concurrency,
        budget_usd=budget,
        random_seed=random_seed,
        model=model,
    )
    if wait:
        for job in (started.job_a, started.job_b):
            wait_for_job(opened, db, job)
    if wait or as_json:
        _print(comparing.result(db, started.pk), as_json)
    else:
        click.echo(f"comparison {started.pk}: jobs {started.job_a} (A) and {started.job_b} (B), {n} tasks each")
        click.echo(f"`simia prompts compared {started.pk}` shows what came of them, also while reviewers decide.")


@prompts_command.command("compared")
@click.argument("number", type=int, required=False)
@json_option
@workspace_option
def show_comparison(number: int | None, as_json: bool, workspace: str) -> None:
    """All comparisons, or one of them as it stands now."""
    db = open_workspace(workspace).connect()
    if number is not None:
        _print(comparing.result(db, number), as_json)
        return
    found = store.comparisons(db)
    if as_json:
        print_json([one._asdict() for one in found])
        return
    print_table(
        ("comparison", "domain", "prompt", "A", "B", "jobs", "started"),
        (
            (c.pk, c.domain, c.kind, c.version_a, c.version_b, f"{c.job_a}, {c.job_b}", _day(c.at))
            for c in found
        ),
    )  # fmt: skip


def _print(found: Result, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "comparison": found.comparison.pk,
                "over": found.over,
                "said": found.said,
                "arms": [_arm_json(arm) for arm in (found.a, found.b)],
                "measures": [_measure_json(measure) for measure in found.measures],
            }
        )
        return
    head = found.comparison
    print_table(
        (f"{head.kind} for {head.domain}", f"A {head.version_a}", f"B {head.version_b}", ""),
        comparing.table(found, dollars),
    )
    click.echo(found.said)


def _arm_json(arm: Arm) -> dict[str, Any]:
    return {
        "version": arm.version,
        "job": arm.job.id,
        "status": arm.job.status,
        "asked": arm.job.target,
        "kept": arm.kept,
        "findings": arm.findings,
        "approved": arm.approved,
        "tokens_in": arm.job.tokens_in,
        "tokens_out": arm.job.tokens_out,
        "cost_nano": arm.job.cost_nano,
        "cost_nano_per_kept": arm.each(arm.kept),
        "cost_nano_per_approved": arm.each(arm.approved),
    }


def _measure_json(measure: Measure) -> dict[str, Any]:
    found = measure.found
    return {
        "measure": measure.label,
        "a": found.a._asdict(),
        "b": found.b._asdict(),
        "only_a": found.only_a,
        "only_b": found.only_b,
        "p": found.p,
        "said": measure.said,
    }
