"""Rules on arguments that a domain knows and no schema says: prefixes, aliases, forms and options.

They come from `[arguments]` of the pack of the trajectory's own domain, and from nowhere else.
"""

from collections.abc import Iterator
from typing import Any

from simia_tui.checks.calls import Fix, fix_calls, text_of
from simia_tui.checks.context import Context
from simia_tui.checks.hints import ArgumentRule, ArgumentRules
from simia_tui.checks.rule import Note, Outcome, check, repair
from simia_tui.checks.schema import show
from simia_tui.model import Severity, ToolCall, Trajectory

_DEEPEST = 50


@repair(
    "call.argument-normalised",
    Severity.WARNING,
    "The domain writes such a value with a fixed beginning, without which the real tool would not know it.",
)
def argument_normalised(trajectory: Trajectory, context: Context) -> Outcome:
    rules = context.hints.arguments
    if not rules:
        return trajectory, []

    def fix(call: ToolCall) -> Fix | None:
        if call.arguments is None:
            return None
        found = _matches(call, context)
        if not found:
            return None
        changes = {path: rule.mended(value) for path, rule, value in found if rule.mended(value) != value}
        # A call that the tool refused must keep the value that explains the refusal.
        if not changes or id(call) in _refused(trajectory, context):
            return None
        shown = ", ".join(f"{show(value)} became {show(changes[path])}" for path, _, value in found if path in changes)
        return _changed(call.arguments, changes, ()), f"In the call of {show(call.name)}: {shown}.", text_of(call)

    return fix_calls(trajectory, context, fix)


@check(
    "call.argument-form",
    Severity.ERROR,
    "The schema allows any text here, but the domain knows which values its tools accept.",
)
def argument_form(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    rules = context.hints.arguments
    if not rules:
        return
    for index, position, call in context.agent_calls(trajectory):
        for path, rule, value in _matches(call, context):
            complaint = rule.complaint(value)
            if complaint is not None:
                name = ".".join(str(part) for part in path)
                # The real tool has refused it as well, so the call is a mistake but the scene is sound.
                severity = Severity.WARNING if id(call) in _refused(trajectory, context) else None
                message = f"In the call of {show(call.name)}: the argument {show(name)} ({show(value)}) {complaint}."
                yield Note(message, index, position, severity)


def _refused(trajectory: Trajectory, context: Context) -> set[int]:
    """The identities of the calls that were answered with an error."""
    return context.view(trajectory, _all_refused)


def _all_refused(trajectory: Trajectory, context: Context) -> set[int]:
    return {
        id(trajectory.turns[turn].tool_calls[position])
        for (turn, position), answer in context.pairing(trajectory).answers.items()
        if trajectory.turns[answer].is_error
    }


_Path = tuple[str | int, ...]


_Match = tuple[_Path, ArgumentRule, str]


def _matches(call: ToolCall, context: Context) -> list[_Match]:
    """The texts among the arguments to which a rule applies, with their places; looked for once for each call."""
    known = context.matches.get(id(call))
    if known is None or known[0] is not call:
        known = context.matches[id(call)] = (call, _look(call, context.hints.arguments))
    found: list[_Match] = known[1]
    return found


def _look(call: ToolCall, rules: ArgumentRules) -> list[_Match]:
    found: list[_Match] = []
    waiting: list[tuple[_Path, tuple[str, ...], Any]] = []
    # Most arguments are plain texts.
    for name, value in (call.arguments or {}).items():
        kind = type(value)
        if kind is str:
            rule = rules.at(call.name, (name,))
            if rule is not None:
                found.append(((name,), rule, value))
        elif kind is dict or kind is list:
            waiting.append(((name,), (name,), value))
    while waiting:
        path, names, value = waiting.pop()
        if len(path) > _DEEPEST:
            continue
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in parts:
            place = (*names, key) if isinstance(key, str) else names
            if isinstance(inner, str):
                rule = rules.at(call.name, place)
                if rule is not None:
                    found.append(((*path, key), rule, inner))
            elif type(inner) is dict or type(inner) is list:
                waiting.append(((*path, key), place, inner))
    return found


def _changed(value: Any, changes: dict[_Path, str], path: _Path) -> Any:
    if path in changes:
        return changes[path]
    if isinstance(value, dict):
        return {key: _changed(inner, changes, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [_changed(inner, changes, (*path, key)) for key, inner in enumerate(value)]
    return value


REPAIRS = (argument_normalised,)
RULES = (argument_form,)
