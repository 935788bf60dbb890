"""What every screen stands on: the workspace, the settings, and the UI thread's connection."""

import sqlite3
from dataclasses import dataclass

from simia_tui.settings import Settings
from simia_tui.store import Workspace


@dataclass(frozen=True)
class Bench:
    """The open workspace. `db` belongs to the UI thread; other threads connect for themselves."""

    workspace: Workspace
    settings: Settings
    db: sqlite3.Connection

    @classmethod
    def open(cls, workspace: Workspace) -> "Bench":
        """Reads the settings and connects."""
        return cls(workspace, Settings.load(workspace.root), workspace.connect())

    @property
    def reviewer(self) -> str:
        return self.settings.reviewer.name

    @property
    def simulator(self) -> str:
        """The simulator's name as screens show it."""
        endpoint = self.settings.simulator()
        return f"{endpoint.model} at {endpoint.name}" if endpoint else "the offline demo model"
