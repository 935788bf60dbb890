"""The books of the real program in a real terminal: nothing decided is lost, and all of it can be taken back."""

import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import deck_samples
import pytest
import writing
from pty_terminal import PtyTerminal
from samples import make_trajectory
from stage import put

from simia_tui.store import Workspace

DECISIONS = 100
SIMIA = (sys.executable, "-c", "from simia_tui.cli import main; main()", "--workspace")
STATE = (
    "SELECT pk, status, fault, revision, title, verdict, findings, words FROM trajectories ORDER BY pk",
    "SELECT * FROM trajectory_tools ORDER BY 1, 2",
    "SELECT deck, card, verdict FROM card_verdicts WHERE NOT undone ORDER BY pk",
    "SELECT trajectory, revision, turn FROM masks WHERE lifted IS NULL ORDER BY pk",
)
"""All that a decision or the verdict on a card changes, apart from the logs."""

STANDING = "SELECT count(*) FROM card_verdicts WHERE NOT undone"

Open = Callable[[Path], PtyTerminal]


@pytest.fixture
def started() -> Iterator[Open]:
    """Opens the workbench on a workspace, without planted copies; what is still open at the end is killed."""
    terminals: list[PtyTerminal] = []

    def start(root: Path) -> PtyTerminal:
        (root / "simia.toml").write_text("[review]\nknown_bad = 0\n")
        own = {"SIMIA_REVIEWER": "tester"}
        terminals.append(PtyTerminal([*SIMIA, str(root)], columns=80, lines=24, environ=own))
        terminals[-1].wait(shows("From seeds to runs"))
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.kill()


def shows(text: str) -> Callable[[str], bool]:
    return lambda screen: text in screen


def item(pk: int) -> Callable[[str], bool]:
    """Whether the head line shows trajectory `pk`."""
    return shows(f"#{pk} ")


def state(root: Path) -> str:
    """A hash of all that decisions change."""
    db = Workspace(root).connect(readonly=True)
    try:
        return sha256(repr([db.execute(query).fetchall() for query in STATE]).encode()).hexdigest()
    finally:
        db.close()


def count(root: Path, query: str) -> int:
    db = Workspace(root).connect(readonly=True)
    try:
        (n,) = db.execute(query).fetchone()
        return int(n)
    finally:
        db.close()


def test_a_hundred_decisions_outlive_a_kill_and_a_hundred_undos_restore_the_start(
    workspace: Workspace, started: Open
) -> None:
    root = workspace.root
    db = workspace.connect()
    for number in range(DECISIONS + 4):
        put(db, "episode", make_trajectory(f"Request {number}"))
    db.close()
    before = state(root)
    terminal = started(root)
    terminal.press("ge", item(1))
    for number in range(1, DECISIONS + 1):
        terminal.press(("a", "f", "x3", "a")[number % 4], item(number + 1))
    terminal.kill()
    assert count(root, "SELECT count(*) FROM decisions") == DECISIONS
    assert count(root, "SELECT count(*) FROM trajectories WHERE status <> 'pending'") == DECISIONS
    assert count(root, "SELECT count(*) FROM trajectories WHERE fault = 'user simulator'") == DECISIONS // 4

    terminal = started(root)
    terminal.press("ge", item(DECISIONS + 1))
    for number in range(DECISIONS, 0, -1):
        terminal.press("u", item(number))
    assert state(root) == before
    terminal.press("u", shows("nothing to undo"))


def test_a_hundred_card_verdicts_outlive_a_kill_and_a_hundred_undos_restore_the_start(
    workspace: Workspace, started: Open
) -> None:
    root = workspace.root
    db = workspace.connect()
    deck_samples.fill(db, errors=60, hidden=30, controls=30)
    db.close()
    terminal = started(root)
    terminal.press("gc", shows("draws 60 cards"))
    terminal.press("+", shows("draws 100 cards"))
    terminal.press("\r", shows("card 1 of 100"))
    before = state(root)
    for number in range(1, DECISIONS):
        terminal.press("a", lambda _, n=number: count(root, STANDING) == n)
    terminal.kill()
    assert count(root, STANDING) == DECISIONS - 1

    terminal = started(root)
    terminal.press("gc", shows("card 100 of 100"))
    for number in range(DECISIONS - 2, -1, -1):
        terminal.press("u", lambda _, n=number: count(root, STANDING) == n)
    assert state(root) == before


def test_eight_writers_and_a_reviewer_lose_nothing_and_meet_no_lock(workspace: Workspace, started: Open) -> None:
    writers, batches, keys = 8, 12, 40
    root = workspace.root
    db = workspace.connect()
    for number in range(keys + 1):
        put(db, "episode", make_trajectory(f"Request {number}"))
    db.close()
    terminal = started(root)
    terminal.press("ge", item(1))
    processes = [writing.start(root, number, "--batches", str(batches)) for number in range(writers)]
    for number in range(1, keys + 1):
        terminal.press("a", lambda screen, pk=number + 1: item(pk)(screen) or "locked" in screen)
        assert "locked" not in terminal.text
    reports = [writing.report(process) for process in processes]
    assert [report.refused for report in reports] == [0] * writers
    assert (
        count(root, "SELECT count(*) FROM trajectories WHERE source = 'rollout'") == writers * batches * writing.BATCH
    )
    assert count(root, "SELECT count(*) FROM trajectories WHERE status = 'approved'") == keys
    assert count(root, "SELECT count(*) FROM decisions") == keys
