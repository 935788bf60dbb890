"""Rows become text without invented keys, and labels that count what the cutoff costs."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simia_tui.errors import SimiaError
from simia_tui.training import data


def test_rendered_text_has_each_tools_own_arguments_and_no_null(tokenizer: Any, rows: list[dict[str, Any]]) -> None:
    text = tokenizer.decode(data.encode(tokenizer, rows[3]).input_ids)
    assert '{"name": "find_loan", "arguments": {"loan_id": "L3"}}' in text
    assert '{"name": "extend_loan", "arguments": {"number": 3}}' in text
    assert "null" not in text.replace('["string", "null"]', "")


def test_a_null_that_the_agent_wrote_stays(tokenizer: Any, rows: list[dict[str, Any]]) -> None:
    rows[0]["messages"][4]["tool_calls"][0]["function"]["arguments"]["note"] = None
    text = tokenizer.decode(data.encode(tokenizer, rows[0]).input_ids)
    assert '"arguments": {"number": 0, "note": null}' in text


def test_absent_fields_do_not_reach_the_template() -> None:
    bare = {"role": "assistant", "content": None, "tool_calls": None, "name": None, "loss": True}
    assert data.message_for_template(bare) == {"role": "assistant", "content": ""}


def test_cut_and_empty_rows_are_counted(tokenizer: Any, rows: list[dict[str, Any]]) -> None:
    prompt = len(data.encode(tokenizer, {**rows[0], "messages": rows[0]["messages"][:2]}).input_ids)
    mute = {"messages": [{"role": "user", "content": "anyone?"}], "tools": []}
    dataset, census = data.encode_all(tokenizer, [*rows, mute], max_length=prompt + 20)
    assert (census.rows, census.used, census.cut, census.empty) == (25, 24, 24, 1)
    assert census.longest > prompt + 20 == max(len(ids) for ids in dataset["input_ids"])
    assert census.trained_tokens == sum(label != -100 for labels in dataset["labels"] for label in labels)
    assert census.tokens == sum(len(ids) for ids in dataset["input_ids"])


def test_a_cutoff_inside_every_prompt_is_explained(tokenizer: Any, rows: list[dict[str, Any]]) -> None:
    with pytest.raises(SimiaError, match=r"first 20 tokens of every row.*--max-length"):
        data.encode_all(tokenizer, rows, max_length=20)


def test_an_empty_export_is_explained(tokenizer: Any) -> None:
    with pytest.raises(SimiaError, match="has no rows"):
        data.encode_all(tokenizer, [], max_length=20)


def test_a_template_that_refuses_the_row_is_explained(tokenizer: Any, rows: list[dict[str, Any]]) -> None:
    with pytest.raises(SimiaError, match=r"cannot render a row \(no tools here\)"):
        data.encode(tokenizer, rows[0], "{{ raise_exception('no tools here') }}")


@pytest.mark.parametrize("line", ["{", "[]", '{"messages": []}', '{"messages": ["a"]}', '{"tools": []}'])
def test_a_damaged_bundle_is_explained(tmp_path: Path, line: str) -> None:
    good = json.dumps({"messages": [{"role": "user", "content": "x"}], "tools": "[]"})
    (tmp_path / data.ROWS).write_text(f"{good}\n{line}\n")
    found = data.read(tmp_path)
    assert next(found)["tools"] == []
    with pytest.raises(SimiaError, match=r"Line 2 .* make the export again"):
        next(found)


def test_a_missing_bundle_is_explained(tmp_path: Path) -> None:
    with pytest.raises(SimiaError, match="make the export again"):
        list(data.read(tmp_path))


@given(st.lists(st.integers(0, 1)))
def test_spans_cover_exactly_the_ones(mask: list[int]) -> None:
    rebuilt = [0] * len(mask)
    for start, end in data.spans(mask):
        assert start < end and (start == 0 or not mask[start - 1]) and (end == len(mask) or not mask[end])
        rebuilt[start:end] = [1] * (end - start)
    assert rebuilt == mask
