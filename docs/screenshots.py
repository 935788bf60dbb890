"""Pictures of the real workbench for the README and the guide: `make screenshots`.

Makes a demo workspace in a temporary folder, with a real worker, a real export and, where the train extra is
installed, a real run; opens the workbench on it without a terminal, presses keys and saves SVG files in `docs/images`.
"""

import asyncio
import re
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from simia_tui.errors import UsageError
from simia_tui.model import JobStatus, TrainSpec
from simia_tui.services import demo, exporting, processes, synthesis, training
from simia_tui.settings import Settings
from simia_tui.store import Query, Workspace, decisions, jobs, runs, trajectories
from simia_tui.tui.app import Workbench

IMAGES = Path(__file__).parent / "images"
SIZE = (110, 32)
PATIENCE_S = 240.0


def wait(holds: Callable[[], bool], what: str) -> None:
    """Polls for what another process does."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > deadline:
            sys.exit(f"docs/screenshots.py: {what} did not come in {PATIENCE_S:.0f} s")
        time.sleep(0.1)


def without_network(svg: str) -> str:
    """The picture without the fonts that it would load from another host; the reader's monospace font serves."""
    svg = re.sub(r"@font-face\s*\{[^}]*\}|<!--.*?-->", "", svg, flags=re.DOTALL)
    return re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE)


async def shoot(
    workspace: Workspace, name: str, *keys: str, size: tuple[int, int] = SIZE, patience: float = 0.6
) -> None:
    """Presses `keys` in a workbench of its own and saves what it then shows."""
    app = Workbench(workspace)
    async with app.run_test(size=size) as pilot:
        app.animation_level = "none"
        for key in ("", *keys):
            if key:
                await pilot.press(key)
            await app.workers.wait_for_complete()
            await pilot.pause(0.1)
        await pilot.pause(patience)
        picture = without_network(app.export_screenshot(title="simia", simplify=True))
    (IMAGES / f"{name}.svg").write_text(picture, encoding="utf-8")
    print(f"docs/images/{name}.svg")


def decide(workspace: Workspace) -> None:
    """What a reviewer would have done by now: the first episodes judged, the rest approved by rule but ten."""
    db = workspace.connect()
    pending = list(trajectories.ids(db, Query(kind="episode", verdict="clean")))
    decisions.decide(db, pending[:70], "approve", "you")
    db.close()


def train(workspace: Workspace) -> None:
    """Freezes the approved episodes and trains on them until the curve has a shape."""
    db = workspace.connect()
    export = exporting.freeze(workspace, db, "library", exporting.preview(db, Query(kind="episode", status="approved")))
    if training.missing():
        print("docs/screenshots.py: the train extra is not installed, so there is no curve", file=sys.stderr)
        return
    run = training.start_run(workspace, db, export, TrainSpec(max_steps=24))
    wait(lambda: runs.run(db, run.id).step >= 14 or runs.run(db, run.id).status.ended, "a run with steps")
    db.close()


def main() -> None:
    """Makes all pictures."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        workspace = demo.prepare(Path(folder) / "demo")
        db = workspace.connect()
        wait(lambda: jobs.jobs(db)[0].status is JobStatus.DONE, "the end of the job")
        asyncio.run(shoot(workspace, "seeds", "g", "s"))
        asyncio.run(shoot(workspace, "simulate", "S"))
        (broken, *_) = trajectories.ids(db, Query(kind="episode", verdict="broken"))
        place = list(trajectories.ids(db, Query(kind="episode"))).index(broken)
        asyncio.run(shoot(workspace, "episodes", "g", "e", *["J"] * place, "tab", "right_square_bracket"))
        asyncio.run(shoot(workspace, "reject", "g", "e", *["J"] * place, "x", size=(80, 24)))
        decide(workspace)
        asyncio.run(shoot(workspace, "train", "T"))
        train(workspace)
        asyncio.run(shoot(workspace, "exports", "g", "x"))
        asyncio.run(shoot(workspace, "home"))
        asyncio.run(shoot(workspace, "map", "c"))
        asyncio.run(shoot(workspace, "prompts", "g", "p"))
        planned = synthesis.plan(db, Settings.load(workspace.root), 2000, domain=demo.DOMAIN, concurrency=8)
        job = synthesis.queue(workspace, db, planned).id
        wait(lambda: jobs.job(db, job).done >= 40, "a job with results")
        asyncio.run(shoot(workspace, "jobs", "g", "j", patience=3.0))
        jobs.set_desired(db, job, "cancelled")
        for run in runs.runs(db):
            with suppress(UsageError):  # It may have come to its end by itself.
                training.stop_run(db, run.id)
            wait(lambda pk=run.id: runs.run(db, pk).status.ended, "the end of the run")  # type: ignore[misc]
        db.close()
        wait(lambda: processes.worker_pid(workspace) is None, "the end of the worker")


if __name__ == "__main__":
    main()
