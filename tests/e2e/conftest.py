"""Fixtures of the tests in a real terminal."""

import shutil
from collections.abc import Iterator

import pytest
from e2e_terminal import Terminal


@pytest.fixture
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """A terminal of 80 by 24 cells with a shell in it."""
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed; it gives these tests a real terminal")
    # The path of a Unix socket may have about a hundred characters.
    terminal = Terminal(tmp_path_factory.mktemp("t") / "s")
    yield terminal
    terminal.close()
