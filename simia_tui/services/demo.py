"""The demo workspace: real tools of an invented library desk, and the whole loop on the offline demo model."""

import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from simia_tui import demo, formats
from simia_tui.errors import SimiaError
from simia_tui.model import JobStatus, Kind, RunStatus, TrainSpec
from simia_tui.presets import DEFAULT_TOML
from simia_tui.services import exporting, scoring, synthesis, training, waiting
from simia_tui.services.importing import import_files
from simia_tui.settings import Settings
from simia_tui.store import Query, Workspace, decisions, runs, trajectories

DOMAIN = "library"
TOML = DEFAULT_TOML.replace('# simulator = "openai"', 'simulator = "demo"')
"""A demo workspace asks the demo model also where the environment describes an endpoint: nothing in it costs money."""
RULES_REVIEWER = "rules"
"""Who stands as reviewer where the demo approves by rule instead of asking a person."""


def prepare(root: Path, n_seeds: int = 40, random_seed: int = 7) -> Workspace:
    """A demo workspace in `root`: seeds of the library desk imported, two thirds approved, a first job queued.

    A workspace that is there already is opened as it is.
    """
    fresh = not (root / "db" / "simia.db").exists()
    workspace = Workspace.create(root, TOML)
    if fresh:
        import_seeds(workspace, n_seeds, random_seed)
        db = workspace.connect()
        approve_clean(db, "seed", limit=2 * n_seeds // 3)
        planned = synthesis.plan(db, Settings.load(workspace.root), 120, domain=DOMAIN, random_seed=random_seed)
        synthesis.queue(workspace, db, planned)
        db.close()
    return workspace


def import_seeds(workspace: Workspace, n: int, random_seed: int) -> Path:
    """Writes traces of the library desk as a file of OpenAI messages and imports it like any other file."""
    path = workspace.root / "library-traces.jsonl"
    with open(path, "w", encoding="utf-8") as file:
        for trajectory in demo.seeds(n, random_seed):
            row = {**formats.write_openai(trajectory), "demo": True}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    import_files(workspace, [path], domain=DOMAIN)
    return path


def approve_clean(db: sqlite3.Connection, kind: Kind, limit: int | None = None) -> int:
    """Approves what is pending and has no finding that stands (clean or repaired), as one act; returns how many."""
    pks: list[int] = []
    for verdict in ("clean", "repaired"):
        query = Query(kind=kind, status="pending", verdict=verdict)
        pks += trajectories.ids(db, query).tolist()
    chosen = sorted(pks)[:limit]
    if chosen:
        decisions.decide(db, chosen, "approve", RULES_REVIEWER, note="approved by rule: nothing found that stands")
    return len(chosen)


class Step(NamedTuple):
    """One step of the headless loop: what, its figures, and how long it took."""

    name: str
    figures: str
    seconds: float


def headless(root: Path, n: int, train: bool, say: Callable[[str], None], random_seed: int = 7) -> list[Step]:
    """The whole loop without a screen: import, synthesize, check, approve by rule, export, train.

    Raises:
        SimiaError: a step failed; the workspace is left for a look.
    """
    steps: list[Step] = []
    if train and (lacking := training.missing()):
        raise SimiaError(
            f"Training needs packages that are not installed ({', '.join(lacking)}); "
            "install them with pip install 'simia-tui[train]', or leave training out with --no-train."
        )

    def done(name: str, figures: str, started: float) -> None:
        steps.append(Step(name, figures, time.monotonic() - started))
        say(f"{name}: {figures}")

    started = time.monotonic()
    workspace = Workspace.create(root, TOML)
    db = workspace.connect()
    import_seeds(workspace, 30, random_seed)
    counts = trajectories.counts(db)
    done("import", f"{sum(counts.values())} seeds of the library desk", started)

    started = time.monotonic()
    done("approve seeds by rule", f"{approve_clean(db, 'seed')} approved", started)

    started = time.monotonic()
    planned = synthesis.plan(db, Settings.load(workspace.root), n, concurrency=32, random_seed=random_seed)
    job = synthesis.queue(workspace, db, planned).id
    ended = waiting.wait_for_job(workspace, db, job)
    if ended.status is not JobStatus.DONE or ended.done < n:
        raise SimiaError(f"The job is {ended.status}: {ended.reason}; its log is {workspace.logs / 'worker.log'}.")
    done("synthesize", f"{ended.done} episodes, {ended.failed} failed, {ended.tokens_out} tokens", started)

    started = time.monotonic()
    verdicts = ", ".join(f"{count} {name}" for name, count in trajectories.verdict_counts(db, "episode").items())
    scores = scoring.score_rules(workspace, db)
    found = f"{scores.structural.k} of {scores.structural.n} injected structural defects found"
    done("check", f"{verdicts}; {found}", started)

    started = time.monotonic()
    done("approve episodes by rule", f"{approve_clean(db, 'episode')} approved", started)

    started = time.monotonic()
    with exporting.draft(workspace, db, "demo", Query(kind="episode", status="approved")) as draft:
        export = draft.freeze()
    done("export", f"{export.rows} rows, nothing dropped or lost, sha256 {export.sha256[:12]}", started)

    if train:
        started = time.monotonic()
        run = training.start_run(workspace, db, export, TrainSpec(profile="tiny"))
        run = waiting.wait_for_run(workspace, db, run.id)
        if run.status is not RunStatus.DONE:
            raise SimiaError(f"The run is {run.status}: {run.reason}; its log is {root / run.path / 'train.log'}.")
        losses = [metric.loss for metric in runs.metrics(db, run.id) if metric.loss is not None]
        done("train (tiny LoRA SFT)", f"{run.step} steps, loss {losses[0]:.3f} to {losses[-1]:.3f}", started)
    db.close()
    return steps
