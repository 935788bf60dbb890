"""One task of a job: from a claimed seed to what is written down of its attempt."""

import random
import sqlite3
import time
from abc import ABC, abstractmethod
from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from simia_tui import checks, domains
from simia_tui.checks import similarity
from simia_tui.evaluation import coverage
from simia_tui.llm import Client, Reply, Schema, cost_nano, retry_rule, tokens
from simia_tui.llm import Price as PriceTable
from simia_tui.llm.batches import TIER
from simia_tui.model import (
    Attempt,
    Finding,
    JobSpec,
    Origin,
    Outcome,
    Severity,
    SynthesizeSpec,
    ToolSpec,
    Trajectory,
    Usage,
)
from simia_tui.settings import Settings
from simia_tui.simulate import reply as replies
from simia_tui.simulate import synthesize
from simia_tui.simulate.schemas import EPISODE
from simia_tui.simulate.variation import asked_for, with_controls
from simia_tui.store import New, Workspace, likeness, prompts, trajectories
from simia_tui.store.judgements import Judged, Played
from simia_tui.store.likeness import Likeness
from simia_tui.store.outcomes import TARGET_MISSED
from simia_tui.store.remakes import Remade
from simia_tui.store.screenings import Screened
from simia_tui.store.tasks import MAX_ATTEMPTS, Result, Task

BACKOFF_CAP_S = 60.0
DENSE = 4 / 3
"""Tokens of dense text (JSON, other languages) over the rule of thumb; what is reserved must not be too little."""


class Found(NamedTuple):
    """What a good answer brings: an episode with what tells its likes, a verdict on a seed, or an episode's new end.

    `played` says how an episode was played, `judged` what a judge said of one.
    """

    new: New | None = None
    likeness: Likeness | None = None
    screened: Screened | None = None
    remade: Remade | None = None
    played: Played | None = None
    judged: Judged | None = None


class Work(ABC):
    """What all tasks of one job share: the spec, the packs, the seeds and the tools of domains without specs.

    A kind of job says by `prompt` what a task asks and by `_read` what it makes of an answer. `schema` is what answers
    are held to where the endpoint offers that.
    """

    schema: Schema | None = None
    most_attempts = MAX_ATTEMPTS

    def __init__(self, workspace: Workspace, db: sqlite3.Connection, spec: JobSpec, seeds: list[int]) -> None:
        self._spec = spec
        self._db = db
        self._roots = workspace.prompt_roots()
        self._pack = lru_cache(maxsize=None)(self._make_pack)
        settings = Settings.load(workspace.root)
        self._hints = lru_cache(maxsize=None)(lambda name: checks.hints_in(settings, name, self._pack(name).data))
        self._seed = lru_cache(maxsize=256)(lambda pk: trajectories.get(db, pk))
        self._inferred = self._infer(seeds)
        self._tier = TIER if spec.batch else None
        self._price = PriceTable.model_validate(spec.price) if spec.price else None
        self._prepare()
        sizes = {pk: self._worst(pk) for pk in seeds}
        self.largest_request = max((used.prompt + used.completion for used in sizes.values()), default=0)
        costs = {pk: cost_nano(spec.model, used, self._price, self._tier) for pk, used in sizes.items()}
        self.reserve = {pk: cost for pk, cost in costs.items() if cost is not None}
        self._sizes = sizes

    @abstractmethod
    def _prepare(self) -> None:
        """What a kind of job needs before its first prompt."""

    @abstractmethod
    def prompt(self, task: Task) -> synthesize.Prompt:
        """The request of a task; the same each time it is asked."""

    @abstractmethod
    def _read(self, task: Task, prompt: synthesize.Prompt, text: str) -> "Found | str":
        """What a good answer brings, or why it brings nothing."""

    def _given_up(self, result: Result, prompt: synthesize.Prompt | None) -> Result:
        """A result of which nothing came, as this kind of job records it."""
        return result

    def _make_pack(self, domain: str) -> domains.Pack:
        """The pack with its prompts as they are now, so that a file that changes meanwhile changes nothing."""
        pack = domains.load(domain, self._roots)
        templates = {kind: self._template(pack, kind) for kind in pack.kinds}
        for kind, template in templates.items():
            prompts.keep(self._db, domain, kind, template.version, template.text)
        return replace(pack, templates=templates)

    def _template(self, pack: domains.Pack, kind: str) -> domains.PromptTemplate:
        template, version = pack.template(kind), self._spec.prompts.get(kind)
        if version is None:
            return template
        return domains.PromptTemplate.of(prompts.text(self._db, pack.name, kind, version), template.path)

    def _worst(self, seed: int) -> Usage:
        """The most tokens that a request with this seed takes."""
        prompt = self.prompt(Task(0, 0, seed, 0, 1))
        chars = sum(len(message["content"]) for message in prompt.messages)
        return Usage(prompt=int(tokens(chars) * DENSE), completion=self._spec.max_tokens, estimated=True)

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

    def body(self, client: Client, prompt: synthesize.Prompt, held: bool = True) -> dict[str, Any]:
        """The request as it is put into a batch; one that is not `held` to the schema leaves the answer free."""
        spec = self._spec
        return client.body(prompt.messages, spec.max_tokens, spec.temperature, self.schema if held else None)

    async def ask(self, client: Client, task: Task, prompt: synthesize.Prompt) -> Reply:
        """One request for a task."""
        spec = self._spec
        return await client.complete(
            prompt.messages, spec.max_tokens, spec.temperature, timeout=spec.timeout_s, schema=self.schema
        )

    def result(self, task: Task, prompt: synthesize.Prompt, reply: Reply, started: float) -> Result:
        """What is recorded of an answered request: what it brought, or why nothing and when it is tried again."""
        spec = self._spec
        outcome, message, found = reply.outcome, reply.message or None, None
        if outcome is Outcome.OK:
            read = self._read(task, prompt, reply.text)
            if isinstance(read, str):
                outcome, message = Outcome.UNPARSABLE, read
            else:
                found = read
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
            params={
                "max_tokens": spec.max_tokens,
                "temperature": spec.temperature,
                **({"reasoning_effort": spec.reasoning_effort} if spec.reasoning_effort else {}),
                **({"service_tier": reply.service_tier or "not told"} if spec.service_tier else {}),
                **({"batch": True} if spec.batch else {}),
                **({"structured": reply.structured} if reply.structured != "none" else {}),
            },
            usage=reply.usage,
            cost_nano=cost_nano(spec.model, reply.usage, self._price, reply.service_tier),
            latency_ms=reply.latency_ms,
            started=started,
            ended=time.time(),
            message=message,
            raw=reply.text or reply.raw,
        )
        if found is not None:
            return Result(task, attempt, "done", **found._asdict())
        return self._given_up(after_fault(task, attempt, spec, reply.retry_after, self.most_attempts), prompt)

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
            model=self._spec.model,
            usage=used,
            cost_nano=cost_nano(self._spec.model, used, self._price, self._tier),
            ended=time.time(),
            message=why,
        )
        return self._given_up(Result(task, attempt, state, counts_as_try=state == "failed", why=why), None)


class Synthesis(Work):
    """The tasks of a synthesize job: one new episode from a seed each."""

    schema = EPISODE

    def __init__(self, workspace: Workspace, db: sqlite3.Connection, spec: SynthesizeSpec, seeds: list[int]) -> None:
        self.spec = spec
        super().__init__(workspace, db, spec, seeds)
        unknown = likeness.without(db, seeds, similarity.VERSION)
        likeness.put_all(db, [(pk, likeness_of(trajectories.get(db, pk))) for pk in unknown])

    def _prepare(self) -> None:
        self._writer = lru_cache(maxsize=256)(self._make_writer)

    def _make_writer(self, pk: int) -> synthesize.Writer:
        seed, spec = self._seed(pk), self.spec
        pack = self._pack(seed.domain)
        axes = with_controls(pack.axes, spec.axes, spec.errors, spec.feedback, spec.target)
        return synthesize.Writer(pack, seed, self.tools(seed), axes, held=spec.structured != "none")

    def prompt(self, task: Task) -> synthesize.Prompt:
        return self._writer(task.seed).prompt(task.ord, self.spec.random_seed, task.draw)

    def _read(self, task: Task, prompt: synthesize.Prompt, text: str) -> "Found | str":
        seed = self._seed(task.seed)
        tools = self.tools(seed)
        origin = Origin(job=task.job, ord=task.ord, seed=seed.id)
        trajectory, said = replies.parse(text, seed, tools, origin)
        if trajectory is None:
            return "The reply holds no assistant turn that could be read."
        axes = self._writer(task.seed).axes(task.ord, self.spec.random_seed)
        aim = {"target": self.spec.target.model_dump(exclude_none=True)} if self.spec.target else {}
        trajectory = trajectory.replace(meta={**trajectory.meta, "axes": axes, **aim})
        checked, found = checks.run(trajectory, tools, self._hints(seed.domain))
        findings: list[Finding] = [*said, *found, *self._missed(checked)]
        new = New(
            trajectory,
            checked,
            findings,
            kind="episode",
            source="synthetic",
            seed=task.seed,
            demo=self.spec.demo,
        )
        return Found(new, likeness_of(trajectory))

    def _missed(self, episode: Trajectory) -> list[Finding]:
        """A finding where the episode does not show what the job is to fill the coverage map with."""
        target = self.spec.target
        if target is None or coverage.hits(episode, target):
            return []
        said = f"The job asked that {asked_for(target)}; here nothing came to that."
        return [Finding(rule=TARGET_MISSED, severity=Severity.INFO, message=said)]


def likeness_of(trajectory: Trajectory) -> Likeness:
    """What tells near-duplicates of a trajectory."""
    found = similarity.signature(trajectory)
    return Likeness(similarity.VERSION, found.digest, found.bins, similarity.bands(found))


def after_fault(
    task: Task, attempt: Attempt, spec: JobSpec, retry_after: float | None, most: int = MAX_ATTEMPTS
) -> Result:
    """Where a task goes whose attempt brought nothing: back to wait for its next try, or to the failed ones.

    After `most` attempts, whatever came of them, it is given up.
    """
    assert attempt.outcome is not None
    rule = retry_rule(attempt.outcome)
    why = attempt.message or attempt.outcome.value
    now = attempt.ended or time.time()
    if rule == "pause job":
        return Result(task, attempt, "pending", counts_as_try=False, why=why)
    if rule == "wait" and task.n < most:
        return Result(
            task, attempt, "pending", next_at=now + (retry_after or backoff(task)), counts_as_try=False, why=why
        )
    if rule == "fail task" or task.tries + 1 >= spec.max_tries or task.n >= most:
        return Result(task, attempt, "failed", why=why)
    return Result(task, attempt, "pending", next_at=now + max(retry_after or 0.0, backoff(task)), why=why)


def backoff(task: Task) -> float:
    """Seconds until the next try: full jitter below 2^n, at most a minute, the same for the same attempt."""
    return random.Random(f"{task.job}/{task.ord}/{task.n}").uniform(0, min(BACKOFF_CAP_S, 2.0 ** min(task.n, 10)))
