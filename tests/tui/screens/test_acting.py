"""An act on very many rows goes on in a thread: keys act meanwhile, and it is one entry of undo."""

from collections.abc import Callable
from threading import Event
from typing import Any

import pytest
from stage import put_episodes

from simia_tui.services import acts
from simia_tui.store import Workspace, decisions, trajectories
from simia_tui.tui.screens import review

Opened = Callable[..., Any]


class Gate:
    """Holds what goes through it, from its first chunk on, until it is opened."""

    def __init__(self, through: Callable[..., Any]) -> None:
        self._through = through
        self._open = Event()
        self.reached = Event()

    def __call__(self, *arguments: Any, told: Callable[[int], None] | None = None, **named: Any) -> Any:
        assert told is not None
        told(1)
        self.reached.set()
        self._open.wait()
        return self._through(*arguments, told=told, **named)

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def statuses(workspace: Workspace) -> Callable[[], list[str]]:
    """What the five episodes are now."""
    db = workspace.connect()
    put_episodes(db)
    return lambda: [row.status for row in trajectories.rows(db, [1, 2, 3, 4, 5])]


async def test_keys_act_while_many_are_decided(
    workspace: Workspace, opened: Opened, statuses: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(acts.decide_all)
    monkeypatch.setattr(review, "AT_ONCE", 1)
    monkeypatch.setattr(decisions, "CHUNK", 1)
    monkeypatch.setattr(acts, "decide_all", gate)
    async with opened(workspace, (120, 30)) as bench:
        await bench.keys("g", "e", "asterisk", "a")
        try:
            await bench.pilot.press("enter")
            text = await bench.until(lambda: gate.reached.is_set() and "approving 1 of 5 …" in bench.bar)
            assert "› " in text and statuses() == ["pending"] * 5
            place = bench.app.screen.state.pk
            await bench.pilot.press("j")
            await bench.until(lambda: bench.app.screen.state.pk != place)
            await bench.pilot.press("a", "enter")
            await bench.until(lambda: "still approving 5" in bench.bar)
        finally:
            gate.open()
        await bench.until(lambda: "approved 5" in bench.bar)
        assert statuses() == ["approved"] * 5 and "marked" not in bench.bar
        assert "undo: approve of 5" in await bench.keys("u")
        assert statuses() == ["pending"] * 5
        assert "redo: approve of 5" in await bench.keys("U")
        assert statuses() == ["approved"] * 5


async def test_an_undo_of_many_can_be_watched(
    workspace: Workspace, opened: Opened, statuses: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review, "AT_ONCE", 1)
    async with opened(workspace, (120, 30)) as bench:
        await bench.keys("g", "e", "asterisk", "x", "1", "enter")
        assert statuses() == ["rejected"] * 5
        gate = Gate(acts.undo)
        monkeypatch.setattr(acts, "undo", lambda db, reviewer, told: gate(db, reviewer, told=told))
        try:
            await bench.pilot.press("u")
            await bench.until(lambda: gate.reached.is_set() and "undoing 1 of 5 …" in bench.bar)
            await bench.pilot.press("question_mark")
            await bench.until(lambda: "On this screen" in bench.text)
            await bench.pilot.press("escape")
        finally:
            gate.open()
        await bench.until(lambda: "undo: reject of 5" in bench.bar)
        assert statuses() == ["pending"] * 5


async def test_what_breaks_off_is_told_and_leaves_the_marks(
    workspace: Workspace, opened: Opened, statuses: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: Any, **_named: Any) -> Any:
        raise OSError("the disk is full")

    monkeypatch.setattr(review, "AT_ONCE", 1)
    monkeypatch.setattr(acts, "decide_all", broken)
    async with opened(workspace, (120, 30)) as bench:
        await bench.pilot.press("g", "e", "asterisk", "a", "enter")
        await bench.until(lambda: "the disk is full" in bench.notes)
        assert "5 marked" in bench.bar and statuses() == ["pending"] * 5
