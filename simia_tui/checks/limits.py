"""Rules on the bounds of a domain's environment, from `[limits]` of its pack; without a bound they say nothing."""

from collections.abc import Iterator

from simia_tui.checks import traits
from simia_tui.checks.context import Context
from simia_tui.checks.rule import Note, check
from simia_tui.checks.schema import show
from simia_tui.checks.world import exchanges
from simia_tui.model import Severity, Trajectory


@check(
    "limit.rounds",
    Severity.WARNING,
    "The real environment would have ended the episode before this turn.",
    needs=traits.LIMITS,
)
def rounds(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    most = context.hints.limits.rounds
    if not most:
        return
    spoken = [index for index, turn in enumerate(trajectory.turns) if turn.role == "assistant"]
    if len(spoken) > most:
        yield Note(f"The assistant takes {len(spoken)} turns, and the environment allows {most}.", spoken[most])


@check(
    "limit.single-line",
    Severity.ERROR,
    "The parser of the real environment reads one line and refuses a text of more.",
    needs=traits.LIMITS,
)
def single_line(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    if not context.hints.limits.single_line:
        return
    for index, turn in enumerate(trajectory.turns):
        if turn.role != "assistant" or not turn.tool_calls:
            continue
        for name, text in (("reasoning", turn.reasoning), ("text", turn.content)):
            if text and len(text.strip().splitlines()) > 1:
                yield Note(f"The {name} beside the action runs over several lines.", index)


@check(
    "limit.repeats",
    Severity.WARNING,
    "An agent that makes so many equal calls in a row is stuck, and some environments end there.",
    needs=traits.LIMITS,
)
def repeats(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    most = context.hints.limits.repeats
    row, last = 0, None
    for exchange in exchanges(trajectory, context) if most else ():
        row = row + 1 if exchange.key is not None and exchange.key == last else 1
        last = exchange.key
        if row == most:
            yield Note(
                f"{show(exchange.call.name)} is called {most} times in a row with the same arguments.", exchange.turn
            )


RULES = (rounds, single_line, repeats)
