"""What the workbench's process loads, and what it asks of the terminal."""

import subprocess
import sys
from pathlib import Path

import pytest
from stage import fill

from simia_tui.errors import SimiaError, UsageError
from simia_tui.store import Workspace
from simia_tui.tui import app as app_module
from simia_tui.tui.app import Workbench, open_workbench

WALK = """
import asyncio, sys
from pathlib import Path
from simia_tui.store import Workspace
from simia_tui.tui.app import Workbench

async def walk():
    app = Workbench(Workspace.open(Path(sys.argv[1])))
    async with app.run_test(size=(80, 24)) as pilot:
        for key in ("g", "s", "g", "e", "g", "j", "g", "x", "T", "escape", "S", "escape", "I", "escape"):
            await pilot.press(key)
            await app.workers.wait_for_complete()
            await pilot.pause()

if sys.argv[1:]:
    asyncio.run(walk())
else:
    import simia_tui.tui.app
heavy = ("openai", "torch", "transformers", "trl", "peft", "aiohttp", "datasets", "httpx", "simia_tui.llm")
print(sorted(name for name in heavy if name in sys.modules))
"""


@pytest.mark.parametrize("walked", [False, True], ids=["imported", "walked through every room"])
def test_neither_an_llm_client_nor_torch_is_loaded(workspace: Workspace, walked: bool) -> None:
    fill(workspace)
    arguments = [str(workspace.root)] if walked else []
    done = subprocess.run([sys.executable, "-c", WALK, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("stream", ["stdin", "stdout", "stderr"])
def test_without_a_terminal_there_is_one_sentence(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, stream: str
) -> None:
    class Terminal:
        def __init__(self, there: bool) -> None:
            self._there = there

        def isatty(self) -> bool:
            return self._there

    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(f"{app_module.__name__}.sys.{name}", Terminal(name != stream))
    with pytest.raises(UsageError, match="needs a terminal"):
        open_workbench(workspace)


def test_a_workbench_that_breaks_off_is_no_success(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    def run(self: Workbench) -> None:
        self._return_code = 1

    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(f"{app_module.__name__}.sys.{name}", Terminal())
    monkeypatch.setattr(Workbench, "run", run)
    with pytest.raises(SimiaError, match="decisions made so far are kept"):
        open_workbench(workspace)


def test_an_unknown_theme_leaves_the_usual_one(workspace: Workspace) -> None:
    Path(workspace.root / "simia.toml").write_text('[ui]\ntheme = "no-such-theme"\n')
    app = Workbench(workspace)
    before = app.theme

    async def look() -> None:
        async with app.run_test():
            assert app.theme == before

    import asyncio

    asyncio.run(look())
