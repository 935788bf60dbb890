"""Rows to tokens, in several processes where there are many rows; the order is kept, so that a seed stays a seed."""

import os
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simia_tui.training.data import Encoded

MANY = 2000
"""Rows from which on a pool of processes pays for its start (each loads the tokenizer anew)."""

CHUNK = 64

_held: dict[str, Any] = {}


def encoded(tokenizer: Any, rows: Iterable[dict[str, Any]], template: str | None) -> Iterator[tuple["Encoded", bool]]:
    """Each row's tokens, and whether its data hold special tokens; in the order of the rows.

    Raises:
        SimiaError: the template refuses a row.
    """
    iterator = iter(rows)
    first = list(islice(iterator, MANY))
    workers = min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    if len(first) < MANY or workers < 2:
        for row in chain(first, iterator):
            yield _one(tokenizer, row, template)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    # Fresh processes: a fork of one that has threads (heartbeat, torch) may hang.
    with ProcessPoolExecutor(workers, get_context("spawn"), _set_up, (tokenizer, template)) as pool:
        waiting: list[Any] = []
        for chunk in _chunks(chain(first, iterator)):
            waiting.append(pool.submit(_many, chunk))
            if len(waiting) > 4 * workers:
                yield from waiting.pop(0).result()
        for future in waiting:
            yield from future.result()


def _one(tokenizer: Any, row: dict[str, Any], template: str | None) -> tuple["Encoded", bool]:
    from simia_tui.training.data import encode, holds_special

    return encode(tokenizer, row, template), holds_special(tokenizer, row)


def _set_up(tokenizer: Any, template: str | None) -> None:
    _held.update(tokenizer=tokenizer, template=template)


def _many(rows: list[dict[str, Any]]) -> list[tuple["Encoded", bool]]:
    return [_one(_held["tokenizer"], row, _held["template"]) for row in rows]


def _chunks(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while chunk := list(islice(rows, CHUNK)):
        yield chunk
