"""Plays batches of episodes with the model being trained: all of a turn at once, groups in a world of their own.

The trainer knows the environment only by the protocols below, so that any environment fits. Its coroutines run on one
event loop in a thread of its own for the life of the process; while the model generates, verdicts come in.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self, TypeVar

from simia_tui.model import Fault, Trajectory, Turn
from simia_tui.training.conversation import Codec, Conversation
from simia_tui.training.tasks import Task

T = TypeVar("T")


class Reaction(NamedTuple):
    """What follows a policy turn: observations or a user turn, and whether the episode is over."""

    turns: tuple[Turn, ...]
    done: bool


class Played(NamedTuple):
    """A finished episode. `reward` None: invalid, by the `fault` named; `record` is everything else worth keeping."""

    reward: float | None
    termination: str
    reason: str
    trajectory: Trajectory
    fault: Fault | None = None
    record: dict[str, Any] = {}


class Episode(Protocol):
    """One episode of one task. Faults of simulators and endpoints raise nothing: they end it without a reward."""

    @property
    def start(self) -> Trajectory:
        """Policy, tools and the turns that the model sees first."""
        ...

    async def step(self, turn: Turn) -> Reaction:
        """Answers an assistant turn."""
        ...

    def cut(self, reason: str) -> None:
        """Ends the episode because the model's turn never ended, or its tokens are used up; it earns 0."""
        ...

    async def finish(self) -> Played:
        """The verdict on an episode that is over."""
        ...


class Arena(Protocol):
    """Where episodes of `tasks` are played; entered on the loop that its coroutines run on."""

    @property
    def tasks(self) -> Sequence[Task]:
        """What can be played; the number of a task is its place here."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def group(self, task: int, members: int) -> Sequence[Episode]:
        """`members` episodes of one task that share a world and a start."""
        ...


class Generated(NamedTuple):
    """What the model wrote after each prompt; `logprobs` only where the generator measures them."""

    ids: list[list[int]]
    logprobs: list[list[float]] | None = None


Generate = Callable[[list[list[int]]], Generated]
"""Prompts as token ids in; one turn for each out, ended by an end token or cut at the turn's cap."""


class Caps(NamedTuple):
    """Tokens of one turn and of everything after the prompt, and the tokens that end a turn."""

    turn: int
    conversation: int
    ends: frozenset[int]


class Loop:
    """An event loop in a thread of its own while the `with` block lasts."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="arena", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def start(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Starts `work` and does not wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`; the calling thread waits."""
        return self.start(work).result()


@dataclass
class Rollout:
    """One member of one group while it plays, and what came of it. `cut`: its last turn never ended."""

    task: int
    group: int
    member: int
    episode: Episode
    conversation: Conversation
    turns: int = 0
    cut: bool = False
    verdict: "asyncio.Task[Played] | None" = field(default=None, repr=False)
    played: Played | None = None

    @property
    def result(self) -> Played:
        assert self.played is not None
        return self.played

    async def act(self, turn: Turn) -> Reaction:
        """Lets the world answer; asks for the verdict at once when the episode is over, and does not wait for it."""
        reaction = await self.episode.step(turn)
        if reaction.done:
            await self.close()
        return reaction

    async def close(self) -> None:
        self.verdict = asyncio.create_task(self.episode.finish())

    async def settle(self) -> None:
        assert self.verdict is not None
        self.played = await self.verdict


class Rollouts:
    """Plays episodes turn by turn for any generator. `waited` sums the seconds in which nothing but the world worked.

    `check` is called before each turn and may raise to give up.
    """

    def __init__(self, arena: Arena, loop: Loop, codec: Codec, caps: Caps, check: Callable[[], None]) -> None:
        self._arena, self._loop, self._codec, self._caps, self._check = arena, loop, codec, caps, check
        self.waited = 0.0

    def play(self, tasks: Sequence[int], members: int, generate: Generate) -> list[Rollout]:
        """`members` rollouts of each task, group by group, each with its verdict."""
        everyone = self._wait(self._open(tasks, members))
        live = everyone
        while live:
            self._check()
            live = self._turn(live, generate)
        self._wait(_all(rollout.settle() for rollout in everyone))
        return everyone

    async def _open(self, tasks: Sequence[int], members: int) -> list[Rollout]:
        opened = await asyncio.gather(*(self._arena.group(task, members) for task in tasks))
        rollouts = []
        for group, (task, episodes) in enumerate(zip(tasks, opened, strict=True)):
            opening = self._codec.opening(episodes[0].start)
            for member, episode in enumerate(episodes):
                rollouts.append(Rollout(task, group, member, episode, Conversation(self._codec, opening)))
        return rollouts

    def _turn(self, live: list[Rollout], generate: Generate) -> list[Rollout]:
        """One policy turn of every live rollout and the world's answers to all of them; returns who goes on."""
        tight = [one for one in live if one.conversation.used + self._caps.turn > self._caps.conversation]
        self._cut(tight, f"The conversation has no room for another turn within {self._caps.conversation} tokens.")
        live = [one for one in live if one not in tight]
        if not live:
            return []
        made = generate([one.conversation.ids for one in live])
        acting: list[Rollout] = []
        cut: list[Rollout] = []
        for index, one in enumerate(live):
            one.turns += 1
            ids = made.ids[index]
            one.conversation.said(ids, made.logprobs[index] if made.logprobs else None)
            (acting if ids and ids[-1] in self._caps.ends else cut).append(one)
        for one in cut:
            one.cut = True
        self._cut(cut, f"The turn was cut off at {self._caps.turn} tokens.")
        wanted = [(one, self._codec.turn(one.conversation.last)) for one in acting]
        reactions = self._wait(_all(one.act(turn) for one, turn in wanted))
        going = []
        for one, reaction in zip(acting, reactions, strict=True):
            if not reaction.done:
                one.conversation.heard(reaction.turns)
                going.append(one)
        return going

    def _cut(self, rollouts: Sequence[Rollout], reason: str) -> None:
        for one in rollouts:
            one.episode.cut(reason)
            self._loop.run(one.close())

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        began = time.monotonic()
        try:
            return self._loop.run(work)
        finally:
            self.waited += time.monotonic() - began


async def _all(works: Any) -> list[Any]:
    return list(await asyncio.gather(*works))
