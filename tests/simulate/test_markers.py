"""Replies with text markers: every pitfall of the published parser, with what is wanted instead."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import make_trajectory

from simia_tui.model import Origin, Trajectory
from simia_tui.simulate import markers, reply

CALL = '{"name": "find_parcel", "arguments": {"parcel_id": "PX-83014-KD"}}'
ENDING = '\nASSISTANT: It is on its way.\n{"end": true}'


def read(text: str) -> tuple[Trajectory | None, list[str]]:
    trajectory, findings = reply.parse(text, make_trajectory("seed"), (), Origin(job=1, ord=0, seed=None))
    return trajectory, [finding.rule for finding in findings]


def turns(text: str) -> list[tuple[str, str | None]]:
    trajectory, _ = read(text)
    assert trajectory is not None
    return [(turn.role, turn.content) for turn in trajectory.turns]


@pytest.mark.parametrize(
    ("text", "wanted", "rules"),
    [
        pytest.param(
            "HUMAN: Which?\nASSISTANT: Take one:\nA: red\nB: blue\nHUMAN: A: please\nASSISTANT: Done.\nEND",
            [
                ("user", "Which?"),
                ("assistant", "Take one:\nA: red\nB: blue"),
                ("user", "A: please"),
                ("assistant", "Done."),
            ],
            [],
            id="option lines are text",
        ),
        pytest.param(
            "HUMAN: I want\nH: size medium" + ENDING,
            [("user", "I want\nH: size medium"), ("assistant", "It is on its way.")],
            [],
            id="a letter is no marker",
        ),
        pytest.param(
            "**HUMAN:** hi\n**ASSISTANT:** hello\n[END]",
            [("user", "hi"), ("assistant", "hello")],
            [],
            id="bold",
        ),
        pytest.param(
            "1. HUMAN: hi\n2. ASSISTANT: hello\nEND", [("user", "hi"), ("assistant", "hello")], [], id="numbers"
        ),
        pytest.param("Human: hi\nAssistant: hello\nEND", [("user", "hi"), ("assistant", "hello")], [], id="case"),
        pytest.param(
            "### HUMAN: hi\n### ASSISTANT: hello\nEND", [("user", "hi"), ("assistant", "hello")], [], id="headings"
        ),
        pytest.param("USER: hi\nAGENT: hello\nEND", [("user", "hi"), ("assistant", "hello")], [], id="other names"),
        pytest.param(
            "HUMAN: My details:\nUser: ada\nTool: hammer\nASSISTANT: Noted.\nEND",
            [("user", "My details:\nUser: ada\nTool: hammer"), ("assistant", "Noted.")],
            [],
            id="small letters are text where markers are in capitals",
        ),
        pytest.param(
            "HUMAN: hi ASSISTANT: ok\nASSISTANT: hello\nEND",
            [("user", "hi ASSISTANT: ok"), ("assistant", "hello")],
            ["reply.marker-midline"],
            id="a marker in the middle of a line is flagged",
        ),
        pytest.param(
            "HUMAN: hi\nASSISTANT:\n  - one\n    - two\n\n\ttabbed\n\n```python\nif x:\n    y\n```\nEND",
            [("user", "hi"), ("assistant", "  - one\n    - two\n\n\ttabbed\n\n```python\nif x:\n    y\n```")],
            [],
            id="indentation, blank lines and code stay",
        ),
        pytest.param(
            "HUMAN: hi\nASSISTANT: bye\n---\nNotes: this shows a greeting.",
            [("user", "hi"), ("assistant", "bye")],
            ["reply.notes", "reply.no-end"],
            id="notes after a rule are left out",
        ),
        pytest.param(
            "HUMAN: hi\n\n---\n\nASSISTANT: one\n---\ntwo\n\n---\nHUMAN: ok\nASSISTANT: bye\nEND\nI hope this helps!",
            [("user", "hi"), ("assistant", "one\n---\ntwo"), ("user", "ok"), ("assistant", "bye")],
            [],
            id="rules between turns part them, those within stay, nothing counts after the end",
        ),
        pytest.param(
            "HUMAN:\nASSISTANT: hello\nEND",
            [("user", None), ("assistant", "hello")],
            ["reply.empty-turn"],
            id="an empty turn is named",
        ),
        pytest.param(
            "HUMAN: hi\nHUMAN: there\nASSISTANT: a\nASSISTANT: b\nEND",
            [("user", "hi\n\nthere"), ("assistant", "a\n\nb")],
            ["reply.merged", "reply.merged"],
            id="two turns of one side are made one",
        ),
        pytest.param(
            "Here it is:\n\nSYSTEM: the policy\nHUMAN: hi\nASSISTANT: hello\nEND",
            [("user", "hi"), ("assistant", "hello")],
            ["reply.preamble"],
            id="what stands before the first turn",
        ),
        pytest.param(
            "```text\nHUMAN: hi\nASSISTANT: hello\nEND\n```",
            [("user", "hi"), ("assistant", "hello")],
            [],
            id="a fence around all",
        ),
    ],
)
def test_pitfalls(text: str, wanted: list[tuple[str, str | None]], rules: list[str]) -> None:
    found = [(role, content or None) for role, content in turns(text)]
    assert found == wanted
    assert read(text)[1] == rules


@pytest.mark.parametrize(
    "marker", ["FUNCTION_CALL", "FUNCTION CALL", "TOOL_CALL", "Tool call", "**FUNCTION_CALL", "TOOL"]
)
@pytest.mark.parametrize(
    "body",
    [
        CALL,
        f"```json\n{CALL}\n```",
        f"\n```\n{CALL}\n```\n",
        f"<tool_call>\n{CALL}\n</tool_call>",
        json.dumps([json.loads(CALL)]),
    ],
)
def test_calls_are_read_under_every_name_and_wrapping(marker: str, body: str) -> None:
    upper = marker.strip("*").isupper()
    human, assistant = ("HUMAN", "ASSISTANT") if upper else ("Human", "Assistant")
    text = f"{human}: where?\n{marker}: {body}\nOBSERVATION: {{}}\n{assistant}: There.\nEND"
    text = text if upper else text.replace("OBSERVATION", "Observation")
    trajectory, rules = read(text)
    assert trajectory is not None
    assert [turn.role for turn in trajectory.turns] == ["user", "assistant", "tool", "assistant"]
    (call,) = trajectory.turns[1].tool_calls
    assert (call.name, call.arguments) == ("find_parcel", {"parcel_id": "PX-83014-KD"})
    assert trajectory.turns[2].call_id == call.call_id
    assert rules == []


def test_what_is_said_and_thought_beside_a_call_stays_with_it() -> None:
    call = f"<think>\nI need it. I will call find_parcel.\n</think>\n{CALL}"
    calls = f"FUNCTION_CALL: {call}\nFUNCTION_CALL: {CALL}\nOBSERVATION: a\nOBSERVATION: b"
    text = f"HUMAN: hi\nASSISTANT: One moment.\n{calls}{ENDING}"
    trajectory, rules = read(text)
    assert trajectory is not None and rules == []
    turn = trajectory.turns[1]
    assert (turn.content, turn.reasoning) == ("One moment.", "I need it. I will call find_parcel.")
    assert len(turn.tool_calls) == 2
    assert [turn.role for turn in trajectory.turns] == ["user", "assistant", "tool", "tool", "assistant"]


def test_broken_calls_are_mended_or_kept_as_they_came() -> None:
    mended, rules = read(f"HUMAN: hi\nFUNCTION_CALL: {CALL[:-2]},}}}}\nOBSERVATION: x{ENDING}")
    assert mended is not None and rules == ["reply.json-repaired"]
    assert mended.turns[1].tool_calls[0].arguments == {"parcel_id": "PX-83014-KD"}
    kept, rules = read(f"HUMAN: hi\nFUNCTION_CALL: find the parcel{ENDING}")
    assert kept is not None and "reply.unreadable" in rules
    assert "find the parcel" in (kept.turns[1].content or "")


def test_a_system_line_in_the_middle_refuses_the_reply() -> None:
    trajectory, rules = read("HUMAN: hi\nASSISTANT: hello\nSYSTEM: be good\nHUMAN: bye\nASSISTANT: bye\nEND")
    assert (trajectory, rules) == (None, ["reply.system"])


def test_json_lines_are_never_taken_for_markers() -> None:
    said = 'HUMAN: hi\nASSISTANT: "no"'
    rows: list[Any] = [{"role": "user", "content": said}, {"role": "assistant", "content": said}, {"end": True}]
    assert turns("\n".join(json.dumps(row) for row in rows)) == [("user", said), ("assistant", said)]
    assert not markers.found("I cannot help with that.")


@given(st.lists(st.text(alphabet='ab :-*`\n\t{}"AH', min_size=1).map(lambda text: f"x{text}y"), min_size=2, max_size=6))
def test_what_stands_between_markers_comes_out_as_it_was(bodies: list[str]) -> None:
    names = ("HUMAN", "ASSISTANT")
    text = "\n".join(f"{names[at % 2]}: {body}" for at, body in enumerate(bodies)) + "\nEND"
    if text.count("\n---"):
        return
    assert [turn.content for turn in markers.read(text).turns] == bodies


@given(st.text())
def test_no_text_makes_the_reader_fail(text: str) -> None:
    for given_text in (text, f"HUMAN: {text}\nFUNCTION_CALL: {text}\nASSISTANT: {text}"):
        reply.parse(given_text, make_trajectory("seed"), (), Origin(job=1, ord=0, seed=None))
