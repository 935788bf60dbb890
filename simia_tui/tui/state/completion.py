"""What could stand where the cursor is in a filter line: fields first, then the values of a field."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from simia_tui.store.completions import Value
from simia_tui.store.fields import FIELDS
from simia_tui.store.query import TOKEN

KEYS = (*FIELDS, "order")


class Completion(NamedTuple):
    """`options` may take the place of `line[start:end]`. `name` is the field whose values they are; None: fields."""

    start: int
    end: int
    name: str | None
    options: tuple[Value, ...]


def field_at(line: str, cursor: int) -> str | None:
    """The field whose value the cursor stands in; None where it stands in a word."""
    found = _token(line, cursor)
    return found[0] if found and found[0] in KEYS else None


def complete(line: str, cursor: int, known: Mapping[str, Sequence[Value]]) -> Completion:
    """The options at `cursor`, where `known` holds the values of the fields that have been read so far.

    A value is offered if it holds what was typed of it, those that begin with it first; a word only if it begins the
    name of a field, and nothing at all is answered with every field.
    """
    found = _token(line, cursor)
    if found is None:
        return Completion(cursor, cursor, None, tuple(Value(f"{key}:", None) for key in KEYS))
    name, typed, start = found
    if name is None:
        options = [Value(f"{key}:", None) for key in KEYS if key.startswith(typed) and typed]
        return Completion(start, cursor, None, tuple(options))
    held = [value for value in known.get(name, ()) if typed.strip("\"'").lower() in value.text.lower()]
    held.sort(key=lambda value: not value.text.lower().strip("\"'").startswith(typed.strip("\"'").lower()))
    return Completion(start, cursor, name, tuple(value for value in held if value.text != typed))


def _token(line: str, cursor: int) -> tuple[str | None, str, int] | None:
    """The field, what was typed of the value up to the cursor, and where that begins; None between two tokens.

    Of a list with commas the value is the entry under the cursor.
    """
    for found in TOKEN.finditer(line):
        if not found.group() or not found.start() <= cursor <= found.end():
            continue
        name = found["name"]
        if name is None or cursor < found.end("name") + 1:
            start = found.end("minus")
            return (None, line[start:cursor], start) if cursor >= start else None
        start = found.start("value")
        comma = line.rfind(",", start, cursor)
        start = comma + 1 if comma >= 0 and line[comma - 1] != "\\" else start
        return name, line[start:cursor], start
    return None
