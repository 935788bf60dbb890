"""JSON text cut into its pieces, so that values can be replaced while every other character stays as it is."""

import json
import re
from typing import NamedTuple

_PIECE = re.compile(
    r'(?P<string>"(?:[^"\\]|\\.)*")(?P<colon>\s*:)?|(?P<number>-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)|[{}\[\]]'
)


class Piece(NamedTuple):
    """A key, string or number of a JSON text at `start:end`; `keys` are the nearest keys above it, innermost first."""

    kind: str
    text: str
    start: int
    end: int
    keys: tuple[str, ...]


def is_json(text: str | None) -> bool:
    """Whether `text` is a JSON object or array as it stands."""
    if not text or text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def pieces(text: str) -> list[Piece]:
    """The keys, strings and numbers of valid JSON `text`, in order; `text` of a piece is decoded for strings."""
    found: list[Piece] = []
    above: list[str] = []
    key = ""
    for match in _PIECE.finditer(text):
        string, number, mark = match["string"], match["number"], match[0]
        if string is not None:
            value = string[1:-1] if "\\" not in string else json.loads(string)
            start, end = match.span("string")
            keyed = match["colon"] is not None
            found.append(Piece("key" if keyed else "string", value, start, end, (key, *above[-1:])))
            key = value if keyed else key
        elif number is not None:
            found.append(Piece("number", number, match.start(), match.end(), (key, *above[-1:])))
        elif mark in "{[":
            above.append(key)
        else:
            key = above.pop() if above else ""
    return found


def quoted(value: str, like: str) -> str:
    """`value` as a JSON string, in ASCII only if the text `like` is."""
    return json.dumps(value, ensure_ascii=like.isascii())
