"""What is laid over and beside the text of a trajectory."""

import sqlite3
from collections.abc import Callable
from typing import Any

from samples import make_trajectory
from stage import ESCAPES, MARKUP, RTL, put, put_episodes, put_job, put_seeds

from simia_tui.model import Finding, Origin, Severity, ToolCall, Turn
from simia_tui.store import New, Workspace, decisions, trajectories
from simia_tui.store.codec import pack

Opened = Callable[..., Any]


def mended(text: str = "Renew it", job: int | None = None) -> New:
    """An episode of which the rules mended the arguments."""
    body = make_trajectory(text, origin=Origin(job=job, ord=0) if job is not None else None)
    call = ToolCall(name="get_member", arguments=None, raw='{"member_id": "M1"', call_id="call_1")
    broken = body.turns[1].model_copy(update={"tool_calls": (call,)})
    came = body.with_turns((body.turns[0], broken, *body.turns[2:]))
    finding = Finding(
        rule="call.json", severity=Severity.ERROR, message="A bracket was missing.", turn=1, call=0, repaired=True,
        before='{"member_id": "M1"',
    )  # fmt: skip
    return New(trajectory=came, checked=body, findings=(finding,), kind="episode", source="synthetic", demo=True)


def reply(db: sqlite3.Connection, job: int, text: str) -> None:
    """Keeps a raw reply for task 0 of a job."""
    db.execute(
        "INSERT INTO attempts (job, ord, n, started, outcome, raw) VALUES (?, 0, 1, 0, 'ok', ?)",
        (job, pack(text)),
    )


async def test_d_shows_word_by_word_what_an_edit_has_changed(workspace: Workspace, opened: Opened) -> None:
    db = workspace.connect()
    (pk, *_) = put_episodes(db)
    body = trajectories.get(db, pk)
    turns = (*body.turns[:1], body.turns[1].model_copy(update={"content": "I look him up."}), *body.turns[2:])
    decisions.edit(db, pk, body.with_turns(turns), [], "tester")
    async with opened(workspace) as bench:
        text = await bench.keys("g", "e", "d")
        assert "changed since it came: 1 turn" in bench.bar
        assert "± I look [-you-]{+him+} up." in text.replace("▌", " ")
        await bench.keys("J")
        assert "[-" not in bench.text
        assert "[-you-]{+him+}" in await bench.keys("K", "tab", "right_square_bracket")
        text = await bench.keys("d")
        assert "[-you-]" not in text and "I look him up." in text


async def test_turns_that_came_and_went_have_their_signs(workspace: Workspace, opened: Opened) -> None:
    db = workspace.connect()
    pk = put(db, "episode", make_trajectory())
    body = trajectories.get(db, pk)
    new = Turn(role="assistant", content="Anything else?")
    decisions.edit(db, pk, body.with_turns((*body.turns[:3], new, Turn(role="user", content="No."))), [], "tester")
    async with opened(workspace, (80, 50)) as bench:
        text = await bench.keys("g", "e", "d")
        assert "+ new turn" in text and "{+No.+}" in text and "[-Done" in text.replace(" ", "").replace("-]{", "")


async def test_w_shows_the_reply_as_it_came_and_what_the_rules_mended(workspace: Workspace, opened: Opened) -> None:
    db = workspace.connect()
    job = put_job(db, put_seeds(db))
    trajectories.add(db, [mended(job=job)])
    reply(db, job, f'{{"role":"user","content":"Renew it"}} {ESCAPES}{MARKUP}{RTL}')
    async with opened(workspace) as bench:
        text = await bench.keys("g", "e", "w")
        assert "mended by the rules" in text and "call.json" in text and '{"role":"user"' in text
        assert "\x1b" not in text and "\u202e" not in text and "[bold]not bold[/bold]" in text
        await bench.keys("escape")
        assert "mended by the rules" not in bench.text


async def test_a_seed_has_no_raw_reply(workspace: Workspace, opened: Opened) -> None:
    put_seeds(workspace.connect())
    async with opened(workspace) as bench:
        before = await bench.keys("g", "s")
        assert await bench.keys("w") == before
