"""Starting, stopping and resuming training runs; the trainer itself is a process of its own."""

import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simia_tui import formats
from simia_tui.errors import SimiaError, UsageError
from simia_tui.evaluation.interval import Share, wilson
from simia_tui.model import Export, Metric, Run, RunStatus, TrainSpec
from simia_tui.services import processes
from simia_tui.services.asking import part_of, second_share
from simia_tui.settings import Settings
from simia_tui.store import Workspace, runs, trajectories

if TYPE_CHECKING:
    from simia_tui.training.estimate import Estimate

SAMPLED = 200
"""How many trajectories are read for a forecast."""

LATEST, RISE_FROM, MOST_MASKED = 5, 0.02, 0.1
"""Of the alarm on masked rollouts: steps that count as the latest; shares from which a rise, and a level, alarm."""

STARTUP_PATIENCE_S = 120.0
"""How long a queued run may stay without a living process before it counts as dead (importing torch takes a while)."""


def missing() -> list[str]:
    """The packages that training needs and this installation lacks."""
    from simia_tui.training import check

    return check.missing()


def profile_names() -> list[str]:
    """The names of the presets."""
    from simia_tui.training import profiles

    return profiles.names()


def require(spec: TrainSpec) -> None:
    """Does nothing where a run of `spec` could be started.

    Raises:
        SimiaError: the train extra is not installed.
        UsageError: the profile or the model folder does not exist.
    """
    if lacking := missing():
        raise SimiaError(
            f"Training needs packages that are not installed ({', '.join(lacking)}); "
            "install them with: pip install 'simia-tui[train]'"
        )
    from simia_tui.training import base, check, practice, profiles

    check.require_tracker(spec.report_to)
    profile = profiles.settle(spec)
    if spec.method == "grpo":
        practice.settle(spec, profile)
    if spec.model is not None:
        base.find(spec.model)


def estimate(workspace: Workspace, export: Export, spec: TrainSpec) -> "Estimate":
    """What a run would need on this machine; imports no torch.

    Raises:
        SimiaError: the export or the model cannot be read.
        UsageError: the profile or a number in the spec makes no sense.
    """
    from simia_tui.training import data

    return _estimate(spec, data.read(workspace.root / export.path), 1)


def forecast(db: sqlite3.Connection, pks: Sequence[int], spec: TrainSpec) -> "Estimate":
    """What a run on these trajectories would need, before they are exported; judged by a sample of them.

    Raises:
        SimiaError: there are none, or the model cannot be read.
        UsageError: the profile or a number in the spec makes no sense.
    """
    every = max(1, len(pks) // SAMPLED)
    return _estimate(spec, (formats.write_trl(trajectories.get(db, pk)) for pk in pks[::every]), every)


def _estimate(spec: TrainSpec, rows: Iterable[dict[str, Any]], times: int) -> "Estimate":
    from simia_tui.training import estimate as estimates
    from simia_tui.training import practice, profiles

    profile = profiles.settle(spec)
    rl = practice.settle(spec, profile) if spec.method == "grpo" else None
    lengths = estimates.lengths_of(rows, spec) * times
    return estimates.estimate(spec, profile, rl, lengths, estimates.device(profile))


def start_run(workspace: Workspace, db: sqlite3.Connection, export: Export, spec: TrainSpec) -> Run:
    """Records a run on a frozen export and starts its trainer, detached.

    Raises:
        SimiaError: the train extra is not installed.
        UsageError: the profile, the model folder or the adapter does not exist, or the export's files are gone.
    """
    require(spec)
    if spec.adapter is not None:
        from simia_tui.training import merging

        merging.adapter_of(runs.run(db, spec.adapter).result, spec.adapter)
    if not (workspace.root / export.path / "trl.jsonl").is_file():
        raise UsageError(f"The files of export {export.name} are not in {export.path} any more; export again.")
    kind = spec.profile if spec.method == "sft" else f"{spec.profile}-{spec.method}"
    name = f"{export.name}-{kind}-{time.strftime('%Y%m%d-%H%M%S')}"
    path, n = Path("exports") / "runs" / name, 1
    while (workspace.root / path).exists():
        n += 1
        path = path.with_name(f"{name}-{n}")
    (workspace.root / path).mkdir(parents=True)
    run = runs.add(db, export.id, spec, str(path))
    return _launch(workspace, db, run)


def simulated(settings: Settings, spec: TrainSpec, model: str | None = None, share: float | None = None) -> TrainSpec:
    """The spec with the endpoint that the settings name for tools, user and judge; the offline demo where none is set.

    A second judge is asked about a `share` of the episodes, see `asking.second_share`.

    Raises:
        UsageError: the settings describe no whole endpoint, a model is named and there is no endpoint, or a share and
            there is no second judge.
    """
    if second := second_share(settings, share):
        spec = spec.replace(judge2=part_of(settings, "judge2"), second_share=second)
    endpoint = settings.simulator()
    if endpoint is None:
        if model is not None:
            raise UsageError(f"No endpoint is set up, so {model} cannot be asked; add one to simia.toml.")
        return spec
    return spec.replace(
        endpoint=endpoint.name, base_url=endpoint.base_url, simulator=model or endpoint.model, key_env=endpoint.key_env
    )


def _launch(workspace: Workspace, db: sqlite3.Connection, pk: int) -> Run:
    root, run = workspace.root.absolute(), runs.run(db, pk)
    log = root / run.path / "train.log"
    processes.start(["-m", f"simia_tui.training.{run.spec.method}", "--workspace", str(root), "--run", str(pk)], log)
    return runs.run(db, pk)


def stop_run(db: sqlite3.Connection, pk: int) -> Run:
    """Asks a run to write a checkpoint and stop; one whose process is gone is marked so."""
    runs.request_stop(db, pk)
    reconcile(db)
    return runs.run(db, pk)


def resume_run(workspace: Workspace, db: sqlite3.Connection, pk: int) -> Run:
    """Starts a run again from its last checkpoint.

    Raises:
        UsageError: the run is not there, is under way or is done.
    """
    reconcile(db)
    run = runs.run(db, pk)
    if run.status not in (RunStatus.STOPPED, RunStatus.FAILED):
        raise UsageError(f"Run {pk} is {run.status}; only a stopped or failed run can be resumed.")
    runs.queue(db, pk)
    return _launch(workspace, db, pk)


def reconcile(db: sqlite3.Connection) -> None:
    """Marks runs whose process died without a word, so that no screen shows them as running for ever."""
    for run in runs.runs(db):
        if run.status.ended:
            continue
        if run.pid is None:
            if time.time() - (run.queued or run.created) > STARTUP_PATIENCE_S:
                runs.finish(db, run.id, RunStatus.FAILED, "The trainer never came up; its log tells why.")
        elif not processes.alive(run.pid) and not runs.run(db, run.id).status.ended:
            runs.finish(db, run.id, RunStatus.FAILED, "The trainer was killed; resume it from its last checkpoint.")


def alarm(metrics: Sequence[Metric]) -> str | None:
    """One sentence where a run masks too many of its rollouts: more than it used to, or very many. None: all is well.

    Masked are rollouts that simulators, judge or infrastructure have spoilt. The latest LATEST steps are held against
    those before; what tells them apart are the bounds of their 95 % intervals.
    """
    counted = [metric.values for metric in metrics if "invalid" in metric.values and metric.values.get("rollouts")]
    late, early = _masked(counted[-LATEST:]), _masked(counted[:-LATEST])
    rises = early.n > 0 and late.low > early.high and late.low > RISE_FROM
    if late.n == 0 or not (rises or late.low > MOST_MASKED):
        return None
    before = f", {early.value:.0%} before" if early.value is not None else ""
    return (
        f"{late.value:.0%} of the rollouts of the last {len(counted[-LATEST:])} steps are masked"
        f" ({late.low:.0%} to {late.high:.0%}, n {late.n:,}){before}: a simulator, the judge or the endpoint fails."
        " The filter run:N -has:score shows them."
    )


def _masked(values: Sequence[dict[str, float]]) -> Share:
    return wilson(int(sum(one["invalid"] for one in values)), int(sum(one["rollouts"] for one in values)))


def log_tail(workspace: Workspace, run: Run, lines: int = 20) -> list[str]:
    """The last lines of a run's log."""
    try:
        with open(workspace.root / run.path / "train.log", "rb") as log:
            log.seek(0, 2)
            log.seek(max(0, log.tell() - 16_384))
            return log.read().decode("utf-8", "replace").splitlines()[-lines:]
    except OSError:
        return []
