"""Queueing a prefilter job: what rules and former verdicts settle, and which seeds an LLM is asked about."""

import sqlite3
from dataclasses import dataclass, field

from simia_tui import domains
from simia_tui.errors import UsageError
from simia_tui.model import Job, JobStatus, PrefilterSpec
from simia_tui.services import processes
from simia_tui.services.asking import addressed
from simia_tui.settings import Settings
from simia_tui.simulate import prefilter
from simia_tui.store import Query, Workspace, jobs, screenings, trajectories
from simia_tui.store.screenings import Screened


@dataclass
class Plan:
    """A job that is ready to be queued: the seeds to ask about, and the verdicts that are there without asking.

    `ruled` counts those that the rules gave, `remembered` those that the same model gave before on the same content.
    """

    spec: PrefilterSpec
    seeds: list[int] = field(default_factory=list)
    settled: list[Screened] = field(default_factory=list)
    ruled: int = 0
    remembered: int = 0


def plan(
    workspace: Workspace,
    db: sqlite3.Connection,
    settings: Settings,
    query: Query,
    *,
    model: str | None = None,
    concurrency: int = 16,
    budget_usd: float | None = None,
    batch: bool = False,
) -> Plan:
    """A job over the seeds that `query` matches; free rule checks first.

    Raises:
        UsageError: a number makes no sense, nothing matches, or the settings describe no whole endpoint.
    """
    matched = trajectories.ids(db, query.but(kind="seed"))
    if not matched:
        raise UsageError(
            "No seed matches; `simia seeds list` shows them, and --where chooses others than pending ones."
        )
    spec = PrefilterSpec(domain=query.domain, concurrency=concurrency, budget_usd=budget_usd, batch=batch)
    planned = Plan(addressed(spec, settings, "prefilter", model))
    versions: dict[str, str] = {}
    for pk in matched:
        _settle(workspace, db, planned, pk, versions)
    return planned


def _settle(workspace: Workspace, db: sqlite3.Connection, planned: Plan, pk: int, versions: dict[str, str]) -> None:
    """Puts one seed among the settled ones or among those to ask about."""
    (row,) = trajectories.rows(db, [pk])
    seed, findings = trajectories.get(db, pk, row.revision), trajectories.findings(db, pk, row.revision)
    sha = screenings.judged_hash(seed, prefilter.remarks(findings))
    verdict = prefilter.ruled(findings)
    if verdict is not None:
        planned.ruled += 1
    else:
        if seed.domain not in versions:
            pack = domains.load(seed.domain, workspace.prompt_roots())
            versions[seed.domain] = pack.template("prefilter").version
        verdict = screenings.known(db, sha, planned.spec.model, versions[seed.domain])
        if verdict is None:
            planned.seeds.append(pk)
            return
        planned.remembered += 1
    if screenings.latest(db, pk) != verdict:
        planned.settled.append(Screened(pk, row.revision, sha, verdict))


def queue(workspace: Workspace, db: sqlite3.Connection, planned: Plan, priority: int = 0) -> Job:
    """Writes what is settled and queues the rest; a job in which nobody is to be asked is done at once."""
    screenings.add(db, planned.settled)
    job = jobs.create(db, planned.spec, planned.seeds, priority)
    if planned.seeds:
        processes.start_worker(workspace)
    else:
        said = f"Nobody had to be asked: {planned.ruled} by rule, {planned.remembered} judged before."
        jobs.end(db, job, JobStatus.DONE, said)
    return jobs.job(db, job)
