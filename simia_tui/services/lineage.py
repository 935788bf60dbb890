"""Why a trajectory is where it is: seed, prompt, job, attempt, rules, edits, decisions, exports and runs, in order."""

import sqlite3
import time
from collections.abc import Iterator
from typing import Literal, NamedTuple

from simia_tui.model import Citation, Decision
from simia_tui.store import decisions, jobs, provenance, remakes, trajectories
from simia_tui.store.trajectories import Row

Place = Literal["seed", "episode", "episodes", "job", "export"]


class Link(NamedTuple):
    """One station. `opens` is where it leads: a trajectory, a job or an export by number, or episodes by a filter."""

    stage: str
    text: str
    opens: tuple[Place, str] | None = None


def lineage(db: sqlite3.Connection, pk: int) -> list[Link]:
    """The way of a trajectory, from where it came to what was made of it.

    Raises:
        UsageError: there is no such trajectory.
    """
    (row,) = trajectories.rows(db, [pk])
    links = list(_origin(db, row))
    links += _edits(db, row)
    links += [
        Link("decision", _decided(one)) for one in decisions.history(db, pk) if one.action not in ("edit", "take")
    ]
    links += _brought(db, row) if row.kind == "seed" else _stands_in(db, row)
    return [*links, *_frozen(db, row)]


def _origin(db: sqlite3.Connection, row: Row) -> Iterator[Link]:
    yield Link(row.kind, f"#{abs(row.pk)} {row.id[:12]}  {row.status}, rules: {row.verdict}  {row.title}")
    if row.path is not None:
        yield Link("file", f"row {row.row} of {row.path} ({row.format})")
    if row.seed is not None:
        (seed,) = trajectories.rows(db, [row.seed])
        yield Link("seed", f"#{seed.pk} {seed.id[:12]}  {seed.status}  {seed.title}", ("seed", str(seed.pk)))
    if row.job is not None and row.ord is not None:
        yield from _asked(db, row.job, row.ord)
    found = trajectories.findings(db, row.pk, 1 if row.revision else 0)
    rules = sorted({finding.rule for finding in found})
    yield Link("rules", f"{len(found)} findings: {', '.join(rules)}" if found else "nothing found")


def _asked(db: sqlite3.Connection, job: int, ord_: int) -> Iterator[Link]:
    made, task = jobs.job(db, job), provenance.answer(db, job, ord_)
    if task is not None:
        yield Link("prompt", f"{made.kind} {task.prompt_version or '?'}, sent as {(task.prompt_sha or '?')[:12]}")
    demo = " (demo)" if made.spec.demo else ""
    yield Link("job", f"{job}: {made.kind} by {made.spec.model}{demo}, task {ord_}, {made.status}", ("job", str(job)))
    if task is not None:
        cost = "cost unknown" if task.cost_nano is None else f"${task.cost_nano / 1e9:.4f}"
        used = f"{task.usage.prompt:,} + {task.usage.completion:,} tokens, {cost}"
        seconds = f", {task.latency_ms / 1000:.1f} s" if task.latency_ms is not None else ""
        yield Link("attempt", f"{task.n} of the task: {task.model or '?'}, {used}{seconds}  {task.response_id or ''}")


def _edits(db: sqlite3.Connection, row: Row) -> list[Link]:
    """Edits by people and new ends, as they came."""
    links = [
        (one.at, Link("edit", _decided(one))) for one in decisions.history(db, row.pk) if one.action in ("edit", "take")
    ]
    for wish in remakes.of(db, row.pk):
        if wish.turn is not None:
            what = f"from turn {wish.turn + 1} on, asked for by {wish.reviewer}: {wish.taken or wish.stage}"
            links.append((wish.at, Link("new end", what, ("job", str(wish.job)))))
    return [link for _, link in sorted(links, key=lambda item: item[0])]


def _decided(one: Decision) -> str:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.at))
    clause = Citation.of(one.note)
    note = f"cites: {clause.text}" if clause is not None else one.note or ""
    parts = [one.action, f"({one.fault})" if one.fault else "", f"by {one.reviewer}, {when}", note]
    return "  ".join(filter(None, parts))


def _brought(db: sqlite3.Connection, row: Row) -> Iterator[Link]:
    """What a seed has brought, and at what price."""
    found = provenance.yield_of(db, row.pk)
    if not found.episodes and not found.requests:
        yield Link("episodes", "none were made from it")
        return
    told = ", ".join(f"{n:,} {status}" for status, n in found.statuses.items())
    yield Link("episodes", f"{found.episodes:,}: {told or 'none'}", ("episodes", f"seed:{row.pk}"))
    for status, n in found.statuses.items():
        yield Link(f"  {status}", f"{n:,}", ("episodes", f"seed:{row.pk} status:{status}"))
    each = found.per_kept_nano
    spent = "unknown" if found.cost_nano is None else f"${found.cost_nano / 1e9:.4f}"
    kept = "nothing kept yet" if each is None else f"${each / 1e9:.4f} for each kept"
    yield Link("cost", f"{found.requests:,} requests, {spent}; {kept}")


def _stands_in(db: sqlite3.Connection, row: Row) -> Iterator[Link]:
    """Fresh episodes that were asked for in the place of this one, and the one in whose place this was made."""
    before = remakes.made_from(db, row.pk)
    if before is not None:
        yield Link("in place of", f"#{before.trajectory}, {before.reviewer} asked", ("episode", str(before.trajectory)))
    for wish in remakes.of(db, row.pk):
        if wish.turn is None:
            text = f"#{wish.made}" if wish.made is not None else f"job {wish.job} has brought none yet"
            opens: tuple[Place, str] = ("episode", str(wish.made)) if wish.made is not None else ("job", str(wish.job))
            yield Link("made anew", text, opens)


def _frozen(db: sqlite3.Connection, row: Row) -> Iterator[Link]:
    for one in provenance.exports_of(db, row.pk):
        since = "" if one.current else ", changed since"
        text = f"{one.name}, row {one.n + 1} at revision {one.revision}{since}"
        yield Link("export", text, ("export", str(one.export)))
        for run, status, step in provenance.runs_of(db, one.export):
            yield Link("run", f"{run} on {one.name}: {status}, {step:,} steps", ("export", str(one.export)))
