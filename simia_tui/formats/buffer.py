"""A window on the text of a file that values are taken from, wherever they stand in it."""

import codecs
import json
import re
from typing import IO, Any

from simia_tui.formats.base import NOTHING, RAW_CHARS, quick_json
from simia_tui.formats.packed import DAMAGED, is_packed
from simia_tui.formats.parser import Item, Parser, complaint
from simia_tui.formats.seam import Seam

_CHUNKS = 4
"""Chunks of one read of a plain file: the row that a read cuts is begun to be parsed in vain."""

_TOKEN = 16
"""No JSON token but a string is longer than this; an error nearer to the end of the buffer may be a cut token."""

_BLANK = re.compile(r"[ \t\n\r]*")


class Buffer:
    """A window on the decoded text of a file that moves on as values are taken from it.

    `head` has been read of the file already, after `before` characters.
    """

    def __init__(self, file: IO[bytes], chunk: int, head: bytes = b"", before: int = 0) -> None:
        self.fault: str | None = None
        self.lost = False
        self._file = file
        # What a damaged archive still gives comes in whole chunks only, so these stay short.
        self._chunk = chunk if is_packed(file) else chunk * _CHUNKS
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._parser = Parser()
        self._text = ""
        self._at = 0
        self._before = before
        self._head = head
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
        if not end and not self._ended and self._seam.waits(len(self._text) - self._at):
            # The end is mostly in the next read; to parse half a value would be in vain.
            self._more()
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
                    return self.broken(number, complaint(error), error.pos)
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
            data, self._head = self._head or self._file.read(max(self._chunk, len(rest))), b""
        except DAMAGED:
            data, self.fault = b"", "the file is damaged"
        self._ended = not data
        try:
            new = self._decoder.decode(data, final=self._ended and not self.fault)
        except UnicodeDecodeError as error:
            new = error.object[: error.start].decode()
            self.fault, self._ended = "it is not UTF-8", True
        self._text = rest + new
