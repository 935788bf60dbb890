"""Holds an answer of a tool against the ledger, and puts right what it got wrong."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from simia_tui.model import ToolCall
from simia_tui.simulate import lists
from simia_tui.simulate.entities import Key, Seen, mentioned, parsed, records, same
from simia_tui.simulate.ledger import Contradiction, Ledger, Op, PatchError, apply, pointer, target


class Answer(NamedTuple):
    """What a tool answered: the observation, whether it is a refusal, and what changed in the ledger."""

    text: str
    is_error: bool = False
    patch: tuple[Op, ...] = ()


class Examined(NamedTuple):
    """The ledger if the answer is taken, what disagrees, and the answer with every known value put right."""

    ledger: Ledger
    contradictions: tuple[Contradiction, ...]
    mended: Answer


def examine(ledger: Ledger, call: ToolCall, answer: Answer, reads: bool) -> Examined:
    """Compare `answer` with what is known. Only what a patch or an answer may add is added; nothing known is lost.

    Raises:
        PatchError: the patch cannot be applied.
    """
    if answer.is_error:
        return _refusal(ledger, call, answer)
    shown = list(records(parsed(answer.text)))
    return _read(ledger, call, answer, shown) if reads else _write(ledger, call, answer, shown)


def learned(ledger: Ledger, call: ToolCall, answer: Answer, reads: bool) -> Ledger:
    """The ledger after the answer of a real tool, which needs no check: what it shows replaces what was held."""
    if answer.is_error:
        return ledger
    shown = list(records(parsed(answer.text)))
    base = ledger if reads else ledger.after_write((call.name, call.arguments), (), (), set(mentioned(call.arguments)))
    found = (found for seen in shown if not seen.nested or base.is_view(seen) for found in _differing(base, seen))
    ops = [{"op": "replace", "path": pointer(*seen.key, name), "value": seen.fields[name]} for seen, name, _ in found]
    return base.after_read(ops, shown)


_ABSENT = re.compile(r"\bnot[ _]found\b|\b(?:does not|doesn't) exist\b|\bunknown\b", re.IGNORECASE)


def _denies(text: str, kind: str, own: str, arguments: Sequence[str]) -> bool:
    """Whether a refusal says that the record does not exist, by its id or, where no argument is named, by its kind."""
    if re.search(rf"\b(?:there is no|no such)\s+(?:\w+\s+)?[\"'#]?{re.escape(own)}(?!\w)", text, re.IGNORECASE):
        return True
    if not _ABSENT.search(text.replace("_", " ")):
        return False
    return own in text or (kind in text.casefold() and not any(value in text for value in arguments))


def _refusal(ledger: Ledger, call: ToolCall, answer: Answer) -> Examined:
    found: list[Contradiction] = []
    if answer.patch:
        message = "The tool refused the call, but the patch changes the ledger; a refused call changes nothing."
        found.append(Contradiction(kind="refusal writes", message=message))
    given = [(name, str(own)) for name, value in (call.arguments or {}).items() for own in _ids(value)]
    for name, own in given:
        kind = name.removesuffix("s").removesuffix("_id")
        if ledger.record((kind, own)) is not None and _denies(answer.text, kind, own, [value for _, value in given]):
            message = f"The answer denies {kind} {own}, which the ledger holds."
            found.append(Contradiction(kind="denied", message=message, record=f"{kind} {own}"))
    return Examined(ledger, tuple(found), answer._replace(patch=()))


def _ids(value: Any) -> list[Any]:
    values = value if isinstance(value, list) else [value]
    return [own for own in values if isinstance(own, str | int) and not isinstance(own, bool) and str(own)]


def _read(ledger: Ledger, call: ToolCall, answer: Answer, shown: Sequence[Seen]) -> Examined:
    additions = [op for op in answer.patch if _only_adds(ledger, op)]
    found = [
        Contradiction(
            kind="read writes",
            message=f"The call only reads, but its patch changes {op.get('path')}, which the ledger holds.",
            record=" ".join(target(op)[:2]),
        )
        for op in answer.patch
        if op not in additions
    ]
    grown = ledger.after_read(additions, ())
    for seen in shown:
        found.extend(_told_otherwise(grown, seen))
    mended = _mended(answer, found, additions)
    if gaps := list(lists.missing(grown, call, parsed(answer.text))):
        found += [_left_out(key) for _, key in gaps]
        mended = _completed(grown, call, mended)
    return Examined(grown.after_read((), shown), tuple(found), mended)


def _left_out(key: Key) -> Contradiction:
    kind, own = key
    message = f"The list leaves out {kind} {own}, which the ledger holds and which belongs there."
    return Contradiction(kind="missing", message=message, record=f"{kind} {own}")


def _completed(ledger: Ledger, call: ToolCall, answer: Answer) -> Answer:
    """The answer with every record that its lists leave out."""
    value = parsed(answer.text)
    for shown, key in list(lists.missing(ledger, call, value)):
        shown.rows.append(lists.filled(ledger, shown, key))
    return answer._replace(text=json.dumps(value, ensure_ascii=False))


def _only_adds(ledger: Ledger, op: Op) -> bool:
    if op.get("op") == "test":
        return True
    if op.get("op") != "add":
        return False
    value: Any = ledger.document
    for part in target(op):
        if not isinstance(value, dict):
            return isinstance(value, list)
        if part not in value:
            return True
        value = value[part]
    return False


def _told_otherwise(ledger: Ledger, seen: Seen) -> Iterator[Contradiction]:
    """The members of a shown record that differ from what is known of it."""
    within = ledger.seen.get(seen.chain, {}) if seen.nested else {}
    reported = set()
    for name, told in seen.fields.items():
        if name in within and not same(within[name], told):
            reported.add(name)
            yield _changed(ledger, seen, name, within[name])
    if seen.nested and not ledger.is_view(seen):
        return
    for _, name, known in _differing(ledger, seen):
        if name not in reported:
            yield _changed(ledger, seen, name, known)


def _differing(ledger: Ledger, seen: Seen) -> Iterator[tuple[Seen, str, Any]]:
    known = ledger.record(seen.key)
    if known is None or seen.key in ledger.soft:
        return
    for name, told in seen.fields.items():
        held = known.get(name, told)
        if not isinstance(held, list) and not same(held, told):
            yield seen, name, held


def _changed(ledger: Ledger, seen: Seen, name: str, known: Any) -> Contradiction:
    kind, own = seen.key
    told = seen.fields[name]
    return Contradiction(
        kind="changed",
        message=f"{name} of {kind} {own} is {_show(known)} in the ledger and {_show(told)} in the answer, "
        "and no write has changed it.",
        record=f"{kind} {own}",
        field=name,
        known=known,
        told=told,
        firm=(kind, own, name) not in ledger.doubtful,
    )


def _show(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:80]


def _write(ledger: Ledger, call: ToolCall, answer: Answer, shown: Sequence[Seen]) -> Examined:
    after = Ledger(apply(ledger.document, answer.patch), soft=ledger.soft)
    texts = set(mentioned(call.arguments)) | set(mentioned(parsed(answer.text)))
    texts |= {text for op in answer.patch for text in mentioned(op.get("value"))}
    found = [
        _unlike(after, answer, call, seen, name)
        for seen in _own(after, shown)
        for _, name, _ in _differing(after, seen)
    ]
    known = any(ledger.record(seen.key) is not None for seen in shown)
    if not answer.patch and not found and not (known and all(_nothing_new(ledger, seen) for seen in shown)):
        message = "The call succeeded and is no mere read, but the patch is empty; say what it changed."
        found.append(Contradiction(kind="no patch", message=message))
    extra = tuple(
        {"op": "add", "path": pointer(*item.record.split(" ", 1), item.field), "value": item.told}
        for item in found
        if item.kind == "unrecorded"
    )
    patch = (*answer.patch, *extra)
    taken = ledger.after_write((call.name, call.arguments), patch, shown, texts)
    return Examined(taken, tuple(found), _mended(answer, found, patch))


def _own(after: Ledger, shown: Sequence[Seen]) -> list[Seen]:
    return [seen for seen in shown if not seen.nested or after.is_view(seen)]


def _nothing_new(ledger: Ledger, seen: Seen) -> bool:
    known = ledger.record(seen.key)
    return known is not None and all(name in known and same(known[name], seen.fields[name]) for name in seen.fields)


def _unlike(after: Ledger, answer: Answer, call: ToolCall, seen: Seen, name: str) -> Contradiction:
    """What to say of a member that the answer to a write shows otherwise than the ledger after its patch."""
    kind, own = seen.key
    held, told = (after.record(seen.key) or {})[name], seen.fields[name]
    values = f"{name} of {kind} {own} is {_show(told)} in the answer and {_show(held)} in the ledger"
    paths = [target(op) for op in answer.patch]
    if any((kind, own, name)[: len(path)] == path[:3] for path in paths if len(path) > 1):
        return _contradiction("own patch", f"{values} after the answer's own patch.", seen, name, held)
    if own in set(mentioned(call.arguments)):
        return _contradiction("unrecorded", f"{values}, and the patch does not change it.", seen, name, held)
    return _contradiction("changed", f"{values}, and this call has nothing to do with it.", seen, name, held)


def _contradiction(kind: Any, message: str, seen: Seen, name: str, known: Any) -> Contradiction:
    told = seen.fields[name]
    return Contradiction(kind=kind, message=message, record=" ".join(seen.key), field=name, known=known, told=told)


def _mended(answer: Answer, found: Sequence[Contradiction], patch: Sequence[Op]) -> Answer:
    """The answer with the ledger's value wherever it shows another one without a reason."""
    wrong = {
        (item.record, item.field): item.known for item in found if item.kind in ("changed", "own patch") and item.firm
    }
    if not wrong:
        return answer._replace(patch=tuple(patch))
    value = parsed(answer.text)
    for seen in records(value):
        for name in seen.fields:
            if (" ".join(seen.key), name) in wrong:
                seen.place[name] = wrong[" ".join(seen.key), name]
    return Answer(json.dumps(value, ensure_ascii=False), False, tuple(patch))


__all__ = ["Answer", "Examined", "PatchError", "examine", "learned"]
