"""Plays whole episodes: a policy against an environment, alone or as a group that shares one world."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from simia_tui.checks import Hints
from simia_tui.domains import Pack
from simia_tui.errors import SimiaError
from simia_tui.model import Fault, Origin, Record, Trajectory, Turn
from simia_tui.simulate.ask import Ask, AskedCall
from simia_tui.simulate.controls import Controls, Ending, Task, Termination
from simia_tui.simulate.environment import Cast, Count, Environment
from simia_tui.simulate.judge import Judging, Verdict
from simia_tui.simulate.toolbox import Entry
from simia_tui.simulate.tools import SimulatedTools
from simia_tui.simulate.user import SimulatedUser
from simia_tui.simulate.world import World

Policy = Callable[[Trajectory], Awaitable[Turn | None]]
"""The conversation so far, with policy and tools, in; the next assistant turn out, or None if it was cut off.

Raises `SimiaError` where the policy cannot be asked; the episode is then invalid."""


class Rollout(Record):
    """One finished episode with everything that was asked for it. `reward` None: invalid, and `ending` says why.

    `task` is the key that all rollouts of a task share; `ledger` the document at the end, `log` every answered call.
    """

    task: str
    trajectory: Trajectory
    reward: float | None
    ending: Ending
    verdict: Verdict
    steps: int
    ledger: dict[str, Any]
    log: tuple[Entry, ...] = ()
    asked: tuple[AskedCall, ...] = ()

    @property
    def termination(self) -> Termination:
        return self.ending.termination


def task_of(seed: Trajectory, controls: Controls, random_seed: int, origin: Origin | None = None) -> Task:
    """The task that a seed sets. Goal and ledger may come with it (`meta.goal`, `meta.ledger`), else from its turns."""
    goal, ledger = seed.meta.get("goal"), seed.meta.get("ledger")
    return Task(
        seed=seed,
        goal=goal if isinstance(goal, str) else None,
        ledger=ledger if isinstance(ledger, dict) else {},
        controls=controls,
        random_seed=random_seed,
        origin=origin,
    )


def cast_of(pack: Pack, tools: Ask, user: Ask, judge: Judging) -> Cast:
    """LLMs as tools and user, with the prompts of a pack, and a judge."""
    return Cast(
        tools=SimulatedTools(tools, pack), user=SimulatedUser(user, pack), judge=judge, hints=Hints.of(pack.data)
    )


async def play(policy: Policy, environment: Environment, task: Task, world: World | None = None) -> Rollout:
    """One episode from reset to verdict. Faults of simulators, endpoints and judge make it invalid and raise nothing.

    Raises:
        UsageError: the task cannot be started, or the policy answers something that is no assistant turn.
    """
    environment.reset(task, world)
    done = False
    while not done:
        try:
            turn = await policy(environment.trajectory)
        except SimiaError as error:
            environment.spoil(Fault.INFRASTRUCTURE, f"The policy cannot be asked: {error}")
            break
        done = (environment.cut() if turn is None else await environment.step(turn)).done
    return await finished(environment)


async def finished(environment: Environment) -> Rollout:
    """The rollout of an environment whose episode is over; asks the judge."""
    verdict = await environment.judge()
    assert environment.ending is not None
    return Rollout(
        task=environment.task.key,
        trajectory=environment.trajectory,
        reward=verdict.reward,
        ending=environment.ending,
        verdict=verdict,
        steps=environment.steps,
        ledger=environment.ledger.document,
        log=environment.log,
        asked=tuple(environment.asked),
    )


async def play_group(policy: Policy, cast: Cast, task: Task, members: int, count: Count | None = None) -> list[Rollout]:
    """`members` rollouts of one task at once, all in the same world."""
    world = World.of(task, cast.hints)
    return list(await asyncio.gather(*(play(policy, Environment(cast, count), task, world) for _ in range(members))))


async def play_all(
    policy: Policy, cast: Cast, tasks: Iterable[Task], members: int = 1, count: Count | None = None
) -> list[list[Rollout]]:
    """A group for every task, all at once; the groups come in the order of the tasks."""
    return list(await asyncio.gather(*(play_group(policy, cast, task, members, count) for task in tasks)))
