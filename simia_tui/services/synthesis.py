"""Queueing a synthesize job: which seeds, which endpoint, at what price."""

import random
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from simia_tui.errors import UsageError
from simia_tui.model import Job, JobSpec, SynthesizeSpec
from simia_tui.services import processes
from simia_tui.services.coverage import seeds_for
from simia_tui.settings import Price, Role, Settings
from simia_tui.store import Query, Workspace, jobs, trajectories

DEMO_PRICE = {"input": 0.0, "cached": 0.0, "output": 0.0}
_AS_SET = ("base_url", "key_env", "api", "api_version", "reasoning_effort", "service_tier")
"""Fields of an endpoint that go into the spec as they are."""


@dataclass(frozen=True)
class Plan:
    """A job that is ready to be queued: its spec and one seed per task."""

    spec: SynthesizeSpec
    seeds: list[int]

    @property
    def distinct(self) -> int:
        return len(set(self.seeds))


def plan(
    db: sqlite3.Connection,
    settings: Settings,
    n: int,
    *,
    domain: str | None = None,
    model: str | None = None,
    concurrency: int = 16,
    budget_usd: float | None = None,
    random_seed: int = 0,
    defect_rate: float = 0.25,
    **controls: Any,
) -> Plan:
    """A job of `n` tasks over the approved seeds (of `domain`), each used about equally often.

    `controls` are further fields of the spec: `axes`, `errors`, `feedback`, `spare`, `target`. A target narrows the
    seeds to those that have its tool.

    Raises:
        UsageError: a number makes no sense, no seed is approved, or the settings describe no whole endpoint.
    """
    if n < 1:
        raise UsageError("The number of episodes must be at least 1.")
    if concurrency < 1:
        raise UsageError("The concurrency must be at least 1.")
    if budget_usd is not None and budget_usd <= 0:
        raise UsageError("The budget must be more than 0 USD.")
    seeds: Sequence[int] = trajectories.ids(db, Query(kind="seed", status="approved", domain=domain))
    if not seeds:
        where = f" of domain {domain}" if domain else ""
        raise UsageError(f"No seed{where} is approved yet; approve some (`simia seeds approve`, or the key a) first.")
    if (target := controls.get("target")) is not None:
        if target.outcome == "error" and controls.get("errors") == "none":
            raise UsageError("The target is a tool that fails, and --errors none forbids it; leave one of them out.")
        seeds = seeds_for(db, seeds, target)
    spec = SynthesizeSpec(
        domain=domain,
        concurrency=concurrency,
        budget_usd=budget_usd,
        random_seed=random_seed,
        defect_rate=defect_rate,
        **controls,
    )
    spec = spec.model_copy(update=asked_of(settings, "simulator", model))
    if spec.demo:
        # The demo model varies little outside its own domain, and everybody knows it.
        spec = spec.model_copy(update={"most_copies": None})
    if budget_usd is not None:
        require_price(spec)
    return Plan(spec, draw(seeds, n, random_seed))


def asked_of(settings: Settings, role: Role, model: str | None = None) -> dict[str, Any]:
    """The fields of a spec that say whom a job asks: the endpoint of `role` (or another `model` of it), or the demo.

    Raises:
        UsageError: a model is named, but there is no endpoint.
    """
    endpoint = settings.endpoint_of(role)
    if endpoint is not None:
        model = model or endpoint.model
        price = settings.price_of(endpoint, model)
        return {
            "demo": False,
            "endpoint": endpoint.name,
            **{name: getattr(endpoint, name) for name in _AS_SET},
            "model": model,
            "structured": endpoint.offers,
            "price": price.model_dump(exclude_none=True) if price else None,
        }
    if model is not None:
        raise UsageError(f"No endpoint is set up, so {model} cannot be asked; add one to simia.toml or unset --model.")
    return {"price": DEMO_PRICE}


def require_price(spec: JobSpec) -> None:
    """A budget needs a price.

    Raises:
        UsageError: the price of the spec's model is not known.
    """
    # The workbench plans jobs too, and its process must not load the LLM client before one is planned.
    from simia_tui.llm import price_of

    if price_of(spec.model, Price.model_validate(spec.price) if spec.price else None) is None:
        table = f'[prices."{spec.model}"]'
        raise UsageError(
            f"The price of {spec.model} is not known, so no budget can be kept; add {table} to simia.toml."
        )


def draw(seeds: Sequence[int], n: int, random_seed: int) -> list[int]:
    """`n` seeds, evenly and reproducibly: rounds over all of them, each round in an order of its own."""
    rng = random.Random(random_seed)
    drawn: list[int] = []
    while len(drawn) < n:
        drawn += rng.sample(list(seeds), len(seeds))
    return drawn[:n]


def queue(workspace: Workspace, db: sqlite3.Connection, planned: Plan) -> Job:
    """Queues the job and sees to it that a worker is there."""
    job = jobs.create(db, planned.spec, planned.seeds)
    processes.start_worker(workspace)
    return jobs.job(db, job)


PREVIEW = 5
"""Samples of a preview."""


class Forecast(NamedTuple):
    """What a preview job foretells of one of `n` episodes: cost in 1e-9 USD (None: price unknown) and seconds.

    `yield_` is the share of requests that brought an episode, `cached` the share of prompt tokens from a cache.
    """

    n: int
    cost_nano: int | None
    seconds: float
    yield_: float
    cached: float


def preview(planned: Plan, n: int = PREVIEW) -> Plan:
    """The same job with the first few of its seeds, as a job of its own."""
    return Plan(planned.spec.model_copy(update={"concurrency": min(n, planned.spec.concurrency)}), planned.seeds[:n])


def forecast(db: sqlite3.Connection, job: Job, planned: Plan) -> Forecast:
    """What `planned` will take, from what the preview `job` took: cost per kept episode, latency per request.

    Raises:
        UsageError: the preview brought nothing to go by.
    """
    asked = [attempt for attempt in jobs.attempts(db, job.id, 1000) if attempt.latency_ms]
    if not job.done or not asked:
        raise UsageError(f"The preview (job {job.id}) brought no episode; see `simia jobs show {job.id}`.")
    n = len(planned.seeds)
    requests = n * len(asked) / job.done
    latency = sum(attempt.latency_ms or 0 for attempt in asked) / len(asked) / 1000
    return Forecast(
        n=n,
        cost_nano=None if job.cost_nano is None else round(job.cost_nano / job.done * n),
        seconds=max(1.0, requests / planned.spec.concurrency) * latency,
        yield_=job.done / len(asked),
        cached=job.tokens_cached / job.tokens_in if job.tokens_in else 0.0,
    )


def resume(workspace: Workspace, db: sqlite3.Connection, pk: int) -> Job:
    """Lets a paused job go on."""
    job = jobs.set_desired(db, pk, "running")
    processes.start_worker(workspace)
    return job


def retry(workspace: Workspace, db: sqlite3.Connection, pk: int) -> int:
    """Gives a job's failed tasks another round; returns how many."""
    n = jobs.retry_failed(db, pk)
    if n:
        processes.start_worker(workspace)
    return n


def reattach(workspace: Workspace, db: sqlite3.Connection) -> None:
    """After a crash or reboot: starts a worker if a job waits for one."""
    if jobs.next_job(db) is not None and processes.worker_pid(workspace) is None:
        processes.start_worker(workspace)
