"""Rules on arguments that a domain knows and no schema says: prefixes, aliases, forms and options.

They come from `[arguments]` of the pack of the trajectory's own domain, and from nowhere else.
"""

from collections.abc import Iterator
from typing import Any

from simia_tui.checks import traits
from simia_tui.checks.calls import Fix, fix_calls, text_of
from simia_tui.checks.context import Context
from simia_tui.checks.hints import Path
from simia_tui.checks.rule import Note, Outcome, check, repair
from simia_tui.checks.schema import show
from simia_tui.model import Severity, ToolCall, Trajectory


@repair(
    "call.argument-normalised",
    Severity.WARNING,
    "The domain writes such a value with a fixed beginning, without which the real tool would not know it.",
    needs=traits.UNRULY,
)
def argument_normalised(trajectory: Trajectory, context: Context) -> Outcome:
    def fix(call: ToolCall) -> Fix | None:
        if call.arguments is None:
            return None
        found = list(context.hints.arguments.matches(call.name, call.arguments))
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
    needs=traits.UNRULY,
)
def argument_form(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    for index, position, call in context.agent_calls(trajectory):
        for path, rule, value in context.hints.arguments.matches(call.name, call.arguments or {}):
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


def _changed(value: Any, changes: dict[Path, str], path: Path) -> Any:
    if path in changes:
        return changes[path]
    if isinstance(value, dict):
        return {key: _changed(inner, changes, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [_changed(inner, changes, (*path, key)) for key, inner in enumerate(value)]
    return value


REPAIRS = (argument_normalised,)
RULES = (argument_form,)
