"""The workspace's SQLite database; the only room with SQL in it."""

from simia_tui.store.connection import data_version, snapshot, write
from simia_tui.store.entries import Entry, New, entry
from simia_tui.store.query import Query
from simia_tui.store.trajectories import Added, Row
from simia_tui.store.workspace import Workspace

__all__ = ["Added", "Entry", "New", "Query", "Row", "Workspace", "data_version", "entry", "snapshot", "write"]
