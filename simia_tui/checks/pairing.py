"""Pairs calls with the observations that answer them."""

from typing import NamedTuple

from simia_tui.model import ToolCall, Trajectory


class Pairing(NamedTuple):
    """`answers` maps `(turn, position)` of a call to the index of its tool turn; the rest is what stayed alone."""

    answers: dict[tuple[int, int], int]
    unanswered: list[tuple[int, int]]
    orphans: list[int]

    def call_of(self, turn: int) -> tuple[int, int] | None:
        """The place of the call that the tool turn `turn` answers."""
        return next((place for place, answer in self.answers.items() if answer == turn), None)


_Waiting = list[tuple[tuple[int, int], ToolCall]]


def pair(trajectory: Trajectory) -> Pairing:
    """Pairs within one exchange: the calls of a turn and the tool turns that follow it directly.

    An id decides where both sides carry one; otherwise the order does. Ids are compared within the exchange
    only, because tau-bench repeats them within a trajectory.
    """
    result = Pairing({}, [], [])
    waiting: _Waiting = []
    for index, turn in enumerate(trajectory.turns):
        if turn.role == "tool":
            # Mostly the first that waits is the one.
            first = waiting[0][1].call_id if waiting else None
            position = 0 if first is not None and first == turn.call_id else _match(turn.call_id, waiting)
            if position is None:
                result.orphans.append(index)
            else:
                result.answers[waiting.pop(position)[0]] = index
        else:
            if waiting:
                result.unanswered.extend([place for place, _ in waiting])
                waiting = []
            if turn.tool_calls:
                waiting = [((index, position), call) for position, call in enumerate(turn.tool_calls)]
    result.unanswered.extend(place for place, _ in waiting)
    return result


def _match(call_id: str | None, waiting: _Waiting) -> int | None:
    for position, (_, call) in enumerate(waiting):
        if call_id is not None and call.call_id == call_id:
            return position
    for position, (_, call) in enumerate(waiting):
        if call_id is None or call.call_id is None:
            return position
    return None
