"""`i` for whole turns, and the editor of the user's own in the edit dialog."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from stage import put_episodes

from simia_tui.store import Workspace, trajectories

Opened = Callable[..., Any]


@pytest.fixture
def queue(workspace: Workspace) -> Workspace:
    put_episodes(workspace.connect())
    return workspace


def texts(workspace: Workspace) -> list[str | None]:
    return [turn.content for turn in trajectories.get(workspace.connect(), 1).turns]


async def test_a_turn_is_inserted_split_merged_and_deleted_and_each_is_undone(queue: Workspace, opened: Opened) -> None:
    before = texts(queue)
    async with opened(queue) as bench:
        text = await bench.keys("g", "e", "tab", "end", "i")
        assert "u insert a user turn behind" in text and "m merge with the next" in text
        await bench.keys("u")
        await bench.type("Thanks a lot")
        await bench.keys("enter")
        assert texts(queue) == [*before, "Thanks a lot"] and "saved" in bench.bar
        assert bench.app.screen.query_one("#transcript").turn == 4
        await bench.keys("i", "s")
        await bench.type("a lot")
        await bench.keys("enter")
        assert texts(queue)[-2:] == ["Thanks", "a lot"] and "saved; The user" in bench.bar
        await bench.keys("k", "i", "m")
        assert texts(queue)[-1] == "Thanks\n\na lot"
        await bench.keys("i", "d")
        assert texts(queue) == before
        await bench.keys("u", "u", "u", "u")
        assert texts(queue) == before and trajectories.rows(queue.connect(), [1])[0].revision == 0


async def test_what_would_break_the_order_is_told_and_not_done(queue: Workspace, opened: Opened) -> None:
    before = texts(queue)
    async with opened(queue) as bench:
        await bench.keys("g", "e", "tab", "j", "j", "i", "d")
        assert "goes with its call" in bench.notes
        text = await bench.keys("k", "i", "s", "z", "z", "enter")
        assert "no such words" in " ".join(text.split())
        await bench.keys("escape")
    assert texts(queue) == before


async def test_the_field_goes_to_the_editor_and_comes_back(
    queue: Workspace, opened: Opened, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    editor = tmp_path / "editor.sh"
    editor.write_text('#!/bin/sh\nprintf "Written elsewhere.\\n" > "$1"\n')
    editor.chmod(0o700)
    monkeypatch.setenv("VISUAL", str(editor))
    async with opened(queue) as bench:
        await bench.keys("g", "e", "tab", "j", "e", "ctrl+e")
        assert "Not handed over" in bench.text, "a terminal that cannot be handed over is told of"
        monkeypatch.setattr(bench.app, "suspend", nullcontext)
        await bench.keys("ctrl+e")
        assert bench.app.focused.text == "Written elsewhere."
        await bench.keys("f2")
    assert texts(queue)[1] == "Written elsewhere."


async def test_an_editor_that_fails_changes_nothing(
    queue: Workspace, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISUAL", "false")
    async with opened(queue) as bench:
        await bench.keys("g", "e", "tab", "j", "e")
        monkeypatch.setattr(bench.app, "suspend", nullcontext)
        assert "Not handed over" in await bench.keys("ctrl+e")
        assert bench.app.focused.text == "I look you up."
