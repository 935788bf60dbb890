"""Rows of an export bundle, rendered with the model's chat template into tokens and labels.

Rows are tokenised here and handed to TRL ready made (`input_ids`, `labels`), because Arrow would merge the argument
objects of different tools and print `"order_id": null` into the text, because the cutoff's losses must be counted,
and because a row may mask turns of its own.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from simia_tui.errors import SimiaError
from simia_tui.model import Record
from simia_tui.training import parallel

ROWS = "trl.jsonl"
IGNORED = -100
"""The label of a token that is not trained on (torch's ignore index)."""

_MESSAGE_KEYS = ("role", "content", "reasoning_content", "tool_calls", "tool_call_id", "name")


class Encoded(NamedTuple):
    """One row as tokens; `labels` repeats `input_ids` where trained and holds IGNORED elsewhere."""

    input_ids: list[int]
    labels: list[int]


class Census(Record):
    """What became of the rows. Tokens are counted after the cutoff; `empty` rows had nothing left to train.

    `special` rows hold text of the data that the tokenizer reads as its own special tokens, so that the model sees
    turns where there are none.
    """

    rows: int = 0
    used: int = 0
    cut: int = 0
    empty: int = 0
    special: int = 0
    tokens: int = 0
    trained_tokens: int = 0
    longest: int = 0


def read(bundle: Path) -> Iterator[dict[str, Any]]:
    """The rows `{"messages": [...], "tools": [...]}` of an export bundle, one after the other.

    Raises:
        SimiaError: the file is missing or a line is no such row.
    """
    path = bundle / ROWS
    try:
        with open(path, encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                yield _row(line, number, path)
    except OSError as error:
        raise SimiaError(f"Cannot read {path}: {error.strerror}; make the export again.") from error


def _row(line: str, number: int, path: Path) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise SimiaError(f"Line {number} of {path} is not JSON; make the export again.") from error
    messages = row.get("messages") if isinstance(row, dict) else None
    if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
        raise SimiaError(f"Line {number} of {path} has no messages; make the export again.")
    tools = row.get("tools")
    return {"messages": messages, "tools": json.loads(tools) if isinstance(tools, str) else tools}


def message_for_template(message: dict[str, Any]) -> dict[str, Any]:
    """The message without absent fields, and with text where a template expects text."""
    kept = {key: message[key] for key in _MESSAGE_KEYS if message.get(key) is not None}
    return {"content": "", **kept}


def encode(tokenizer: Any, row: dict[str, Any], template: str | None = None) -> Encoded:
    """Tokens and labels of a whole row; trained are the assistant turns, their end token included.

    A message with `"loss": false` is not trained on.

    Args:
        template: a chat template with generation markers; None takes the tokenizer's own.

    Raises:
        SimiaError: the template refuses the row.
    """
    messages = row["messages"]
    output = _rendered(tokenizer, messages, row.get("tools"), template)
    mask = list(output["assistant_masks"])
    for start, end in _masked_turns(mask, messages):
        mask[start:end] = [0] * (end - start)
    ids = list(output["input_ids"])
    return Encoded(ids, [token if trained else IGNORED for token, trained in zip(ids, mask, strict=True)])


def _rendered(tokenizer: Any, messages: list[dict[str, Any]], tools: Any, template: str | None) -> Any:
    from jinja2 import TemplateError

    try:
        return tokenizer.apply_chat_template(
            [message_for_template(message) for message in messages],
            tools=tools or None,
            chat_template=template,
            tokenize=True,
            return_dict=True,
            return_assistant_tokens_mask=True,
        )
    except (TemplateError, TypeError, ValueError, KeyError) as error:
        raise SimiaError(
            f"The model's chat template cannot render a row ({str(error).splitlines()[0]});"
            " choose a model whose template knows tools, or another export."
        ) from error


def _masked_turns(mask: list[int], messages: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """The token spans of assistant messages that ask not to be trained on."""
    wishes = [message.get("loss") for message in messages if message["role"] == "assistant"]
    if False not in wishes:
        return []
    found = spans(mask)
    if len(found) != len(wishes):
        raise SimiaError("This model's chat template joins turns, so single turns cannot be masked; take another.")
    return [span for span, wish in zip(found, wishes, strict=True) if wish is False]


def holds_special(tokenizer: Any, row: dict[str, Any]) -> bool:
    """Whether text of the data (not of the template) would be read as one of the tokenizer's special tokens."""
    marks = {str(token) for token in (*tokenizer.all_special_tokens, *tokenizer.added_tokens_decoder.values())}
    return any(mark in text for text in _texts(row["messages"]) for mark in marks)


def _texts(messages: list[dict[str, Any]]) -> Iterator[str]:
    for message in messages:
        for key in ("content", "reasoning_content"):
            if isinstance(message.get(key), str):
                yield message[key]
        if message.get("tool_calls"):
            yield json.dumps(message["tool_calls"], ensure_ascii=False)


def spans(mask: list[int]) -> list[tuple[int, int]]:
    """Where the runs of ones start and end (end exclusive)."""
    edges = [0, *mask, 0]
    starts = [i for i in range(len(mask)) if edges[i + 1] and not edges[i]]
    ends = [i for i in range(1, len(mask) + 1) if edges[i] and not edges[i + 1]]
    return list(zip(starts, ends, strict=True))


def encode_all(
    tokenizer: Any,
    rows: Iterable[dict[str, Any]],
    max_length: int,
    template: str | None = None,
    between: Callable[[], None] = lambda: None,
) -> tuple[Any, Census]:
    """The rows as a `datasets.Dataset` of `input_ids` and `labels`, cut at `max_length` tokens, and what that cost.

    Args:
        between: called before each row; may raise to give up.

    Raises:
        SimiaError: not one row has anything to train within the cutoff.
    """
    import numpy as np

    ids, labels, census = [], [], Census()
    for encoded, special in parallel.encoded(tokenizer, rows, template):
        between()
        kept, targets = encoded.input_ids[:max_length], encoded.labels[:max_length]
        trained = sum(label != IGNORED for label in targets)
        census = _counted(census, len(encoded.input_ids), len(kept), trained, special)
        if trained:
            ids.append(np.asarray(kept, dtype=np.int32))
            labels.append(np.asarray(targets, dtype=np.int32))
    if not ids:
        raise SimiaError(_nothing_left(census, max_length))
    return _dataset(ids, labels), census


def _dataset(ids: list[Any], labels: list[Any]) -> Any:
    from datasets import Dataset, Features, List, Value

    tokens = List(Value("int32"))
    return Dataset.from_dict(
        {"input_ids": ids, "labels": labels}, features=Features({"input_ids": tokens, "labels": tokens})
    )


def _counted(census: Census, whole: int, kept: int, trained: int, special: bool) -> Census:
    return Census(
        rows=census.rows + 1,
        used=census.used + bool(trained),
        cut=census.cut + (whole > kept),
        empty=census.empty + (not trained),
        special=census.special + special,
        tokens=census.tokens + (kept if trained else 0),
        trained_tokens=census.trained_tokens + trained,
        longest=max(census.longest, whole),
    )


def _nothing_left(census: Census, max_length: int) -> str:
    if not census.rows:
        return "The export has no rows; approve some episodes and export again."
    if census.cut:
        return (
            f"Policy and tools fill the first {max_length:,} tokens of every row, so there is nothing to train on;"
            f" raise --max-length (the longest row has {census.longest:,})."
        )
    return "No row of the export has an assistant turn to train on; export other episodes."
