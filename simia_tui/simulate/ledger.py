"""The state ledger: one JSON document of what is true in a simulated world, changed by RFC 6902 patches alone.

Records stand at `/<kind>/<id>` (kind: the name of the id without `_id`); anything else in the document is notes of the
simulator and is not checked. A ledger is never changed in place: every change makes a new one, so that the members of
a group can start from the same one. What an observation shows is held against it (arXiv 2512.18832 and landscape.md §3:
models hold a world steady while nothing changes and lose it where state changes, so changes are what is checked).
"""

import copy
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from simia_tui.model import Record, canonical_json, content_hash
from simia_tui.simulate.entities import Key, Seen, mentioned, movable, same

Document = dict[str, Any]
Op = dict[str, Any]
Chain = tuple[Key, ...]

MOST_OPS = 200
MOST_CHARS = 2_000_000
"""Of the whole document: a patch may copy, and copies of copies grow without bound."""


class PatchError(Exception):
    """A patch that cannot be applied; the message is one sentence."""


class Contradiction(Record):
    """Where an answer disagrees with the ledger or with itself.

    `firm`: nothing can explain it. Otherwise an earlier write may have changed the value on the side without saying so.
    """

    kind: Literal[
        "changed", "denied", "missing", "unrecorded", "own patch", "read writes", "refusal writes", "no patch"
    ]
    message: str
    record: str = ""
    field: str = ""
    known: Any = None
    told: Any = None
    firm: bool = True


def apply(document: Document, patch: Sequence[Op]) -> Document:
    """`document` after the operations of an RFC 6902 patch, all or none; the given one stays as it is.

    Raises:
        PatchError: an operation is malformed, does not fit the document, or makes it too large.
    """
    import jsonpatch
    from jsonpointer import JsonPointerException

    if len(patch) > MOST_OPS:
        raise PatchError(f"The patch has {len(patch)} operations; at most {MOST_OPS} are allowed.")
    try:
        changed = jsonpatch.apply_patch(document, [*_kinds(document, patch), *patch])
        size = len(canonical_json(changed))
    except (jsonpatch.JsonPatchException, JsonPointerException) as error:
        raise PatchError(f"The patch cannot be applied: {_sentence(error)}.") from None
    except (TypeError, ValueError, KeyError, RecursionError) as error:
        raise PatchError(f"The patch is not an RFC 6902 patch: {_sentence(error)}.") from None
    if not isinstance(changed, dict):
        raise PatchError("The patch replaces the whole ledger by something that is no object.")
    if size > MOST_CHARS:
        raise PatchError(f"The patch makes the ledger larger than {MOST_CHARS} characters.")
    return changed


def _kinds(document: Document, patch: Sequence[Op]) -> list[Op]:
    """Operations that make the kinds that `patch` adds records to and the ledger does not have yet."""
    paths = [target(op) for op in patch if op.get("op") == "add"]
    added = {path[0] for path in paths if len(path) == 1}
    kinds = {path[0] for path in paths if len(path) == 2} - added - document.keys()
    return [{"op": "add", "path": pointer(kind), "value": {}} for kind in sorted(kinds)]


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")[:300] or type(error).__name__


def pointer(*parts: str) -> str:
    """An RFC 6901 pointer to the member reached by `parts`."""
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


def target(op: Mapping[str, Any], name: str = "path") -> tuple[str, ...]:
    """The parts of the pointer in member `name` of an operation."""
    text = op.get(name)
    parts = text.split("/")[1:] if isinstance(text, str) else []
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in parts)


@dataclass(frozen=True)
class Ledger:
    """What is true, and how sure that is.

    `version` counts successful writes. `state` names the world after the same writes from the same start: equal for
    all who did the same. `doubtful` are members that a write may have changed without its patch saying so, `soft` are
    records known only from inside another one (the line of an order, say), `seen` what was shown inside which other.
    """

    document: Document = field(default_factory=dict)
    version: int = 0
    state: str = ""
    doubtful: frozenset[tuple[str, str, str]] = frozenset()
    soft: frozenset[Key] = frozenset()
    seen: Mapping[Chain, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def start(cls, document: Document) -> "Ledger":
        """The ledger of a world in which nothing has been done yet."""
        return cls(copy.deepcopy(document), state=content_hash(document))

    def record(self, key: Key) -> dict[str, Any] | None:
        """The record `key`, None where it is not known."""
        kind = self.document.get(key[0])
        found = kind.get(key[1]) if isinstance(kind, dict) else None
        return found if isinstance(found, dict) else None

    def named(self, texts: Iterable[str]) -> set[Key]:
        """The records whose id is among `texts`."""
        wanted = set(texts)
        kinds = ((kind, held) for kind, held in self.document.items() if isinstance(held, dict))
        return {(kind, own) for kind, held in kinds for own in wanted & held.keys() if isinstance(held[own], dict)}

    def after_write(
        self, call: tuple[str, Any], patch: Sequence[Op], shown: Sequence[Seen], texts: set[str]
    ) -> "Ledger":
        """The ledger once `call` (name, arguments) has succeeded with `patch`, answering `shown`.

        What the patch and the answer say is taken as it is. Records that the call, its answer or its patch mention, and
        those that these refer to or stand inside of, become doubtful as far as neither says anything of them.

        Raises:
            PatchError: the patch cannot be applied.
        """
        document = apply(self.document, patch)
        told = {(parts[0], parts[1]) for op in patch for parts in (target(op), target(op, "from")) if len(parts) > 1}
        told |= {seen.key for seen in shown}
        near = self.named(texts) | told
        near |= self.named(text for key in near for text in mentioned(self.record(key) or {}))
        near |= {key for chain in self.seen if near & set(chain) for key in chain}
        moved = {(kind, own, name) for kind, own in near - told for name in _movable(self.record((kind, own)))}
        touched = near | told
        return replace(
            self,
            document=document,
            version=self.version + 1,
            state=content_hash([self.state, call[0], call[1], list(patch)]),
            doubtful=frozenset(d for d in self.doubtful if d[:2] not in told) | moved,
            soft=self.soft - {key for key in told if (key in self.named([key[1]]))},
            # What was shown is out of date, but that one stood inside the other still links them.
            seen={chain: {} if touched & set(chain) else fields for chain, fields in self.seen.items()},
        )._with_shown(shown)

    def after_read(self, additions: Sequence[Op], shown: Sequence[Seen]) -> "Ledger":
        """The ledger with what a read has revealed; the state of the world stays the same.

        Raises:
            PatchError: `additions` cannot be applied.
        """
        document = apply(self.document, additions) if additions else self.document
        return replace(self, document=document)._with_shown(shown)

    def _with_shown(self, shown: Sequence[Seen]) -> "Ledger":
        """Takes over what an observation shows and the ledger does not hold, or holds in doubt."""
        ledger = self
        for record in shown:
            ledger = ledger._with_one(record)
        return ledger

    def _with_one(self, record: Seen) -> "Ledger":
        (kind, own), known = record.key, self.record(record.key)
        seen = self.seen
        if record.nested:
            seen = {**seen, record.chain: {**record.fields, **seen.get(record.chain, {})}}
        if record.nested and known is None:
            document = _put(self.document, record.key, record.fields)
            return replace(self, document=document, seen=seen, soft=self.soft | {record.key})
        if record.nested and not self.is_view(record):
            return replace(self, seen=seen)
        held = known if known is not None and record.key not in self.soft else {}
        doubted = {name for name in record.fields if (kind, own, name) in self.doubtful}
        fresh = {
            name: value
            for name, value in record.fields.items()
            if name not in held or (name in doubted and not same(held[name], value))
        }
        return replace(
            self,
            document=_put(self.document, record.key, {**held, **fresh}) if fresh else self.document,
            seen=seen,
            soft=self.soft - {record.key},
            doubtful=self.doubtful - {(kind, own, name) for name in doubted},
        )

    def is_view(self, record: Seen) -> bool:
        """Whether a nested record shows the one in the ledger, and is not its use in another (a line of an order)."""
        known = self.record(record.key)
        return known is not None and record.key not in self.soft and record.fields.keys() <= known.keys()

    def text(self) -> str:
        """The document for a prompt: one record a line, so that no value can pass for a line of the prompt."""
        rows = []
        for kind, held in self.document.items():
            inner = held.items() if isinstance(held, dict) and all(isinstance(v, dict) for v in held.values()) else None
            if inner is None:
                rows.append(json.dumps({"path": pointer(kind), "value": held}, ensure_ascii=False))
            else:
                rows.extend(
                    json.dumps({"path": pointer(kind, own), "value": value}, ensure_ascii=False) for own, value in inner
                )
        return "\n".join(rows) or "(empty)"


def _movable(record: dict[str, Any] | None) -> list[str]:
    plain = {name: value for name, value in (record or {}).items() if not isinstance(value, dict | list)}
    return [name for name, value in plain.items() if not name.endswith("id") and movable(name, value)]


def _put(document: Document, key: Key, fields: dict[str, Any]) -> Document:
    """A copy of `document` with other plain members of one record; shares all the rest."""
    kind, own = key
    held = document.get(kind)
    if held is not None and not isinstance(held, dict):
        return document
    before = (held or {}).get(own)
    return {**document, kind: {**(held or {}), own: {**(before if isinstance(before, dict) else {}), **fields}}}
