"""Sees in one walk over turns and calls, and one look at all texts, which rules could have something to say."""

import re

from simia_tui.checks import traits
from simia_tui.checks.context import Context
from simia_tui.checks.hints import Hints, Limits
from simia_tui.checks.privacy import NUMBERED, SECRETS
from simia_tui.checks.screen import Screen
from simia_tui.checks.text import MARKUP, SIMULATOR
from simia_tui.checks.toolbox import Tool
from simia_tui.model import ToolCall, Trajectory, Turn

_SCREENS = (
    (traits.THOUGHT_TAG, Screen("think>")),
    (traits.MARKUP, MARKUP),
    (traits.SIMULATOR, SIMULATOR),
    (traits.SECRET, SECRETS),
    (traits.MAIL, Screen("@")),
    (traits.NUMBERED, NUMBERED),
)

_SIDES = {"system": "s", "user": "u", "assistant": "a", "tool": "t"}
_REGULAR = re.compile(r"s*(?:ua(?:t+a)*)+")
_NO_LIMITS = Limits()


def survey(trajectory: Trajectory, context: Context) -> int:
    """The traits that may be in a trajectory."""
    seen = _of_hints(context.hints) | _of_turns(trajectory.turns)
    if "lost_calls" in trajectory.meta:
        seen |= traits.LOST
    calls = context.calls(trajectory)
    pairing = context.pairing(trajectory)
    if pairing.unanswered or pairing.orphans:
        seen |= traits.UNPAIRED
    box = context.box
    for _, _, call in calls:
        seen |= _of_call(call, box[call.name])
    text = context.text(trajectory)
    for trait, screen in _SCREENS:
        if screen.finds(text):
            seen |= trait
    return seen


def _of_hints(hints: Hints) -> int:
    return (
        bool(hints.orders) * traits.ORDERS
        | bool(hints.totals) * traits.TOTALS
        | (hints.limits != _NO_LIMITS) * traits.LIMITS
        | (hints.tasks is not None) * traits.TASKS
    )


def _of_turns(turns: tuple[Turn, ...]) -> int:
    seen = 0
    for turn in turns:
        if turn.is_error:
            seen |= traits.ERRORS
        if turn.requestor != "assistant":
            seen |= traits.IRREGULAR
        if not turn.tool_calls and turn.role != "tool" and (not turn.content or turn.content.isspace()):
            seen |= traits.IRREGULAR
    sides = "".join([_SIDES[turn.role] for turn in turns])
    return seen if _REGULAR.fullmatch(sides) else seen | traits.IRREGULAR


def _of_call(call: ToolCall, tool: Tool) -> int:
    arguments = call.arguments
    if arguments is None:
        return tool.traits | traits.UNREAD
    shape = tool.shape(arguments)
    seen = shape.traits
    if not tool.keeps(arguments, shape):
        seen |= traits.UNRULY
    if not shape.sound and tool.schema is not None and not tool.schema.is_sound(arguments):
        seen |= traits.FAULTY
    return seen
