"""A world model learns what the tools answered and nothing else."""

from typing import Any

from simia_tui.training import mask, observations


def test_each_answered_call_is_one_target(tokenizer: Any, rows: list[dict[str, Any]]) -> None:
    (row,) = observations.rows([rows[6]])
    assert mask.trained_spans(tokenizer, row) == [
        '{"loan": "L6", "item": "saw"}<|im_end|>',
        "extended<|im_end|>",
        "Error: no such loan<|im_end|>",
    ]


def test_the_assistants_words_are_not_heard_and_the_users_are(rows: list[dict[str, Any]]) -> None:
    (row,) = observations.rows([rows[6]])
    text = str(row["messages"])
    assert "I found your" not in text and "May I keep" not in str(rows[6]["messages"][2])
    assert "may I keep the saw" in text and "Finds a loan by its number." in text


def test_no_calls_no_row_and_dangling_ones_are_left_out(rows: list[dict[str, Any]]) -> None:
    mute = {**rows[0], "messages": rows[0]["messages"][:2]}
    dangling = {**rows[0], "messages": rows[0]["messages"][:3]}
    orphan = {**rows[0], "messages": [rows[0]["messages"][0], rows[0]["messages"][3]]}
    assert list(observations.rows([mute, dangling, orphan])) == []


def test_a_masked_observation_is_not_learnt(tokenizer: Any, rows: list[dict[str, Any]]) -> None:
    rows[6]["messages"][3]["loss"] = False
    (row,) = observations.rows([rows[6]])
    assert len(mask.trained_spans(tokenizer, row)) == 2
