"""Rules on where things come from: an id that no one gave, a call other than the one that was announced."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from simia_tui.checks import traits
from simia_tui.checks.context import Context
from simia_tui.checks.rule import Note, check
from simia_tui.checks.schema import show
from simia_tui.model import Severity, ToolCall, Trajectory

_DEEPEST = 50
_ID_NAME = re.compile(r"(?:.*[a-z0-9]_)?ids?", re.IGNORECASE)
_ID_VALUE = re.compile(r"(?=.*\d)[^\s]{4,64}")
"""Without a pack's own patterns: a value of an argument named `id`, `..._id` or `..._ids` that holds a digit."""

_SPACES = re.compile(r"[\s#.,\-_/]+")
_NUMBER = re.compile(r"\W?[A-Za-z]?(\d{6,})")
"""An id that is a number but for the sign and the letter before it."""


@check(
    "call.unfounded-id",
    Severity.WARNING,
    "An id that neither the user, the policy, the tools' definitions nor an observation gave is invented.",
    needs=traits.CALLS,
)
def unfounded_id(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    given: _Given | None = None
    forms = context.hints.ids
    for index, position, call in context.agent_calls(trajectory):
        if not call.arguments:
            continue
        for name, value in _ids(call, forms):
            given = given or _Given(trajectory, context)
            rule = context.hints.arguments.at(call.name, (name,))
            # People leave out the prefix that all ids of a kind share, and the letter that all of them begin with.
            short = value.removeprefix(rule.prefix) if rule is not None else value
            if given.holds(value, index) or (short != value and given.holds(short, index)):
                continue
            number = _NUMBER.fullmatch(value)
            if number is None or not given.counts(number.group(1), index):
                message = f"In the call of {show(call.name)}: no one gave the id {show(value)} of {show(name)} before."
                yield Note(message, index, position)
                break


def _ids(call: ToolCall, forms: re.Pattern[str] | None) -> list[tuple[str, str]]:
    """The ids among the arguments, the last first, with the name of the argument they stand under."""
    found: list[tuple[str, str]] = []
    waiting: list[tuple[str, Any, int]] = [(name, value, 0) for name, value in (call.arguments or {}).items()]
    while waiting:
        name, value, depth = waiting.pop()
        kind = type(value)
        if kind is str:
            if forms.fullmatch(value) if forms is not None else _is_id(name, value):
                found.append((name, value))
        elif kind is list and depth < _DEEPEST:
            waiting += [(name, inner, depth + 1) for inner in value]
        elif kind is dict and depth < _DEEPEST:
            waiting += [(inner, part, depth + 1) for inner, part in value.items()]
    return found


def _is_id(name: str, value: str) -> bool:
    return _ID_NAME.fullmatch(name) is not None and _ID_VALUE.fullmatch(value) is not None


class _Given:
    """What others than the assistant have said, turn by turn; case, spaces and punctuation in ids do not count."""

    def __init__(self, trajectory: Trajectory, context: Context) -> None:
        turns = trajectory.turns
        self._turns = [turn.content or "" if turn.role != "assistant" else "" for turn in turns]
        self._whole = "\n".join(self._turns)
        self._ends = list(accumulate(len(text) + 1 for text in self._turns))
        self._policy = trajectory.policy or ""
        self._context = context
        self._bare: dict[int, str] = {}
        self._found: dict[str, int] = {}

    def holds(self, value: str, before: int) -> bool:
        """Whether `value` was given before the turn `before`."""
        first = self._found.get(value)
        if first is None:
            first = self._found[value] = self._first(value)
        return first < before or self._is_spelt(_bared(value), before) or self._is_declared(value)

    def counts(self, number: str, before: int) -> bool:
        """Whether the digits of `number`, and no more of them, were given before the turn `before`."""
        whole = re.compile(rf"(?<!\d){number}(?!\d)")
        return any(number in text and whole.search(text) is not None for text in self._turns[:before])

    def _first(self, value: str) -> int:
        """The first turn that holds `value` as it stands; a number past the end where none does."""
        at = self._whole.find(value)
        return len(self._turns) if at < 0 else bisect_right(self._ends, at)

    def _is_spelt(self, value: str, before: int) -> bool:
        """Whether a turn before `before` holds `value` in another spelling."""
        for index, text in enumerate(self._turns[:before]):
            if text and index not in self._bare:
                self._bare[index] = _bared(text)
            if value and value in self._bare.get(index, ""):
                return True
        return False

    def _is_declared(self, value: str) -> bool:
        return value.casefold() in self._policy.casefold() or value.casefold() in self._context.box.definitions


def _bared(text: str) -> str:
    return _SPACES.sub("", text.casefold())


_ANNOUNCED = re.compile(
    r"(?<!not )(?<!n't )(?<!never )(?i:(?<!before )(?<!after ))"
    r"\b(?:call|calling|use|using|invoke|invoking|run|running)\s+(?:the\s+)?(?:(?:function|tool)\s+)?"
    r"[`\"'*]*([A-Za-z][A-Za-z0-9]*(?:[_.][A-Za-z0-9]+)+)[`\"'*]*"
)
"""What a sentence says will be called: names made of several parts; those that are declared tools count."""


@check(
    "call.not-announced",
    Severity.WARNING,
    "A turn that announces one tool and calls another teaches the model not to do what it says.",
    needs=traits.CALLS,
)
def not_announced(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    for index, turn in enumerate(trajectory.turns):
        if not turn.tool_calls or turn.role != "assistant" or not (turn.content or turn.reasoning):
            continue
        found = {name for text in (turn.reasoning, turn.content) if text for name in _ANNOUNCED.findall(text)}
        # A file that is run or a tool that the user holds is no tool of the agent's.
        named = found & context.box.declared.keys()
        called = [call.name for call in turn.tool_calls]
        if not named or not named.isdisjoint(called) or (index, 0) in context.lost(trajectory):
            continue
        # Where the tool that is called is named as well, the other one is for later.
        if not any(_names(text, name) for text in (turn.reasoning, turn.content) if text for name in called):
            told, made = (", ".join(show(name) for name in sorted(names)) for names in (named, set(called)))
            yield Note(f"The turn announces {told} but calls {made}.", index, 0)


def _names(text: str, tool: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(tool)}(?!\w)", text) is not None


RULES = (unfounded_id, not_announced)
