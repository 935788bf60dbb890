"""ATIF: the rules of its version 1.7, restated, over what we write; and documents that others wrote."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import make_trajectory

from simia_tui.formats.atif import Atif, write_atif
from simia_tui.formats.base import RowError
from simia_tui.formats.pairing import Draft, DraftCall, link
from simia_tui.model import Trajectory

AGENT_ONLY = ("reasoning_content", "tool_calls", "model_name", "metrics")
CALL = {"tool_call_id": "c", "function_name": "f", "arguments": {"a": 1}}


def breaks(document):
    """What the format's own models would refuse."""
    for number, step in enumerate(document["steps"], 1):
        yield step["step_id"] != number
        yield not isinstance(step["message"], str)
        yield step["source"] not in ("system", "user", "agent")
        yield step["source"] != "agent" and any(key in step for key in AGENT_ONLY)
        ids = {call["tool_call_id"] for call in step.get("tool_calls", ())}
        yield any(not isinstance(call["arguments"], dict) for call in step.get("tool_calls", ()))
        results = step.get("observation", {"results": []})["results"]
        yield "tool_calls" in step and any(r["source_call_id"] not in {*ids, None} for r in results)
        yield bool(set(step) - {"step_id", "source", "message", "observation", "extra", *AGENT_ONLY})


TEXT = st.none() | st.text(max_size=4)
CALLS = st.lists(
    st.builds(DraftCall, name=st.just("f"), arguments=st.none() | st.just({}), raw=st.just("x")), max_size=2
)
TURNS = st.lists(
    st.one_of(
        st.builds(Draft, role=st.sampled_from(["user", "system"]), content=TEXT, tool_calls=CALLS),
        st.builds(Draft, role=st.just("assistant"), content=TEXT, reasoning=TEXT, tool_calls=CALLS),
        st.builds(Draft, role=st.just("tool"), content=TEXT, call_id=st.sampled_from([None, "call_1", "other"])),
    ),
    min_size=1,
    max_size=8,
)


@given(policy=TEXT, turns=TURNS)
def test_whatever_is_written_keeps_the_rules_of_the_format(policy, turns):
    document = write_atif(Trajectory(policy=policy, turns=link(turns)))
    assert not any(breaks(document))


def test_a_step_holds_the_results_of_its_calls():
    document = write_atif(make_trajectory())
    assert document["schema_version"] == "ATIF-v1.7"
    assert [step["source"] for step in document["steps"]] == ["system", "user", "agent", "agent"]
    assert document["steps"][2]["observation"]["results"][0]["source_call_id"] == "call_1"
    assert document["agent"]["tool_definitions"][0]["function"]["name"] == "get_member"


FOREIGN = {
    "schema_version": "ATIF-v1.4",
    "session_id": "s",
    "agent": {"name": "a", "version": "1", "model_name": "m", "tool_definitions": [{"name": "f"}]},
    "steps": [
        {"step_id": 1, "source": "system", "message": "p"},
        {"step_id": 2, "source": "user", "message": [{"type": "text", "text": "u"}], "timestamp": "2026-01-01"},
        {
            "step_id": 3,
            "source": "agent",
            "message": "two calls",
            "reasoning_content": "r",
            "tool_calls": [CALL, {**CALL, "tool_call_id": "d", "arguments": "{bad"}],
            "observation": {"results": [{"source_call_id": "d", "content": "2"}, {"content": "1"}]},
            "metrics": {"prompt_tokens": 3},
        },
        {"step_id": 4, "source": "agent", "message": "copied", "is_copied_context": True},
        {"step_id": 5, "source": "system", "message": "event", "observation": {"results": [{"content": "boot"}]}},
    ],
    "final_metrics": {"total_steps": 5},
}


def test_documents_of_others_are_read_whole():
    found = Atif().read_record(FOREIGN, "library")
    assert found.policy == "p"
    assert [tool.name for tool in found.tools] == ["f"]
    assert [turn.role for turn in found.turns] == ["user", "assistant", "tool", "tool", "assistant", "system", "tool"]
    said = found.turns[1]
    assert (said.content, said.reasoning) == ("two calls", "r")
    assert [call.raw for call in said.tool_calls] == [None, "{bad"]
    assert [turn.call_id for turn in found.turns[2:4]] == ["d", "c"]
    assert [turn.loss for turn in found.turns].count(False) == 1
    assert found.meta["final_metrics"] == {"total_steps": 5}
    assert found.meta["agent"] == {"name": "a", "version": "1", "model_name": "m"}
    assert found.meta["turn_fields"]["0"] == {"timestamp": "2026-01-01"}
    assert found.meta["turn_fields"]["1"] == {"metrics": {"prompt_tokens": 3}}
    assert write_atif(found)["agent"]["name"] == "a"


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"source": "robot", "message": "x"}, "robot"),
        ({"source": "agent", "message": 3}, "neither text"),
        ({"source": "agent", "message": "x", "tool_calls": "f"}, "not a list"),
        ({"source": "agent", "message": "x", "tool_calls": [{"name": "f"}]}, "names no function"),
        ({"source": "agent", "message": "x", "observation": {"results": ["x"]}}, "not an object"),
        ({"source": "user", "message": [{"type": "image", "source": {}}]}, "image"),
    ],
)
def test_what_cannot_be_read_is_a_reason(step, words):
    with pytest.raises(RowError, match=words):
        Atif().read_record({"schema_version": "ATIF-v1.7", "steps": [step]})


def test_fields_of_ours_that_somebody_spoilt_are_a_bad_row(read_rows):
    step = {"step_id": 1, "source": "user", "message": "u", "extra": {"simia": {"loss": "maybe", "call_id": [1]}}}
    (row,) = read_rows({"schema_version": "ATIF-v1.7", "steps": [step]})
    assert "once wrote beside a turn" in row.reason
