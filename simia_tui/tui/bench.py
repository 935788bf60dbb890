"""What every screen stands on: the workspace, the settings, and the UI thread's connection."""

import sqlite3
from dataclasses import dataclass

from simia_tui.settings import Settings
from simia_tui.store import Workspace

PATIENCE_S = 1.0
"""Seconds that a key waits for another writer: batches of the worker take milliseconds, and a frozen screen is worse
than a sentence that says who holds the database."""


@dataclass(frozen=True)
class Bench:
    """The open workspace. `db` belongs to the UI thread; other threads connect for themselves."""

    workspace: Workspace
    settings: Settings
    db: sqlite3.Connection

    @classmethod
    def open(cls, workspace: Workspace, reviewer: str | None = None) -> "Bench":
        """Reads the settings and connects; `reviewer` overrules whom they name."""
        settings = Settings.load(workspace.root, {"reviewer": {"name": reviewer}} if reviewer is not None else None)
        return cls(workspace, settings, workspace.connect(timeout=PATIENCE_S))

    @property
    def reviewer(self) -> str:
        return self.settings.reviewer.name

    @property
    def simulator(self) -> str:
        """The simulator's name as screens show it."""
        endpoint = self.settings.simulator()
        return f"{endpoint.model} at {endpoint.name}" if endpoint else "the offline demo model"
