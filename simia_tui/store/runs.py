"""Training runs and their metrics; the trainer writes, the screens read."""

import json
import sqlite3
import time
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from simia_tui.errors import UsageError
from simia_tui.model import Fault, Metric, Run, RunStatus, Status, TrainSpec, canonical_json
from simia_tui.store import judgements, trajectories
from simia_tui.store.codec import to_json
from simia_tui.store.connection import write
from simia_tui.store.entries import New
from simia_tui.store.judgements import Played

_COLUMNS = (
    "pk, export, status, spec, path, step, max_steps, loss, pid, reason, created, queued, started, ended, heartbeat,"
    " result"
)


def add(db: sqlite3.Connection, export: int, spec: TrainSpec, path: str) -> int:
    """Records a run that is about to be started; `path` is its folder."""
    with write(db):
        cursor = db.execute(
            "INSERT INTO runs (export, spec, path, created) VALUES (?, ?, ?, ?)",
            (export, to_json(spec), path, time.time()),
        )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def runs(db: sqlite3.Connection) -> list[Run]:
    """All runs, newest first."""
    return [_run(values) for values in db.execute(f"SELECT {_COLUMNS} FROM runs ORDER BY pk DESC").fetchall()]


def run(db: sqlite3.Connection, pk: int) -> Run:
    """One run.

    Raises:
        UsageError: there is no such run.
    """
    found = db.execute(f"SELECT {_COLUMNS} FROM runs WHERE pk = ?", (pk,)).fetchone()
    if found is None:
        raise UsageError(f"There is no run {pk}; `simia runs list` shows them.")
    return _run(found)


def _run(values: tuple[Any, ...]) -> Run:
    fields = dict(zip(("id", *_COLUMNS.split(", ")[1:]), values, strict=True))
    return Run.model_validate(
        {**fields, "spec": json.loads(fields["spec"]), "result": json.loads(fields["result"] or "{}")}
    )


def queue(db: sqlite3.Connection, pk: int) -> None:
    """Puts a run that has stopped or failed back before its start, for a resume."""
    with write(db):
        db.execute(
            "UPDATE runs SET status = 'queued', desired = 'run', reason = NULL, ended = NULL, pid = NULL, queued = ?"
            " WHERE pk = ?",
            (time.time(), pk),
        )


def start(db: sqlite3.Connection, pk: int, pid: int, max_steps: int | None) -> None:
    """Marks a run as running in process `pid`."""
    now = time.time()
    with write(db):
        db.execute(
            "UPDATE runs SET status = 'running', pid = ?, max_steps = ?, started = coalesce(started, ?),"
            " heartbeat = ?, ended = NULL, reason = NULL WHERE pk = ?",
            (pid, max_steps, now, now, pk),
        )


def heartbeat(db: sqlite3.Connection, pk: int, step: int) -> None:
    """Says that the trainer is alive and where it is."""
    with write(db):
        db.execute("UPDATE runs SET heartbeat = ?, step = ? WHERE pk = ?", (time.time(), step, pk))


def log(db: sqlite3.Connection, pk: int, metric: Metric) -> None:
    """Writes the metrics of one step; a step that is logged twice keeps the later values."""
    now = time.time()
    with write(db):
        db.execute(
            "INSERT OR REPLACE INTO metrics VALUES (?, ?, ?, ?, ?)",
            (pk, metric.step, metric.loss, canonical_json(metric.values), now),
        )
        db.execute(
            "UPDATE runs SET step = ?, loss = coalesce(?, loss), heartbeat = ? WHERE pk = ?",
            (metric.step, metric.loss, now, pk),
        )


def metrics(db: sqlite3.Connection, pk: int, after: int = -1) -> list[Metric]:
    """The metrics of a run later than step `after`, in order."""
    found = db.execute(
        'SELECT step, loss, "values" FROM metrics WHERE run = ? AND step > ? ORDER BY step', (pk, after)
    ).fetchall()
    return [Metric(step=step, loss=loss, values=json.loads(values)) for step, loss, values in found]


def truncate_metrics(db: sqlite3.Connection, pk: int, after_step: int) -> None:
    """Takes away metrics later than the checkpoint a run resumes from, so that no step is there twice."""
    with write(db):
        db.execute("DELETE FROM metrics WHERE run = ? AND step > ?", (pk, after_step))


class Rollout(NamedTuple):
    """An episode that the policy of a run played; its origin says where. `reward` None: it left its group."""

    new: New
    reward: float | None
    advantage: float
    played: Played | None = None


def add_rollouts(db: sqlite3.Connection, rollouts: Iterable[Rollout]) -> list[int]:
    """Adds the episodes of a step in one transaction, and returns the keys of those that were new.

    Raises:
        SimiaError: the database cannot be written; nothing was added.
    """
    keys: list[int] = []
    with write(db):
        for new, reward, advantage, played in rollouts:
            made = new.trajectory.origin
            assert made is not None
            for pk in trajectories.add_within(db, [new]).pks:
                keys.append(pk)
                db.execute(
                    "INSERT INTO practised VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (pk, made.run, made.step, made.group, made.member, reward, advantage),
                )
                if played is not None:
                    judgements.keep_within(db, pk, played)
    return keys


def decided(db: sqlite3.Connection, run: int, since: int) -> list[tuple[tuple[int, int, int], Status, Fault | None]]:
    """The rollouts from step `since` on that are approved or rejected: step, group and member, and the decision.

    Where a step was played again after a kill, only what was played last is told.
    """
    found = db.execute(
        'SELECT p.step, p."group", p.member, t.status, t.fault FROM practised p'
        " JOIN trajectories t ON t.pk = p.trajectory"
        " WHERE p.run = ? AND p.step >= ? AND t.status IN ('approved', 'rejected') AND NOT EXISTS (SELECT 1"
        ' FROM practised q WHERE q.run = p.run AND q.step = p.step AND q."group" = p."group" AND q.member = p.member'
        " AND q.trajectory > p.trajectory)",
        (run, since),
    ).fetchall()
    return [
        ((step, group, member), Status(status), Fault(fault) if fault else None)
        for step, group, member, status, fault in found
    ]


def desired(db: sqlite3.Connection, pk: int) -> Literal["run", "stop"]:
    """What the user wants of a run."""
    (value,) = db.execute("SELECT desired FROM runs WHERE pk = ?", (pk,)).fetchone()
    answer: Literal["run", "stop"] = value
    return answer


def request_stop(db: sqlite3.Connection, pk: int) -> None:
    """Asks a run to write a checkpoint and stop.

    Raises:
        UsageError: the run is not there or is not running.
    """
    current = run(db, pk)
    if current.status not in (RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.STOPPING):
        raise UsageError(f"Run {pk} is {current.status}; there is nothing to stop.")
    with write(db):
        db.execute("UPDATE runs SET desired = 'stop', status = 'stopping' WHERE pk = ?", (pk,))


def finish(
    db: sqlite3.Connection,
    pk: int,
    status: RunStatus,
    reason: str | None = None,
    result: dict[str, Any] | None = None,
) -> None:
    """Ends a run with a sentence for the user and its figures."""
    with write(db):
        db.execute(
            "UPDATE runs SET status = ?, reason = ?, result = coalesce(?, result), ended = ? WHERE pk = ?",
            (status, reason, canonical_json(result) if result is not None else None, time.time(), pk),
        )
