"""The trainer's one narrow door to the workspace: its run row, metrics, and what the user wants of it."""

import os
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simia_tui.model import Export, Metric, Run, RunStatus, Trajectory
from simia_tui.store import Workspace, exports, runs, trajectories
from simia_tui.training import overruling


class RunRecord:
    """One run of one workspace. May be used from several threads; each gets its own connection."""

    def __init__(self, workspace: Workspace, run: int) -> None:
        """Raises UsageError when the workspace has no such run."""
        self.workspace = workspace
        self._local = threading.local()
        self.id = run
        self.run: Run = runs.run(self._db, run)
        self.export: Export = exports.export(self._db, self.run.export)
        root = workspace.root.absolute()
        self.folder: Path = root / self.run.path
        self.bundle: Path = root / self.export.path

    @property
    def _db(self) -> sqlite3.Connection:
        if not hasattr(self._local, "db"):
            # Longer than the default: a metric is worth waiting for while an import holds the lock.
            self._local.db = self.workspace.connect(timeout=30.0)
        db: sqlite3.Connection = self._local.db
        return db

    def start(self, max_steps: int | None = None) -> None:
        """Says that this process carries the run out."""
        runs.start(self._db, self.id, os.getpid(), max_steps)

    def heartbeat(self, step: int) -> None:
        """Says that the trainer lives, and at which step it is."""
        runs.heartbeat(self._db, self.id, step)

    def desired(self) -> str:
        """`run` or `stop`."""
        return runs.desired(self._db, self.id)

    def log(self, metric: Metric) -> None:
        """Writes one step's metrics."""
        runs.log(self._db, self.id, metric)

    def metrics(self) -> list[Metric]:
        """All metrics so far, in order of steps."""
        return runs.metrics(self._db, self.id)

    def truncate_metrics(self, after_step: int) -> None:
        """Forgets metrics later than the checkpoint that training goes on from."""
        runs.truncate_metrics(self._db, self.id, after_step)

    def finish(self, status: RunStatus, reason: str | None = None, result: dict[str, Any] | None = None) -> None:
        """Ends the run."""
        runs.finish(self._db, self.id, status, reason, result)

    def other(self, run: int) -> tuple[Run, Path]:
        """Another run of the workspace and its folder. Raises UsageError where there is none."""
        found = runs.run(self._db, run)
        return found, self.workspace.root.absolute() / found.path

    def body(self, pk: int, revision: int) -> Trajectory:
        """A trajectory of the workspace at a revision. Raises UsageError where there is none."""
        return trajectories.get(self._db, pk, revision)

    def add_rollouts(self, rollouts: Sequence[runs.Rollout]) -> int:
        """Adds episodes and returns how many were new. Raises SimiaError when the database cannot be written."""
        return len(runs.add_rollouts(self._db, rollouts))

    def verdicts(self, since: int) -> dict[tuple[int, int, int], float | None]:
        """What reviewers have decided on this run's rollouts from step `since` on, as rewards by their places."""
        decided = runs.decided(self._db, self.id, since)
        return {place: overruling.reward_of(status, fault) for place, status, fault in decided if fault != "duplicate"}
