"""One JSON value out of a text by Python's own parser: strict, and with a reason where it cannot be kept."""

import json
import re
from typing import Any, NamedTuple

from simia_tui.formats.base import MAX_DEPTH, too_deep

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class Item(NamedTuple):
    """One record: its value, or the reason why there is none. `raw` is its text, at most 4,000 characters."""

    number: int
    value: Any
    reason: str | None
    raw: str


class Parser:
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


def complaint(error: json.JSONDecodeError) -> str:
    """What is wrong, to stand within a sentence."""
    return error.msg[:1].lower() + error.msg[1:].removesuffix(" at").removesuffix(" starting")
