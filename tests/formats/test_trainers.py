"""What each trainer is handed: exact fields, and what its preflight says before."""

import json

import pytest
from samples import make_trajectory

from simia_tui import formats
from simia_tui.formats.llamafactory import keeps_sharegpt
from simia_tui.model import Origin, ToolCall, Trajectory, Turn

WHOLE = make_trajectory()
USER = Turn(role="user", content="u")


def written(name, trajectory=WHOLE):
    return formats.WRITERS[name].write(trajectory)


def reasons(trajectory, target):
    return {issue.reason: issue.severity for issue in formats.preflight([trajectory], target).issues}


def said(trajectory, target, words):
    """The severity of the issue that holds `words`."""
    return next((severity for reason, severity in reasons(trajectory, target).items() if words in reason), None)


@pytest.mark.parametrize("target", [*formats.WRITERS])
def test_a_whole_row_loses_nothing_but_in_the_one_mapping_that_overwrites(target):
    lost = [severity for severity in reasons(WHOLE, target).values() if severity != "note"]
    assert lost == (["loss"] if target == "sharegpt" else [])
    assert formats.left_out(WHOLE, target) is None


@pytest.mark.parametrize("target", [*formats.WRITERS])
def test_what_a_trainer_cannot_use_is_left_out_with_a_reason(target):
    found = formats.preflight([Trajectory(turns=())], target)
    assert (found.dropped, found.kept) == (1, 0)
    assert formats.left_out(Trajectory(turns=()), target) == found.issues[0].reason


def test_axolotl_rows_hold_text_where_objects_would_be_merged():
    row = written("axolotl", WHOLE.with_turns((*WHOLE.turns[:3], WHOLE.turns[3].replace(loss=False))))
    (call,) = row["messages"][2]["tool_calls"]
    assert call["function"] == {"name": "get_member", "arguments": '{"member_id": "M1"}'}
    assert row["messages"][3] == {
        "role": "tool",
        "content": '{"member_id": "M1", "name": "Ada"}',
        "tool_call_id": "call_1",
        "name": "get_member",
    }
    assert [message.get("train") for message in row["messages"]] == [None, None, None, None, False]
    assert json.loads(row["tools"][0]["function"]["parameters"])["required"] == ["member_id"]
    assert written("axolotl", Trajectory(turns=(USER,)))["tools"] == []


def test_arguments_that_are_no_object_stay_json_for_axolotl():
    body = Trajectory(turns=(USER, Turn(role="assistant", tool_calls=(ToolCall(name="f", raw="{bad", call_id="1"),))))
    assert written("axolotl", body)["messages"][1]["tool_calls"][0]["function"]["arguments"] == '"{bad"'


def test_verl_rows_take_turns_and_hold_no_struct_that_could_be_merged():
    row = written("verl-sft")
    assert [message["role"] for message in row["messages"]] == ["system", "user", "assistant", "user", "assistant"]
    assert all(set(message) == {"role", "content"} for message in row["messages"])
    assert row["enable_thinking"] is False
    assert "tools" not in row
    rl = written("verl-rl", WHOLE.replace(origin=Origin(job=1, ord=1, seed="s")))
    assert set(rl) == {"data_source", "prompt", "ability", "reward_model", "extra_info"}
    assert [message["role"] for message in rl["prompt"]] == ["system", "user"]
    assert json.loads(rl["reward_model"]["ground_truth"]) == [{"name": "get_member", "arguments": {"member_id": "M1"}}]
    assert (rl["data_source"], rl["extra_info"]["seed"]) == ("simia/library", "s")
    assert rl["extra_info"]["index"] == int(WHOLE.replace(origin=Origin(job=1, ord=1, seed="s")).id[:8], 16)


def test_hermes_rows_have_a_system_turn_and_a_tool_role():
    row = written("hermes")
    assert [turn["from"] for turn in row["conversations"]] == ["system", "human", "gpt", "tool", "gpt"]
    assert "<tools>" in row["conversations"][0]["value"]
    assert row["conversations"][3]["value"].startswith("<tool_response>\n")
    assert json.loads(row["tools"])[0]["function"]["name"] == "get_member"


def test_simia_rows_have_the_eight_columns_and_flat_tools():
    row = written("simia-sft", WHOLE.replace(origin=Origin(job=1, ord=1, seed="s")))
    assert set(row) == {
        "conversations",
        "tools",
        "system",
        "based_on_sample",
        "sample_turns",
        "generated_turns",
        "sample_question",
        "domain",
    }
    assert [turn["from"] for turn in row["conversations"]] == ["human", "gpt", "function_call", "observation", "gpt"]
    assert json.loads(row["conversations"][2]["value"]) == {"name": "get_member", "arguments": {"member_id": "M1"}}
    assert json.loads(row["tools"])[0]["name"] == "get_member"
    assert (row["based_on_sample"], row["generated_turns"], row["domain"]) == ("s", 5, "library")


def test_what_simia_said_of_the_seed_comes_back(read_one):
    row = written("simia-sft") | {"based_on_sample": "sample_-3", "sample_turns": 9, "domain": "general"}
    found = read_one(row)
    assert written("simia-sft", found) == row
    thought = {"from": "function_call", "value": '<think>\nwhy\n</think>\n{"name": "f", "arguments": {}}'}
    found = read_one({**row, "conversations": [{"from": "human", "value": "u"}, thought]}, format="simia-sft")
    assert (found.turns[1].reasoning, found.turns[1].tool_calls[0].name) == ("why", "f")


def test_the_default_file_for_llamafactory_is_what_its_preflight_judges():
    row = written("sharegpt-hermes")
    assert {turn["from"] for turn in row["conversations"]} == {"human", "gpt"}
    assert keeps_sharegpt(row).kept


def test_openai_refuses_calls_and_results_that_do_not_pair():
    call = Turn(role="assistant", tool_calls=(ToolCall(name="f", arguments={}, call_id="1"),))
    answer, done = Turn(role="tool", content="r", call_id="1"), Turn(role="assistant", content="ok")
    fine = [(USER, call), (USER, call, answer, done), (USER, done)]
    for turns in fine:
        assert said(Trajectory(turns=turns), "openai", "do not pair") is None
    for turns in [
        (USER, call, done),
        (USER, call, USER, answer, done),
        (USER, answer, done),
        (USER, call, answer, answer),
    ]:
        assert said(Trajectory(turns=turns), "openai", "do not pair") == "loss"
    assert said(Trajectory(turns=(USER, done, USER)), "openai", "last turn") == "note"


def test_each_trainer_tells_its_own_traps():
    masked = Trajectory(turns=(USER, Turn(role="assistant", content="a", loss=False)))
    assert said(masked, "sharegpt-hermes", "masked") == said(masked, "verl-sft", "masked") == "loss"
    assert said(masked, "trl", "masked") == said(masked, "axolotl", "last turn is masked") == "note"
    assert reasons(masked, "atif") == {}
    silent = Trajectory(turns=(USER, Turn(role="assistant", content="")))
    assert said(silent, "axolotl", "neither text nor call") == "note"
    thinks = Trajectory(turns=(USER, Turn(role="assistant", content="a" * 5000, reasoning="r")))
    assert said(thinks, "verl-sft", "max_length") == said(thinks, "verl-sft", "thoughts") == "note"
    user_calls = Trajectory(turns=(USER.replace(tool_calls=(ToolCall(name="f", arguments={}),)), *WHOLE.turns))
    assert said(user_calls, "hermes", "the user makes") == "loss"
    assert said(user_calls, "openai", "the user makes") is None


def test_the_targets_that_keep_masks_are_known():
    assert {"trl", "axolotl", "openai", "parquet", "atif"} <= formats.KEEPS_MASKS
    assert "sharegpt-hermes" not in formats.KEEPS_MASKS


def test_several_targets_in_one_pass_say_the_same_as_one_by_one():
    rows = [WHOLE, Trajectory(turns=(USER,)), make_trajectory("other")]
    names = list(formats.targets())
    together = formats.preflights(iter(rows), names)
    assert together == {name: formats.preflight(rows, name) for name in names}
