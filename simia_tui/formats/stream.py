"""The records of a JSON file, one at a time: an array, JSON Lines, or objects one after the other.

Memory is bounded by the largest record. A compressed file is unpacked as it is read, a byte order mark is skipped.
Nothing about the content raises: a record that cannot be read is an `Item` with a reason.
"""

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from simia_tui.errors import UsageError
from simia_tui.formats.buffer import Buffer
from simia_tui.formats.lines import Rest, elements, lines
from simia_tui.formats.packed import CHUNK, DAMAGED, MAGIC, is_packed, unpacked
from simia_tui.formats.parser import Item

__all__ = ["CHUNK", "DAMAGED", "Buffer", "Item", "array", "check", "head_of", "items", "opened", "shape"]

_HEAD = 4_096
"""Bytes that are looked at before anything is parsed."""

_UNREADABLE = {
    b"PK\x03\x04": "is a ZIP archive; unpack it first",
    b"PAR1": "is a Parquet file; turn it into JSON Lines first",
    b"\xff\xfe": "is UTF-16; save it as UTF-8 first",
    b"\xfe\xff": "is UTF-16; save it as UTF-8 first",
}


def items(path: Path, chunk: int = CHUNK) -> Iterator[Item]:
    """The records of the file at `path`, numbered from 1; in JSON Lines the number is that of the line.

    A bad line does not touch the next one. After a syntax error in an array the rest cannot be found again:
    one bad item says so, and it is the last.

    Raises:
        UsageError: when the file is missing, unreadable, empty, or plainly not JSON.
    """
    check(path)
    kind = shape(path, chunk)
    with opened(path) as file:
        if kind == "lines":
            yield from lines(file)
        elif kind == "array":
            yield from array(file, chunk)
        else:
            yield from _values(Buffer(file, chunk))


def head_of(path: Path) -> bytes:
    """The first 64 KiB of the file's content, unpacked where it is compressed.

    Raises:
        UsageError: when the file is missing, a folder, unreadable or damaged.
    """
    try:
        with path.open("rb") as file:
            head = file.read(CHUNK)
        if head.startswith(MAGIC):
            with opened(path) as file:
                head = file.read(CHUNK)
    except FileNotFoundError as error:
        raise UsageError(f"There is no file {path}.") from error
    except IsADirectoryError as error:
        raise UsageError(f"{path} is a folder; name the files in it.") from error
    except PermissionError as error:
        raise UsageError(f"You may not read {path}; change its permissions.") from error
    except DAMAGED as error:
        raise UsageError(f"{path} cannot be read ({str(error) or 'it ends too early'}).") from error
    return head


def check(path: Path) -> None:
    """Raises UsageError for what can be told from the file's first bytes."""
    head = head_of(path)
    for magic, what in _UNREADABLE.items():
        if head.startswith(magic):
            raise UsageError(f"{path} {what}.")
    if b"\x00" in head:
        raise UsageError(f"{path} is a binary file, not JSON.")
    if len(head) < _HEAD and not head.removeprefix(codecs.BOM_UTF8).strip():
        raise UsageError(f"{path} is empty.")


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The file's content, unpacked where it is compressed."""
    with path.open("rb", buffering=CHUNK) as file:
        yield unpacked(file)


def shape(path: Path, chunk: int) -> str:
    """`array`, `lines`, or `values` (objects that run over several lines, mostly a single one)."""
    with opened(path) as file:
        buffer = Buffer(file, chunk)
        if buffer.peek() == "[":
            return "array"
    with opened(path) as file:
        first = next((item for item in lines(file)), None)
    if first is None or first.reason is None:
        return "lines"
    with opened(path) as file:
        buffer = Buffer(file, chunk)
        return "values" if buffer.peek() == "{" and buffer.value(1).reason is None else "lines"


def array(file: IO[bytes], chunk: int) -> Iterator[Item]:
    """The elements of an array: line by line where they stand so, and from there on wherever they stand."""
    # What a damaged archive still gives would be lost with the rest of its line.
    packed = is_packed(file)
    rest = Rest(b"", 0, 0) if packed else (yield from elements(file))
    if not rest.elements and not packed:
        file.seek(0)
        rest = Rest(b"", 0, 0)
    buffer = Buffer(file, chunk, rest.head, rest.before)
    number = rest.elements
    if not number:
        buffer.peek()
        buffer.take()
    while True:
        following = buffer.peek()
        if number and following == ",":
            buffer.take()
            following = buffer.peek()
        elif number and following not in ("]", ""):
            yield buffer.broken(number + 1, "a comma or the end of the list is missing")
            return
        if following == "]":
            buffer.take()
            if buffer.peek():
                yield buffer.broken(number + 1, "there is more text after the end of the list")
            return
        number += 1
        if following == "":
            yield buffer.broken(number, "the list is not closed")
            return
        yield buffer.value(number)
        if buffer.lost:
            return


def _values(buffer: Buffer) -> Iterator[Item]:
    """Values with nothing but white space between them."""
    number = 0
    while buffer.peek():
        number += 1
        yield buffer.value(number)
        if buffer.lost:
            return
    if buffer.fault:
        yield buffer.broken(number + 1, buffer.fault)
