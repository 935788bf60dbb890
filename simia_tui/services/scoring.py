"""How well the rules find the defects that the demo model injected into the episodes of this workspace."""

import sqlite3

from simia_tui.demo import truth
from simia_tui.errors import UsageError
from simia_tui.evaluation import Case, Scores, score
from simia_tui.store import Workspace, jobs, trajectories


def score_rules(workspace: Workspace, db: sqlite3.Connection, job: int | None = None) -> Scores:
    """Precision and recall over the episodes of demo jobs (or of one job), as the rules first saw them.

    Raises:
        UsageError: no episode here was made by the demo model.
    """
    injected = {entry.response_id: entry.defects for entry in truth.read(workspace.truth)}
    cases = []
    for pk, response_id in jobs.answered(db, job):
        if response_id in injected:
            original = min(1, trajectories.rows(db, [pk])[0].revision)
            cases.append(Case(injected[response_id], trajectories.findings(db, pk, original)))
    if not cases:
        raise UsageError("No episode here was made by the demo model; run `simia synthesize --demo` first.")
    return score(cases)
