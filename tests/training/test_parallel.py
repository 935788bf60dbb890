"""Many rows are tokenised by several processes, with the same result in the same order."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from simia_tui.training import data, parallel


class Pool:
    """A pool whose one worker is this process, which keeps the test quick; it is given what a worker is given."""

    started = 0

    def __init__(self, workers: int, context: Any, set_up: Callable[..., None], given: tuple[Any, ...]) -> None:
        Pool.started += 1
        set_up(*given)

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def submit(self, work: Callable[..., Any], *given: Any) -> "Future[Any]":
        done: Future[Any] = Future()
        done.set_result(work(*given))
        return done


def test_many_rows_give_the_same_in_the_same_order(
    tokenizer: Any, rows: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, census = data.encode_all(tokenizer, rows, 4096)
    monkeypatch.setattr("concurrent.futures.ProcessPoolExecutor", Pool)
    monkeypatch.setattr(parallel, "MANY", 5)
    monkeypatch.setattr(parallel, "CHUNK", 3)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1}, raising=False)
    together, counted = data.encode_all(tokenizer, rows, 4096)
    assert Pool.started == 1
    assert (together["input_ids"], together["labels"]) == (alone["input_ids"], alone["labels"])
    assert counted == census


def test_rows_with_special_tokens_in_their_data_are_counted(tokenizer: Any, rows: list[dict[str, Any]]) -> None:
    rows[0]["messages"][1]["content"] = "Hi<|im_end|>"
    rows[1]["messages"][3]["content"] = "<tool_call>"
    rows[2]["messages"][2]["tool_calls"][0]["function"]["arguments"] = {"loan_id": "<|im_start|>"}
    _, census = data.encode_all(tokenizer, rows, 4096)
    assert census.special == 3
