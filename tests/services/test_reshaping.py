"""Whole turns: what is inserted, deleted, split and merged, and what is refused."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import make_trajectory

from simia_tui import checks
from simia_tui.errors import UsageError
from simia_tui.model import Turn
from simia_tui.services import reshaping
from simia_tui.services.reshaping import delete, insert, merge, split
from simia_tui.store import New, Workspace, decisions, trajectories

BODY = make_trajectory()


def roles(body: object) -> str:
    return "".join(turn.role[0] for turn in body.turns)  # type: ignore[attr-defined]


def test_a_turn_is_inserted_behind_another_or_at_the_start() -> None:
    after, place = insert(BODY, 3, "user", "Thanks.")
    assert (roles(after), place) == ("uatau", 4) and after.turns[:4] == BODY.turns
    assert roles(insert(BODY, None, "assistant", "Welcome.")[0]) == "auata"


@pytest.mark.parametrize(("after", "text"), [(1, "Hm."), (3, "  "), (9, "Hm.")])
def test_an_insert_that_parts_a_call_from_its_observation_or_says_nothing_is_refused(after: int, text: str) -> None:
    with pytest.raises(UsageError):
        insert(BODY, after, "user", text)


def test_a_call_is_deleted_with_its_observation_and_no_observation_alone() -> None:
    after, place = delete(BODY, 1)
    assert (roles(after), place) == ("ua", 1)
    with pytest.raises(UsageError, match="goes with its call"):
        delete(BODY, 2)
    with pytest.raises(UsageError, match="no assistant turn"):
        delete(after, 1)


def test_a_split_is_undone_by_a_merge() -> None:
    body = BODY.with_turns((*BODY.turns[:1], BODY.turns[1].replace(content="One.\n\nTwo."), *BODY.turns[2:]))
    after, place = split(body, 1, "Two")
    assert roles(after) == "uaata" and place == 2
    assert [turn.content for turn in after.turns[1:3]] == ["One.", "Two."]
    assert not after.turns[1].tool_calls and after.turns[2].tool_calls == body.turns[1].tool_calls
    assert merge(after, 1)[0].turns == body.turns


@pytest.mark.parametrize(("index", "words"), [(1, "nowhere"), (1, ""), (1, "I look"), (2, "name")])
def test_a_split_at_no_place_is_refused(index: int, words: str) -> None:
    with pytest.raises(UsageError):
        split(BODY, index, words)


@pytest.mark.parametrize("index", [0, 2, 3])
def test_a_merge_with_another_speaker_is_refused(index: int) -> None:
    with pytest.raises(UsageError, match="one speaker"):
        merge(BODY, index)


@given(
    st.sampled_from(["insert", "delete", "split", "merge"]), st.integers(-1, 6), st.sampled_from(["user", "assistant"])
)
def test_no_operation_ever_breaks_the_pairing(act: str, index: int, role: str) -> None:
    try:
        if act == "insert":
            after, place = insert(BODY, index, role, "words")  # type: ignore[arg-type]
        elif act == "split":
            after, place = split(BODY, index, "you")
        else:
            after, place = (delete if act == "delete" else merge)(BODY, index)
    except UsageError:
        return
    assert 0 <= place < len(after.turns)
    assert not {finding.rule for finding in checks.run(after)[1]} & reshaping.REFUSED


def test_what_is_saved_is_checked_and_undone(workspace: Workspace, db: sqlite3.Connection) -> None:
    (pk,) = trajectories.add(db, [New(trajectory=BODY, checked=BODY, kind="seed")]).pks
    after, _ = insert(BODY, 3, "assistant", "And more.")
    findings = reshaping.save(workspace, db, pk, BODY, after, "tester")
    assert {finding.rule for finding in findings} & reshaping.TOLD == {"turn.order"}
    assert trajectories.get(db, pk).turns == after.turns
    with pytest.raises(UsageError, match="changed meanwhile"):
        reshaping.save(
            workspace, db, pk, BODY, after.with_turns((*after.turns, Turn(role="user", content="x"))), "tester"
        )
    decisions.undo(db, "tester")
    assert trajectories.get(db, pk).turns == BODY.turns
