"""The simulated environment as the trainer's arena: a run's tasks, played against the endpoint that the run names."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from simia_tui.demo import roles
from simia_tui.demo.errands import Errand, errands
from simia_tui.domains import Pack, load
from simia_tui.llm import Client, Endpoint, Message, Reply, endpoint_of
from simia_tui.model import AskedSpec, Outcome, TrainSpec, Trajectory, Turn, content_hash
from simia_tui.settings import DEMO
from simia_tui.simulate.ask import Asking
from simia_tui.simulate.controls import Controls, Task
from simia_tui.simulate.environment import Cast, Environment
from simia_tui.simulate.episode import cast_of, finished, task_of
from simia_tui.simulate.judge import Judge, Judging
from simia_tui.simulate.mcp import McpTools, stdio
from simia_tui.simulate.ranking import GroupJudge
from simia_tui.simulate.tools import ToolBackend
from simia_tui.simulate.world import World
from simia_tui.store import Workspace
from simia_tui.training import tasks
from simia_tui.training.practice import Practice
from simia_tui.training.rollout import Played, Reaction

DEMO_ERRANDS = 64
"""How many errands of the library the offline demo has for a run."""

BRIEF_POLICY = "You are the desk of a library. Find the member, do what is asked, and ask whether there is more."

Ask = Callable[[Sequence[Message]], Awaitable[Reply]]


class SimulatedEpisode:
    """One episode of the simulated environment."""

    def __init__(self, environment: Environment, start: Trajectory) -> None:
        self._environment = environment
        self.start = start

    async def step(self, turn: Turn) -> Reaction:
        step = await self._environment.step(turn)
        return Reaction(step.turns, step.done)

    def cut(self, reason: str) -> None:
        self._environment.cut(reason)

    async def finish(self) -> Played:
        rollout = await finished(self._environment)
        ending = rollout.ending
        return Played(
            reward=None if rollout.reward is None else float(rollout.reward),
            termination=ending.termination.value,
            reason=rollout.verdict.reasoning or ending.reason,
            trajectory=rollout.trajectory,
            fault=ending.fault,
            record=rollout.model_dump(mode="json", include={"verdict", "ending", "ledger", "log", "asked", "steps"}),
        )


class SimulatedArena:
    """Groups of episodes of the given tasks; simulators and judge are one endpoint, or the offline demo."""

    def __init__(
        self,
        workspace: Workspace,
        spec: TrainSpec,
        settled: Practice,
        starts: Sequence[tasks.Task],
        ask_with: Ask | None,
    ) -> None:
        self.tasks = list(starts)
        self._spec, self._roots = spec, workspace.prompt_roots()
        self._controls = Controls(max_steps=settled.max_turns)
        self._packs: dict[str, Pack] = {}
        self._ask = ask_with
        self._second: Ask | None = None
        self._executed: Mapping[str, ToolBackend] = {}

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opened:
            if self._ask is None:
                self._ask = Asking(await opened.enter_async_context(self._client()))
            if self._spec.judge2 is not None:
                self._second = await self._second_judge(self._spec.judge2, opened)
            if self._spec.mcp is not None:
                tools = await opened.enter_async_context(McpTools(stdio(self._spec.mcp)))
                self._executed = dict.fromkeys(tools.names, tools)
            self._opened = opened.pop_all()
        return self

    async def _second_judge(self, asked: AskedSpec, opened: AsyncExitStack) -> Ask:
        if asked.base_url is None:
            return demo_model(self._spec.random_seed)
        client = Client(endpoint_of(asked), self._spec.concurrency)
        return Asking(await opened.enter_async_context(client))

    def _client(self) -> Client:
        spec = self._spec
        endpoint = Endpoint(
            name=spec.endpoint, base_url=spec.base_url or "", model=spec.simulator or "", key_env=spec.key_env
        )
        return Client(endpoint, spec.concurrency)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._opened.aclose()

    async def group(self, task: int, members: int) -> list[SimulatedEpisode]:
        wanted = task_of(self.tasks[task].trajectory, self._controls, self._spec.random_seed)
        cast = self._cast(wanted.seed.domain, members)
        world = World.of(wanted, cast.hints)
        return [self._episode(Environment(cast), wanted, world) for _ in range(members)]

    def _episode(self, environment: Environment, task: Task, world: World) -> SimulatedEpisode:
        environment.reset(task, world)
        return SimulatedEpisode(environment, environment.trajectory)

    def _cast(self, domain: str, members: int) -> Cast:
        assert self._ask is not None
        if domain not in self._packs:
            self._packs[domain] = load(domain, self._roots)
        pack = self._packs[domain]
        spec = self._spec
        judge: Judging = Judge(self._ask, pack, spec.judge_samples, self._second, spec.second_share)
        if spec.judging == "group":
            judge = GroupJudge(self._ask, pack, members, judge)
        return replace(cast_of(pack, self._ask, self._ask, judge), special=lambda task: self._executed)


def open_arena(
    workspace: Workspace, spec: TrainSpec, settled: Practice, starts: Sequence[tasks.Task]
) -> SimulatedArena:
    """The arena of a run. The offline demo plays errands of its own library unless the tasks are such errands."""
    if spec.endpoint != DEMO:
        return SimulatedArena(workspace, spec, settled, starts, None)
    own = [start for start in starts if "goal" in start.trajectory.meta]
    if not own:
        print(f"note: the offline demo plays {DEMO_ERRANDS} errands of its library, not the export's tasks", flush=True)
        own = [brief(errand) for errand in errands(DEMO_ERRANDS, spec.random_seed)]
    return SimulatedArena(workspace, spec, settled, own, demo_model(spec.random_seed))


def as_task(errand: Errand, **changes: Any) -> tasks.Task:
    """An errand of the demo as a task: its goal and hidden state travel with the trajectory."""
    meta = {**errand.seed.meta, "goal": errand.goal, "ledger": errand.ledger}
    return tasks.Task(errand.seed.replace(meta=meta, **changes))


def brief(errand: Errand) -> tasks.Task:
    """An errand with the tools that it needs and a policy of two sentences: on a CPU every token read costs."""
    needed = {"find_member", "list_loans", *(name for name, _ in errand.calls)}
    tools = tuple(tool for tool in errand.seed.tools if tool.name in needed)
    return as_task(errand, policy=BRIEF_POLICY, tools=tools)


def demo_model(random_seed: int, defect_rate: float = 0.0) -> Ask:
    """The offline demo model in this process, as tool simulator, user and judge of its library."""

    async def complete(messages: Sequence[Message]) -> Reply:
        text = "\n".join(str(message["content"]) for message in messages)
        played = roles.play(text, content_hash(text), random_seed, defect_rate)
        return Reply(outcome=Outcome.OK, text=played.text if played else "I only know my library.", model="simia-demo")

    return complete
