"""Prompt templates as they are in force in a workspace, and what they become for a real seed."""

import sqlite3
from typing import NamedTuple

from simia_tui import domains
from simia_tui.errors import UsageError
from simia_tui.simulate import prefilter, synthesize
from simia_tui.simulate.synthesize import Prompt
from simia_tui.store import Workspace, trajectories

NO_PROMPTS = frozenset({"policy"})
"""Texts of a pack that are no prompts."""


class Listed(NamedTuple):
    """A template that is in force for a domain: its version, and the pack whose file it is.

    `own` tells a file of the workspace from one that is shipped.
    """

    domain: str
    kind: str
    version: str
    pack: str
    own: bool


def listed(workspace: Workspace) -> list[Listed]:
    """Every template of every domain; what a pack does not bring it has from the pack that it extends."""
    roots = workspace.prompt_roots()
    found = []
    for name in domains.names(roots):
        pack = domains.load(name, roots)
        kinds = {path.stem for folder in pack.folders for path in folder.glob("*.md")} - NO_PROMPTS
        for kind in sorted(kinds):
            template = pack.template(kind)
            folder = template.path.parent
            found.append(Listed(name, kind, template.version, folder.name, folder.parent == workspace.prompts))
    return found


def template(workspace: Workspace, kind: str, domain: str) -> domains.PromptTemplate:
    """The template `kind` that is in force for a domain.

    Raises:
        UsageError: there is no such domain, or no such template.
    """
    return domains.load(domain, workspace.prompt_roots()).template(kind)


def rendered(workspace: Workspace, db: sqlite3.Connection, kind: str, pk: int) -> Prompt:
    """The request as it would be sent about seed `pk`; of a synthesize job, that of its first task.

    Where neither seed nor pack declares tools, a job infers them from all its seeds; here it is from this one.

    Raises:
        UsageError: the template needs more than a seed, or is wrong.
    """
    seed = trajectories.get(db, pk)
    pack = domains.load(seed.domain, workspace.prompt_roots())
    tools = seed.tools or pack.tools or domains.infer_tools([seed])
    if kind == "synthesize":
        return synthesize.Writer(pack, seed, tools).prompt(0, 0)
    if kind == "prefilter":
        said = prefilter.remarks(trajectories.findings(db, pk))
        return prefilter.Writer(pack, seed, tools, said).prompt()
    pack.template(kind)
    raise UsageError(f"The prompt {kind!r} is about a session under way; only synthesize and prefilter have a preview.")
