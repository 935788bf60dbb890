"""The records of a JSON file, one at a time: an array, JSON Lines, or objects one after the other.

Memory is bounded by the largest record. Gzip is known by its first bytes, a byte order mark is skipped.
Nothing about the content raises: a record that cannot be read is an `Item` with a reason.
"""

import codecs
import gzip
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from simia_tui.errors import UsageError
from simia_tui.formats.base import MAX_DEPTH, NOTHING, RAW_CHARS, quick_json, too_deep
from simia_tui.formats.seam import Seam

CHUNK = 1 << 16
"""Bytes of one read. While a record is incomplete the reads double, so that a long one is not parsed n times."""

_CHUNKS = 4
"""Chunks of one read of a plain file: the row that a read cuts is begun to be parsed in vain."""

_HEAD = 4_096
"""Bytes that are looked at before anything is parsed."""

_TOKEN = 16
"""No JSON token but a string is longer than this; an error nearer to the end of the buffer may be a cut token."""

_BLANK = re.compile(r"[ \t\n\r]*")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_GZIP = b"\x1f\x8b"
_UNREADABLE = {
    b"PK\x03\x04": "is a ZIP archive; unpack it first",
    b"\x28\xb5\x2f\xfd": "is compressed with Zstandard; unpack it first",
    b"BZh": "is compressed with bzip2; unpack it first",
    b"\xfd7zXZ": "is compressed with xz; unpack it first",
    b"PAR1": "is a Parquet file; turn it into JSON Lines first",
    b"\xff\xfe": "is UTF-16; save it as UTF-8 first",
    b"\xfe\xff": "is UTF-16; save it as UTF-8 first",
}
DAMAGED = (EOFError, OSError, zlib.error)
"""What reading a damaged archive raises."""


class Item(NamedTuple):
    """One record: its value, or the reason why there is none. `raw` is its text, at most 4,000 characters."""

    number: int
    value: Any
    reason: str | None
    raw: str


def items(path: Path, chunk: int = CHUNK) -> Iterator[Item]:
    """The records of the file at `path`, numbered from 1; in JSON Lines the number is that of the line.

    A bad line does not touch the next one. After a syntax error in an array the rest cannot be found again:
    one bad item says so, and it is the last.

    Raises:
        UsageError: when the file is missing, unreadable, empty, or plainly not JSON.
    """
    check(path)
    shape = _shape(path, chunk)
    with opened(path) as file:
        yield from _lines(file) if shape == "lines" else _values(Buffer(file, chunk), shape == "array")


def head_of(path: Path) -> bytes:
    """The first 64 KiB of the file's content, unpacked where it is gzipped.

    Raises:
        UsageError: when the file is missing, a folder, unreadable or damaged.
    """
    try:
        with path.open("rb") as file:
            head = file.read(CHUNK)
        if head.startswith(_GZIP):
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
    """The file's content, unpacked where it is gzipped."""
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
        file.seek(0)
        yield cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if packed else file


def _shape(path: Path, chunk: int) -> str:
    """`array`, `lines`, or `values` (objects that run over several lines, mostly a single one)."""
    with opened(path) as file:
        buffer = Buffer(file, chunk)
        if buffer.peek() == "[":
            return "array"
    with opened(path) as file:
        first = next((item for item in _lines(file)), None)
    if first is None or first.reason is None:
        return "lines"
    with opened(path) as file:
        buffer = Buffer(file, chunk)
        return "values" if buffer.peek() == "{" and buffer.value(1).reason is None else "lines"


def _lines(file: IO[bytes]) -> Iterator[Item]:
    parser = _Parser()
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


def _line(parser: "_Parser", number: int, line: bytes) -> Item:
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        reason = f"The line is not UTF-8 (byte {error.start + 1})."
        return Item(number, None, reason, line.decode(errors="replace")[:RAW_CHARS])
    raw = text[:RAW_CHARS]
    if (value := quick_json(text)) is not NOTHING:
        return Item(number, value, None, raw)
    try:
        value, end = parser.parse(text, 0)
    except json.JSONDecodeError as error:
        return Item(number, None, f"The line is not JSON: {_plain(error)} at character {error.pos + 1}.", raw)
    except RecursionError:
        return Item(number, None, "The line is nested too deeply.", raw)
    if end != len(text):
        return Item(number, None, f"The line is not JSON: there is more text at character {end + 1}.", raw)
    problem = parser.problem(value, text, 0, end)
    return Item(number, None if problem else value, problem, raw)


def _values(buffer: "Buffer", array: bool) -> Iterator[Item]:
    """The elements of an array, or values with nothing but white space between them."""
    number = 0
    if array:
        buffer.peek()
        buffer.take()
    while True:
        following = buffer.peek()
        if array and number and following == ",":
            buffer.take()
            following = buffer.peek()
        elif array and number and following not in ("]", ""):
            yield buffer.broken(number + 1, "a comma or the end of the list is missing")
            return
        if following == "]" and array:
            buffer.take()
            if buffer.peek():
                yield buffer.broken(number + 1, "there is more text after the end of the list")
            return
        number += 1
        if following == "":
            if array or buffer.fault:
                yield buffer.broken(number, "the list is not closed")
            return
        item = buffer.value(number)
        yield item
        if buffer.lost:
            return


def _plain(error: json.JSONDecodeError) -> str:
    return error.msg[:1].lower() + error.msg[1:].removesuffix(" at").removesuffix(" starting")


class _Parser:
    """Decodes one value and remembers what in it is no JSON though Python would take it."""

    def __init__(self) -> None:
        self._notes: list[str] = []
        self._fast = json.JSONDecoder(parse_constant=self._constant, parse_float=self._float)
        self._careful = json.JSONDecoder(
            parse_constant=self._constant, parse_float=self._float, parse_int=self._integer
        )

    def parse(self, text: str, start: int) -> tuple[Any, int]:
        """The value at `start` and where it ends.

        Raises:
            json.JSONDecodeError: for broken or incomplete JSON.
            RecursionError: when it is nested too deeply.
        """
        self._notes.clear()
        try:
            return self._fast.raw_decode(text, start)
        except json.JSONDecodeError:
            raise
        except ValueError:
            # Only an integer of thousands of digits gets here; ints go through Python code only then.
            self._notes.clear()
            return self._careful.raw_decode(text, start)

    def problem(self, value: Any, text: str, start: int, end: int) -> str | None:
        """Why the value just parsed from `text[start:end]` cannot be kept, or None."""
        if self._notes:
            return f"It holds {self._notes[0]}, which JSON cannot keep."
        if too_deep(value):
            return f"It is nested more than {MAX_DEPTH} levels deep."
        if _SURROGATE.search(text, start, end):
            try:
                json.dumps(value, ensure_ascii=False).encode()
            except UnicodeEncodeError:
                return "It holds half of a surrogate pair, which is no text."
        return None

    def _constant(self, name: str) -> None:
        self._notes.append(name)

    def _float(self, text: str) -> float:
        number = float(text)
        if number in (float("inf"), float("-inf")):
            self._notes.append("a number out of range")
        return number

    def _integer(self, text: str) -> int:
        try:
            return int(text)
        except ValueError:
            self._notes.append("a number of thousands of digits")
            return 0


class Buffer:
    """A window on the decoded text of a file that moves on as values are taken from it."""

    def __init__(self, file: IO[bytes], chunk: int) -> None:
        self.fault: str | None = None
        self.lost = False
        self._file = file
        # What a damaged archive still gives comes in whole chunks only, so these stay short.
        self._chunk = chunk if isinstance(file, gzip.GzipFile) else chunk * _CHUNKS
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._parser = _Parser()
        self._text = ""
        self._at = 0
        self._before = 0
        self._ended = False
        self._seam = Seam()
        while not self._text and not self._ended:
            self._more()
        if self._text.startswith("\ufeff"):
            self._at = 1

    def peek(self) -> str:
        """The next character that is not white space, or "" at the end."""
        while True:
            match = _BLANK.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text) or self._ended:
                return self._text[self._at : self._at + 1]
            self._more()

    @property
    def place(self) -> int:
        """How many characters were taken so far."""
        return self._before + self._at

    def take(self) -> None:
        """Steps over the character that `peek` has just shown."""
        self._at += 1

    def value(self, number: int) -> Item:
        """The value at the current place, stepping over it; `lost` is set when the next one cannot be found."""
        end = self._seam.end(self._text, self._at)
        if end:
            value = quick_json(self._text[self._at : end])
            if value is not NOTHING:
                return self._taken(number, value, end, None)
            self._seam.missed()
        while True:
            try:
                value, end = self._parser.parse(self._text, self._at)
            except json.JSONDecodeError as error:
                if self._ended or self._certain(error):
                    return self.broken(number, _plain(error), error.pos)
            except RecursionError:
                return self.broken(number, "it is nested too deeply")
            else:
                if isinstance(value, dict | list | str) or self._ended or end <= len(self._text) - _TOKEN:
                    return self._item(number, value, end)
            self._more()

    def broken(self, number: int, what: str, at: int | None = None) -> Item:
        """The last item: what is wrong at `at` (a place in the window; the current place if None)."""
        self.lost = True
        place = self._before + (self._at if at is None else at) + 1
        reason = f"The file cannot be read from character {place} on: {self.fault or what}."
        return Item(number, None, reason, self._text[self._at : self._at + RAW_CHARS])

    def _item(self, number: int, value: Any, end: int) -> Item:
        return self._taken(number, value, end, self._parser.problem(value, self._text, self._at, end))

    def _taken(self, number: int, value: Any, end: int, reason: str | None) -> Item:
        start, self._at = self._at, end
        self._seam.learn(self._text, self._before, start, end)
        return Item(number, None if reason else value, reason, self._text[start : min(end, start + RAW_CHARS)])

    def _certain(self, error: json.JSONDecodeError) -> bool:
        """Whether more text could not mend the error. An open string is reported at its start."""
        return not error.msg.startswith("Unterminated string") and error.pos < len(self._text) - _TOKEN

    def _more(self) -> None:
        """Reads at least as much again as the window still holds, and lets go of what was taken."""
        rest = self._text[self._at :]
        self._before += self._at
        self._at = 0
        try:
            data = self._file.read(max(self._chunk, len(rest)))
        except DAMAGED:
            data, self.fault = b"", "the file is damaged"
        self._ended = not data
        try:
            new = self._decoder.decode(data, final=self._ended and not self.fault)
        except UnicodeDecodeError as error:
            new = error.object[: error.start].decode()
            self.fault, self._ended = "it is not UTF-8", True
        self._text = rest + new
