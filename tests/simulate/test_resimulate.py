"""The end of an episode written anew: what is asked, and what is made of the answer."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import make_trajectory

from simia_tui import checks, domains, resources
from simia_tui.model import Finding, Severity, ToolCall, Trajectory, Turn
from simia_tui.simulate import reply, resimulate
from simia_tui.simulate.ask import Unreadable

END = '{"end": true}'
HINTS = checks.Hints()


def call(member: str, call_id: str) -> ToolCall:
    return ToolCall(name="get_member", arguments={"member_id": member}, call_id=call_id)


def twice() -> Trajectory:
    """An episode in which one turn makes two calls."""
    turns = (
        Turn(role="user", content="Who are M1 and M2?"),
        Turn(role="assistant", tool_calls=(call("M1", "call_1"), call("M2", "call_2"))),
        Turn(role="tool", content='{"name": "Ada"}', call_id="call_1", name="get_member"),
        Turn(role="tool", content='{"name": "Bob"}', call_id="call_2", name="get_member"),
        Turn(role="assistant", content="Ada and Bob."),
    )
    return make_trajectory(turns=turns)


def written(*turns: dict[str, Any], end: bool = True) -> str:
    return "\n".join([*map(json.dumps, turns), *([END] if end else [])])


def read(text: str, episode: Trajectory, turn: int) -> resimulate.Ending:
    return resimulate.read_ending(text, episode, turn, episode.tools, HINTS)


def test_the_prompt_holds_what_is_kept_apart_from_what_no_longer_holds() -> None:
    pack = domains.load("library", [resources.prompts()])
    episode = make_trajectory("Renew $name it")
    writer = resimulate.Writer(pack, make_trajectory("A seed"), episode, 2, episode.tools, ["no such fee"])
    text = writer.prompt(0, 1).messages[0]["content"]
    kept, former = text.split("<kept>\n")[1].split("\n</kept>")[0], text.split("<former>\n")[1].split("\n</former>")[0]
    assert [json.loads(line)["role"] for line in kept.split("\n")] == ["user", "assistant"]
    assert [json.loads(line)["role"] for line in former.split("\n")] == ["tool", "assistant"]
    assert "Renew $name it" in kept and "no such fee" in text and "One world." in text
    assert text.index("<policy>") < text.index("<exemplar>") < text.index("<kept>") < text.index("no such fee")
    assert writer.prompt(0, 1) == writer.prompt(0, 1) != writer.prompt(0, 1, draw=1)


def test_the_rules_of_a_pack_hold_for_an_end_too() -> None:
    office = domains.load("officebench", [resources.prompts()])
    assert "system.finish_task" in resimulate.rules_of(office)
    assert "$" not in resimulate.rules_of(office)


def test_remarks_are_about_the_turns_that_go() -> None:
    def finding(turn: int | None, severity: Severity = Severity.ERROR, repaired: bool = False) -> Finding:
        return Finding(rule="a.rule", severity=severity, message=f"m{turn}", turn=turn, repaired=repaired)

    found = [finding(1), finding(3), finding(None), finding(4, repaired=True), finding(5, Severity.INFO)]
    assert [json.loads(line)["message"] for line in resimulate.remarks(found, 2)] == ["m3"]


def test_answers_of_open_calls_are_linked_to_the_turns_that_were_kept() -> None:
    episode = twice()
    answer = written(
        {"role": "tool", "content": '{"name": "Bea"}'},
        {"role": "assistant", "tool_calls": [{"name": "get_member", "arguments": {"member_id": "M3"}}]},
        {"role": "tool", "content": '{"name": "Cy"}'},
        {"role": "assistant", "content": "Ada, Bea, Cy."},
    )
    body = read(answer, episode, 3).body
    assert body.turns[:3] == episode.turns[:3]
    assert [turn.call_id for turn in body.turns[3:]] == ["call_2", None, body.turns[4].tool_calls[0].call_id, None]
    assert len({c.call_id for _, _, c in body.calls()}) == 3


def test_an_echo_of_the_beginning_is_left_out_and_equal_answers_are_none() -> None:
    episode = make_trajectory()
    echo = {"role": "user", "content": episode.turns[0].content}
    end = {"role": "assistant", "content": "Good."}
    assert [turn.content for turn in read(written(echo, end), episode, 1).body.turns[1:]] == ["Good."]
    same = twice().with_turns(
        tuple(turn.replace(content="ok") if turn.role == "tool" else turn for turn in twice().turns)
    )
    body = read(written({"role": "tool", "content": "ok"}, end), same, 3).body
    assert [turn.role for turn in body.turns] == ["user", "assistant", "tool", "tool", "assistant"]


@pytest.mark.parametrize(
    ("turn", "answer", "problem"),
    [
        (1, written({"role": "user", "content": "And?"}, {"role": "assistant", "content": "So."}), "follows the user"),
        (1, written({"role": "tool", "content": "{}"}, {"role": "assistant", "content": "So."}), "answers no call"),
        (2, written({"role": "assistant", "content": "I do not know."}), "follows the assistant"),
        (3, written({"role": "tool", "content": "{}"}, {"role": "assistant", "content": "So."}), "answers no call"),
        (1, written({"role": "user", "content": "Hm."}), "no assistant turn"),
        (1, "I would rather not.", "no assistant turn"),
    ],
)
def test_what_does_not_go_on_where_the_beginning_ends_is_refused(turn: int, answer: str, problem: str) -> None:
    with pytest.raises(Unreadable, match=problem):
        read(answer, make_trajectory(), turn)


def test_every_open_call_must_be_answered() -> None:
    with pytest.raises(Unreadable, match="has no observation"):
        read(written({"role": "assistant", "content": "Ada and somebody."}), twice(), 3)


def test_repairs_are_made_in_the_new_turns_only() -> None:
    broken = ToolCall(name="get_member", arguments=None, raw="{'member_id': 'M1'}", call_id="call_1")
    episode = make_trajectory()
    kept = episode.turns[1].replace(tool_calls=(broken,))
    episode = episode.with_turns((episode.turns[0], kept, *episode.turns[2:]))
    bad = {"name": "get_member", "arguments": "{'member_id': 'M2'}"}
    answer = written(
        {"role": "assistant", "tool_calls": [bad]},
        {"role": "tool", "content": "{}"},
        {"role": "assistant", "content": "x"},
    )
    user = episode.with_turns((*episode.turns[:4], Turn(role="user", content="And M2?")))
    found = read(answer, user, 5)
    assert found.body.turns[:5] == user.turns
    assert found.body.turns[5].tool_calls[0].arguments == {"member_id": "M2"}
    repaired = {(f.turn, f.repaired) for f in found.findings if f.before is not None}
    assert repaired == {(1, False), (5, True)}


def test_a_reply_that_is_cut_off_is_told_of() -> None:
    found = read(written({"role": "assistant", "content": "So."}, end=False), make_trajectory(), 1)
    assert [(f.rule, f.turn) for f in found.findings if f.rule == "reply.no-end"] == [("reply.no-end", 1)]


_texts = st.text(max_size=20)
_lines = st.one_of(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "tool"]), "content": _texts}),
    st.fixed_dictionaries(
        {
            "role": st.just("assistant"),
            "tool_calls": st.lists(
                st.fixed_dictionaries({"name": _texts, "arguments": st.one_of(_texts, st.just({}))})
            ),
        }
    ),
)


@given(st.lists(_lines, max_size=8), st.integers(1, 5), st.booleans())
def test_whatever_comes_the_beginning_stays_as_it_was(answer: list[dict[str, Any]], turn: int, end: bool) -> None:
    episode = twice()
    before = [repr(kept) for kept in episode.turns[:turn]]
    try:
        body = read(written(*answer, end=end), episode, turn).body
    except Unreadable:
        return
    assert [repr(kept) for kept in body.turns[:turn]] == before and len(body.turns) > turn


@given(st.lists(_lines, max_size=6))
def test_reading_a_continuation_never_raises(answer: list[dict[str, Any]]) -> None:
    tail, findings = reply.continuation(written(*answer), twice().turns)
    assert len(tail) <= len(answer) and all((finding.turn or 0) >= 0 for finding in findings)
