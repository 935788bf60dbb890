"""Finds the records in what tools answer: objects with an id, and where they stand."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

Key = tuple[str, str]
"""A record: its kind (the name of its id without `_id`) and its id as text."""

_STATE = re.compile(r"(?:^|_)(?:status|state)$", re.IGNORECASE)


class Seen(NamedTuple):
    """A record as an observation shows it.

    `chain` are the records around it and itself, `fields` its own members (plain values, and objects of them without
    an id, such as an address), `place` the object itself.
    """

    chain: tuple[Key, ...]
    fields: dict[str, Any]
    place: dict[str, Any]

    @property
    def key(self) -> Key:
        return self.chain[-1]

    @property
    def nested(self) -> bool:
        return len(self.chain) > 1


def parsed(text: str | None) -> Any:
    """The JSON object or array of an observation, else None."""
    if not text or text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def records(value: Any, chain: tuple[Key, ...] = ()) -> Iterator[Seen]:
    """Every record in `value`, outer ones first.

    An object is a record if its first member is called `id` or ends in `_id`: an id further down refers to something
    else. A nested one needs a member besides its id.
    """
    if isinstance(value, list):
        for inner in value:
            yield from records(inner, chain)
    elif isinstance(value, dict) and value:
        own = identity(value)
        plain = {name: inner for name, inner in value.items() if _is_part(inner)}
        if own is not None:
            chain = (*chain, own)
            if len(plain) > 1:
                yield Seen(chain, plain, value)
        for inner in value.values():
            if isinstance(inner, dict | list):
                yield from records(inner, chain)


def _is_part(value: Any) -> bool:
    """Whether a member belongs to its record alone and is compared as a whole."""
    if isinstance(value, dict):
        return bool(value) and identity(value) is None and not any(isinstance(v, dict | list) for v in value.values())
    return not isinstance(value, list)


def identity(value: dict[str, Any]) -> Key | None:
    """The kind and id of an object, None where its first member is no id."""
    name, own = next(iter(value.items()))
    if (name != "id" and not name.endswith("_id")) or isinstance(own, bool) or not isinstance(own, str | int):
        return None
    return (name.removesuffix("_id") if name != "id" else "record", str(own))


def same(left: Any, right: Any) -> bool:
    """Whether two values say the same; 3.2 and "3.2" do, as tools differ in how they print."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[name], right[name]) for name in left)
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right) or str(left) == str(right)


def movable(name: str, value: Any) -> bool:
    """Whether a write to another record may change this member on the side: figures, flags and statuses may."""
    return _STATE.search(name) is not None if isinstance(value, str | dict) else True


def mentioned(value: Any, depth: int = 8) -> Iterator[str]:
    """Every plain value in `value` as text: ids that a call or a record refers to are among them."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            if depth:
                yield from mentioned(inner, depth - 1)
    elif isinstance(value, str | int) and not isinstance(value, bool):
        yield str(value)
