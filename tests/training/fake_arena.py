"""A small environment for tests: a fixed number of turns, rewards from a rule, and a count of calls in flight."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Self

from simia_tui.model import Fault, Trajectory, Turn
from simia_tui.training.rollout import Played, Reaction
from simia_tui.training.tasks import Task

Rule = Callable[[int, int], float | None]
"""The reward of a member of the n-th group played: group and member in, None for a fault."""


def by_number(group: int, member: int) -> float | None:
    return float((group + member) % 3 == 0)


class FakeEpisode:
    """Answers every turn with a tool or user turn until `length` turns are played."""

    def __init__(self, arena: "FakeArena", start: Trajectory, reward: float | None) -> None:
        self._arena, self.start, self._reward = arena, start, reward
        self._turns = list(start.turns)
        self.cut_for: str | None = None

    async def step(self, turn: Turn) -> Reaction:
        await self._arena.busy()
        self._turns.append(turn)
        steps = sum(turn.role == "assistant" for turn in self._turns)
        if steps >= self._arena.length:
            return Reaction((), True)
        heard = tuple(
            Turn(role="tool", name=call.name, call_id=call.call_id, content="seen") for call in turn.tool_calls
        ) or (Turn(role="user", content=f"Go on, {steps}."),)
        self._turns.extend(heard)
        return Reaction(heard, False)

    def cut(self, reason: str) -> None:
        self.cut_for = reason

    async def finish(self) -> Played:
        await self._arena.busy()
        invalid = self._reward is None
        return Played(
            reward=self._reward,
            termination="invalid" if invalid else "token budget" if self.cut_for else "user done",
            reason="The simulator is down." if invalid else self.cut_for or "",
            trajectory=self.start.with_turns(tuple(self._turns)),
            fault=Fault.INFRASTRUCTURE if invalid else None,
            record={"ledger": {}},
        )


class FakeArena:
    """`most` is how many calls were in flight at once."""

    def __init__(self, tasks: Sequence[Task], rule: Rule = by_number, length: int = 2) -> None:
        self.tasks, self.rule, self.length = list(tasks), rule, length
        self.flying = self.most = self.groups = 0
        self.given: list[list[float | None]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: Any) -> None:
        return None

    async def group(self, task: int, members: int) -> list[FakeEpisode]:
        rewards = [self.rule(self.groups, member) for member in range(members)]
        self.given.append(rewards)
        self.groups += 1
        trajectory = self.tasks[task].trajectory
        start = trajectory.with_turns(trajectory.turns[:1])
        return [FakeEpisode(self, start, reward) for reward in rewards]

    async def busy(self) -> None:
        """A call of a simulator: ends only after everybody else had the chance to begin one."""
        self.flying += 1
        self.most = max(self.most, self.flying)
        for _ in range(50):
            await asyncio.sleep(0)
        self.flying -= 1


def open_arena(workspace: Any, spec: Any, settled: Any, found: Sequence[Task]) -> FakeArena:
    return FakeArena(found)
