"""Single turns of recorded trajectories as tasks of reinforcement: no simulator and no judge are asked.

The policy sees a trajectory up to one of its calls and writes that turn; the reward is 1 where it calls what was called
there, by the rule of `same_calls`, else 0. It is the cheap mode (after PivotRL, arXiv 2603.21383, which trains on such
turns with functional equality as reward). Turns that the policy always or never gets right make groups without a
difference, which are not trained on. What it cannot see is whether another way would have led to the goal as well.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

from simia_tui.checks.pairing import pair
from simia_tui.errors import SimiaError
from simia_tui.model import ToolCall, Trajectory, Turn, canonical_json
from simia_tui.training import tasks
from simia_tui.training.rollout import Played, Reaction
from simia_tui.training.tasks import Task

TERMINATION = "single turn"


def turns_of(found: Iterable[Task]) -> list[Task]:
    """One task for every turn with calls that may serve as an example.

    Left out are turns that are masked in training, and those with a call that the tool refused or nobody answered.

    Raises:
        SimiaError: there is none.
    """
    singles = [task._replace(turn=turn) for task in found for turn in _examples(task.trajectory)]
    if not singles:
        raise SimiaError("No trajectory of the export has a call that a tool answered; --single-turn needs such turns.")
    return singles


def _examples(trajectory: Trajectory) -> Iterator[int]:
    answers, turns = pair(trajectory).answers, trajectory.turns
    first = next((index for index, turn in enumerate(turns) if turn.role == "user"), len(turns))
    for index in range(first, len(turns)):
        calls = range(len(turns[index].tool_calls))
        seen = [turns[answers[index, at]] for at in calls if (index, at) in answers]
        if seen and len(seen) == len(calls) and turns[index].loss is not False and not any(t.is_error for t in seen):
            yield index


class SingleTurn:
    """An episode of one assistant turn."""

    def __init__(self, task: Task) -> None:
        assert task.turn is not None
        self.start = tasks.start(task.trajectory, task.turn)
        self._wanted = task.trajectory.turns[task.turn].tool_calls
        self._said: Turn | None = None
        self._cut: str | None = None

    async def step(self, turn: Turn) -> Reaction:
        self._said = turn
        return Reaction((), True)

    def cut(self, reason: str) -> None:
        self._cut = reason

    async def finish(self) -> Played:
        wanted = [{"name": call.name, "arguments": call.arguments} for call in self._wanted]
        if self._said is None:
            return Played(0.0, "token budget", self._cut or "", self.start, record={"wanted": wanted})
        right = same_calls(self._said.tool_calls, self._wanted)
        reason = "It calls what was called there." if right else f"Called there was: {json.dumps(wanted)[:300]}"
        played = self.start.with_turns((*self.start.turns, self._said))
        return Played(float(right), TERMINATION, reason, played, record={"wanted": wanted})


class SingleTurns:
    """The arena of single turns."""

    def __init__(self, found: Iterable[Task]) -> None:
        self.tasks = turns_of(found)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    async def group(self, task: int, members: int) -> list[SingleTurn]:
        return [SingleTurn(self.tasks[task]) for _ in range(members)]


def same_calls(made: Sequence[ToolCall], wanted: Sequence[ToolCall]) -> bool:
    """Whether two turns call the same tools with the same arguments, in any order.

    Numbers are equal by value (2 and 2.0), texts but for case and runs of white space, and an argument that is null is
    as good as none. What is said beside the calls does not count.
    """
    if any(call.arguments is None for call in (*made, *wanted)):
        return False
    return sorted(map(_key, made)) == sorted(map(_key, wanted))


def _key(call: ToolCall) -> str:
    return canonical_json([call.name, _plain(call.arguments)])


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return " ".join(value.casefold().split()) if isinstance(value, str) else value
