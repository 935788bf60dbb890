"""Turns from what a source says of them: unique call ids, and tool turns linked to the calls they answer.

Ids are no ground to stand on: tau-bench repeats them inside one trajectory, ShareGPT has none. So a result is
linked to the open calls before it, by id where that decides, else by the tool's name, else in order.
"""

from typing import Any, Literal

import msgspec

from simia_tui.formats.base import RowError, json_text, strict_json
from simia_tui.model import Role, Turn


class DraftCall(msgspec.Struct):
    """A call as the source gives it; `call_id` may be missing or used twice."""

    name: str
    arguments: dict[str, Any] | None = None
    raw: str | None = None
    call_id: str | None = None


class Draft(msgspec.Struct):
    """A turn as the source gives it; of a tool turn, `call_id` is what the source says it answers."""

    role: Role
    content: str | None = None
    reasoning: str | None = None
    tool_calls: list[DraftCall] = []
    call_id: str | None = None
    name: str | None = None
    is_error: bool = False
    loss: bool | None = None
    requestor: Literal["assistant", "user"] = "assistant"


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
    for draft in drafts:
        if draft.role == "tool" and (not draft.call_id or draft.call_id in ids.of_calls):
            _answer(draft, waiting)
        draft.call_id = draft.call_id or None
        for call in draft.tool_calls:
            waiting.append((call.call_id, call))
            call.call_id = ids.unique(call.call_id)
    try:
        return msgspec.convert(drafts, tuple[Turn, ...], from_attributes=True)
    except msgspec.ValidationError as error:
        raise RowError(f"The row's turns do not make a trajectory: {error}.") from error


_Open = tuple[str | None, DraftCall]
"""A call that waits for its result, after the id that the source gave it."""


class _Ids:
    """Hands out ids that no call or result of the trajectory uses otherwise."""

    def __init__(self, drafts: list[Draft]) -> None:
        self.of_calls = {call.call_id for draft in drafts for call in draft.tool_calls if call.call_id}
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
    fitting = [at for at, (source_id, _) in enumerate(waiting) if not draft.call_id or source_id == draft.call_id]
    if not fitting:
        return
    named = (at for at in fitting if waiting[at][1].name == draft.name) if draft.name else iter(())
    _, chosen = waiting.pop(next(named, fitting[0]))
    draft.call_id = chosen.call_id
    draft.name = draft.name or chosen.name or None
