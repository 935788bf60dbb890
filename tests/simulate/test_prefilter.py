"""The prefilter's prompt and verdict: the shape of the paper's three questions, and nothing read into bad replies."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import make_trajectory

from simia_tui import domains, resources
from simia_tui.demo.screening import open_end, screen
from simia_tui.model import Finding, Opinion, Severity
from simia_tui.simulate import prefilter
from simia_tui.simulate.ask import Unreadable


def reply(completeness: Any = True, logic: Any = True, evidence: Any = (), **more: Any) -> str:
    answer = {"completeness": {"pass": completeness, "reason": "c"}, "logic": {"pass": logic, "reason": "l"}}
    return json.dumps({**answer, "evidence_turns": list(evidence), **more})


@pytest.mark.parametrize(
    ("completeness", "logic", "opinion"),
    [(True, True, "pass"), (True, False, "fail"), (False, True, "fail"), ("false", "True", "fail")],
)
def test_a_seed_passes_only_if_every_answer_is_yes(completeness: Any, logic: Any, opinion: str) -> None:
    verdict = prefilter.read_verdict(
        f"Here it is:\n```json\n{reply(completeness, logic, [2, 2, 99, -1, True])}\n```", 5
    )
    assert verdict.opinion == opinion
    assert verdict.evidence_turns == (2,)
    shape = verdict.shape()
    assert shape["keep"] is (opinion == "pass")
    assert shape["completeness"] == {"pass": completeness is True, "reason": "c"}
    assert shape["format"]["pass"] is True


@pytest.mark.parametrize(
    "text",
    [
        "I would keep this one.",
        "",
        '{"keep": true}',
        reply(completeness=None),
        reply(logic=1),
        '{"completeness": "yes", "logic": "yes"}',
        '{"completeness": {"pass": true, "reason": "ok"}}',
        reply() + "\n" + reply(completeness=False),
    ],
)
def test_what_is_no_verdict_is_no_verdict(text: str) -> None:
    with pytest.raises(Unreadable):
        prefilter.read_verdict(text, 5)


@given(st.text())
def test_no_text_is_read_as_a_verdict_by_accident(text: str) -> None:
    with pytest.raises(Unreadable):
        prefilter.read_verdict(text.replace('"completeness"', ""), 5)


def test_what_the_reply_says_of_keeping_has_no_say() -> None:
    assert prefilter.read_verdict(reply(logic=False, keep=True), 5).opinion is Opinion.FAIL


def finding(severity: Severity, **more: Any) -> Finding:
    return Finding(rule="call.unknown-tool", severity=severity, message="No such tool.", **more)


def test_the_rules_fail_a_seed_only_for_errors_that_stand() -> None:
    assert prefilter.ruled([finding(Severity.WARNING, turn=1), finding(Severity.ERROR, repaired=True)]) is None
    verdict = prefilter.ruled([finding(Severity.ERROR, turn=3), finding(Severity.ERROR)] * 3)
    assert verdict is not None
    assert (verdict.opinion, verdict.by, verdict.evidence_turns) == (Opinion.FAIL, "rules", (3,))
    assert (verdict.completeness, verdict.logic) == (None, None)
    assert verdict.format is not None and "3 more" in verdict.format.reason


def test_the_prompt_holds_what_is_judged_and_changes_only_when_asked_again() -> None:
    pack = domains.load("generic", [resources.prompts()])
    said = prefilter.remarks([finding(Severity.WARNING, turn=1), finding(Severity.INFO)])
    writer = prefilter.Writer(pack, make_trajectory("renew $title"), (), said)
    first, again, third = writer.prompt(), writer.prompt(0), writer.prompt(1)
    assert first == again
    assert first.sha != third.sha and first.version == third.version == pack.template("prefilter").version
    (message,) = first.messages
    assert "renew $title" in message["content"]
    assert message["content"].count("No such tool.") == 1


@pytest.mark.parametrize(
    ("last", "left_open"),
    [
        ({"role": "assistant", "content": "It is done."}, False),
        ({"role": "assistant", "content": "Shall I?"}, True),
        ({"role": "assistant", "tool_calls": [{"name": "x"}]}, True),
        ({"role": "tool", "content": "{}"}, True),
        ({"role": "user", "content": "And now?"}, True),
        ({"role": "user", "content": "Thanks, bye"}, False),
    ],
)
def test_the_demo_sees_open_ends(last: dict[str, Any], left_open: bool) -> None:
    transcript = [{"role": "user", "content": "Hello"}, last]
    assert (open_end(transcript) is not None) is left_open
    verdict = prefilter.read_verdict(screen([], transcript), 2)
    assert verdict.opinion is (Opinion.FAIL if left_open else Opinion.PASS)
    assert prefilter.read_verdict(screen([{"rule": "x", "turn": 0}], transcript), 2).opinion is Opinion.FAIL
