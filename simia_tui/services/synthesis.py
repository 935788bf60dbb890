"""Queueing a synthesize job: which seeds, which endpoint, at what price."""

import random
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simia_tui.errors import UsageError
from simia_tui.model import Job, SynthesizeSpec
from simia_tui.services import processes
from simia_tui.services.asking import addressed, require_count
from simia_tui.services.coverage import seeds_for
from simia_tui.settings import Settings
from simia_tui.store import Query, Workspace, jobs, trajectories


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

    `controls` are further fields of the spec: `axes`, `errors`, `feedback`, `spare`, `target`, `batch`. A target
    narrows the seeds to those that have its tool.

    Raises:
        UsageError: a number makes no sense, no seed is approved, or the settings describe no whole endpoint.
    """
    require_count(n)
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
    spec = addressed(spec, settings, "simulator", model)
    if spec.demo:
        # The demo model varies little outside its own domain, and everybody knows it.
        spec = spec.replace(most_copies=None)
    return Plan(spec, draw(seeds, n, random_seed))


def draw(seeds: Sequence[int], n: int, random_seed: int) -> list[int]:
    """`n` seeds, evenly and reproducibly: rounds over all of them, each round in an order of its own."""
    rng = random.Random(random_seed)
    drawn: list[int] = []
    while len(drawn) < n:
        drawn += rng.sample(list(seeds), len(seeds))
    return drawn[:n]


def queue(workspace: Workspace, db: sqlite3.Connection, planned: Plan, priority: int = 0) -> Job:
    """Queues the job and sees to it that a worker is there; one of a higher priority goes first."""
    job = jobs.create(db, planned.spec, planned.seeds, priority)
    processes.start_worker(workspace)
    return jobs.job(db, job)


PREVIEW = 5
"""Samples of a preview."""


def preview(planned: Plan, n: int = PREVIEW) -> Plan:
    """The same job with the first few of its seeds, as a job of its own that sends its requests one by one."""
    changes = {"concurrency": min(n, planned.spec.concurrency), "batch": False}
    return Plan(planned.spec.replace(**changes), planned.seeds[:n])


def cancel(workspace: Workspace, db: sqlite3.Connection, pk: int) -> Job:
    """Ends a job; a batch of it at an endpoint is called off, and what is done of that is fetched first."""
    job = jobs.set_desired(db, pk, "cancelled")
    reattach(workspace, db)
    return job


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
