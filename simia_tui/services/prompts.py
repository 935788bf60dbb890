"""Prompt templates of a workspace: which are in force, their versions, what these brought, and editing them."""

import difflib
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from simia_tui import domains, resources
from simia_tui.domains import Pack, PromptTemplate
from simia_tui.domains.pack import NAME, find, read_text
from simia_tui.errors import UsageError
from simia_tui.store import Query, Workspace, prompts, trajectories
from simia_tui.store.prompts import Used

BASE = "generic"
"""The pack whose templates use everything that a kind of prompt can be filled with."""

UNUSED = Used(0, 0, 0, 0, 0, None)
LEAST_DIGITS = 4
"""Of a version that is named by its beginning."""


class Listed(NamedTuple):
    """A template that is in force for a domain: its version, and the pack whose file it is.

    `own` tells a file of the workspace from one that is shipped.
    """

    domain: str
    kind: str
    version: str
    pack: str
    own: bool


class Version(NamedTuple):
    """A text of a prompt. `at` is when it was first saved or used, None for one that never was."""

    version: str
    text: str
    at: float | None
    in_force: bool
    shipped: bool
    used: Used


def listed(workspace: Workspace) -> list[Listed]:
    """Every template of every domain; what a pack does not bring it has from the pack that it extends."""
    roots = workspace.prompt_roots()
    found = []
    for name in domains.names(roots):
        pack = domains.load(name, roots)
        for kind in pack.kinds:
            template = pack.template(kind)
            folder = template.path.parent
            found.append(Listed(name, kind, template.version, folder.name, folder.parent == workspace.prompts))
    return found


def template(workspace: Workspace, kind: str, domain: str) -> PromptTemplate:
    """The template `kind` that is in force for a domain.

    Raises:
        UsageError: there is no such domain, or no such template.
    """
    return domains.load(domain, workspace.prompt_roots()).template(kind)


def shipped(workspace: Workspace, kind: str, domain: str) -> PromptTemplate | None:
    """The template that would be in force if the workspace had none of its own; None where there is none."""
    return _shipped(workspace, domains.load(domain, workspace.prompt_roots()), kind)


def _shipped(workspace: Workspace, pack: Pack, kind: str) -> PromptTemplate | None:
    foreign = [folder for folder in pack.folders if folder.parent != workspace.prompts]
    found = find(foreign, f"{kind}.md") if kind in pack.kinds else None
    return PromptTemplate.of(read_text(found), found) if found else None


def versions(workspace: Workspace, db: sqlite3.Connection, kind: str, domain: str) -> list[Version]:
    """Every text that is known of a prompt: the one in force first, then the others, newest first.

    Raises:
        UsageError: there is no such domain, or no such template.
    """
    now, origin = template(workspace, kind, domain), shipped(workspace, kind, domain)
    used = prompts.used(db)
    texts: dict[str, tuple[str, float | None]] = {now.version: (now.text, None)}
    texts |= {kept.version: (kept.text, kept.at) for kept in prompts.kept(db, domain, kind)}
    if origin is not None:
        texts.setdefault(origin.version, (origin.text, None))
    shipped_version = origin.version if origin else None
    return [
        Version(
            version, text, at, version == now.version, version == shipped_version, used.get((domain, version), UNUSED)
        )
        for version, (text, at) in texts.items()
    ]


def version(workspace: Workspace, db: sqlite3.Connection, kind: str, domain: str, name: str) -> Version:
    """The version that is called `name`: `now`, `shipped`, or the first digits of its hash.

    Raises:
        UsageError: there is none of that name, or there are several.
    """
    known = versions(workspace, db, kind, domain)
    found = [
        one
        for one in known
        if (name == "now" and one.in_force)
        or (name == "shipped" and one.shipped)
        or (len(name) >= LEAST_DIGITS and one.version.startswith(name))
    ]
    if len(found) != 1:
        names = ", ".join(one.version for one in known)
        raise UsageError(f"{name!r} names no version of {kind} for {domain}; known are now, shipped, {names}.")
    return found[0]


def rival(workspace: Workspace, db: sqlite3.Connection, kind: str, domain: str) -> str | None:
    """What the version in force is best compared with: the shipped one, or else the latest that was replaced."""
    now, origin = template(workspace, kind, domain), shipped(workspace, kind, domain)
    if origin is not None and origin.version != now.version:
        return "shipped"
    return next((one.version for one in prompts.kept(db, domain, kind) if one.version != now.version), None)


def seeds_of(db: sqlite3.Connection, domain: str) -> Sequence[int]:
    """The seeds that a prompt of a domain can be shown with: its approved ones, or else any."""
    approved = trajectories.ids(db, Query(kind="seed", status="approved", domain=domain))
    return approved or trajectories.ids(db, Query(kind="seed", domain=domain))


def diff(before: Version, after: Version) -> list[str]:
    """What to change in `before` to get `after`, as lines of a unified diff; empty where they are equal."""
    names = (f"version {before.version}", f"version {after.version}")
    return list(difflib.unified_diff(before.text.splitlines(), after.text.splitlines(), *names, lineterm=""))


def check(workspace: Workspace, kind: str, domain: str, text: str, *, whole: bool = True) -> PromptTemplate:
    """The template with a new text, as it would stand in the workspace; nothing is written.

    Raises:
        UsageError: a `$` stands alone, a placeholder is unknown, or, where it has to be `whole`, one that the shipped
            template has is missing.
    """
    path = _own_path(workspace, kind, domain)
    made = PromptTemplate.of(text, path)
    pack = domains.load(domain, workspace.prompt_roots())
    pack.template(kind)
    reference = _shipped(workspace, pack, kind)
    if reference is None:
        made.placeholders  # noqa: B018  # raises where the text is no template
        return made
    base = shipped(workspace, kind, BASE)
    known = reference.placeholders | (base.placeholders if base else frozenset())
    if unknown := sorted(made.placeholders - known):
        raise UsageError(
            f"The placeholder ${unknown[0]} is unknown in {kind}; known are {_names(known)} (and $$, a dollar sign)."
        )
    if whole and (missing := sorted(reference.placeholders - made.placeholders)):
        raise UsageError(f"The placeholder ${missing[0]} is missing; write it where its content is to stand.")
    return made


def _names(placeholders: frozenset[str]) -> str:
    return ", ".join(f"${name}" for name in sorted(placeholders))


def _own_path(workspace: Workspace, kind: str, domain: str) -> Path:
    """Where the workspace's own file is, or would be.

    Raises:
        UsageError: the names are none, or the workspace is the program's own checkout.
    """
    if not (NAME.fullmatch(domain) and NAME.fullmatch(kind)):
        raise UsageError(f"{domain}/{kind} names no prompt; `simia prompts list` shows them.")
    if workspace.prompts.resolve() == resources.prompts().resolve():
        raise UsageError("The prompts of this workspace are the shipped ones; `simia init DIR` makes one of your own.")
    return workspace.prompts / domain / f"{kind}.md"


def save(workspace: Workspace, db: sqlite3.Connection, kind: str, domain: str, text: str) -> PromptTemplate:
    """Puts a text in force for one domain, as a file of the workspace; the text that it replaces is kept as a version.

    A version that was in force before may lack what shipped templates have learnt to hold since.

    Raises:
        UsageError: the text is no template for this prompt (see `check`), or the file cannot be written.
    """
    known = any(text == kept.text for kept in prompts.kept(db, domain, kind))
    made = check(workspace, kind, domain, text, whole=not known)
    before = template(workspace, kind, domain)
    for one in (before, made):
        prompts.keep(db, domain, kind, one.version, one.text)
    try:
        made.path.parent.mkdir(parents=True, exist_ok=True)
        _replace(made.path, text)
    except OSError as error:
        raise UsageError(f"{made.path} cannot be written ({error.strerror}); the old prompt stays in force.") from None
    return made


def _replace(path: Path, text: str) -> None:
    """Writes a file as a whole: a job that reads it meanwhile finds the old text or the new one."""
    beside = path.with_suffix(".new")
    beside.write_text(text, encoding="utf-8", newline="")
    os.replace(beside, path)


def revert(workspace: Workspace, db: sqlite3.Connection, kind: str, domain: str) -> PromptTemplate:
    """Takes the workspace's own file away, so that the shipped template is in force again; its text is kept.

    Raises:
        UsageError: the domain has no file of its own, or nothing stands behind it.
    """
    path, now = _own_path(workspace, kind, domain), template(workspace, kind, domain)
    if now.path != path:
        raise UsageError(f"{kind} for {domain} is not the workspace's own; it comes from {now.path.parent.name}.")
    if shipped(workspace, kind, domain) is None:
        raise UsageError(f"{kind} for {domain} was never shipped; there is nothing to go back to.")
    prompts.keep(db, domain, kind, now.version, now.text)
    path.unlink()
    return template(workspace, kind, domain)
