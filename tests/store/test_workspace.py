"""A workspace and the ways to its database."""

import sqlite3

import pytest

from simia_tui.errors import SimiaError
from simia_tui.store import Workspace


def test_a_session_explains_what_the_database_refuses_and_closes_it(workspace: Workspace) -> None:
    with pytest.raises(SimiaError), workspace.session(readonly=True) as db:
        db.execute("DELETE FROM trajectories")
    with pytest.raises(sqlite3.ProgrammingError):
        db.execute("SELECT 1")
