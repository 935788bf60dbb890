"""No rule is left out that would have had something to say."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simia_tui import checks
from simia_tui.checks import privacy, text, traits
from simia_tui.checks.context import Context
from simia_tui.checks.schema import Schema
from simia_tui.checks.screen import Screen
from simia_tui.checks.survey import survey
from simia_tui.checks.toolbox import Toolbox
from simia_tui.model import ToolCall, ToolSpec, Trajectory, Turn

PIECES = [
    *("AKIAABCDEFGHIJKLMNOP", "sk-" + "a1" * 12, "hf_" + "a" * 30, "AIza" + "-" * 35, "ghp_" + "a" * 36),
    *("github_pat_" + "_" * 40, "glpat-" + "a" * 20, "xoxb-" + "a" * 20, "eyJ" + "a" * 10 + ".eyJ" + "b" * 10),
    *("." + "c" * 20, "-----BEGIN RSA PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----", "db://u:pass@host"),
    *("521-44-9921", "4539 1488 0343 6467", "4539148803436467", "3782 822463 10005", "DE89 3704 0044 0532 0130 00"),
    *("<tool_call>", "</functioncall>", "<|im_end|>", "FUNCTION CALL:", "**HUMAN**:", "[TERMINATE]", "<request>"),
    *('{ "end": true }', "Variation: 7", "\n", " ", "é", "\ud800", "a", "1", "-"),
]


@pytest.mark.parametrize(
    ("screen", "pattern"),
    [
        (privacy.SECRETS, privacy._SECRETS),
        (privacy.NUMBERED, privacy._NUMBERED),
        (text.MARKUP, text._TOOL_MARKUP),
        (text.SIMULATOR, text._SIMULATOR_TEXT),
    ],
)
@settings(deadline=None)
@given(parts=st.lists(st.sampled_from(PIECES), max_size=6))
def test_what_a_pattern_matches_its_screen_finds(screen: Screen, pattern: re.Pattern[str], parts: list[str]) -> None:
    whole = "".join(parts)
    assert screen.finds(whole) or not pattern.search(whole)


@pytest.mark.parametrize("screen", [privacy.SECRETS, privacy.NUMBERED, text.MARKUP, text.SIMULATOR])
def test_a_screen_does_not_find_what_is_not_there(screen: Screen) -> None:
    assert not screen.finds("Flight HAT001 leaves on 2024-05-15 at 10:00; see http://a.b/c é \ud800")


def test_a_trajectory_that_cannot_be_surveyed_meets_every_rule() -> None:
    broken = Trajectory(turns=(Turn(role="nobody", content="AKIA" + "A" * 16),))
    with pytest.raises(KeyError):
        survey(broken, Context((), checks.Hints()))
    assert {"data.secret", checks.FAILED} & {finding.rule for finding in checks.run(broken)[1]}


def test_a_sound_trajectory_shows_nothing_but_its_calls() -> None:
    spec = ToolSpec(name="get_seat", parameters={"type": "object", "properties": {"id": {"type": "string"}}})
    turns = (
        Turn(role="user", content="Which one?"),
        Turn(role="assistant", tool_calls=(ToolCall(name="get_seat", arguments={"id": "s1"}),)),
        Turn(role="tool", content="free"),
        Turn(role="assistant", content="The first."),
    )
    assert survey(Trajectory(turns=turns), Context((spec,), checks.Hints())) == traits.CALLS


def test_a_toolbox_is_made_once_for_the_same_specs() -> None:
    spec, hints = ToolSpec(name="a"), checks.Hints()
    assert Toolbox.of((spec,), hints) is Toolbox.of((*(), spec), hints)
    assert Toolbox.of((spec.replace(),), hints) is not Toolbox.of((spec,), hints)


@pytest.mark.parametrize(
    ("schema", "arguments"),
    [
        ({}, {"a": True}),
        ({}, {"a": 1.0}),
        ({}, {}),
        ({}, {"a": 1, "c": 1}),
        ({"additionalProperties": False}, {"a": 1, "c": 1}),
        ({"additionalProperties": {"type": "string"}}, {"a": 1, "c": 1}),
        ({"minProperties": 2}, {"a": 1}),
        ({"properties": {"a": {"type": "integer", "minimum": 2}}}, {"a": 1}),
        ({"properties": {"a": {"type": "string"}}}, {"a": 1}),
        ({}, {"a": 1}),
    ],
)
def test_the_quick_way_to_a_sound_call_is_right(schema: dict[str, Any], arguments: dict[str, Any]) -> None:
    base = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    made = Schema(ToolSpec(name="f", parameters={**base, **schema}))
    assert made.is_sound(arguments) is (not made.faults(arguments))
