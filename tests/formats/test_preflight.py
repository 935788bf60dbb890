import json

import pytest

from simia_tui import formats
from simia_tui.errors import UsageError
from simia_tui.formats.preflight import words_lost
from simia_tui.model import ToolCall, ToolSpec, Trajectory, Turn

TAU = "tau_airline_gpt4o.json"


def told(folder, name, target):
    rows = (row.trajectory for row in formats.read(folder / name))
    return formats.preflight(rows, target)


def counted(folder):
    """Independent counts over the plain JSON: rows by how they end, and words beside calls."""
    source = json.loads((folder / TAU).read_text())
    rows = [[m for m in record["traj"] if m["role"] != "system"] for record in source]
    says = [[m for m in row if m["role"] == "assistant"] for row in rows]
    words = [sum(len((m["content"] or "").split()) for m in row) for row in says]
    beside = [sum(len((m["content"] or "").split()) for m in row if m.get("tool_calls")) for row in says]
    return rows, words, beside


@pytest.mark.parametrize("name", [TAU, "glaive_toolcall_en.json", "glaive_toolcall_zh.json"])
def test_hermes_drops_no_row_and_loses_no_word_of_the_real_files(real_data, name):
    found = told(real_data, name, "sharegpt-hermes")
    source = json.loads((real_data / name).read_text())
    assert (found.rows, found.kept, found.dropped) == (len(source), len(source), 0)
    assert (found.words_lost, found.words_dropped) == (0, 0)
    assert found.words == sum(
        len((m.get("content") or m.get("value") or "").split())
        for record in source
        for m in record.get("traj", record.get("conversations"))
        if m.get("role", m.get("from")) in ("assistant", "gpt")
    )


def test_hermes_rows_of_the_real_file_hold_every_assistant_text_by_plain_search(real_data):
    source = json.loads((real_data / TAU).read_text())
    for row, record in zip(formats.read(real_data / TAU), source, strict=True):
        turns = formats.write_sharegpt_hermes(row.trajectory)["conversations"]
        assert len(turns) % 2 == 0
        assert all(turn["from"] in (("human", "observation"), ("gpt",))[i % 2] for i, turn in enumerate(turns))
        spoken = [m["content"] for m in record["traj"] if m["role"] == "assistant" and m["content"]]
        values = [turn["value"] for turn in turns[1::2]]
        assert len(values) == sum(m["role"] == "assistant" for m in record["traj"])
        assert [value.split("\n\n<tool_call>")[0] for value in values if not value.startswith("<tool_call>")] == spoken


def test_the_other_mappings_fail_on_the_real_file_as_measured(real_data):
    rows, words, beside = counted(real_data)
    ends_with_user = [row[-1]["role"] == "user" for row in rows]
    ends_with_tool = [row[-1]["role"] == "tool" for row in rows]
    both = [any(m.get("tool_calls") and m["content"] for m in row) for row in rows]

    def figures(target):
        found = told(real_data, TAU, target)
        assert found.words == sum(words)
        assert found.kept + found.dropped == found.rows == 120
        return found.dropped, found.words_lost, found.words_dropped

    assert figures("sharegpt as recorded") == (120, 0, sum(words))
    assert figures("sharegpt") == (0, sum(beside), 0)
    assert figures("sharegpt-split as recorded") == (120, 0, sum(words))
    assert figures("sharegpt-split") == (sum(both), 0, sum(w for w, x in zip(words, both, strict=True) if x))
    assert figures("openai (LLaMA-Factory)") == (0, sum(beside), 0)
    dropped, lost, _ = figures("openai (LLaMA-Factory) as recorded")
    issues = {issue.reason: issue for issue in told(real_data, TAU, "openai (LLaMA-Factory) as recorded").issues}
    never = issues["results after the assistant's last turn, which the trainer never writes out"]
    assert (never.severity, never.count) == ("loss", sum(ends_with_tool))
    assert dropped == sum(ends_with_user) + sum(row[-1]["role"] == "assistant" for row in rows if len(row) % 2)
    assert lost == sum(b for b, tool in zip(beside, ends_with_tool, strict=True) if tool)


CALL = ToolCall(name="f", arguments={}, call_id="1")
USER = Turn(role="user", content="u")
DONE = Turn(role="assistant", content="well done")
GOOD = Trajectory(
    tools=(ToolSpec(name="f", description="Does it."),),
    turns=(USER, Turn(role="assistant", tool_calls=(CALL,)), Turn(role="tool", content="r", call_id="1"), DONE),
)


def test_a_good_row_raises_no_issue():
    for target in formats.targets():
        found = formats.preflight([GOOD], target)
        assert (found.rows, found.kept, found.words, found.words_lost, found.issues) == (1, 1, 2, 0, ())


def test_no_rows_is_an_empty_preflight():
    assert formats.preflight([], "trl").rows == 0


ISSUES = [
    ((USER,), "drop", "no turn of the assistant"),
    ((USER, Turn(role="assistant", tool_calls=(ToolCall(name="f", raw="{", call_id="1"),))), "loss", "no object"),
    ((USER, Turn(role="tool", content="r"), DONE), "note", "answers no call"),
    ((USER, Turn(role="assistant", content="x", loss=False), USER, DONE), ("note", "loss"), "masked"),
    ((USER, DONE, Turn(role="system", content="s"), DONE), ("note", "loss"), "system message"),
]


@pytest.mark.parametrize("target", ["trl", "sharegpt-hermes"])
@pytest.mark.parametrize(("turns", "severity", "words"), ISSUES)
def test_each_issue_is_told_with_its_count_and_an_example(target, turns, severity, words):
    bad = Trajectory(tools=GOOD.tools, turns=turns)
    found = formats.preflight(iter([GOOD, bad, bad]), target)
    (issue,) = [issue for issue in found.issues if words in issue.reason]
    assert issue.severity in severity
    assert (issue.count, issue.example) == (2, bad.id)
    assert found.dropped == (2 if severity == "drop" else 0)


def test_calls_without_declared_tools_are_told():
    found = formats.preflight([GOOD.replace(tools=())], "trl")
    assert ["no tools are declared" in issue.reason for issue in found.issues] == [True]


def test_hermes_tells_what_it_changes():
    led = Trajectory(turns=(DONE, USER, USER, DONE, USER))
    reasons = [issue.reason for issue in formats.preflight([led], "sharegpt-hermes").issues]
    assert len(reasons) == 3
    assert {issue.severity for issue in formats.preflight([led], "sharegpt-hermes").issues} == {"note"}


def test_drops_come_first():
    found = formats.preflight([GOOD.replace(tools=()), Trajectory(turns=(USER,))], "trl")
    assert [issue.severity for issue in found.issues] == ["drop", "note"]


def test_an_unknown_target_is_refused():
    with pytest.raises(UsageError, match="sharegpt-hermes"):
        formats.preflight([], "none")


@pytest.mark.parametrize(
    ("texts", "kept", "lost"),
    [
        (["a b", "c"], ["a b", "c"], 0),
        (["a b", "c"], ["a b\n\nc"], 0),
        (["a b", "c d e"], ["c d e"], 2),
        (["x", "x"], ["x"], 1),
        (["b", "a"], ["a", "b"], 1),
        (["a b"], [], 2),
        ([], ["a"], 0),
    ],
)
def test_words_count_as_lost_unless_their_text_stands_whole_and_in_order(texts, kept, lost):
    assert words_lost(texts, kept) == lost


def test_a_result_before_its_call_answers_nothing():
    called = Turn(role="assistant", tool_calls=(CALL,))
    result = Turn(role="tool", content="r", call_id="1")

    def orphans(*turns):
        return formats.look(Trajectory(turns=turns)).orphans

    assert not orphans(USER, called, result)
    assert orphans(USER, result, called)
    assert orphans(USER, called, Turn(role="tool", content="r"))
