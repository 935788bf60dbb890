"""What the rules found in a workspace, and where people judged otherwise.

A person overrules a rule by approving a trajectory in which an error of that rule stands; a trajectory that a person
rejects although no error stands in it is one that the rules missed.
"""

import sqlite3
from typing import NamedTuple

from simia_tui.model import Kind


class Ruling(NamedTuple):
    """Of one rule, numbers of trajectories: with a finding, with a repair, with an error that stood when a person
    approved or rejected them (`judged`), and those of them that were approved (`overruled`)."""

    found: int = 0
    repaired: int = 0
    judged: int = 0
    overruled: int = 0


_BY_PERSON = (
    "EXISTS (SELECT 1 FROM decisions d JOIN batches b ON b.pk = d.batch WHERE b.reviewer <> 'rules'"
    " AND d.pk = (SELECT max(pk) FROM decisions WHERE trajectory = t.pk))"
)
"""That the last decision on a trajectory is a person's."""

_STANDS = "f.severity = 'error' AND NOT f.repaired"


def rulings(db: sqlite3.Connection, kind: Kind) -> dict[str, Ruling]:
    """What each rule found in trajectories of a kind and what became of it, the most frequent rule first."""
    judged = f"CASE WHEN {_STANDS} AND t.status IN ('approved', 'rejected') AND {_BY_PERSON} THEN t.pk END"
    overruled = f"CASE WHEN {_STANDS} AND t.status = 'approved' AND {_BY_PERSON} THEN t.pk END"
    found = db.execute(
        "SELECT f.rule, count(DISTINCT t.pk), count(DISTINCT CASE WHEN f.repaired THEN t.pk END),"
        f" count(DISTINCT {judged}), count(DISTINCT {overruled})"
        " FROM trajectories t JOIN findings f ON f.trajectory = t.pk AND f.revision = t.revision"
        " WHERE t.kind = ? GROUP BY f.rule ORDER BY 2 DESC, 1",
        (kind,),
    ).fetchall()
    return {rule: Ruling(*counts) for rule, *counts in found}


def missed(db: sqlite3.Connection, kind: Kind) -> int:
    """How many trajectories of a kind a person rejected although no error of any rule stands in them."""
    (n,) = db.execute(
        f"SELECT count(*) FROM trajectories t WHERE t.kind = ? AND t.status = 'rejected' AND {_BY_PERSON}"
        " AND NOT EXISTS (SELECT 1 FROM findings f WHERE f.trajectory = t.pk AND f.revision = t.revision"
        f" AND {_STANDS})",
        (kind,),
    ).fetchone()
    return int(n)
