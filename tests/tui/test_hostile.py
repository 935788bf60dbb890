"""Text from data is data: on no screen is a control character, markup or a template in it obeyed."""

import json
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from stage import EMOJI, ESCAPES, MARKUP, RTL, hostile, put

from simia_tui.model import Export, Finding, Severity, Trajectory, Turn
from simia_tui.store import Workspace, decisions, exports, runs, trajectories
from simia_tui.tui.screens.edit import EditDialog

Opened = Callable[..., Any]
TEXTS = {"escapes": ESCAPES, "markup": MARKUP, "right to left": RTL, "emoji": EMOJI, "all": ESCAPES + MARKUP + RTL}
FORBIDDEN = (*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), *"\u200b\u200e\u200f\u202d\u202e\u2066\u2069")


def plain(bench: Any) -> str:
    """The screen, after a look at every cell: nothing of it orders the terminal, nothing of it is a link or an act."""
    for strip in bench.app.screen._compositor.render_strips():
        for segment in strip:
            assert not any(character in segment.text for character in FORBIDDEN), repr(segment.text)
            meta = segment.style.meta if segment.style else {}
            assert "@click" not in meta, meta
            assert segment.style is None or segment.style.link is None
    return str(bench.text)


@pytest.fixture(params=TEXTS.values(), ids=TEXTS.keys())
def text(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def poisoned(workspace: Workspace, db: sqlite3.Connection, text: str) -> Workspace:
    """A workspace with `text` in a seed, an episode and its findings."""
    findings = tuple(
        Finding(rule=f"rule{text}", severity=severity, message=text, turn=turn, repaired=repaired, before=text)
        for severity in Severity
        for turn, repaired in ((None, False), (1, True), (2, False))
    )
    put(db, "seed", hostile(text), findings, path=f"/tmp/{text}", row=1, format="openai")
    put(db, "episode", hostile(text + "!"), findings, source="synthetic")
    return workspace


@pytest.mark.parametrize("room", ["s", "e"])
async def test_lists_transcripts_and_findings_show_it(
    poisoned: Workspace, opened: Opened, text: str, room: str
) -> None:
    async with opened(poisoned, (100, 60)) as bench:
        await bench.keys("g", room)
        assert bench.app.screen.state.pk is not None
        plain(bench)
        await bench.keys("tab")
        for key in ("o", "j", "o", "j", "o", "s", "j", "t", "o", "pagedown", "end"):
            await bench.keys(key)
            plain(bench)
        if text == MARKUP:
            await bench.keys("home", "j")
            assert "[bold]not bold[/bold] [@click=app.quit]press me[/]" in bench.text
        assert bench.app.is_running


async def test_dialogs_notes_and_strips_show_it(poisoned: Workspace, opened: Opened, text: str) -> None:
    async with opened(poisoned, (100, 60)) as bench:
        await bench.keys("g", "s", "tab", "j", "e")
        assert isinstance(bench.app.screen, EditDialog)
        plain(bench)
        await bench.keys("f2")
        plain(bench)
        await bench.keys("escape", "question_mark")
        plain(bench)
        await bench.keys("escape")
        bench.app.notify(text, title=text)
        await bench.keys("x")
        plain(bench)
        await bench.keys("escape", "colon")
        plain(bench)


async def test_an_edit_keeps_what_it_does_not_touch(poisoned: Workspace, opened: Opened, text: str) -> None:
    async with opened(poisoned, (100, 60)) as bench:
        await bench.keys("g", "s", "tab", "j", "e", "tab", "tab")
        area = bench.app.screen.query_one("#tool-1")
        area.text = "another"
        await bench.keys("f2")
    before = trajectories.get(poisoned.connect(), 1, 0).turns[1]
    after = trajectories.get(poisoned.connect(), 1).turns[1]
    assert after.content == before.content and after.tool_calls[0] == before.tool_calls[0]


async def test_names_and_reasons_of_exports_and_runs_show_it(
    workspace: Workspace, db: sqlite3.Connection, opened: Opened, text: str
) -> None:
    from simia_tui.model import RunStatus, TrainSpec

    pk = put(db, "episode", hostile(text))
    manifest = {"filter": text, "models": {text: 1}, "files": {}}
    export: Export = exports.export(db, exports.add(db, text, text, "ab" * 32, [(pk, 0)], True, manifest))
    run = runs.add(db, export.id, TrainSpec(profile=text), "exports/runs/r")
    (workspace.root / "exports" / "runs" / "r").mkdir(parents=True)
    (workspace.root / "exports" / "runs" / "r" / "train.log").write_text(text)
    runs.finish(db, run, RunStatus.FAILED, text)
    async with opened(workspace, (120, 40)) as bench:
        plain(bench)
        await bench.keys("g", "x")
        plain(bench)
        await bench.keys("tab")
        plain(bench)


async def test_a_megabyte_null_content_and_parallel_calls_are_read(
    workspace: Workspace, db: sqlite3.Connection, opened: Opened
) -> None:
    put(
        db,
        "episode",
        Trajectory(turns=(Turn(role="user", content="\x1b[31m " + "long " * 200_000), *hostile("").turns)),
    )
    put(db, "episode", Trajectory(turns=(Turn(role="assistant"), Turn(role="tool"), Turn(role="user", content=""))))
    put(db, "episode", Trajectory())
    async with opened(workspace) as bench:
        await bench.keys("g", "e", "tab", "o", "end", "o", "s", "s", "home")
        plain(bench)
        await bench.keys("J", "j", "o", "j", "o", "J", "o", "e")
        text = plain(bench)
        assert "(no user text)" in text
        await bench.keys("escape", "a", "a", "a")
        assert trajectories.counts(workspace.connect()) == {("episode", "approved"): 3}
        assert decisions.undo(workspace.connect(), "tester") is not None


async def test_overlays_and_side_panels_show_it(
    workspace: Workspace, db: sqlite3.Connection, opened: Opened, text: str
) -> None:
    thing = json.dumps({"loan_id": text, f"k{text}": text})
    body = hostile(text)
    body = body.with_turns((*body.turns[:2], body.turns[2].replace(content=thing, is_error=False)))
    seed = put(db, "seed", hostile(text + "?"))
    pk = put(db, "episode", body, source="synthetic", seed=seed)
    changed = body.with_turns((body.turns[0].replace(content=f"{text} {text}"), *body.turns[1:]))
    decisions.edit(db, pk, changed, [], "tester")
    async with opened(workspace, (100, 60)) as bench:
        await bench.keys("g", "e", "tab")
        for key in ("d", "o", "d", "M", "L", "j", "j", "p", "j", "i", "escape", "k", "i", "s"):
            await bench.keys(key)
            plain(bench)
        await bench.keys("escape", "g", "h", "c")
        plain(bench)
        await bench.keys("enter")
        plain(bench)
