"""The servers and the kill loop. Test folders are no packages, so all are loaded by their path."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from jobbench import Bench

TESTS = Path(__file__).parents[1]


def load(name: str, folder: str) -> ModuleType:
    """The module `tests/<folder>/<name>.py`, loaded once."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, TESTS / folder / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="session")
def faultserver() -> ModuleType:
    """The module of the fault server."""
    return load("faultserver", "llm")


@pytest.fixture
def batchserver() -> ModuleType:
    """The module of the server with a Batch API."""
    return load("batchserver", "llm")


@pytest.fixture(scope="session")
def killing() -> ModuleType:
    """The module of the kill loop."""
    return load("killing", "jobs")


@pytest.fixture
def bench(
    tmp_path: Path, killing: ModuleType, faultserver: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bench]:
    """A job's world in which nothing waits for its next try."""
    monkeypatch.setattr("simia_tui.jobs.tasks.backoff", lambda task: 0.0)
    monkeypatch.setattr("simia_tui.jobs.worker.IDLE_S", 0.0)
    with faultserver.FaultServer(reply=faultserver.episode) as server:
        made = Bench(tmp_path / "w", server, killing)
        yield made
        made.db.close()
