"""The coverage map: tools by outcome, of seeds and episodes; its holes, and jobs that fill them."""

import re
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from simia_tui import domains
from simia_tui.errors import UsageError
from simia_tui.evaluation.coverage import Known, alike, outcomes
from simia_tui.model import Job, SynthesizeSpec, Target
from simia_tui.store import Workspace, trajectories
from simia_tui.store import outcomes as store
from simia_tui.store.outcomes import Count, Read, Refusal

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

    A tool has a cell for success, one for refusals in whatever words, and one for each error that a seed shows, that
    the pack of its domain knows, or that episodes show often.
    """
    successes, declared = store.successes(db), store.declared(db)
    refusals: dict[str, list[Refusal]] = defaultdict(list)
    for refusal in store.refusals(db):
        refusals[refusal.tool].append(refusal)
    known = _known(workspace, declared)
    groups = [
        [
            *_success(tool, successes.get(tool), tool in declared),
            *_refusal_cells(tool, refusals[tool], known.get(tool, [])),
        ]
        for tool in sorted({*successes, *refusals, *declared})
    ]
    groups.sort(key=lambda group: -sum(cell.hole for cell in group))
    return [cell for group in groups for cell in group]


def _known(workspace: Workspace, declared: dict[str, str]) -> dict[str, list[Known]]:
    """The errors of the packs for each tool."""
    roots = workspace.prompt_roots()
    there = set(domains.names(roots))
    packs = {domain: domains.load(domain, roots) for domain in set(declared.values()) & there}
    found: dict[str, list[Known]] = {}
    for tool, domain in declared.items():
        errors = packs[domain].errors if domain in packs else ()
        found[tool] = [Known(error.text) for error in errors if tool in error.tools]
    return found


def _success(tool: str, count: Count | None, declared: bool) -> list[Cell]:
    if count is None and not declared:
        return []
    target = Target(tool=tool, outcome="success")
    return [Cell(target, count.seeds if count else 0, count.episodes if count else 0, declared)]


def _refusal_cells(tool: str, refusals: Sequence[Refusal], known: Sequence[Known]) -> list[Cell]:
    if not refusals and not known:
        return []
    seeds: dict[str, set[int]] = defaultdict(set)
    episodes: dict[str, set[int]] = defaultdict(set)
    for refusal in refusals:
        wording = next((error.wording for error in known if error.says(refusal.wording)), refusal.wording)
        (seeds if refusal.is_seed else episodes)[wording].add(refusal.trajectory)
    wordings = {error.wording for error in known}
    shown = wordings | seeds.keys()
    others = sorted(episodes.keys() - shown, key=lambda wording: (-len(episodes[wording]), wording))
    whole = Cell(
        Target(tool=tool, outcome="error"),
        len(set().union(*seeds.values())),
        len(set().union(*episodes.values())),
        bool(known),
    )
    return [
        whole,
        *(
            Cell(
                Target(tool=tool, outcome="error", error=wording),
                len(seeds.get(wording, ())),
                len(episodes.get(wording, ())),
                wording in wordings,
            )
            for wording in [*sorted(shown), *others[:ONLY_EPISODES]]
        ),
    ]


def seeds_for(db: sqlite3.Connection, approved: Sequence[int], target: Target) -> list[int]:
    """Those of the `approved` seeds that a targeted job is made from.

    First come those that show just this, then those that call the tool, then those that declare it, until there are
    enough for the episodes to differ.

    Raises:
        UsageError: none of them has the tool.
    """
    catch_up(db)
    allowed = set(approved)
    wordings = None
    if target.error is not None:
        said = {refusal.wording for refusal in store.refusals(db) if refusal.tool == target.tool and refusal.is_seed}
        wordings = [wording for wording in said if alike(wording, target.error)]
    found: dict[int, None] = {}
    for pks in (
        store.showing(db, target.tool, target.outcome, wordings),
        store.showing(db, target.tool, target.outcome),
        store.showing(db, target.tool),
        store.declaring(db, target.tool),
    ):
        found |= dict.fromkeys(pk for pk in pks if pk in allowed)
        if len(found) >= FEWEST:
            break
    if not found:
        raise UsageError(f"No approved seed has the tool {target.tool}; `simia seeds list --tool` shows which have.")
    return list(found)


def told(db: sqlite3.Connection, job: Job) -> str | None:
    """How many episodes of a targeted job show what it asked for, in a sentence; None for other jobs."""
    target = job.spec.target if isinstance(job.spec, SynthesizeSpec) else None
    if target is None:
        return None
    return f"{job.done - store.missed(db, job.id):,} of {job.done:,} episodes show {target_line(target)}"
