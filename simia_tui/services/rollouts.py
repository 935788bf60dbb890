"""Queueing jobs that play episodes turn by turn, and jobs that judge episodes anew."""

import random
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, get_args

from simia_tui.checks import Hints, pipeline
from simia_tui.errors import UsageError
from simia_tui.model import AskedSpec, Job, JudgeSpec, Part, RolloutSpec, Trajectory
from simia_tui.services import processes
from simia_tui.services.asking import addressed, part_of, require_count, require_price, second_share
from simia_tui.services.synthesis import draw
from simia_tui.settings import Settings
from simia_tui.store import New, Query, Workspace, jobs, judgements, trajectories

PARTS: tuple[Part, ...] = get_args(Part)


@dataclass(frozen=True)
class Plan:
    """A job that is ready to be queued: its spec, and the seed or episode of each task.

    With `errands` these are numbers of errands of the demo's library, which come into the workspace with the job.
    `left_out` counts episodes that matched and need no judge. `second` is the job of a second judge.
    """

    spec: RolloutSpec | JudgeSpec
    chosen: list[int]
    left_out: int = 0
    errands: bool = False
    second: "Plan | None" = None

    @property
    def distinct(self) -> int:
        """How many seeds or episodes the tasks share."""
        return len(set(self.chosen))

    @property
    def said(self) -> str:
        """What of how many, and who plays what."""
        spec, n = self.spec, len(self.chosen)
        if not isinstance(spec, RolloutSpec):
            ruled = f"; {self.left_out:,} more have the reward 0 by rule" if self.left_out else ""
            second = f", {len(self.second.chosen):,} by {self.second.spec.model}" if self.second is not None else ""
            return f"{n:,} verdicts on {self.distinct:,} episodes by {spec.model}{second}{ruled}"
        others = ", ".join(f"{part.model} as {name}" for name, part in spec.parts.items())
        cast = f"{spec.model}{f' with {others}' if others else ' in all parts'}"
        source = "errands of the demo's library" if self.errands else "seeds"
        return f"{n:,} episodes from {self.distinct:,} {source}, played by {cast}"


def plan_rollouts(
    db: sqlite3.Connection,
    settings: Settings,
    n: int,
    *,
    domain: str | None = None,
    model: str | None = None,
    share: float | None = None,
    **fields: Any,
) -> Plan:
    """A job of `n` episodes over the approved seeds (of `domain`), each used about equally often.

    `model` is another model of the agent's endpoint; a second judge is asked about a `share` of the episodes (see
    `asking.second_share`); `fields` are further ones of the spec. Where all parts are played by the offline demo, the
    seeds are errands of its own library.

    Raises:
        UsageError: a number makes no sense, no seed is approved or none begins with a user, the settings describe no
            whole endpoint, or there is a budget and a price is not known.
    """
    require_count(n)
    if fields.get("judge_samples", 1) % 2 == 0:
        raise UsageError("The judge must be asked an odd number of times, so that there is a majority.")
    spec = RolloutSpec(domain=domain, second_share=second_share(settings, share), **fields)
    spec = addressed(spec, settings, "agent", model)
    parts = {part: part_of(settings, part) for part in PARTS if part != "judge2" or spec.second_share}
    if spec.budget_usd is not None:
        for part in parts.values():
            require_price(part)
    spec = spec.replace(parts={name: part for name, part in parts.items() if not _same(part, spec)})
    errands = spec.demo and all(part.base_url is None for part in parts.values())
    chosen = _errands() if errands else _playable(db, domain)
    return Plan(spec, draw(chosen, n, spec.random_seed), errands=errands)


def _same(part: AskedSpec, spec: RolloutSpec) -> bool:
    return all(getattr(part, name) == getattr(spec, name) for name in AskedSpec.model_fields)


def _playable(db: sqlite3.Connection, domain: str | None) -> list[int]:
    """The approved seeds that begin with what a user says."""
    approved = trajectories.ids(db, Query(kind="seed", status="approved", domain=domain))
    found = [pk for pk in approved if _begins(trajectories.get(db, pk))]
    if not found:
        said = "begins with a user's words" if approved else "is approved yet"
        raise UsageError(f"No seed{f' of domain {domain}' if domain else ''} {said}; see `simia seeds list`.")
    return found


def _begins(seed: Trajectory) -> bool:
    first = next((turn for turn in seed.turns if turn.role != "system"), None)
    return first is not None and first.role == "user" and bool(first.content)


def _errands() -> Sequence[int]:
    """The numbers of the errands of the demo's library."""
    from simia_tui.demo.agent import KNOWN

    return range(KNOWN)


def demo_seeds(db: sqlite3.Connection, random_seed: int) -> list[int]:
    """Errands of the demo's library as seeds of the workspace; they stay pending, and are marked as demo."""
    from simia_tui.demo.errands import errands

    known = len(_errands())
    made = [
        errand.seed.replace(meta={**errand.seed.meta, "goal": errand.goal, "ledger": errand.ledger})
        for errand in errands(known, random_seed)
    ]
    news = []
    for seed in made:
        checked, findings = pipeline.run(seed, seed.tools, Hints())
        news.append(New(seed, checked, findings, kind="seed", source="import", demo=True))
    trajectories.add(db, news)
    return [trajectories.find(db, seed.id) for seed in made]


def plan_judgements(
    db: sqlite3.Connection,
    settings: Settings,
    query: Query,
    *,
    model: str | None = None,
    samples: int = 1,
    share: float | None = None,
    **fields: Any,
) -> Plan:
    """A job that has every episode that `query` matches judged `samples` times.

    Those whose end was the agent's own doing are left out: their reward is 0 by rule, whoever judges. A second judge is
    asked about a `share` of them (see `asking.second_share`), in a job of its own.

    Raises:
        UsageError: a number makes no sense, nothing matches, or the settings describe no whole endpoint.
    """
    if samples < 1:
        raise UsageError("The number of verdicts on an episode must be at least 1.")
    spec = addressed(JudgeSpec(domain=query.domain, **fields), settings, "judge", model)
    matched = trajectories.ids(db, query.but(kind="episode"))
    ruled = judgements.lost_by_rule(db)
    chosen = [pk for pk in matched if pk not in ruled]
    if not chosen:
        raise UsageError("No episode matches that a judge could be asked about; `simia episodes list` shows them.")
    tasks = [pk for pk in chosen for _ in range(samples)]
    asked = _drawn(db, chosen, second_share(settings, share))
    if not asked:
        return Plan(spec, tasks, len(matched) - len(chosen))
    other, usd = JudgeSpec(domain=query.domain, **fields), spec.budget_usd
    if usd is not None:
        spec = spec.replace(budget_usd=usd * len(tasks) / (len(tasks) + len(asked)))
        other = other.replace(budget_usd=usd * len(asked) / (len(tasks) + len(asked)))
    return Plan(spec, tasks, len(matched) - len(chosen), second=Plan(addressed(other, settings, "judge2"), asked))


def _drawn(db: sqlite3.Connection, pks: Sequence[int], share: float) -> list[int]:
    """The episodes that a second judge is asked about; by their content, as while they are played."""
    if not share:
        return []
    return [row.pk for row in trajectories.rows(db, pks) if random.Random(row.id).random() < share]


def queue(workspace: Workspace, db: sqlite3.Connection, planned: Plan, priority: int = 0) -> list[Job]:
    """Queues the job, and that of a second judge; a higher priority goes first. Sees to it that a worker is there."""
    plans = [planned, *([planned.second] if planned.second is not None else [])]
    queued = [jobs.create(db, plan.spec, stocked(db, plan).chosen, priority) for plan in plans]
    processes.start_worker(workspace)
    return [jobs.job(db, job) for job in queued]


def stocked(db: sqlite3.Connection, planned: Plan) -> Plan:
    """The plan with seeds of the workspace in the place of errands."""
    if not planned.errands:
        return planned
    known = demo_seeds(db, planned.spec.random_seed)
    return replace(planned, chosen=[known[n] for n in planned.chosen], errands=False)


class Rewards(NamedTuple):
    """How a job's episodes were judged: how many of each reward, and how many have none."""

    good: int
    bad: int
    invalid: int


def rewards(db: sqlite3.Connection, job: int) -> Rewards:
    """What the judgements of a rollout or judge job say."""
    counted = judgements.rewards(db, job)
    return Rewards(counted.get("1", 0), counted.get("0", 0), counted.get("invalid", 0))
