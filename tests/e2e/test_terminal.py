"""The workbench in a terminal: opens, decides, undoes, leaves no trace; survives a kill."""

import os
import shlex
import signal
from collections import Counter
from pathlib import Path

import pytest
from e2e_terminal import Terminal
from samples import make_trajectory
from stage import put

from simia_tui.store import Query, Workspace, trajectories

pytestmark = pytest.mark.tmux

SIMIA = ("-c", "'from simia_tui.cli import main; main()'")


def statuses(root: Path) -> Counter[str]:
    """How many episodes have each status, read from the disk."""
    db = Workspace(root).connect(readonly=True)
    try:
        return Counter(
            str(row.status) for row in trajectories.rows(db, list(trajectories.ids(db, Query(kind="episode"))))
        )
    finally:
        db.close()


def cursor_on(pk: int) -> str:
    """How the row under the cursor begins."""
    return f"›   {pk:>6} "


def assert_restored(terminal: Terminal) -> None:
    """The terminal is as it was: main screen, no mouse reports, a visible cursor, line editing."""
    assert terminal.flag("alternate_on") == "0"
    assert terminal.flag("mouse_any_flag") == "0"
    assert terminal.flag("cursor_flag") == "1"


def test_demo_opens_decides_undoes_and_leaves_the_terminal_as_it_was(terminal: Terminal, tmp_path: Path) -> None:
    root = tmp_path / "demo"
    terminal.run(*SIMIA, "demo", "--workspace", str(root))
    terminal.wait_for("From seeds to runs")
    assert terminal.flag("alternate_on") == "1"
    terminal.wait_for("episodes waiting for a decision")
    terminal.keys("g", "e")
    terminal.wait_for("[Episodes")
    terminal.wait_for("1 of ")
    terminal.keys("a")
    terminal.wait_for("approved #")
    terminal.keys("x")
    terminal.wait_for("at fault is")
    terminal.keys("1")
    terminal.wait_for("rejected #")
    assert statuses(root)["approved"] == statuses(root)["rejected"] == 1
    terminal.keys("u")
    terminal.wait_for("undo: reject")
    assert (statuses(root)["approved"], statuses(root)["rejected"]) == (1, 0)
    terminal.keys("q")
    terminal.wait_for("From seeds to runs", gone=True)
    terminal.wait_for("ready>")
    assert_restored(terminal)
    terminal.keys("echo code=$?", "Enter")
    terminal.wait_for("code=0")


def test_decisions_outlive_a_kill_and_can_all_be_undone(terminal: Terminal, tmp_path: Path) -> None:
    root = tmp_path / "work"
    db = Workspace.create(root).connect()
    for number in range(24):
        put(db, "episode", make_trajectory(f"Request {number}"))
    db.close()
    terminal.run(*SIMIA, "--workspace", str(root))
    terminal.wait_for("24 episodes waiting for a decision")
    terminal.keys("g", "e")
    terminal.wait_for("1 of 24")
    for number in range(1, 21):
        terminal.keys("f" if number % 3 == 0 else "a")
        terminal.wait_for(cursor_on(number + 1))
    os.kill(terminal.pid_of("simia_tui"), signal.SIGKILL)
    terminal.wait_for("Killed")
    assert statuses(root) == {"approved": 14, "flagged": 6, "pending": 4}

    terminal.renew()
    terminal.run(*SIMIA, "--workspace", str(root))
    terminal.wait_for("4 episodes waiting for a decision")
    terminal.keys("g", "e")
    terminal.wait_for(cursor_on(21))
    for number in range(20, 0, -1):
        terminal.keys("u")
        terminal.wait_for(cursor_on(number))
    assert statuses(root) == {"pending": 24}
    terminal.keys("u")
    terminal.wait_for("nothing to undo")
    terminal.keys("q")
    terminal.wait_for("ready>")
    assert_restored(terminal)


def test_a_terminal_made_smaller_says_so_and_comes_back(terminal: Terminal, tmp_path: Path) -> None:
    root = tmp_path / "work"
    Workspace.create(root)
    terminal.run(*SIMIA, "--workspace", str(root))
    terminal.wait_for("From seeds to runs")
    terminal.resize(40, 10)
    terminal.wait_for("needs 60 by 15")
    terminal.resize(80, 24)
    terminal.wait_for("From seeds to runs")
    terminal.keys("q")
    terminal.wait_for("ready>")
    assert_restored(terminal)


def test_output_that_is_no_terminal_is_refused_with_one_sentence(terminal: Terminal, tmp_path: Path) -> None:
    root = tmp_path / "work"
    Workspace.create(root)
    terminal.run(*SIMIA, "--workspace", str(root), "2>", str(tmp_path / "errors"))
    terminal.keys("echo code=$?", "Enter")
    terminal.wait_for("code=2")
    assert "needs a terminal" in (tmp_path / "errors").read_text()


def test_an_editor_that_is_not_there_fails_or_saves_no_text_gives_the_terminal_back(
    terminal: Terminal, tmp_path: Path
) -> None:
    root = tmp_path / "work"
    workspace = Workspace.create(root)
    put(workspace.connect(), "seed", make_trajectory("Renew my loan"))
    garbage = tmp_path / "garbage"
    garbage.write_text("#!/bin/sh\nprintf '\\377\\376' > \"$1\"\n")
    garbage.chmod(0o755)
    told = {"/nowhere/vi": "/nowhere/vi", "false": "Editing failed", "vi '": "No closing", str(garbage): "no text"}
    for editor, words in told.items():
        terminal.keys(f"export EDITOR={shlex.quote(editor)}", "Enter")
        terminal.run(*SIMIA, "--workspace", str(root))
        terminal.wait_for("From seeds to runs")
        terminal.keys("g", "s")
        terminal.wait_for("1 of 1")
        terminal.keys("tab")
        terminal.keys("j", "e")
        terminal.wait_for("Turn ")
        terminal.keys("C-e")
        shown = terminal.wait_for("Not handed over")
        assert words in " ".join(shown.split()), shown
        terminal.keys("Escape")
        terminal.wait_for("1 of 1")
        terminal.keys("q")
        terminal.wait_for("ready>")
        assert_restored(terminal)
