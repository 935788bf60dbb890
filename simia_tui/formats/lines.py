"""Records that stand in lines: JSON Lines, and arrays with one element a line. A line is parsed as it was read."""

import codecs
import json
from collections.abc import Generator, Iterator
from typing import IO, NamedTuple

from simia_tui.formats.base import NOTHING, RAW_CHARS, quick_json
from simia_tui.formats.packed import DAMAGED
from simia_tui.formats.parser import Item, Parser, complaint

FIRST, LONGEST = 1 << 16, 1 << 22
"""Bytes (64 kiB, 4 MiB) of a line of an array, the first and others: where all elements stand in one, that is not
read whole."""

_BLANK = b" \t\r\n"


def lines(file: IO[bytes]) -> Iterator[Item]:
    parser = Parser()
    number = 0
    while True:
        number += 1
        try:
            line = file.readline()
        except DAMAGED:
            yield Item(number, None, "The file is damaged here; the rest cannot be read.", "")
            return
        if not line:
            return
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if line := line.strip(b" \t\r\n"):
            yield _line(parser, number, line)


def _line(parser: Parser, number: int, line: bytes) -> Item:
    if (value := quick_json(line)) is not NOTHING:
        return Item(number, value, None, _raw(line))
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        reason = f"The line is not UTF-8 (byte {error.start + 1})."
        return Item(number, None, reason, line.decode(errors="replace")[:RAW_CHARS])
    raw = text[:RAW_CHARS]
    try:
        value, end = parser.parse(text, 0)
    except json.JSONDecodeError as error:
        return Item(number, None, f"The line is not JSON: {complaint(error)} at character {error.pos + 1}.", raw)
    except RecursionError:
        return Item(number, None, "The line is nested too deeply.", raw)
    if end != len(text):
        return Item(number, None, f"The line is not JSON: there is more text at character {end + 1}.", raw)
    problem = parser.problem(value, text, 0, end)
    return Item(number, None if problem else value, problem, raw)


class Rest(NamedTuple):
    """What is left of an array: `head` has been read of it, after so many elements and characters."""

    head: bytes
    elements: int
    before: int


def elements(file: IO[bytes], first: int = FIRST) -> Generator[Item, None, Rest]:
    """The elements of an array, as long as each stands in a line of its own with the comma after it.

    That such a line is an element needs no other proof: it begins where one must begin, is a whole value, and ends at
    the comma.
    """
    parser = Parser()
    line = file.readline(first)
    opened = line.find(b"[") + 1
    seen, line = _characters(line[:opened]), line[opened:]
    rest = Rest(b"", 0, 0)
    while line:
        whole = line.rstrip(_BLANK)
        if whole:
            item = _element(parser, rest.elements + 1, whole[:-1]) if whole.endswith(b",") else None
            if item is None:
                break
            yield item
            # The comma is left, for what comes after it to be judged.
            comma = len(whole) - 1
            rest = Rest(line[comma:], item.number, seen + _characters(whole[:-1]))
        elif rest.elements:
            rest = rest._replace(head=rest.head + line)
        seen += _characters(line)
        line = file.readline(LONGEST)
    return rest._replace(head=rest.head + line)


def _characters(line: bytes) -> int:
    return len(line) if line.isascii() else len(line.decode())


def _element(parser: Parser, number: int, body: bytes) -> Item | None:
    if (value := quick_json(body)) is not NOTHING:
        return Item(number, value, None, _raw(body))
    try:
        text = body.decode().strip(" \t\r\n")
        value, end = parser.parse(text, 0)
    except (ValueError, RecursionError):
        return None
    if end != len(text):
        return None
    problem = parser.problem(value, text, 0, end)
    return Item(number, None if problem else value, problem, text[:RAW_CHARS])


def _raw(line: bytes) -> str:
    return line[:RAW_CHARS].decode(errors="ignore")
