"""Kills the worker again and again at random moments and says which promise of the job's books was broken."""

import os
import random
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simia_tui import demo
from simia_tui.model import SynthesizeSpec
from simia_tui.store import New, Workspace, books, decisions, jobs, trajectories

PRICE = {"input": 1.0, "cached": 0.1, "output": 10.0}


def stocked(root: Path, seeds: int = 3) -> Workspace:
    """A workspace with approved seeds of the library desk."""
    workspace = Workspace.create(root)
    db = workspace.connect()
    added = trajectories.add(db, [New(seed, seed) for seed in demo.seeds(seeds, 1)])
    decisions.decide(db, added.pks, "approve", "tester")
    db.close()
    return workspace


def queue(workspace: Workspace, base_url: str, n: int, **fields: Any) -> int:
    """Queues a job of `n` tasks on a server; returns its number."""
    known = {
        "demo": False,
        "base_url": base_url,
        "endpoint": "stub",
        "model": "stub-1",
        "price": PRICE,
        "most_copies": None,
    }
    priority = fields.pop("priority", 0)
    spec = SynthesizeSpec(**{**known, "concurrency": 32, "max_tokens": 500, **fields})
    db = workspace.connect()
    seeds = [pk for (pk,) in db.execute("SELECT pk FROM trajectories WHERE kind = 'seed' ORDER BY pk")]
    job = jobs.create(db, spec, [seeds[i % len(seeds)] for i in range(n)], priority)
    db.close()
    return job


class Nursery:
    """Worker processes on demand; use as a context manager."""

    def __init__(self, workspace: Workspace, defect: str = "none") -> None:
        script = Path(__file__).with_name("nursery.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script), str(workspace.root), defect],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Nursery":
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)

    def start(self) -> int:
        """Starts a worker; returns its process id."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def ended(self) -> int:
        """Waits for the worker's end; returns its wait status (0: left by itself, 9: killed)."""
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


class Gap:
    """Hears of a worker that is in the middle of its planted defect; use as a context manager."""

    def __init__(self, workspace: Workspace, defect: str) -> None:
        path = workspace.root / "gap"
        self._pipe: int | None = None
        if defect != "none":
            os.mkfifo(path)
            self._pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def __enter__(self) -> "Gap":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """From now on nobody listens."""
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None

    def reached(self) -> bool:
        """Waits until a worker is there, 20 s at most; false at once where no defect is planted."""
        if self._pipe is None:
            return False
        ready, _, _ = select.select([self._pipe], [], [], 20)
        return bool(ready and os.read(self._pipe, 1))


@dataclass
class Report:
    """What a loop did and what it found wrong."""

    kills: int = 0
    requests: int = 0
    attempts: int = 0
    lost: int = 0
    done: int = 0
    problems: list[str] = field(default_factory=list)


def kill_loop(
    workspace: Workspace,
    server: Any,
    queued: Sequence[int],
    kills: int,
    seed: int,
    defect: str = "none",
    bounded: bool = False,
) -> Report:
    """Kills the worker `kills` times while it works on jobs, lets it finish them, and audits the books after each life.

    Moments are drawn from `seed`: after a random number of requests, and up to 60 ms later. With `bounded`, later
    requests are not answered before the kill, so that no life can do more, however long this process takes. A worker
    with a planted defect is killed in the middle of it.
    """
    rng = random.Random(seed)
    report = Report()
    db = workspace.connect(timeout=30.0)
    seen: dict[tuple[int, int], str] = {}
    with Nursery(workspace, defect) as nursery, Gap(workspace, defect) as gap:
        while not report.problems:
            last = report.kills == kills
            worker = nursery.start()
            if last:
                gap.close()
            else:
                if not gap.reached():
                    wanted = len(server.journal) + rng.randint(1, 40)
                    if bounded:
                        server.hold_after(wanted)
                    server.wait_for(wanted, 20)
                    threading.Event().wait(rng.uniform(0, 0.06))
                os.kill(worker, signal.SIGKILL)
            status = nursery.ended()
            server.release()
            report.kills += status == signal.SIGKILL
            report.problems += _problems(db, queued, server, seen)
            if status != signal.SIGKILL and (last or all(jobs.job(db, job).status.ended for job in queued)):
                break
    (integrity,) = db.execute("PRAGMA integrity_check").fetchone()
    report.problems += [] if integrity == "ok" else [integrity]
    report.requests, report.attempts = len(server.journal), sum(books.attempts_made(db, job) for job in queued)
    report.lost = sum(jobs.outcome_counts(db, job).get("lost", 0) for job in queued)
    report.done = sum(jobs.job(db, job).done for job in queued)
    db.close()
    return report


def _problems(db: Any, queued: Sequence[int], server: Any, seen: dict[tuple[int, int], str]) -> list[str]:
    problems = [problem for job in queued for problem in books.audit(db, job)]
    now = {(job, ord_): sha for job in queued for ord_, sha in books.results(db, job).items()}
    gone = [key for key, sha in seen.items() if now.get(key) != sha]
    if gone:
        problems.append(f"{len(gone)} results that were committed are gone or changed")
    seen.update(now)
    made = sum(books.attempts_made(db, job) for job in queued)
    if len(server.journal) > made:
        problems.append(f"{len(server.journal) - made} requests have no attempt row")
    return problems
