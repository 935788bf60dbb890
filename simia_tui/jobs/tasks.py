"""One task of a synthesize job: from a claimed seed to what is written down of its attempt."""

import random
import sqlite3
import time
from functools import lru_cache
from typing import Literal

from simia_tui import checks, domains
from simia_tui.checks import similarity
from simia_tui.llm import Client, Reply, cost_nano, retry_rule, tokens
from simia_tui.llm import Price as PriceTable
from simia_tui.model import Attempt, Finding, Origin, Outcome, SynthesizeSpec, ToolSpec, Trajectory, Usage
from simia_tui.simulate import reply as replies
from simia_tui.simulate import synthesize
from simia_tui.simulate.variation import with_controls
from simia_tui.store import New, Workspace, likeness, trajectories
from simia_tui.store.likeness import Likeness
from simia_tui.store.tasks import MAX_ATTEMPTS, Result, Task

BACKOFF_CAP_S = 60.0
DENSE = 4 / 3
"""Tokens of dense text (JSON, other languages) over the rule of thumb; what is reserved must not be too little."""


class Synthesis:
    """What all tasks of one job share: the spec, the packs, the seeds and the tools of domains without specs."""

    def __init__(self, workspace: Workspace, db: sqlite3.Connection, spec: SynthesizeSpec, seeds: list[int]) -> None:
        self.spec = spec
        self._db = db
        self._roots = workspace.prompt_roots()
        self._pack = lru_cache(maxsize=None)(lambda domain: domains.load(domain, self._roots))
        self._seed = lru_cache(maxsize=256)(lambda pk: trajectories.get(db, pk))
        self._writer = lru_cache(maxsize=256)(self._make_writer)
        self._inferred = self._infer(seeds)
        self._price = PriceTable.model_validate(spec.price) if spec.price else None
        sizes = {pk: self._worst(pk) for pk in seeds}
        self.largest_request = max((used.prompt + used.completion for used in sizes.values()), default=0)
        costs = {pk: cost_nano(spec.model, used, self._price) for pk, used in sizes.items()}
        self.reserve = {pk: cost for pk, cost in costs.items() if cost is not None}
        self._sizes = sizes
        unknown = likeness.without(db, seeds, similarity.VERSION)
        likeness.put_all(db, [(pk, likeness_of(trajectories.get(db, pk))) for pk in unknown])

    def _worst(self, seed: int) -> Usage:
        """The most tokens that a request with this seed takes."""
        prompt = self.prompt(Task(0, 0, seed, 0, 1))
        chars = sum(len(message["content"]) for message in prompt.messages)
        return Usage(prompt=int(tokens(chars) * DENSE), completion=self.spec.max_tokens, estimated=True)

    def _infer(self, seeds: list[int]) -> dict[str, tuple[ToolSpec, ...]]:
        """Tool specs inferred per domain from the job's seeds that bring none (tau-bench files hold no schemas)."""
        without: dict[str, list[Trajectory]] = {}
        for pk in seeds:
            seed = trajectories.get(self._db, pk)
            if not seed.tools and not self._pack(seed.domain).tools:
                without.setdefault(seed.domain, []).append(seed)
        return {domain: domains.infer_tools(group) for domain, group in without.items()}

    def tools(self, seed: Trajectory) -> tuple[ToolSpec, ...]:
        """The seed's own specs, else those of its pack, else the inferred ones."""
        return seed.tools or self._pack(seed.domain).tools or self._inferred.get(seed.domain, ())

    def prompt(self, task: Task) -> synthesize.Prompt:
        """The request of a task; the same each time it is asked."""
        return self._writer(task.seed).prompt(task.ord, self.spec.random_seed, task.draw)

    def _make_writer(self, pk: int) -> synthesize.Writer:
        seed, spec = self._seed(pk), self.spec
        pack = self._pack(seed.domain)
        axes = with_controls(pack.axes, spec.axes, spec.errors, spec.feedback)
        return synthesize.Writer(pack, seed, self.tools(seed), axes)

    async def ask(self, client: Client, task: Task, prompt: synthesize.Prompt) -> Reply:
        """One request for a task."""
        spec = self.spec
        return await client.complete(
            prompt.messages, max_tokens=spec.max_tokens, temperature=spec.temperature, timeout=spec.timeout_s
        )

    def result(self, task: Task, prompt: synthesize.Prompt, reply: Reply, started: float) -> Result:
        """What is recorded of an answered request: the episode, or why there is none and when it is tried again."""
        spec = self.spec
        outcome, message, new = reply.outcome, reply.message or None, None
        if outcome is Outcome.OK:
            new, problem = self._episode(task, reply.text)
            if new is None:
                outcome, message = Outcome.UNPARSABLE, problem
        attempt = Attempt(
            job=task.job,
            ord=task.ord,
            n=task.n,
            outcome=outcome,
            status_code=reply.status_code,
            model=reply.model or spec.model,
            response_id=reply.response_id,
            prompt_sha=prompt.sha,
            prompt_version=prompt.version,
            params={"max_tokens": spec.max_tokens, "temperature": spec.temperature},
            usage=reply.usage,
            cost_nano=cost_nano(spec.model, reply.usage, self._price),
            latency_ms=reply.latency_ms,
            started=started,
            ended=time.time(),
            message=message,
            raw=reply.text or reply.raw,
        )
        if new is not None:
            return Result(task, attempt, "done", new, likeness=likeness_of(new.trajectory))
        return after_fault(task, attempt, spec, reply.retry_after)

    def given_up(
        self,
        task: Task,
        outcome: Outcome,
        why: str,
        *,
        state: Literal["pending", "failed"] = "pending",
        billed: bool = True,
    ) -> Result:
        """What is recorded of a request without a usable answer; `billed` books the most that it can have cost."""
        used = self._sizes[task.seed] if billed else Usage()
        attempt = Attempt(
            job=task.job,
            ord=task.ord,
            n=task.n,
            outcome=outcome,
            model=self.spec.model,
            usage=used,
            cost_nano=cost_nano(self.spec.model, used, self._price),
            ended=time.time(),
            message=why,
        )
        return Result(task, attempt, state, counts_as_try=state == "failed", why=why)

    def _episode(self, task: Task, text: str) -> tuple[New | None, str | None]:
        seed = self._seed(task.seed)
        tools = self.tools(seed)
        origin = Origin(job=task.job, ord=task.ord, seed=seed.id)
        trajectory, said = replies.parse(text, seed, tools, origin)
        if trajectory is None:
            return None, "The reply holds no assistant turn that could be read."
        axes = self._writer(task.seed).axes(task.ord, self.spec.random_seed)
        trajectory = trajectory.model_copy(update={"meta": {**trajectory.meta, "axes": axes}})
        hints = checks.Hints.of(self._pack(seed.domain).data)
        checked, found = checks.run(trajectory, tools, hints)
        findings: list[Finding] = [*said, *found]
        new = New(
            trajectory,
            checked,
            findings,
            kind="episode",
            source="synthetic",
            seed=task.seed,
            demo=self.spec.demo,
        )
        return new, None


def likeness_of(trajectory: Trajectory) -> Likeness:
    """What tells near-duplicates of a trajectory."""
    found = similarity.signature(trajectory)
    return Likeness(similarity.VERSION, found.digest, found.bins, similarity.bands(found))


def after_fault(task: Task, attempt: Attempt, spec: SynthesizeSpec, retry_after: float | None) -> Result:
    """Where a task goes whose attempt brought nothing: back to wait for its next try, or to the failed ones."""
    assert attempt.outcome is not None
    rule = retry_rule(attempt.outcome)
    why = attempt.message or attempt.outcome.value
    now = attempt.ended or time.time()
    if rule == "pause job":
        return Result(task, attempt, "pending", counts_as_try=False, why=why)
    if rule == "wait" and task.n < MAX_ATTEMPTS:
        return Result(
            task, attempt, "pending", next_at=now + (retry_after or backoff(task)), counts_as_try=False, why=why
        )
    if rule == "fail task" or task.tries + 1 >= spec.max_tries or task.n >= MAX_ATTEMPTS:
        return Result(task, attempt, "failed", why=why)
    return Result(task, attempt, "pending", next_at=now + max(retry_after or 0.0, backoff(task)), why=why)


def backoff(task: Task) -> float:
    """Seconds until the next try: full jitter below 2^n, at most a minute, the same for the same attempt."""
    return random.Random(f"{task.job}/{task.ord}/{task.n}").uniform(0, min(BACKOFF_CAP_S, 2.0 ** min(task.n, 10)))
