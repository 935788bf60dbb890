"""The workbench under test: no process is started, nothing blinks, and a helper waits for its threads."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from stage import fill
from textual.pilot import Pilot
from textual.widgets import Input, TextArea
from textual.worker import WorkerCancelled

from simia_tui.services import processes, synthesis
from simia_tui.store import Workspace
from simia_tui.tui.app import Workbench

Opened = Callable[..., Any]
PATIENCE_S = 60.0
"""How long a thing is waited for; a busy machine may stand still for seconds."""


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[str]]]:
    """The command lines of the processes that would have been started."""
    commands: list[list[str]] = []

    def start(arguments: list[str], log: Path) -> int:
        commands.append(arguments)
        return 1 << 22

    monkeypatch.setattr(processes, "start", start)
    monkeypatch.setattr(synthesis, "reattach", lambda workspace, db: None)
    monkeypatch.setattr(Input, "cursor_blink", False)
    monkeypatch.setattr(TextArea, "cursor_blink", False)
    yield commands


@pytest.fixture
def filled(workspace: Workspace) -> Workspace:
    """The workspace of `stage.fill`."""
    fill(workspace)
    return workspace


async def settle(pilot: Pilot[None]) -> None:
    """Waits until threads have answered and what they said is painted."""
    for _ in range(2):
        while True:
            try:
                await pilot.app.workers.wait_for_complete()
                break
            except WorkerCancelled:
                # A newer look-up has taken its place.
                await pilot.pause()
        await pilot.pause()


class Driver:
    """Keys in, text out."""

    def __init__(self, app: Workbench, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    async def keys(self, *keys: str) -> str:
        """Presses keys one by one, each when the one before has had its effect; returns the screen."""
        for key in keys:
            await self.pilot.press(key)
            await settle(self.pilot)
        await settle(self.pilot)
        return self.text

    async def type(self, text: str) -> str:
        """Types into the field that has the focus."""
        names = {" ": "space", ".": "full_stop", "/": "slash", ":": "colon", "-": "minus", "_": "underscore"}
        return await self.keys(*(names.get(character, character) for character in text))

    async def until(self, holds: Callable[[], bool]) -> str:
        """Lets the app go on until something holds; for what comes by a timer."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if holds():
                return self.text
            await self.pilot.pause(0.01)
        raise AssertionError(f"never happened; the screen was:\n{self.text}")

    @property
    def lines(self) -> list[str]:
        """The screen, line by line."""
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip) for strip in strips]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def bar(self) -> str:
        """The last line: the keys that act."""
        return self.lines[-1]

    @property
    def notes(self) -> str:
        """What the notifications say."""
        return " ".join(f"{note.title}: {note.message}" for note in self.app._notifications)

    def field(self, name: str) -> str:
        """What stands in a field of a dialog."""
        return self.app.screen.query_one(f"#field-{name}", Input).value


@pytest.fixture
def opened() -> Opened:
    """Opens the workbench on a workspace: `async with opened(workspace, size=(80, 24)) as bench`."""

    @asynccontextmanager
    async def open_it(workspace: Workspace, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Driver]:
        app = Workbench(workspace)
        async with app.run_test(size=size, notifications=True) as pilot:
            await settle(pilot)
            yield Driver(app, pilot)

    return open_it
