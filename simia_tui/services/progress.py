"""A job as it stands: what there is to know of it beside its own counters."""

import sqlite3
from typing import NamedTuple

from simia_tui.evaluation.interval import wilson
from simia_tui.model import Attempt, Job
from simia_tui.services import coverage, processes
from simia_tui.store import Workspace, costs, jobs, judgements, screenings, yields
from simia_tui.store.costs import Costs
from simia_tui.store.judgements import Agreement
from simia_tui.store.yields import Failed

FAULTS, REASONS, STORY = 8, 8, 12
"""How many kinds of faults, of reasons of failures, and how many of the latest lines of the log are told."""

LATEST = 200
"""How many of the latest faults are looked at."""

RESULTS = {"prefilter": "verdict", "resimulate": "end", "judge": "judgement"}
"""What one task of a kind brings; of the others an episode."""


class Fault(NamedTuple):
    """Attempts among the latest that ended alike: how many, and the newest of them."""

    n: int
    attempt: Attempt


class Standing(NamedTuple):
    """What was read of a job.

    `outcomes` counts its attempts by how they ended, `verdicts` what a prefilter job said, `rewards` what its judge
    said, `statuses` its episodes by status. `agreements` tells how far other judges say the same. `hit` says how many
    of the episodes show the target, where there is one. `worker` is a process, None where none is at work.
    """

    job: Job
    costs: Costs
    outcomes: dict[str, int]
    verdicts: dict[str, int]
    statuses: dict[str, int]
    failures: list[Failed]
    faults: list[Fault]
    story: list[tuple[float, str]]
    hit: str | None
    worker: int | None
    rewards: dict[str, int]
    agreements: list[Agreement]


def standing(
    workspace: Workspace, db: sqlite3.Connection, pk: int, faults: int = FAULTS, story: int = STORY
) -> Standing:
    """Reads all that is told of one job, and so many kinds of faults and lines of its log.

    Takes 0.1 s for 100,000 attempts: use a thread.

    Raises:
        UsageError: there is no such job.
    """
    job = jobs.job(db, pk)
    return Standing(
        job=job,
        costs=costs.costs(db, pk),
        outcomes=jobs.outcome_counts(db, pk),
        verdicts={str(opinion): n for opinion, n in screenings.counts(db, pk).items()},
        statuses=yields.statuses(db, pk),
        failures=yields.failures(db, pk, REASONS),
        faults=_folded(jobs.attempts(db, pk, LATEST, only_faults=True))[:faults],
        story=jobs.log(db, pk, story),
        hit=coverage.told(db, job),
        worker=processes.worker_pid(workspace),
        rewards=judgements.rewards(db, pk),
        agreements=judgements.agreements(db, pk),
    )


def _folded(attempts: list[Attempt]) -> list[Fault]:
    """Attempts by how they ended, the newest first: a storm is one line."""
    alike: dict[tuple[object, ...], list[Attempt]] = {}
    for attempt in attempts:
        alike.setdefault((attempt.outcome, attempt.status_code, attempt.message), []).append(attempt)
    return [Fault(len(many), many[0]) for many in alike.values()]


def rewards_line(rewards: dict[str, int]) -> str:
    """`12 of 1, 3 of 0, 1 invalid`."""
    return ", ".join(f"{n:,} {'' if reward == 'invalid' else 'of '}{reward}" for reward, n in rewards.items())


def agreement_line(found: Agreement) -> str:
    """`gpt-5 agrees with judge-2 on 18 of 20: 90% (70-97)`; the interval is Wilson's at 95 %."""
    share = wilson(found.agreed, found.n)
    interval = f"{share.value or 0:.0%} ({100 * share.low:.0f}-{100 * share.high:.0f})"
    return f"{found.by} agrees with {found.other} on {found.agreed:,} of {found.n:,}: {interval}"
