"""Formats whose records are not simply the rows of a JSON file, and the reading of large JSON objects piece by piece.

A results file is one object with the runs in an array inside, an archive is a folder of files, a log is text, and
a trace is spread over many rows. Such a format says for itself how a file comes apart into records.
"""

import json
from abc import abstractmethod
from collections.abc import Container, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple

from simia_tui.formats.base import Format
from simia_tui.formats.stream import CHUNK, DAMAGED, Buffer, Item, check, head_of, items, opened

SAMPLE = 32
"""How many records detection looks at."""

OUTLINE = 1 << 23
"""Bytes (8 MiB) that detection reads of a file before it is content with the outline of its first object."""

_ELEMENTS = 4
"""How many elements of an array an outline holds."""


class Source(Format):
    """A format that takes its records from a file in a manner of its own."""

    def sniff(self, head: bytes) -> bool:
        """Whether a file that is no JSON, but begins with `head` (64 KiB at most), is of this format."""
        return False

    def detect_other(self, sample: Any) -> bool:
        """Whether `sample`, a JSON value of a file that is no object, belongs to this format."""
        return False

    def refusal(self, sample: dict[str, Any]) -> str | None:
        """Why a file of this family cannot be read though its records can be told; None where it can."""
        return None

    @abstractmethod
    def records(self, path: Path) -> Iterator[Item]:
        """The records of the file, numbered from 1, each an object for `read_record` or a reason.

        Raises:
            UsageError: when the file is missing, unreadable, empty, or plainly not of this format.
        """


class Member(NamedTuple):
    """One member of a JSON object, or one element of an array that is a member.

    `place` counts the elements from 0 and is None for a whole member; `end` is the number of characters read.
    """

    key: str
    place: int | None
    item: Item
    end: int


class Everything:
    """Holds every key."""

    def __contains__(self, key: object) -> bool:
        return True


def members(path: Path, streamed: Container[str] = ()) -> Iterator[Member]:
    """The members of the first JSON object of a file; arrays under a key of `streamed` element by element.

    Memory is bounded by the largest value. After a syntax error the last member holds the reason.

    Raises:
        UsageError: as `items` does.
    """
    check(path)
    with opened(path) as file:
        buffer = Buffer(file, CHUNK)
        if buffer.peek() != "{":
            yield _broken(buffer, "", "it does not begin with an object")
            return
        buffer.take()
        if buffer.peek() == "}":
            return
        while True:
            key = buffer.value(1)
            if buffer.lost or not isinstance(key.value, str) or buffer.peek() != ":":
                yield Member("", None, key, buffer.place) if buffer.lost else _broken(buffer, "", "a key is missing")
                return
            buffer.take()
            yield from _value(buffer, key.value, key.value in streamed)
            if buffer.lost or (following := buffer.peek()) == "}":
                return
            if following != ",":
                yield _broken(buffer, key.value, "a comma or the end of the object is missing")
                return
            buffer.take()
            buffer.peek()


def _value(buffer: Buffer, key: str, streamed: bool) -> Iterator[Member]:
    if buffer.peek() != "[" or not streamed:
        item = buffer.value(1)
        yield Member(key, None, item, buffer.place)
        return
    buffer.take()
    place = 0
    while (following := buffer.peek()) != "]":
        if place and following != ",":
            yield _broken(buffer, key, "a comma or the end of the list is missing")
            return
        if place:
            buffer.take()
            buffer.peek()
        item = buffer.value(place + 1)
        yield Member(key, place, item, buffer.place)
        if buffer.lost:
            return
        place += 1
    buffer.take()


def _broken(buffer: Buffer, key: str, what: str) -> Member:
    return Member(key, None, buffer.broken(1, what), buffer.place)


def samples(path: Path) -> Iterator[Item]:
    """What detection looks at: the first 32 records, or the outline of a single object that is very large.

    A broken object gives its outline up to the fault, with the reason.

    Raises:
        UsageError: as `items` does.
    """
    if not _whole(path):
        yield Item(1, _outline(path), None, "")
        return
    reasons = []
    for item in islice(items(path), SAMPLE):
        reasons.append(item.reason)
        yield item
    if reasons and all(reasons) and _is_object(path):
        yield Item(1, _outline(path), reasons[-1], "")


def _outline(path: Path) -> dict[str, Any]:
    """The members of the first object as far as 8 MiB and its faults allow, with the beginnings of its arrays."""
    outline: dict[str, Any] = {}
    for member in members(path, Everything()):
        if member.item.reason and member.item.value is None:
            continue
        if member.place is None:
            outline[member.key] = member.item.value
        else:
            kept = outline.setdefault(member.key, [])
            if isinstance(kept, list) and len(kept) < _ELEMENTS:
                kept.append(member.item.value)
        if member.end > OUTLINE:
            break
    return outline


def _is_object(path: Path) -> bool:
    return head_of(path).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")


def _whole(path: Path) -> bool:
    """Whether the file can be sampled record by record without taking in a very large one."""
    if not _is_object(path):
        return True
    with opened(path) as file:
        try:
            line = file.readline(OUTLINE)
            if len(line) >= OUTLINE:
                return False
            json.loads(line)
        except (ValueError, RecursionError):
            return _rest(file) < OUTLINE - len(line)
        except DAMAGED:
            return True
    return True


def _rest(file: IO[bytes]) -> int:
    try:
        return len(file.read(OUTLINE))
    except DAMAGED:
        return 0
