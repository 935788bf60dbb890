"""A small workspace in which every room has something to show, the same in every run."""

import os
import sqlite3

from samples import make_trajectory

from simia_tui.model import (
    Finding,
    Metric,
    Origin,
    Severity,
    SynthesizeSpec,
    ToolCall,
    ToolSpec,
    TrainSpec,
    Trajectory,
    Turn,
)
from simia_tui.store import New, Workspace, decisions, exports, jobs, runs, trajectories

SEEDS = ("I want to renew my loan", "How much do I owe?", "Please reserve Quiet Observatory")
EPISODES = (
    "Could you renew The Patient Lighthouse?",
    "I lost my card, what now?",
    "Is the atlas of rivers on the shelf?",
    "Take my fine off, it is not mine",
    "Move my reservation to the east branch",
)
LOSSES = (7.7, 7.4, 6.9, 6.1, 5.8, 5.2, 5.4, 4.7)


def put(
    db: sqlite3.Connection, kind: str, trajectory: Trajectory, findings: tuple[Finding, ...] = (), **more: object
) -> int:
    """Adds one trajectory and returns its key."""
    new = New(trajectory=trajectory, checked=trajectory, findings=findings, kind=kind, **more)  # type: ignore[arg-type]
    (pk,) = trajectories.add(db, [new]).pks
    return pk


def put_seeds(db: sqlite3.Connection) -> list[int]:
    """Three seeds as they come from a file."""
    return [
        put(db, "seed", make_trajectory(text), format="openai", path="traces.jsonl", row=row)
        for row, text in enumerate(SEEDS, start=1)
    ]


def put_episodes(db: sqlite3.Connection, job: int | None = None) -> list[int]:
    """Episodes of the demo model: the second is broken, the third repaired, the others are clean."""
    unknown = Finding(rule="call.unknown-tool", severity=Severity.ERROR, message="There is no tool get_card.", turn=1)
    mended = Finding(
        rule="call.json", severity=Severity.ERROR, message="A comma was missing.", turn=1, repaired=True, before="{a"
    )
    findings = {1: (unknown,), 2: (mended,)}
    return [
        put(
            db,
            "episode",
            make_trajectory(text, origin=Origin(job=job, ord=number) if job is not None else None),
            findings.get(number, ()),
            source="synthetic",
            demo=True,
        )
        for number, text in enumerate(EPISODES)
    ]


def put_job(db: sqlite3.Connection, seeds: list[int]) -> int:
    """A job of the demo model that has done 64 of 200 tasks."""
    pk = jobs.create(db, SynthesizeSpec(), [seeds[n % len(seeds)] for n in range(200)])
    db.execute(
        "UPDATE jobs SET status = 'running', done = 64, failed = 2, tokens_in = 427316, tokens_out = 71811 "
        "WHERE pk = ?",
        (pk,),
    )
    return pk


def put_export(db: sqlite3.Connection, pks: list[int]) -> int:
    """An export of `pks` by name only; its files are not there."""
    manifest = {
        "filter": "episodes status:approved",
        "domains": {"library": len(pks)},
        "models": {"simia-demo": len(pks)},
        "files": {"trl.jsonl": {"sha256": "ab" * 32}},
    }
    return exports.add(db, "curated", "exports/curated-abababab", "ab" * 32, [(pk, 0) for pk in pks], True, manifest)


def put_run(workspace: Workspace, db: sqlite3.Connection, export: int) -> int:
    """A run at its eighth step of 24, held by this very process."""
    path = "exports/runs/curated-tiny"
    pk = runs.add(db, export, TrainSpec(), path)
    runs.start(db, pk, os.getpid(), 24)
    for step, loss in enumerate(LOSSES, start=1):
        runs.log(db, pk, Metric(step=step, loss=loss))
    folder = workspace.root / path
    folder.mkdir(parents=True)
    (folder / "train.log").write_text("".join(f"step {n}/24 loss {loss}\n" for n, loss in enumerate(LOSSES, start=1)))
    return pk


def fill(workspace: Workspace) -> None:
    """Seeds, episodes, a job, an export and a run."""
    db = workspace.connect()
    seeds = put_seeds(db)
    decisions.decide(db, seeds[:2], "approve", "rules")
    episodes = put_episodes(db, put_job(db, seeds))
    decisions.decide(db, episodes[:1], "approve", "rules")
    put_run(workspace, db, put_export(db, episodes[:1]))
    db.close()


ESCAPES = "\x1b[2J\x1b]0;owned\x07\x1b[31mred\x9b1m\r\x08"
MARKUP = "[bold]not bold[/bold] [@click=app.quit]press me[/] [red on blue] [/nothing] {{ x }} $name %s"
RTL = "\u202eshalom \u2066\u05e9\u05dc\u05d5\u05dd\u2069 \u0645\u0631\u062d\u0628\u0627\u200f"
EMOJI = "👩\u200d👩\u200d👧\u200d👦 🏳️\u200d🌈 café\u0301 한국어"


def hostile(text: str) -> Trajectory:
    """A trajectory that has `text` in every place that is ever shown."""
    call = ToolCall(name=f"tool{text}", arguments={f"k{text}": text}, call_id="c1")
    other = ToolCall(name="second", raw=f"{{broken {text}", call_id="c2")
    return Trajectory(
        domain="library",
        policy=text,
        tools=(ToolSpec(name=f"tool{text}", description=text, parameters={"type": "object"}),),
        turns=(
            Turn(role="user", content=text),
            Turn(role="assistant", content=text, reasoning=text, tool_calls=(call, other)),
            Turn(role="tool", content=text, call_id="c1", name=f"tool{text}", is_error=True),
            Turn(role="tool", content=None, call_id="c2"),
            Turn(role="assistant", content=None),
        ),
    )
