"""Known-bad items in a queue: a few waiting episodes give their places to copies of approved ones with a defect."""

import random
import sqlite3
from array import array
from collections.abc import Iterator

from simia_tui.evaluation.planting import MUTATORS, Spoilt
from simia_tui.model import Finding, Severity, Trajectory
from simia_tui.services import reviewing
from simia_tui.store import Query, Workspace, draws, planted, trajectories
from simia_tui.store.planted import Planted

SOURCES = 10
"""Approved episodes that there must be: a reviewer would recognise one of a handful."""
WINDOW = 500
"""Waiting items from the reviewer's place on among which copies are mixed each time the queue is looked up."""
TRIES = 6
_PLAIN = {"status", "domain", "job"}


def mixed(
    workspace: Workspace,
    db: sqlite3.Connection,
    query: Query,
    ids: "array[int]",
    reviewer: str,
    share: float,
    start: int | None = None,
) -> "array[int]":
    """`ids` with copies mixed in from the trajectory `start` on, about one in 1 / `share` of what waits.

    A copy takes the place and the number of an episode that waits, which moves to the end of the queue. A filter that
    a copy may not match gets none, and neither does the sample of a certificate. Runs for a while: use a thread.
    """
    if share <= 0 or not _fits(query) or not ids:
        return ids
    waiting = _waiting(db, ids, start)
    seed = draws.seed(db, "planted")
    places = [pk for pk in waiting if draws.fraction(seed, f"{reviewer}:{pk}") < share]
    copies = _copies(workspace, db, reviewer, places, seed)
    if not copies:
        return ids
    displaced = [pk for pk in ids if -pk in copies]
    return array("q", [*(-pk if -pk in copies else pk for pk in ids), *displaced])


def _fits(query: Query) -> bool:
    asked = {term.name for term in query.terms}
    return query.kind == "episode" and not query.also and asked <= _PLAIN and query.status in (None, "pending")


def _waiting(db: sqlite3.Connection, ids: "array[int]", start: int | None) -> list[int]:
    """The next waiting items from `start` on (or from the beginning)."""
    first = ids.index(start) if start is not None and start in ids else 0
    found: list[int] = []
    for here in range(first, len(ids), WINDOW):
        rows = trajectories.rows(db, ids[here : here + WINDOW])
        found += [row.pk for row in rows if row.status == "pending" and row.pk > 0]
        if len(found) >= WINDOW:
            break
    return found[:WINDOW]


def _copies(workspace: Workspace, db: sqlite3.Connection, reviewer: str, places: list[int], seed: int) -> set[int]:
    """The keys of the copies at `places` that wait for a verdict; those that are missing are made."""
    there, waiting = planted.taken_places(db), planted.open_copies(db, reviewer)
    copies = {-pk for pk in places if -pk in waiting}
    sources = planted.sources(db, reviewer)
    if len(sources) + len(there) < SOURCES:
        return copies
    for pk in places:
        if -pk in there or not sources:
            continue
        rng = random.Random(f"{seed}:{reviewer}:{pk}")
        source = sources.pop(rng.randrange(len(sources)))
        if _plant(workspace, db, reviewer, -pk, source, rng):
            copies.add(-pk)
    return copies


def _plant(
    workspace: Workspace, db: sqlite3.Connection, reviewer: str, pk: int, source: int, rng: random.Random
) -> bool:
    (row,) = trajectories.rows(db, [source])
    body = trajectories.get(db, source, row.revision)
    for defect, spoilt in _spoilt(body, rng):
        findings = _quiet(workspace, body, spoilt.body)
        if findings is not None:
            copy = Planted(pk, reviewer, source, row.revision, defect, spoilt.turn)
            return planted.add(db, copy, spoilt.body, findings)
    return False


def _spoilt(body: Trajectory, rng: random.Random) -> Iterator[tuple[str, Spoilt]]:
    for _ in range(TRIES):
        defect = rng.choice(list(MUTATORS))
        found = MUTATORS[defect](body, rng)
        if found is not None:
            yield defect, found


def _quiet(workspace: Workspace, before: Trajectory, after: Trajectory) -> list[Finding] | None:
    """What the rules find in the copy; None where they see an error that the source did not have, and give it away."""

    def errors(findings: list[Finding]) -> int:
        return sum(finding.severity is Severity.ERROR and not finding.repaired for finding in findings)

    found = reviewing.check(workspace, after)[1]
    return None if errors(found) > errors(reviewing.check(workspace, before)[1]) else found
