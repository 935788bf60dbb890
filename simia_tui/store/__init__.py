"""The workspace's SQLite database; the only room with SQL in it."""

from simia_tui.store.connection import data_version, snapshot, write
from simia_tui.store.query import Query
from simia_tui.store.trajectories import Added, New, Row
from simia_tui.store.workspace import Workspace

__all__ = ["Added", "New", "Query", "Row", "Workspace", "data_version", "snapshot", "write"]
