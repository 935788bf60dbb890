"""JSON set out over lines without changing a value: what a reviewer reads is what is stored."""

import json
import re
from typing import Any

from rich.cells import cell_len

from simia_tui.tui.text import visible
from simia_tui.tui.widgets.line_view import Part

DEPTH = 20
"""Nesting that is still set in; deeper levels stand flush, so that hostile nesting cannot grow the text."""

_token = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+', re.DOTALL)
_piece = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*|\btrue\b|\bfalse\b|\bnull\b)')


def indent_json(text: str) -> str | None:
    """`text` set out over lines if it is a JSON object or array, else None. Numbers and strings stay as written."""
    start = text.lstrip()[:1]
    if start not in ("{", "["):
        return None
    try:
        json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return None
    out: list[str] = []
    depth = 0
    before = ""
    for token in _token.findall(text):
        if token in ("]", "}"):
            depth -= 1
            out.append(token if before in ("[", "{") else _break(depth) + token)
        else:
            if before in ("[", "{", ","):
                out.append(_break(depth))
            out.append(": " if token == ":" else token)
            depth += token in ("[", "{")
        before = token
    return "".join(out)


def _break(depth: int) -> str:
    return "\n" + "  " * min(depth, DEPTH)


def pretty_arguments(arguments: dict[str, Any], width: int) -> str:
    """The arguments of a call as visible text: on one line where they fit into `width` cells, else over several."""
    text = visible(json.dumps(arguments, ensure_ascii=False))
    if cell_len(text) <= width or not arguments:
        return text
    return visible(json.dumps(arguments, ensure_ascii=False, indent=2), lines=True)


def json_parts(line: str) -> list[Part]:
    """One line of JSON as parts: keys, and numbers and words, each in their ink."""
    parts: list[Part] = []
    place = 0
    for match in _piece.finditer(line):
        if match.start() > place:
            parts.append((line[place : match.start()], ""))
        if match[3]:
            parts.append((match[3], "accent"))
        elif match[2]:
            parts += [(match[1], "key"), (match[2], "")]
        else:
            parts.append((match[1], ""))
        place = match.end()
    parts.append((line[place:], ""))
    return parts
