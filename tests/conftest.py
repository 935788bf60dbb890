"""Fixtures that every room's tests share."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from simia_tui.store import Workspace

_CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
settings.register_profile("explore", _CALM)
# The same examples in every run: whether a change passes must not depend on luck.
settings.register_profile("simia", _CALM, derandomize=True)
settings.load_profile("simia")


_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data" / "real"
_REAL_DATA = Path(os.environ.get("SIMIA_REAL_DATA", _BESIDE))


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the keys, settings or colours of the person who runs it."""
    for name in [*os.environ]:
        if name.startswith(("OPENAI_", "SIMIA_", "AZURE_")) or name in ("NO_COLOR", "COLORTERM"):
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SIMIA_REVIEWER", "tester")


@pytest.fixture
def real_data() -> Path:
    """The folder of real trajectories that lies beside a development checkout."""
    folder = _REAL_DATA
    if not folder.is_dir():
        pytest.skip("the real trajectories are not on this machine (set SIMIA_REAL_DATA to their folder)")
    return folder


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A fresh, empty workspace, in which what is drawn at random is the same in every run."""
    made = Workspace.create(tmp_path / "work")
    connection = made.connect()
    connection.execute("UPDATE draws SET random_seed = 7")
    connection.close()
    return made


@pytest.fixture
def db(workspace: Workspace) -> Iterator[sqlite3.Connection]:
    """A connection to the fresh workspace."""
    connection = workspace.connect()
    yield connection
    connection.close()
