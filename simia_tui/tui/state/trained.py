"""What will be trained on: the assistant's turns, less those that the source or a reviewer has masked."""

from collections.abc import Mapping
from typing import NamedTuple

from simia_tui.model import Trajectory, Turn
from simia_tui.tui.widgets.pretty import pretty_arguments

TRAINED, MASKED, CONTEXT = ("█", "success"), ("×", "warning"), (" ", "muted")
"""Sign and ink of a turn in the gutter: learnt, left out on purpose, only read."""


class Trained(NamedTuple):
    """A sign for every turn, and how many words of how many are learnt."""

    signs: tuple[tuple[str, str], ...]
    words: int
    total: int
    masked: int

    def sentence(self) -> str:
        """`█ trains 41 of 120 words, × 1 masked`."""
        head = f"█ trains {self.words:,} of {self.total:,} words"
        return f"{head}, × {self.masked:,} masked" if self.masked else head


def trained(trajectory: Trajectory, masked: Mapping[int, str]) -> Trained:
    """Signs and words of `trajectory`; `masked` are the turns that a reviewer has taken out, with the reason.

    Only turns of the assistant are learnt from, as the trainer does it; `loss` false takes one out.
    """
    signs = []
    words = 0
    for index, turn in enumerate(trajectory.turns):
        if turn.role != "assistant":
            signs.append(CONTEXT)
        elif turn.loss is False or index in masked:
            signs.append(MASKED)
        else:
            signs.append(TRAINED)
            words += _words(turn)
    total = sum(map(_words, trajectory.turns))
    return Trained(tuple(signs), words, total, signs.count(MASKED))


def _words(turn: Turn) -> int:
    calls = [f"{call.name} {call.raw or pretty_arguments(call.arguments or {}, 0)}" for call in turn.tool_calls]
    return len(" ".join(filter(None, [turn.reasoning, turn.content, *calls])).split())
