"""Pictures of every screen, small and large. `pytest tests/tui/test_snapshots.py --snapshot-update` accepts new ones.

What could differ between two runs is fixed: times and process ids are not shown or not there, ids are hashes of fixed
content, nothing blinks or moves, the theme is set, and the terminal's own colours are not asked for.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from textual.pilot import Pilot

from simia_tui.services import training
from simia_tui.store import Workspace
from simia_tui.tui.app import Workbench
from simia_tui.tui.screens import home, jobs
from simia_tui.tui.state.rates import Rates

SCREENS: dict[str, tuple[str, ...]] = {
    "home": (),
    "seeds": ("g", "s"),
    "episodes": ("g", "e"),
    "finding": ("g", "e", "tab", "right_square_bracket", "o"),
    "marked": ("g", "e", "asterisk"),
    "filter": ("g", "e", "slash", "c", "a", "r", "d"),
    "jobs": ("g", "j"),
    "exports": ("g", "x"),
    "export": ("g", "x", "tab"),
    "go to": ("g",),
    "reject": ("g", "e", "x"),
    "confirm": ("g", "e", "asterisk", "a"),
    "edit": ("g", "e", "tab", "j", "e"),
    "import": ("I",),
    "simulate": ("S",),
    "train": ("T",),
    "help": ("g", "e", "question_mark"),
}


@pytest.fixture
def still(filled: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workbench:
    """A workbench on which time stands still."""
    monkeypatch.setattr(training, "missing", lambda: [])
    # What a run would need depends on the machine.
    monkeypatch.setattr(
        training, "forecast", lambda *_: SimpleNamespace(sentence=lambda: "About 2 minutes on the CPU.")
    )
    for module in (home, jobs):
        monkeypatch.setattr(module, "Rates", lambda: Rates(clock=lambda: 0.0))
    app = Workbench(filled)
    app.theme = "textual-dark"
    app.animation_level = "none"
    return app


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
@pytest.mark.parametrize("name", SCREENS)
def test_screen(still: Workbench, snap_compare: Callable[..., Any], name: str, size: tuple[int, int]) -> None:
    async def walk(pilot: Pilot[None]) -> None:
        for key in ("", *SCREENS[name]):
            if key:
                await pilot.press(key)
            await pilot.app.workers.wait_for_complete()
            await pilot.pause()
        # The filter is looked up a moment after the last key.
        await pilot.pause(0.2 if name == "filter" else 0.0)
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()

    assert snap_compare(still, terminal_size=size, run_before=walk)


@pytest.mark.parametrize("theme", ["ansi-dark", "ansi-light", "textual-light"])
def test_theme(still: Workbench, snap_compare: Callable[..., Any], theme: str) -> None:
    still.theme = theme

    async def walk(pilot: Pilot[None]) -> None:
        for key in ("g", "e"):
            await pilot.press(key)
            await pilot.app.workers.wait_for_complete()
            await pilot.pause()

    assert snap_compare(still, terminal_size=(80, 24), run_before=walk)
