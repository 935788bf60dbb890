"""Rules on the order of turns and on the pairing of calls with observations.

The severities follow the trainers: what makes a chat template or an API refuse the conversation is an
error, what an export can mend without loss (two turns of one speaker, an open end) is less.
"""

from collections.abc import Iterator
from itertools import pairwise

from simia_tui.checks import traits
from simia_tui.checks.context import Context
from simia_tui.checks.rule import Note, check
from simia_tui.checks.schema import show
from simia_tui.model import Severity, Trajectory, Turn


@check(
    "turn.none",
    Severity.ERROR,
    "Without an assistant turn there is nothing to learn from.",
    needs=traits.IRREGULAR,
)
def no_assistant(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    if not any(turn.role == "assistant" for turn in trajectory.turns):
        yield Note("The trajectory has no assistant turn.")


@check(
    "turn.starts-without-user",
    Severity.WARNING,
    "ShareGPT trainers skip a conversation whose first turn is not the user's.",
    needs=traits.IRREGULAR,
)
def starts_without_user(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    for index, turn in enumerate(trajectory.turns):
        if turn.role != "system":
            # A desk that greets its customers, as in tau2-bench; an export puts an empty turn before.
            greets = turn.role == "assistant" and not turn.tool_calls
            if turn.role != "user":
                severity = Severity.INFO if greets else None
                yield Note(f"The conversation begins with {_speaker(turn)}.", index, severity=severity)
            return


@check(
    "turn.order",
    Severity.WARNING,
    "Trainers expect user and assistant in turn, and skip or merge what is not.",
    needs=traits.IRREGULAR,
)
def order(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    for index, (before, turn) in enumerate(pairwise(trajectory.turns), 1):
        if turn.role != "tool" and _is_out_of_order(before, turn):
            yield Note(f"{_capital(_speaker(turn))} follows {_speaker(before)} directly.", index)


def _is_out_of_order(before: Turn, turn: Turn) -> bool:
    """Calls and observations are judged by their own rules; here the speakers count."""
    if turn.role == "system":
        return before.role != "system"
    if before.role == "system":
        return False
    if before.role == "tool":
        # The observation belongs to whoever called, and that side speaks next.
        return turn.role != before.requestor
    return turn.role == before.role


def _speaker(turn: Turn) -> str:
    return {"user": "the user", "assistant": "the assistant", "tool": "an observation", "system": "a system turn"}[
        turn.role
    ]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


@check(
    "turn.empty",
    Severity.WARNING,
    "A turn that says and does nothing trains the model to stop, or to stay silent.",
    needs=traits.IRREGULAR,
)
def empty(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    for index, turn in enumerate(trajectory.turns):
        silent = not turn.tool_calls and (not turn.content or turn.content.isspace())
        if silent and turn.role in ("user", "assistant"):
            yield Note(f"The turn of {_speaker(turn)} is empty.", index)


@check(
    "turn.ends-open",
    Severity.INFO,
    "Trainers that learn from pairs drop what stands after the last assistant turn.",
    needs=traits.IRREGULAR,
)
def ends_open(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    turns = trajectory.turns
    if turns and turns[-1].role != "assistant" and any(turn.role == "assistant" for turn in turns):
        yield Note(f"The conversation ends with {_speaker(turns[-1])}.", len(turns) - 1)


@check(
    "call.unanswered",
    Severity.ERROR,
    "A call without an observation breaks the pairing that every chat template and API relies on.",
    needs=traits.UNPAIRED,
)
def unanswered(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    last = len(trajectory.turns) - 1
    for index, position in context.pairing(trajectory).unanswered:
        name = trajectory.turns[index].tool_calls[position].name
        # A call at the very end is a conversation that was cut, which an export can cut one turn earlier.
        severity = Severity.WARNING if index == last else None
        yield Note(f"The call of {show(name)} has no observation.", index, position, severity)


@check(
    "observation.orphan",
    Severity.ERROR,
    "An observation that answers no call teaches the model to expect results unasked.",
    needs=traits.UNPAIRED,
)
def orphan(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    for index in context.pairing(trajectory).orphans:
        yield Note("The observation answers no call.", index)


RULES = (no_assistant, starts_without_user, order, empty, ends_open, unanswered, orphan)
