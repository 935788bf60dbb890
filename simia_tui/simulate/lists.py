"""Holds a list that a tool shows against the ledger: a record that belongs there and is left out contradicts it.

What belongs is told by the call alone. A list inside of a record (the loans of a member) takes the records that refer
to it or were shown inside of it, one at the top those that refer to an id among the arguments. Every other argument
must be a member of the records with an equal value ("all" leaves out nothing); where one is not, or the records shown
do not keep to it, the list chooses by a rule that is not known here, and nothing is said of it.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from simia_tui.model import ToolCall
from simia_tui.simulate.entities import Key, identity, same
from simia_tui.simulate.ledger import Chain, Ledger

_EVERY = ("", "all", "any", "*")
"""Values of an argument that leave out nothing."""
_PARTS = re.compile(r"more|next|page|limit|offset|cursor|truncated", re.IGNORECASE)
"""Members beside a list, or arguments, by which it is only a part of what there is."""


class Shown(NamedTuple):
    """A list of records of one kind: the records around it, and the list itself."""

    chain: Chain
    kind: str
    rows: list[Any]


def missing(ledger: Ledger, call: ToolCall, value: Any) -> Iterator[tuple[Shown, Key]]:
    """Each list in the answer `value` with a record that it should hold and does not."""
    arguments = {name: given for name, given in (call.arguments or {}).items() if not _everything(given)}
    if any(map(_PARTS.search, arguments)):
        return
    for shown in lists(ledger, value):
        present = {str(next(iter(row.values()))) for row in shown.rows}
        others = _others(shown, arguments)
        if not all(_keeps(row, others) is not False for row in shown.rows):
            continue
        for own in ledger.document.get(shown.kind, {}):
            key = (shown.kind, str(own))
            if own not in present and _belongs(ledger, shown, key, arguments, others):
                yield shown, key


def lists(ledger: Ledger, value: Any, chain: Chain = (), name: str = "") -> Iterator[Shown]:
    """The lists of records in an answer. An empty one is of the kind that it is named after, if the ledger has it."""
    if isinstance(value, dict) and value:
        own = identity(value)
        inner = (*chain, own) if own is not None else chain
        if not any(map(_PARTS.search, value)):
            for key, held in value.items():
                yield from lists(ledger, held, inner, key)
    elif isinstance(value, list):
        found = {identity(row) if isinstance(row, dict) and row else None for row in value}
        kinds = {key[0] if key is not None else None for key in found} or {name.removesuffix("s")}
        kind = kinds.pop()
        if kind is not None and not kinds and _whole(name, kind) and isinstance(ledger.document.get(kind), dict):
            yield Shown(chain, kind, value)


def _whole(name: str, kind: str) -> bool:
    """Whether a list by its name holds all there is: `orders` does, `recent_orders` does not."""
    return name.casefold() in ("", "results", "data", f"{kind}s", f"{kind}es", f"{kind.removesuffix('y')}ies")


def filled(ledger: Ledger, shown: Shown, key: Key) -> dict[str, Any]:
    """The missing record as its neighbours in the list are shown, else as it was shown in this place before."""
    held = ledger.record(key) or {}
    if shown.rows:
        return {name: held[name] for name in shown.rows[0] if name in held}
    before = ledger.seen.get((*shown.chain, key))
    return {name: held.get(name, told) for name, told in before.items()} if before else dict(held)


def _everything(given: Any) -> bool:
    return given is None or (isinstance(given, str) and given.casefold() in _EVERY)


def _others(shown: Shown, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments that do not merely name a record around the list."""
    around = {own for _, own in shown.chain}
    return {name: given for name, given in arguments.items() if str(given) not in around}


def _belongs(ledger: Ledger, shown: Shown, key: Key, arguments: dict[str, Any], others: dict[str, Any]) -> bool:
    record = ledger.record(key) or {}
    # After a write that has to do with it, it may have moved without a word.
    if any(doubtful[:2] == key for doubtful in ledger.doubtful):
        return False
    if shown.chain:
        kind, own = shown.chain[-1]
        tied = same(record.get(f"{kind}_id"), own) or bool(ledger.seen.get((*shown.chain, key)))
    else:
        tied = any(name.endswith("_id") and same(record.get(name), given) for name, given in arguments.items())
    return tied and _keeps(record, others) is True


def _keeps(record: dict[str, Any], others: dict[str, Any]) -> bool | None:
    """Whether a record has the value of every argument; None where it lacks one of these members."""
    if any(name in record and not same(record[name], given) for name, given in others.items()):
        return False
    return True if others.keys() <= record.keys() else None
