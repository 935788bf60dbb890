"""Having ends of episodes written anew from a turn on, fresh episodes in place of others, and deciding on what came."""

import random
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from simia_tui.errors import UsageError
from simia_tui.model import Job, JobSpec, ResimulateSpec, SynthesizeSpec, Trajectory
from simia_tui.services import processes, reshaping, reviewing
from simia_tui.services.asking import asked_of, require_price
from simia_tui.settings import Settings
from simia_tui.store import Workspace, jobs, remakes, trajectories
from simia_tui.store.remakes import Remade, Remake, Stage, Taken, Wish


class Place(NamedTuple):
    """The first turn of an episode that is to be written anew (None: all, from its seed), and what was wrong."""

    turn: int | None
    why: str | None = None


@dataclass
class Plan:
    """A job that is ready to be queued, and the episodes left out, each with the reason."""

    spec: JobSpec
    wishes: list[Wish] = field(default_factory=list)
    left_out: dict[int, str] = field(default_factory=dict)


def plan(
    db: sqlite3.Connection,
    settings: Settings,
    places: Mapping[int, Place],
    *,
    model: str | None = None,
    concurrency: int = 16,
    budget_usd: float | None = None,
    defect_rate: float = 0.0,
) -> Plan:
    """A job over episodes, each from its place on; either all places have a turn or none has.

    Raises:
        UsageError: nothing is left to ask for, a number makes no sense, or the settings describe no whole endpoint.
    """
    if concurrency < 1 or (budget_usd is not None and budget_usd <= 0):
        raise UsageError("Concurrency and budget must be more than 0.")
    fresh = any(place.turn is None for place in places.values())
    options: dict[str, Any] = {
        "concurrency": min(concurrency, max(1, len(places))),
        "budget_usd": budget_usd,
        "defect_rate": defect_rate,
        # Asked for again, the same place gets another answer.
        "random_seed": random.SystemRandom().randrange(2**31),
        "spare": 0.0,
        "most_copies": None,
        **asked_of(settings, "simulator", model),
    }
    planned = Plan((SynthesizeSpec if fresh else ResimulateSpec).model_validate(options))
    if budget_usd is not None:
        require_price(planned.spec)
    for pk, place in places.items():
        wish = _wish(db, pk, place)
        if isinstance(wish, Wish):
            planned.wishes.append(wish)
        else:
            planned.left_out[pk] = wish
    if not planned.wishes:
        raise UsageError(next(iter(planned.left_out.values()), "Nothing is chosen; name an episode and a turn."))
    return planned


def _wish(db: sqlite3.Connection, pk: int, place: Place) -> Wish | str:
    """What is asked for, or why it cannot be."""
    (row,) = trajectories.rows(db, [pk])
    if row.kind != "episode":
        return f"#{pk} is a seed; only what was simulated can be simulated anew."
    if place.turn is None:
        if row.seed is None:
            return f"Episode #{pk} was made from no seed here, so none can be used again."
        return Wish(pk, row.revision, None, row.seed, place.why)
    if not 0 < place.turn <= row.turns:
        return (
            f"Episode #{pk} has turns 1 to {row.turns}; from turn 2 to {row.turns + 1} it can be written anew."
            " Its first turn anew is a fresh episode from the seed."
        )
    known = remakes.current(db, pk)
    if known is not None and known.stage.open:
        return f"Episode #{pk} is being written anew already (job {known.job}); decide on that first."
    return Wish(pk, row.revision, place.turn, pk, place.why)


def queue(workspace: Workspace, db: sqlite3.Connection, planned: Plan, reviewer: str) -> Job:
    """Queues the job and sees to it that a worker is there."""
    job = remakes.ask(db, planned.spec, planned.wishes, reviewer)
    processes.start_worker(workspace)
    return jobs.job(db, job)


def first_flagged(db: sqlite3.Connection, pk: int) -> int | None:
    """The first turn with a finding; from there on an episode is to be doubted. None where no turn has one."""
    turns = (found.turn for found in trajectories.findings(db, pk) if not found.repaired)
    return min((turn for turn in turns if turn), default=None)


def flagged_places(db: sqlite3.Connection, pks: Sequence[int]) -> dict[int, Place]:
    """Each of `pks` from its first turn with a finding on; those without one are left out.

    Raises:
        UsageError: none has a finding.
    """
    found = {pk: Place(turn) for pk in pks if (turn := first_flagged(db, pk)) is not None}
    if not found:
        raise UsageError("No turn of these has a finding; go to a turn and ask from there.")
    return found


class Mix(NamedTuple):
    """A body made of two: the first turns of the new one, then the old one from a turn on (None: nothing of it)."""

    upto: int
    then: int | None


def mixed(old: Trajectory, new: Trajectory, mix: Mix) -> Trajectory:
    """`new` up to its turn `mix.upto` (not included), then `old` from its turn `mix.then` on.

    Raises:
        UsageError: the speakers would not take turns any more, or a call would lose its answer.
    """
    rest = () if mix.then is None else old.turns[mix.then :]
    return reshaping.in_order(old, old.with_turns((*new.turns[: mix.upto], *rest)))


def settle(
    workspace: Workspace,
    db: sqlite3.Connection,
    chosen: Sequence[Remake],
    taken: Taken,
    reviewer: str,
    mix: Mix | None = None,
) -> int:
    """Takes old, new or mixed turns as one act that one undo takes back; returns the batch.

    Raises:
        UsageError: there is no answer to decide on, or the mixed turns do not fit together.
    """
    if not chosen or any(remakes.remake(db, one.pk).stage is not Stage.LANDED for one in chosen):
        raise UsageError("There is no new end to decide on here; it has not come yet, or somebody has decided.")
    made = None
    if taken == "mixed":
        if mix is None or len(chosen) != 1:
            raise UsageError("Turns can be mixed in one episode at a time.")
        old, new = bodies(db, chosen[0])
        body = mixed(old, new, mix)
        _, findings = reviewing.check(workspace, body)
        made = Remade(body, [f.replace(repaired=False) for f in findings])
    return remakes.settle(db, chosen, taken, reviewer, made)


def bodies(db: sqlite3.Connection, one: Remake) -> tuple[Trajectory, Trajectory]:
    """The body that counts now, and the one that is proposed."""
    assert one.proposed is not None
    return trajectories.get(db, one.trajectory), trajectories.get(db, one.trajectory, one.proposed)


def edited_since(db: sqlite3.Connection, one: Remake) -> bool:
    """Whether the turns that were kept have been changed since; taking the new end would take that back."""
    old, new = bodies(db, one)
    return old.turns[: one.turn] != new.turns[: one.turn]
