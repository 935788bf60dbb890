"""Turns from what a source says of them: unique call ids, and tool turns linked to the calls they answer.

Ids are no ground to stand on: tau-bench repeats them inside one trajectory, ShareGPT has none. So a result is
linked to the open calls before it, by id where that decides, else by the tool's name, else in order.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from simia_tui.formats.base import RowError, json_text, strict_json
from simia_tui.model import Role, Turn


@dataclass(slots=True)
class DraftCall:
    """A call as the source gives it; `call_id` may be missing or used twice."""

    name: str
    arguments: dict[str, Any] | None = None
    raw: str | None = None
    call_id: str | None = None


@dataclass(slots=True)
class Draft:
    """A turn as the source gives it; of a tool turn, `call_id` is what the source says it answers."""

    role: Role
    content: str | None = None
    reasoning: str | None = None
    calls: list[DraftCall] = field(default_factory=list)
    call_id: str | None = None
    name: str | None = None
    is_error: bool = False
    loss: bool | None = None
    requestor: Literal["assistant", "user"] = "assistant"


@dataclass(slots=True)
class _Open:
    source_id: str | None
    call_id: str
    name: str


def read_arguments(value: Any) -> tuple[dict[str, Any] | None, str | None]:
    """Arguments as `(object, None)`, or `(None, their text)` where they are not an object as they stand.

    A string is parsed strictly; nothing is repaired here. Missing arguments are the empty text.
    """
    if isinstance(value, dict):
        return value, None
    if not isinstance(value, str):
        return None, json_text(value)
    try:
        parsed = strict_json(value)
    except ValueError:
        return None, value
    return (parsed, None) if isinstance(parsed, dict) else (None, value)


def link(drafts: list[Draft]) -> tuple[Turn, ...]:
    """Turns with call ids unique in the trajectory and tool turns linked to their calls.

    The first use of an id keeps it, later ones become `id#2`, `id#3`; missing ids become `call_1`, `call_2`.
    A tool turn takes the id, and where it has none the name, of the call it answers. One that answers no open
    call stays, with the id it came with. Linking what was linked changes nothing.

    Raises:
        RowError: a field of a turn is not of its type.
    """
    ids = _Ids(drafts)
    waiting: list[_Open] = []
    turns: list[dict[str, Any]] = []
    for draft in drafts:
        if draft.role == "tool" and (not draft.call_id or draft.call_id in ids.of_calls):
            _answer(draft, waiting)
        calls = []
        for call in draft.calls:
            call_id = ids.unique(call.call_id)
            waiting.append(_Open(call.call_id, call_id, call.name))
            calls.append({"name": call.name, "arguments": call.arguments, "call_id": call_id, "raw": call.raw})
        turns.append(_turn(draft, calls))
    try:
        return msgspec.convert(turns, tuple[Turn, ...])
    except msgspec.ValidationError as error:
        raise RowError(f"The row's turns do not make a trajectory: {error}.") from error


class _Ids:
    """Hands out ids that no call or result of the trajectory uses otherwise."""

    def __init__(self, drafts: list[Draft]) -> None:
        self.of_calls = {call.call_id for draft in drafts for call in draft.calls if call.call_id}
        self._taken = self.of_calls | {draft.call_id for draft in drafts if draft.call_id}
        self._used: set[str] = set()
        self._next: dict[str, int] = {}

    def unique(self, source_id: str | None) -> str:
        """The id itself at its first use, else a new one made from it."""
        call_id = source_id or ""
        if not call_id or call_id in self._used:
            stem, number = (f"{source_id}#", 2) if source_id else ("call_", 1)
            number = self._next.get(stem, number)
            while (call_id := f"{stem}{number}") in self._used or call_id in self._taken:
                number += 1
            self._next[stem] = number + 1
        self._used.add(call_id)
        return call_id


def _answer(draft: Draft, waiting: list[_Open]) -> None:
    """Gives a tool draft the id and name of the open call it answers, and closes that call."""
    candidates = [call for call in waiting if call.source_id == draft.call_id] if draft.call_id else waiting
    if not candidates:
        return
    named = (call for call in candidates if call.name == draft.name) if draft.name else iter(())
    chosen = next(named, candidates[0])
    waiting.remove(chosen)
    draft.call_id = chosen.call_id
    draft.name = draft.name or chosen.name or None


def _turn(draft: Draft, calls: list[dict[str, Any]]) -> dict[str, Any]:
    """The fields of a turn, without most of those that hold their default."""
    fields: dict[str, Any] = {"role": draft.role, "content": draft.content}
    if calls:
        fields["tool_calls"] = calls
    if draft.call_id:
        fields["call_id"] = draft.call_id
    if draft.reasoning is not None:
        fields["reasoning"] = draft.reasoning
    if draft.name is not None:
        fields["name"] = draft.name
    if draft.loss is not None:
        fields["loss"] = draft.loss
    if draft.is_error is not False:
        fields["is_error"] = draft.is_error
    if draft.requestor != "assistant":
        fields["requestor"] = draft.requestor
    return fields
