"""The simulated environment: the policy acts turn by turn, rules and simulators answer, a judge has the last word.

Usable alone, in evaluation and inside GRPO. One Environment plays one episode at a time; many of them play at once on
one event loop, and each of their requests is in flight on its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from simia_tui.checks import Hints
from simia_tui.errors import UsageError
from simia_tui.model import Fault, Finding, Trajectory, Turn
from simia_tui.simulate.ask import AskedCall, SimulatorFault
from simia_tui.simulate.calls import checked, with_ids
from simia_tui.simulate.controls import Controls, Ending, Task, Termination
from simia_tui.simulate.judge import Case, Judging, Verdict
from simia_tui.simulate.ledger import Ledger
from simia_tui.simulate.toolbox import Entry, Toolbox
from simia_tui.simulate.tools import ToolBackend
from simia_tui.simulate.user import Said, User, spoken
from simia_tui.simulate.world import World

Count = Callable[[Trajectory], int]
"""Tokens of a conversation as the policy's own tokenizer and chat template count them."""

Special = Callable[[Task], Mapping[str, ToolBackend]]
"""The tools of one episode that the simulator does not play, by name; called anew for each episode."""


def _none(task: Task) -> Mapping[str, ToolBackend]:
    return {}


@dataclass(frozen=True)
class Cast:
    """Who plays what. `special` overrides `tools` for some tools; `hints` tell which tools only read."""

    tools: ToolBackend
    user: User
    judge: Judging
    special: Special = _none
    hints: Hints = field(default_factory=Hints)


class Step(NamedTuple):
    """What follows an assistant turn: observations or a user turn, and whether the episode is over."""

    turns: tuple[Turn, ...]
    done: bool
    termination: Termination | None = None


class Environment:
    """One episode: `reset`, then `step` until `done`, then `judge`.

    `count` measures the conversation for `Controls.token_budget`; it is required where a task sets one.
    """

    def __init__(self, cast: Cast, count: Count | None = None) -> None:
        self._cast, self._count = cast, count
        self._task: Task | None = None
        self._toolbox: Toolbox | None = None
        self._turns: list[Turn] = []
        self._steps = self._calls = 0
        self._wrong: dict[int, list[Finding]] = {}
        self.ending: Ending | None = None
        self.asked: list[AskedCall] = []

    def reset(self, task: Task, world: World | None = None) -> tuple[Turn, ...]:
        """Start `task` and return the turns that the policy sees first; the last is the user's.

        `world` is shared by the members of a group; None makes one of the task's own.

        Raises:
            UsageError: the task has no user turn to begin with, or a token budget that nothing can measure.
        """
        if task.controls.token_budget is not None and self._count is None:
            raise UsageError("A token budget is set; give the environment the policy's token counter.")
        opening = task.opening()
        hints = self._cast.hints
        world = world or World.of(task, hints)
        self._task, self._toolbox = task, Toolbox(task, world, self._cast.tools, hints, self._cast.special(task))
        self._turns, self._steps, self._calls = list(opening), 0, 0
        self.ending, self.asked = None, []
        return opening

    @property
    def task(self) -> Task:
        """The task being played. Raises `UsageError` before the first reset."""
        if self._task is None:
            raise UsageError("The environment has no task yet; call reset first.")
        return self._task

    @property
    def toolbox(self) -> Toolbox:
        """The tools of this episode. Raises `UsageError` before the first reset."""
        if self._toolbox is None:
            raise UsageError("The environment has no task yet; call reset first.")
        return self._toolbox

    @property
    def trajectory(self) -> Trajectory:
        """The episode so far, with the seed's policy and tools."""
        seed = self.task.seed
        return Trajectory(
            domain=seed.domain,
            policy=seed.policy,
            tools=seed.tools,
            turns=tuple(self._turns),
            origin=self.task.origin,
        )

    @property
    def ledger(self) -> Ledger:
        """What is true now."""
        return self.toolbox.ledger

    @property
    def log(self) -> tuple[Entry, ...]:
        """Every answered call so far."""
        return tuple(self.toolbox.log)

    @property
    def steps(self) -> int:
        """Assistant turns so far."""
        return self._steps

    async def step(self, turn: Turn) -> Step:
        """Answer an assistant turn. A fault of simulator or endpoint raises nothing: it ends the episode as invalid.

        Raises:
            UsageError: the episode is over, or the turn is not the assistant's.
        """
        controls = self.task.controls
        if self.ending is not None:
            raise UsageError(f"The episode is over ({self.ending.termination}); call reset for another.")
        if turn.role != "assistant":
            raise UsageError(f"The policy must give an assistant turn, not one of role {turn.role}.")
        turn = self._taken(turn)
        self._steps += 1
        if self._over_budget():
            return self._end(Termination.TOKEN_BUDGET, f"The conversation passed {controls.token_budget} tokens.")
        if not turn.tool_calls and not spoken(turn):
            return self._end(Termination.NO_ACTION, "The assistant said nothing and called nothing.")
        last = self._steps >= controls.max_steps
        if turn.tool_calls and last:
            return self._end(
                Termination.STEP_LIMIT, f"The assistant still called tools in its last turn, {self._steps}."
            )
        try:
            if turn.tool_calls:
                return self._go_on(await self._observations(turn))
            said = await self._cast.user.reply(self.task, self._turns, self.asked)
        except SimulatorFault as fault:
            self.spoil(fault.fault, fault.reason)
            return Step((), True, Termination.INVALID)
        return self._heard(said, last)

    def cut(self, reason: str = "The policy's turn was cut off at its token limit.") -> Step:
        """End the episode because the policy's turn never ended; it earns 0. The turn is not part of the episode."""
        if self.ending is not None:
            raise UsageError(f"The episode is over ({self.ending.termination}); call reset for another.")
        self._steps += 1
        return self._end(Termination.TOKEN_BUDGET, reason)

    def spoil(self, fault: Fault, reason: str) -> None:
        """End the episode as invalid for a cause outside of it, so that it has no reward."""
        self.ending = Ending(termination=Termination.INVALID, fault=fault, reason=reason)

    async def judge(self) -> Verdict:
        """The verdict on the finished episode; also an episode whose judge fails is invalid from then on.

        Raises:
            UsageError: the episode is not over.
        """
        if self.ending is None:
            raise UsageError("The episode is not over; it can be judged when step says done.")
        case = Case(self.task, self.trajectory, self.ending, self.log, self.ledger, self._cast.hints)
        verdict = await self._cast.judge.verdict(case, self.asked)
        if verdict.reward is None and self.ending.termination is not Termination.INVALID:
            self.ending = Ending(termination=Termination.INVALID, fault=verdict.fault, reason=verdict.reason)
        return verdict

    def _taken(self, turn: Turn) -> Turn:
        """The turn as it stands in the episode: with call ids, and with slips put right as far as that is allowed."""
        used = frozenset(call.call_id for past in self._turns for call in past.tool_calls if call.call_id)
        turn = with_ids(turn, self._calls + 1, used)
        self._calls += len(turn.tool_calls)
        controls: Controls = self.task.controls
        turn, self._wrong = checked(turn, self.task.seed.tools, self._cast.hints, controls.strict_calls)
        self._turns.append(turn)
        return turn

    async def _observations(self, turn: Turn) -> tuple[Turn, ...]:
        turns = await self.toolbox.answer(turn.tool_calls, self._wrong, self.asked)
        self._turns.extend(turns)
        return turns

    def _go_on(self, turns: tuple[Turn, ...]) -> Step:
        if self._over_budget():
            budget = self.task.controls.token_budget
            return self._end(Termination.TOKEN_BUDGET, f"The conversation passed {budget} tokens.", turns)
        return Step(turns, False)

    def _heard(self, said: Said, last: bool) -> Step:
        turns = (Turn(role="user", content=said.message),) if said.message else ()
        self._turns.extend(turns)
        if said.done:
            return self._end(Termination.USER_DONE, "The user has ended the conversation.", turns)
        if last:
            return self._end(Termination.STEP_LIMIT, f"The user was not done after {self._steps} turns.", turns)
        return self._go_on(turns)

    def _over_budget(self) -> bool:
        budget = self.task.controls.token_budget
        return budget is not None and self._count is not None and self._count(self.trajectory) > budget

    def _end(self, termination: Termination, reason: str, turns: Sequence[Turn] = ()) -> Step:
        self.ending = Ending(termination=termination, reason=reason)
        return Step(tuple(turns), True, termination)
