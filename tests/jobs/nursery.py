"""Makes worker processes in milliseconds: imports everything once, then forks one per line on standard input.

python nursery.py WORKSPACE [DEFECT]. Prints the process id of each worker and, when it has ended, its exit status.
With a defect, the worker is one of those that a kill loop must find out.
"""

import contextlib
import os
import sqlite3
import sys
import threading
import time
from pathlib import Path

import aiohttp  # noqa: F401 - imported here so that no worker has to
import openai  # noqa: F401
from openai.resources.chat import completions  # noqa: F401

from simia_tui.jobs import batches, worker
from simia_tui.store import connection, tasks

GAP = "gap"
"""The pipe in the workspace's folder through which a worker says that it is between the two steps of its defect."""


def stay_in_the_gap() -> None:
    """Says so and goes no further, until it is killed. Where nobody listens for it, it goes on."""
    with contextlib.suppress(OSError):
        pipe = os.open(Path(sys.argv[1]) / GAP, os.O_WRONLY | os.O_NONBLOCK)
        os.write(pipe, b".")
        threading.Event().wait()


def early(db: sqlite3.Connection, pk: int, results: object = (), **rest: object) -> tasks.Turn:
    """Planted: a result is acknowledged before it is stored."""
    done = [result for result in results if result.state == "done"]
    with connection.write(db):
        for result in done:
            where = (result.task.job, result.task.ord)
            db.execute("UPDATE tasks SET state = 'done' WHERE job = ? AND ord = ?", where)
    if done:
        stay_in_the_gap()
    return sound(db, pk, results, **rest)


def two_transactions(db: sqlite3.Connection, pk: int, results: object = (), **rest: object) -> tasks.Turn:
    """Planted: the attempt's end and the trajectory are written before the task, not with it."""
    news = [result.new for result in results if result.new is not None]
    with connection.write(db):
        tasks.trajectories.add_within(db, news)
    if news:
        stay_in_the_gap()
    return sound(db, pk, results, **rest)


def late(db: sqlite3.Connection, pk: int, results: object = (), **rest: object) -> tasks.Turn:
    """Planted: the attempt's row is written when the answer is there, not before the request."""
    with connection.write(db):
        for result in results:
            task = result.task
            db.execute(
                "INSERT OR IGNORE INTO attempts (job, ord, n, started) VALUES (?, ?, ?, ?)",
                (task.job, task.ord, task.n, time.time()),
            )
    turn = sound(db, pk, results, **rest)
    with connection.write(db):
        db.execute("DELETE FROM attempts WHERE ended IS NULL")
    if results:
        stay_in_the_gap()
    return turn


sound = tasks.turn
DEFECTS = {"none": sound, "early": early, "two transactions": two_transactions, "late": late}


def main(workspace: str, defect: str = "none") -> None:
    tasks.turn = DEFECTS[defect]
    # Nobody waits for a batch longer than it takes.
    batches.TICK_S = batches.POLL_S = batches.SETTLE_S = batches.LOOK_AGAIN_S = 0.001
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            with contextlib.suppress(KeyboardInterrupt), open(os.devnull, "w") as nowhere:
                os.dup2(nowhere.fileno(), 1)
                os._exit(worker.main(["--workspace", workspace]))
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
