"""Overlap with named evaluation tasks: what is trained on must not hold what is measured with."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

WORDS = 6
"""Words in a row that are compared."""

SHARE = 0.5
"""Share of a task's rows of words that a trajectory must hold to count as overlapping."""

_LEAST = 4
"""A task with fewer rows of words says too little to be recognised by them."""

_WORD = re.compile(r"\w+")


class Task(NamedTuple):
    """An evaluation task: its name, its instruction, and ids that together belong to no other task."""

    name: str
    text: str = ""
    ids: tuple[str, ...] = ()


class Overlap(NamedTuple):
    """The task that a text overlaps with, and by what: a share of its words (0 to 1), or its ids."""

    task: str
    share: float
    ids: tuple[str, ...]


def grams(text: str) -> frozenset[int]:
    """Hashes of every row of six words in `text`, without regard to case and punctuation; only within one process."""
    words = _WORD.findall(text.casefold())
    return frozenset(hash(tuple(words[at : at + WORDS])) for at in range(len(words) - WORDS + 1))


class Tasks:
    """An index of evaluation tasks. Looking a text up takes time linear in the text, whatever the number of tasks."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._sizes: dict[str, int] = {}
        self._by_gram: dict[int, list[str]] = defaultdict(list)
        self._ids: list[tuple[str, tuple[str, ...]]] = []
        for task in tasks:
            found = grams(task.text)
            if len(found) >= _LEAST:
                self._sizes[task.name] = len(found)
                for gram in found:
                    self._by_gram[gram].append(task.name)
            if len(task.ids) > 1:
                self._ids.append((task.name, tuple(id.casefold() for id in task.ids)))

    def overlaps(self, text: str) -> Iterator[Overlap]:
        """The tasks of which `text` holds at least half of the rows of words, or all ids (of two or more)."""
        met: dict[str, int] = defaultdict(int)
        for gram in grams(text) if self._sizes else ():
            for name in self._by_gram.get(gram, ()):
                met[name] += 1
        for name, count in met.items():
            share = count / self._sizes[name]
            if share >= SHARE:
                yield Overlap(name, share, ())
        folded = text.casefold() if self._ids else ""
        for name, ids in self._ids:
            if met.get(name, 0) < SHARE * self._sizes.get(name, 1) and all(id in folded for id in ids):
                yield Overlap(name, 0.0, ids)
