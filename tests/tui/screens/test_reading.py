"""What is laid over and beside the text of a trajectory."""

import sqlite3
from collections.abc import Callable
from typing import Any

from samples import make_trajectory
from stage import ESCAPES, MARKUP, RTL, put, put_episodes, put_job, put_seeds

from simia_tui.model import Finding, Origin, Severity, ToolCall, Trajectory, Turn
from simia_tui.store import New, Workspace, decisions, trajectories
from simia_tui.store.codec import pack
from simia_tui.tui.screens.reading import counterpart

Opened = Callable[..., Any]


def mended(text: str = "Renew it", job: int | None = None) -> New:
    """An episode of which the rules mended the arguments."""
    body = make_trajectory(text, origin=Origin(job=job, ord=0) if job is not None else None)
    call = ToolCall(name="get_member", arguments=None, raw='{"member_id": "M1"', call_id="call_1")
    broken = body.turns[1].replace(tool_calls=(call,))
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
    turns = (*body.turns[:1], body.turns[1].replace(content="I look him up."), *body.turns[2:])
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
        after = await bench.keys("w")
        assert after.splitlines()[:-1] == before.splitlines()[:-1] and "w does nothing here" in bench.bar


async def test_M_signs_what_is_trained_on_and_warns_of_nothing(workspace: Workspace, opened: Opened) -> None:
    db = workspace.connect()
    body = make_trajectory()
    put(db, "episode", body.with_turns((*body.turns[:3], body.turns[3].replace(loss=False))))
    silent = [t.replace(loss=False) if t.role == "assistant" else t for t in make_trajectory("No").turns]
    put(db, "episode", make_trajectory("No", turns=tuple(silent)))
    async with opened(workspace, (80, 40)) as bench:
        text = await bench.keys("g", "e", "M")
        assert "█ trains 9 of 21 words, × 1 masked" in bench.bar
        assert " █◂ assistant  2" in text and " ×◂ assistant  4" in text and "▌ ▸ user  1" in text
        assert not bench.notes
        await bench.keys("J")
        assert "No word of #2 would be trained on" in bench.notes
        assert "×◂ assistant" not in await bench.keys("M")


def looked_up(*answers: str) -> Trajectory:
    """An episode that asks for member M1 again and again."""
    call = ToolCall(name="get_member", arguments={"member_id": "M1"}, call_id="c")
    turns = [Turn(role="user", content="How much do I owe?")]
    for answer in answers:
        turns += [Turn(role="assistant", tool_calls=(call,)), Turn(role="tool", content=answer, call_id="c")]
    return make_trajectory(turns=tuple(turns))


async def test_L_shows_the_world_as_it_stands_after_the_turn(workspace: Workspace, opened: Opened) -> None:
    db = workspace.connect()
    put(db, "episode", looked_up('{"member_id": "M1", "owes": 3}', '{"member_id": "M1", "owes": 5}'))
    for size in ((80, 24), (140, 40)):
        async with opened(workspace, size) as bench:
            text = await bench.keys("g", "e", "L")
            assert "ledger after turn 1: 0 things" in text and "no thing with an id" in text
            text = await bench.keys("tab", "j", "j")
            assert "ledger after turn 3: 1 thing" in text and "member_id M1" in text and "• owes: 3" in text
            assert "• owes: 5  was 3 in 3" in await bench.keys("j", "j")
            assert "ledger after" not in await bench.keys("L")


async def test_p_puts_the_seed_beside_the_episode_turn_by_turn(workspace: Workspace, opened: Opened) -> None:
    db = workspace.connect()
    seed = put(db, "seed", make_trajectory("The seed asks"))
    put(db, "episode", make_trajectory("The episode asks"), seed=seed)
    put(db, "episode", make_trajectory("An orphan asks"))
    async with opened(workspace) as bench:
        text = await bench.keys("g", "e", "p")
        assert "seed #1" in text
        assert text.index("The episode asks") < text.rindex("The seed asks") and text.count("▸ user  1") == 2
        await bench.keys("tab", "j")
        assert bench.app.screen.query_one("#seed").turn == 1
        text = await bench.keys("J")
        assert "no seed here" in text and "The seed asks" not in text
        assert "no seed here" not in await bench.keys("p")
        await bench.keys("p")
        assert not bench.app.screen.query_one("#review").has_class("-paired")


def test_turns_are_matched_by_role() -> None:
    body, other = looked_up("1", "2", "3"), looked_up("1")
    assert [counterpart(body, other, turn) for turn in range(len(body.turns))] == [0, 1, 2, 1, 2, 1, 2]
    assert counterpart(body, make_trajectory(turns=()), 0) is None
