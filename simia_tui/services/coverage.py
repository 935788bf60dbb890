"""The coverage map: tools by outcome, of seeds and episodes; its holes, and jobs that fill them."""

import re
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from simia_tui import domains
from simia_tui.errors import UsageError
from simia_tui.evaluation.coverage import SUCCESS, known_wording, outcomes
from simia_tui.model import Job, SynthesizeSpec, Target
from simia_tui.store import Workspace, trajectories
from simia_tui.store import outcomes as store
from simia_tui.store.outcomes import Count, Read

PORTION = 200
"""Bodies that are read between two writes."""

ONLY_EPISODES = 3
"""Wordings of a tool that no seed has: the most frequent ones are listed, the rest is counted with its refusals."""

FEWEST = 5
"""Seeds that a targeted job draws from, where there are that many: copies of one seed fill no hole."""

_OUTCOMES = ("success", "error")
_TARGET = re.compile(r"\s*tool=([^,]+?)\s*(?:,\s*outcome=(\w+)\s*)?(?:,\s*error=(.+?)\s*)?")


class Cell(NamedTuple):
    """A cell of the map: how many seeds and episodes hold a call of the tool that came to this.

    `known` says that the domain's pack has this error, whether anything shows it or not.
    """

    target: Target
    seeds: int
    episodes: int
    known: bool = False

    @property
    def hole(self) -> bool:
        """Whether reality has it, by seeds, specs or pack, and no episode does."""
        return not self.episodes and (self.known or self.seeds > 0)


def read_target(line: str) -> Target:
    """Reads `tool=NAME`, `tool=NAME,outcome=error`, or with `,error=WORDS` to the end.

    Raises:
        UsageError: the line is none of these.
    """
    found = _TARGET.fullmatch(line)
    tool, outcome, error = found.groups() if found else (None, None, None)
    if tool is None or outcome not in (None, *_OUTCOMES) or (error is not None and outcome == "success"):
        raise UsageError(f"A target is written tool=NAME,outcome=error or outcome=success, not {line!r}.")
    return Target(tool=tool, outcome="error" if error else outcome, error=error)


def target_line(target: Target) -> str:
    """The line that `read_target` reads back."""
    outcome = f",outcome={target.outcome}" if target.outcome else ""
    return f"tool={target.tool}{outcome}" + (f",error={target.error}" if target.error else "")


def catch_up(db: sqlite3.Connection, tell: Callable[[int], None] = lambda _: None) -> None:
    """Reads the bodies that the map does not know yet; `tell` hears how many were read. Takes its time: 1 ms a body."""
    n = 0
    while portion := store.unread(db, PORTION):
        store.put(db, [Read(pk, rev, frozenset(outcomes(trajectories.get(db, pk, rev)))) for pk, rev in portion])
        n += len(portion)
        tell(n)


def cells(workspace: Workspace, db: sqlite3.Connection) -> list[Cell]:
    """The map as it was last read: tools with holes first, and each tool's cells together.

    A tool has a cell for success, one for refusals in whatever words, and one for each wording that a seed or the pack
    of its domain has, or that episodes use often.
    """
    counts: dict[str, dict[str, Count]] = defaultdict(dict)
    for count in store.counts(db):
        counts[count.tool][count.template] = count
    refused = {count.tool: count for count in store.refused(db)}
    declared = store.declared(db)
    known = _known_errors(workspace, declared)
    groups = [
        _tool_cells(tool, counts[tool], refused.get(tool), known.get(tool, set()), tool in declared)
        for tool in sorted({*counts, *declared})
    ]
    groups.sort(key=lambda group: -sum(cell.hole for cell in group))
    return [cell for group in groups for cell in group]


def _known_errors(workspace: Workspace, declared: dict[str, str]) -> dict[str, set[str]]:
    """The wordings of the packs' errors for each tool."""
    roots = workspace.prompt_roots()
    there = set(domains.names(roots))
    found: dict[str, set[str]] = defaultdict(set)
    packs = {domain: domains.load(domain, roots) for domain in set(declared.values()) & there}
    for tool, domain in declared.items():
        for error in packs[domain].errors if domain in packs else ():
            if tool in error.tools:
                found[tool].add(known_wording(error.text))
    return found


def _tool_cells(
    tool: str, counts: dict[str, Count], refused: Count | None, known: set[str], declared: bool
) -> list[Cell]:
    worked = counts.get(SUCCESS, Count(tool, SUCCESS, 0, 0))
    wordings = {wording: count for wording, count in counts.items() if wording != SUCCESS}
    shown = {wording for wording, count in wordings.items() if count.seeds} | known
    others = sorted(wordings.keys() - shown, key=lambda wording: (-wordings[wording].episodes, wording))
    found = [Cell(Target(tool=tool, outcome="success"), worked.seeds, worked.episodes, declared)]
    if refused is not None or known:
        seeds, episodes = (refused.seeds, refused.episodes) if refused else (0, 0)
        found.append(Cell(Target(tool=tool, outcome="error"), seeds, episodes, bool(known)))
    for wording in [*sorted(shown), *others[:ONLY_EPISODES]]:
        count = wordings.get(wording, Count(tool, wording, 0, 0))
        target = Target(tool=tool, outcome="error", error=wording)
        found.append(Cell(target, count.seeds, count.episodes, wording in known))
    return found


def seeds_for(db: sqlite3.Connection, approved: Sequence[int], target: Target) -> list[int]:
    """Those of the `approved` seeds that a targeted job is made from.

    First come those that show just this, then those that call the tool, then those that declare it, until there are
    enough for the episodes to differ.

    Raises:
        UsageError: none of them has the tool.
    """
    catch_up(db)
    allowed = set(approved)
    found: dict[int, None] = {}
    for pks in (
        store.showing(db, target.tool, target.outcome, target.error),
        store.showing(db, target.tool, target.outcome, None),
        store.showing(db, target.tool, None, None),
        store.declaring(db, target.tool),
    ):
        found |= dict.fromkeys(_among(pks, allowed))
        if len(found) >= FEWEST:
            break
    if not found:
        raise UsageError(f"No approved seed has the tool {target.tool}; `simia seeds list --tool` shows which have.")
    return list(found)


def _among(pks: Iterable[int], allowed: set[int]) -> list[int]:
    return [pk for pk in pks if pk in allowed]


def told(db: sqlite3.Connection, job: Job) -> str | None:
    """How many episodes of a targeted job show what it asked for, in a sentence; None for other jobs."""
    target = job.spec.target if isinstance(job.spec, SynthesizeSpec) else None
    if target is None:
        return None
    return f"{job.done - store.missed(db, job.id):,} of {job.done:,} episodes show {target_line(target)}"
