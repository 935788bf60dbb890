"""A process that adds episodes to a workspace batch by batch, as a job does; for tests and benchmarks of many writers.

    python tests/writing.py ROOT NUMBER (--batches N | --seconds S)

Prints as JSON how many episodes it added, how often the database refused, and the longest wait in seconds.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from samples import make_trajectory

from simia_tui.errors import SimiaError
from simia_tui.store import New, Workspace, trajectories

BATCH = 8
PAUSE_S = 0.05
"""Between two batches: a worker has its answers to wait for."""


class Report(NamedTuple):
    """What one writer did."""

    added: int
    refused: int
    longest_s: float


def start(root: Path, number: int, *limit: str) -> "subprocess.Popen[str]":
    """Starts one writer; `limit` is `--batches N` or `--seconds S`."""
    command = [sys.executable, __file__, str(root), str(number), *limit]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def report(writer: "subprocess.Popen[str]") -> Report:
    """Waits for the end of a writer."""
    said, _ = writer.communicate()
    return Report(**json.loads(said))


def write(root: Path, number: int, batches: int | None, seconds: float | None) -> Report:
    """Adds batches until there were `batches` of them, or for `seconds`."""
    db = Workspace(root).connect()
    added, refused, longest, n = 0, 0, 0.0, 0
    deadline = time.monotonic() + seconds if seconds is not None else float("inf")
    while n != batches and time.monotonic() < deadline:
        texts = [f"writer {number} batch {n} episode {place}" for place in range(BATCH)]
        news = [New(body, body, kind="episode", source="rollout") for body in map(make_trajectory, texts)]
        started = time.monotonic()
        try:
            added += len(trajectories.add(db, news).pks)
        except SimiaError:
            refused += 1
        longest = max(longest, time.monotonic() - started)
        n += 1
        time.sleep(PAUSE_S)
    db.close()
    return Report(added, refused, round(longest, 3))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("number", type=int)
    parser.add_argument("--batches", type=int)
    parser.add_argument("--seconds", type=float)
    given = parser.parse_args()
    print(json.dumps(write(given.root, given.number, given.batches, given.seconds)._asdict()))
