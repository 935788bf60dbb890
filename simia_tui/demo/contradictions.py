"""Observations that contradict what an earlier one said, with no write between the two.

A fact is the value of one field of one thing: the chain of ids from the top of an observation down to the object that
holds the field. Only facts of things with an id count, and only calls that read may lie between the two observations,
so that a changed value is a contradiction whatever the tools may do.
"""

import copy
import json
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple

from simia_tui.demo.tools import READS

Fact = tuple[tuple[tuple[str, str], ...], str]

_ID_KEY = re.compile(r"(?:^|_)id$", re.IGNORECASE)
_READ_NAME = re.compile(
    r"(?:get|find|list|search|look_?up|check|view|show|read|fetch|describe|calculate|think)(?:_|[A-Z]|$)"
)
_STATUS_KEY = re.compile(r"(?:^|_)(?:status|state)$", re.IGNORECASE)
_ISO_DAY = re.compile(r"[12][0-9]{3}-[01][0-9]-[0-3][0-9]")
_STATES = ("open", "overdue", "closed", "cancelled", "pending", "delivered", "active", "suspended")


class Holder(NamedTuple):
    """An object inside an observation that holds `field`."""

    fact: Fact
    place: dict[str, Any]
    field: str


def is_read(name: str) -> bool:
    """Whether a tool changes nothing, as far as the library's rules or the first word of its name tell."""
    return name in READS or _READ_NAME.match(name) is not None


def parsed(text: Any) -> dict[str, Any] | list[Any] | None:
    """The JSON object or array of an observation, else None."""
    if not isinstance(text, str) or text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def holders(value: Any, chain: tuple[tuple[str, str], ...] = ()) -> Iterator[Holder]:
    """Every field of `value` that belongs to a thing with an id and can be changed."""
    if isinstance(value, list):
        for inner in value:
            yield from holders(inner, chain)
    elif isinstance(value, dict):
        own = next(((k, str(v)) for k, v in value.items() if _ID_KEY.search(k) and isinstance(v, str | int)), None)
        chain = (*chain, own) if own else chain
        for key, inner in value.items():
            if isinstance(inner, dict | list):
                yield from holders(inner, chain)
            elif own and not _ID_KEY.search(key) and _changeable(key, inner):
                yield Holder((chain, key), value, key)


def facts(value: Any) -> dict[Fact, Any]:
    """The facts of an observation, without those that it states in two ways."""
    stated: dict[Fact, list[Any]] = defaultdict(list)
    for holder in holders(value):
        stated[holder.fact].append(holder.place[holder.field])
    return {fact: values[0] for fact, values in stated.items() if all(other == values[0] for other in values)}


def _changeable(key: str, value: Any) -> bool:
    if isinstance(value, str):
        return _STATUS_KEY.search(key) is not None or _ISO_DAY.fullmatch(value) is not None
    return isinstance(value, int | float) and not isinstance(value, bool)


def other_value(value: Any, rng: random.Random) -> Any:
    """A value of the same type that differs: another status, another day, another figure."""
    if isinstance(value, str):
        if _ISO_DAY.fullmatch(value):
            try:
                return (date.fromisoformat(value) + timedelta(days=rng.randint(2, 12))).isoformat()
            except (ValueError, OverflowError):
                return "2025-01-31" if value != "2025-01-31" else "2025-02-28"
        return rng.choice([state for state in _STATES if state != value])
    return value + rng.choice((1, 2, 5)) if isinstance(value, int) else round(value + rng.choice((1.25, 2.5, 7.75)), 2)


def changed(text: str, fact: Fact, new: Any) -> str:
    """The observation `text` with `fact` set to `new` wherever it stands."""
    value = copy.deepcopy(parsed(text))
    for holder in list(holders(value)):
        if holder.fact == fact:
            holder.place[holder.field] = new
    separators = (", ", ": ") if '": ' in text else (",", ":")
    return json.dumps(value, ensure_ascii=False, separators=separators)
