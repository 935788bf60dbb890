"""How busy a synthesize job keeps its slots, beside loops that only collect text, and threads with a barrier.

    python benchmarks/generation.py                  the whole table: 12 minutes or less on two free cores
    python benchmarks/generation.py [--in-flight 64 200 500] [--latency 1 5] [--rounds 10] [--runs 3]
                                    [--loops job plain aiohttp threads] [--side-by-side 300]
    python benchmarks/generation.py --memory 20000

The endpoint is a server in a process of its own, one for each loop, that answers with episodes of a realistic size
after a fixed time. Efficiency is (requests x latency / in flight) / wall: 1 is what no program can beat; `steady` is
the same from when all slots were first in use to when the last request was sent, so without the start and the tail.
The job does all of its work in it: prompts, parsing, checks, SQLite commits. `plain` is a loop over the library as its
manual shows it, `aiohttp` one over its aiohttp transport (which the job uses, too); a slot of theirs asks again at
once, so it is always busy. CPU and memory are those of the client's process alone. Runs take turns, forwards and
backwards; the median is shown, with the least and the most. Loops run at the same time where all their requests stay
within `--side-by-side` a second (0: none do), else one by one. `threads` is
measured once, with 200 threads and 5,000 requests at the least latency.
"""

import argparse
import contextlib
import io
import multiprocessing
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from generation_loops import BARRIER, LOOPS, Endpoint, Gauge, Measured, job_loop, now_mb

THREADS = 200


class Setting(NamedTuple):
    """One loop to be measured: how many in flight, against which latency, with how many requests."""

    loop: str
    in_flight: int
    latency: float
    requests: int


def run_one(one: Setting, root: Path, barrier: Any, pipe: Any) -> None:
    """One loop in a process of its own, so that each has its own memory and imports."""
    with Endpoint(one.latency) as base_url:
        extra = (root,) if one.loop == "job" else ()
        # What the worker says of its jobs is no part of the table.
        with contextlib.redirect_stdout(io.StringIO()):
            found = LOOPS[one.loop](base_url, one.requests, one.in_flight, one.latency, barrier.wait, *extra)
        pipe.send(found)


def measured(group: list[Setting]) -> list[Measured]:
    """Loops that run at the same time."""
    from killing import stocked

    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(len(group))
    running = []
    with tempfile.TemporaryDirectory() as folder:
        for number, one in enumerate(group):
            root = Path(folder) / str(number)
            if one.loop == "job":
                # Making a database imports much that a worker never needs.
                stocked(root, seeds=40)
            ours, theirs = context.Pipe()
            process = context.Process(target=run_one, args=(one, root, barrier, theirs))
            process.start()
            running.append((process, ours))
        found = [ours.recv() for _, ours in running]
        for process, _ in running:
            process.join()
    return found


def groups(blocks: list[list[Setting]], rate: float) -> Iterator[list[Setting]]:
    """What runs at the same time: blocks whose requests a second stay within `rate`; of larger ones each loop alone."""
    group: list[Setting] = []
    for block in blocks:
        if group and speed([*group, *block]) > rate:
            yield group
            group = []
        if speed(block) > rate:
            yield from ([one] for one in block)
        else:
            group += block
    if group:
        yield group


def speed(group: list[Setting]) -> float:
    """The most requests a second."""
    return sum(one.in_flight / one.latency for one in group)


def compare(options: argparse.Namespace) -> None:
    """Every loop at every number in flight and latency, as a table."""
    print(f"{'loop':8} {'in flight':>9} {'latency':>8} {'requests':>8} {'efficiency (least-most)':>24} {'steady':>7}"
          f" {'busy':>7} {'CPU ms':>7} {'RSS MB':>7}")  # fmt: skip
    loops = [loop for loop in options.loops if loop != "threads"]
    for latency in sorted(options.latency, reverse=True):
        blocks = [[Setting(loop, n, latency, n * options.rounds) for loop in loops] for n in options.in_flight]
        runs: dict[Setting, list[Measured]] = {one: [] for block in blocks for one in block}
        for number in range(options.runs):
            ordered = [block[:: 1 if number % 2 == 0 else -1] for block in blocks]
            for group in groups(ordered, options.side_by_side):
                for one, result in zip(group, measured(group), strict=True):
                    runs[one].append(result)
        for found in runs.values():
            show(found)
    if "threads" in options.loops:
        show(measured([Setting("threads", THREADS, min(options.latency), 2 * BARRIER)]))


def show(runs: list[Measured]) -> None:
    """One line of the table."""
    first = runs[0]
    efficiencies = sorted(one.efficiency for one in runs)

    def middle(name: str) -> float:
        return statistics.median(getattr(one, name) for one in runs)

    span = f"{statistics.median(efficiencies):.3f} ({efficiencies[0]:.3f}-{efficiencies[-1]:.3f})"
    print(f"{first.loop:8} {first.in_flight:9} {first.latency:7.1f}s {first.requests:8} {span:>24}"
          f" {middle('steady'):7.3f} {middle('busy'):7.1%} {middle('cpu_ms'):7.2f}"
          f" {middle('rss_mb'):7.0f}", flush=True)  # fmt: skip


def memory(n: int, slots: int) -> None:
    """Memory while a job brings `n` results."""
    from killing import stocked

    print(f"{'started':>8} {'RSS MB':>7}")
    shown: list[int] = []

    def sample(gauge: Gauge) -> None:
        if gauge.begun >= len(shown) * n // 10:
            shown.append(gauge.begun)
            print(f"{gauge.begun:8} {now_mb():7.0f}", flush=True)

    with Endpoint(0.5) as base_url, tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "w"
        stocked(root, seeds=40)
        m = job_loop(base_url, n, slots, 0.5, lambda: None, root, sample)
        size = (root / "db" / "simia.db").stat().st_size / 2**20
    print(f"{n} results in {m.wall:.0f} s, {m.cpu_ms:.2f} ms CPU each, most {m.rss_mb:.0f} MB; database {size:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--in-flight", type=int, nargs="+", default=[64, 200, 500])
    parser.add_argument("--latency", type=float, nargs="+", default=[1.0, 5.0])
    parser.add_argument("--rounds", type=int, default=10, help="requests per slot")
    parser.add_argument("--runs", type=int, default=3, help="of each loop at each setting")
    parser.add_argument("--loops", nargs="+", choices=LOOPS, default=list(LOOPS))
    parser.add_argument("--side-by-side", type=float, default=300.0, metavar="RATE", help="requests a second")
    parser.add_argument("--memory", type=int, metavar="N", help="only: memory over N results")
    options = parser.parse_args()
    if options.memory:
        memory(options.memory, 200)
    else:
        compare(options)


if __name__ == "__main__":
    main()
