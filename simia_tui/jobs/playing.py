"""The tasks of a rollout job: an episode each, played turn by turn by an agent, simulated tools, a user and a judge.

Every request of an episode is an attempt of its own: its row is written before it is sent, its cost counts when it is
answered, and the budget is asked each time. An episode that is started again after a crash is given the replies that
were paid for, as long as it asks the same; so only what was in flight is lost.
"""

import asyncio
import contextlib
import json
import sqlite3
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, Literal, TypeVar

from simia_tui import checks
from simia_tui.checks import Hints
from simia_tui.errors import SimiaError, UsageError
from simia_tui.jobs.journal import Journal
from simia_tui.jobs.lines import Line
from simia_tui.jobs.slots import Slots
from simia_tui.jobs.tasks import DENSE, Found, Work, likeness_of
from simia_tui.llm import Client, Message, Reply, Schema, endpoint_of, tokens
from simia_tui.model import (
    NANO,
    AskedSpec,
    Attempt,
    Fault,
    Job,
    Origin,
    Outcome,
    RolloutSpec,
    ToolCall,
    ToolSpec,
    Usage,
    canonical_json,
    content_hash,
)
from simia_tui.simulate import agent
from simia_tui.simulate.ask import Ask
from simia_tui.simulate.controls import Controls, ErrorProfile
from simia_tui.simulate.controls import Task as Wanted
from simia_tui.simulate.environment import Environment
from simia_tui.simulate.episode import Rollout, cast_of, play, task_of
from simia_tui.simulate.judge import Judge
from simia_tui.simulate.synthesize import Prompt
from simia_tui.store import New, Workspace, calls
from simia_tui.store.judgements import Judgement, Played
from simia_tui.store.tasks import MAX_ATTEMPTS, Result, Task

T = TypeVar("T")
Role = Literal["agent", "simulator", "user", "judge", "judge2"]
_TEMPLATES: dict[Role, str] = {
    "simulator": "simulate_tool",
    "user": "simulate_user",
    "judge": "judge",
    "judge2": "judge",
}
_SHORT = "The budget leaves nothing for a further request of this episode."
CALLS = 200
"""About how many requests an episode takes at most; so much more may be asked of its task before it is given up."""

STALL_S = 1.0


class Playing(Work):
    """Plays episodes. Between `open` and the end of its stack each role has a line to its endpoint."""

    most_attempts = MAX_ATTEMPTS * CALLS

    def __init__(self, workspace: Workspace, db: sqlite3.Connection, job: Job, spec: RolloutSpec, seeds: list[int]):
        self.spec, self._job, self._workspace = spec, job, workspace
        self._tables: dict[int, Table] = {}
        super().__init__(workspace, db, spec, seeds)
        budget = spec.budget_usd
        self.budget_nano = None if budget is None else int(budget * NANO)

    def _prepare(self) -> None:
        self._wanted = lru_cache(maxsize=256)(self._make_wanted)

    async def open(
        self,
        stack: contextlib.AsyncExitStack,
        client: Client,
        slots_of: Callable[[AskedSpec], Slots],
        journal: Journal,
    ) -> None:
        """Opens the lines of all roles; `client` is the agent's."""
        self.journal, spec = journal, self.spec
        self.lines: dict[str, Line] = {}
        for role in ("agent", *_TEMPLATES):
            if role == "judge2" and not spec.second_share:
                continue
            asked: AskedSpec = spec if role == "agent" else spec.parts.get(role, spec)
            own = client if asked is spec else await stack.enter_async_context(self._client(asked, stack))
            rank = (-self._job.priority, self._job.id)
            line = Line(own, asked, slots_of(asked), rank, spec.concurrency, self.largest_request)
            self.lines[role] = stack.enter_context(_in_line(line, slots_of(asked)))

    def _client(self, asked: AskedSpec, stack: contextlib.AsyncExitStack) -> Client:
        base_url = asked.base_url
        if base_url is None:
            from simia_tui.demo.server import DemoServer

            spec = self.spec
            server = DemoServer(self._workspace.truth, random_seed=spec.random_seed, defect_rate=spec.defect_rate)
            base_url = stack.enter_context(server).base_url
        return Client(endpoint_of(asked, base_url), self.spec.concurrency)

    def _make_wanted(self, pk: int) -> Wanted:
        spec, seed = self.spec, self._seed(pk)
        pack = self._pack(seed.domain)
        seed = seed.replace(tools=self.tools(seed), policy=seed.policy or pack.policy)
        errors = ErrorProfile(rate=spec.error_rate)
        controls = Controls(feedback=spec.feedback, errors=errors, max_steps=spec.max_steps)
        return task_of(seed, controls, spec.random_seed)

    def prompt(self, task: Task) -> Prompt:
        """The agent's first request; the later ones follow from what happens."""
        wanted = self._wanted(task.seed)
        opening = wanted.seed.with_turns(wanted.opening())
        messages = [{"role": str(m["role"]), "content": str(m.get("content") or "")} for m in agent.messages(opening)]
        return Prompt(messages, content_hash(messages), "")

    async def ask(self, client: Client, task: Task, prompt: Prompt) -> Reply:
        """Plays the episode of a task; the reply says how that went, and its tokens are those of its requests."""
        seed = self._seed(task.seed)
        origin = Origin(job=task.job, ord=task.ord, seed=seed.id)
        wanted = self._wanted(task.seed).replace(origin=origin)
        table = Table(self, task, await self.surely(partial(calls.answered, task=task)))
        self._tables[task.ord] = table
        pack = self._pack(seed.domain)
        second = table.part("judge2") if self.spec.second_share else None
        judge = Judge(table.part("judge"), pack, self.spec.judge_samples, second, self.spec.second_share)
        cast = cast_of(pack, table.part("simulator"), table.part("user"), judge)
        policy = agent.Agent(partial(table.request, "agent"))
        table.rollout = rollout = await play(policy, Environment(cast), wanted)
        if rollout.reward is not None:
            return Reply(outcome=Outcome.OK, model=self.spec.model, note=table.note)
        fault = table.fault if rollout.ending.fault is Fault.INFRASTRUCTURE else None
        return Reply(
            outcome=fault.outcome if fault else Outcome.UNPARSABLE,
            message=rollout.ending.reason,
            retry_after=fault.retry_after if fault else None,
            note=table.note,
        )

    def result(self, task: Task, prompt: Prompt, reply: Reply, started: float) -> Result:
        if self._tables[task.ord].short:
            return self.given_up(task, Outcome.CANCELLED, _SHORT, billed=False)
        result = super().result(task, prompt, reply, started)
        self._tables.pop(task.ord, None)
        return result

    def _read(self, task: Task, prompt: Prompt, text: str) -> Found | str:
        rollout = self._tables[task.ord].rollout
        assert rollout is not None
        reason = rollout.verdict.reasoning or rollout.ending.reason
        told = {"reward": rollout.reward, "termination": rollout.termination.value, "reason": reason}
        trajectory = rollout.trajectory.replace(meta=told)
        hints = Hints.of(self._pack(trajectory.domain).data)
        checked, findings = checks.run(trajectory, trajectory.tools, hints)
        new = New(
            trajectory,
            checked,
            findings,
            kind="episode",
            source="rollout",
            seed=task.seed,
            demo=any(line.spec.base_url is None for line in self.lines.values()),
        )
        return Found(new, likeness_of(trajectory), played=self._played(rollout))

    def _played(self, rollout: Rollout) -> Played:
        verdict = rollout.verdict
        asked = next((one for one in rollout.asked if one.role == "judge"), None)
        by = self.lines["judge"].spec.model if verdict.by == "judge" else "rule"
        record = rollout.model_dump(mode="json", include={"ending", "ledger", "log", "asked", "steps"})
        said = verdict.model_dump(mode="json", exclude_defaults=True)
        if verdict.second is not None:
            said["second_by"] = self.lines["judge2"].spec.model
        return Played(record, Judgement(rollout.reward, said, by, asked.prompt_version if asked else ""))

    def given_up(
        self,
        task: Task,
        outcome: Outcome,
        why: str,
        *,
        state: Literal["pending", "failed"] = "pending",
        billed: bool = True,
    ) -> Result:
        """As of any task; what is booked is what the episode's open requests can have cost."""
        table = self._tables.pop(task.ord, None)
        result = super().given_up(task, outcome, why, state=state, billed=False)
        return result._replace(calls=tuple(table.left_open(why)) if table else ())

    def worst(self, chars: int) -> Usage:
        """The most tokens that a request of so many characters takes."""
        return Usage(prompt=int(tokens(chars) * DENSE), completion=self.spec.max_tokens, estimated=True)

    def version(self, role: Role, domain: str) -> str:
        """The version of the prompt that asks a role; the agent has none but the seed's policy."""
        return "" if role == "agent" else self._pack(domain).template(_TEMPLATES[role]).version

    async def surely(self, call: Callable[[sqlite3.Connection], T]) -> T:
        """What a call of the store gives; while the database is locked or the disk full, it is made again."""
        while True:
            try:
                return await self.journal.do(call)
            except UsageError:
                raise
            except SimiaError:
                await asyncio.sleep(STALL_S)


@contextlib.contextmanager
def _in_line(line: Line, slots: Slots) -> Any:
    with slots.used_by(line):
        yield line


class Table:
    """One episode that is being played: its requests, those that are open, and what was paid for before."""

    def __init__(self, playing: Playing, task: Task, paid: Sequence[calls.Answered]) -> None:
        self._playing, self._task = playing, task
        self._paid: dict[tuple[str, str], deque[str]] = defaultdict(deque)
        for one in paid:
            self._paid[one.role, one.prompt_sha].append(one.text)
        self._domain = playing._seed(task.seed).domain
        self._open: dict[int, tuple[Line, Usage]] = {}
        self.rollout: Rollout | None = None
        self.fault: Reply | None = None
        self.note: str | None = None
        self.short = False

    def part(self, role: Role) -> "PartAsk":
        """How a simulator or the judge is asked."""
        return PartAsk(self, role)

    async def request(
        self, role: Role, messages: Sequence[Message], tools: Sequence[ToolSpec] = (), schema: Schema | None = None
    ) -> Reply:
        """One request of a role, recorded and paid for; or the reply that was paid for before."""
        playing, line = self._playing, self._playing.lines[role]
        sent = [dict(message) for message in messages]
        sha = content_hash(sent)
        if known := self._paid.get((role, sha)):
            return _kept(known.popleft(), line.spec.model)
        chars = len(json.dumps(sent, ensure_ascii=False)) + sum(len(canonical_json(tool.dump())) for tool in tools)
        worst = playing.worst(chars)
        begin = partial(
            calls.begin, task=self._task, role=role, reserve=line.cost(worst), budget_nano=playing.budget_nano
        )
        n = await playing.surely(begin)
        if n is None:
            self.short = True
            return Reply(outcome=Outcome.QUOTA, message=_SHORT)
        self._open[n] = (line, worst)
        started, spec = time.time(), playing.spec
        reply = await line.send(
            lambda: line.client.complete(
                sent, spec.max_tokens, spec.temperature, timeout=spec.timeout_s, schema=schema, tools=tools
            )
        )
        self.note = reply.note or self.note
        if reply.outcome is not Outcome.OK:
            self.fault = reply
        attempt = Attempt(
            **self._names(n),
            outcome=reply.outcome,
            status_code=reply.status_code,
            model=reply.model or line.spec.model,
            response_id=reply.response_id,
            prompt_sha=sha,
            prompt_version=playing.version(role, self._domain),
            params=self._params(reply),
            usage=reply.usage,
            cost_nano=line.price(reply),
            latency_ms=reply.latency_ms,
            started=started,
            ended=time.time(),
            message=reply.message or None,
            raw=_written(reply),
        )
        await playing.surely(partial(calls.end, attempt=attempt))
        del self._open[n]
        return reply

    def left_open(self, why: str) -> list[Attempt]:
        """The ends of requests that will not be answered any more, at the most that they can have cost."""
        return [
            Attempt(
                **self._names(n),
                outcome=Outcome.CANCELLED,
                model=line.spec.model,
                usage=worst,
                cost_nano=line.cost(worst),
                ended=time.time(),
                message=why,
            )
            for n, (line, worst) in self._open.items()
        ]

    def _names(self, n: int) -> dict[str, Any]:
        return {"job": self._task.job, "ord": self._task.ord, "n": n}

    def _params(self, reply: Reply) -> dict[str, Any]:
        spec = self._playing.spec
        known = {"max_tokens": spec.max_tokens, "temperature": spec.temperature, "draw": self._task.draw}
        return known | ({"structured": reply.structured} if reply.structured != "none" else {})


@dataclass(frozen=True)
class PartAsk:
    """An `Ask` of one role at a table, which can be held to a schema."""

    table: Table
    role: Role
    schema: Schema | None = None

    async def __call__(self, messages: Sequence[Mapping[str, Any]]) -> Reply:
        return await self.table.request(self.role, messages, schema=self.schema)

    def held_to(self, schema: Schema) -> Ask:
        return replace(self, schema=schema)


def _written(reply: Reply) -> str | None:
    """What is kept of a reply: its text, or text and calls as JSON."""
    if not reply.calls:
        return reply.text or reply.raw
    return json.dumps({"text": reply.text, "calls": [call.dump() for call in reply.calls]}, ensure_ascii=False)


def _kept(raw: str, model: str) -> Reply:
    """The good reply of which `raw` was kept; it is paid for."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict) and value.keys() == {"text", "calls"}:
        made = tuple(ToolCall.load(call) for call in value["calls"])
        return Reply(outcome=Outcome.OK, text=value["text"], calls=made, model=model)
    return Reply(outcome=Outcome.OK, text=raw, model=model)
