"""How busy a synthesize job keeps its slots, beside a bare loop that only collects text, and threads with a barrier.

    python benchmarks/generation.py [--in-flight 64 200 500] [--latency 1 5] [--rounds 8] [--loops job bare threads]
    python benchmarks/generation.py --memory 20000

The endpoint is a server in a process of its own that answers with episodes of a realistic size after a fixed time.
Efficiency is (requests x latency / in flight) / wall: 1 is what no program can beat. The job does all of its work in
it: prompts, parsing, checks, SQLite commits. CPU and memory are those of the client's process alone.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "tests" / folder) for folder in ("llm", "jobs")]

BARRIER = 2500
"""Requests after which the reference waits for all of them."""


class Measured(NamedTuple):
    """One run of one loop."""

    loop: str
    in_flight: int
    latency: float
    requests: int
    wall: float
    busy: float
    cpu_ms: float
    rss_mb: float

    @property
    def efficiency(self) -> float:
        return self.requests * self.latency / self.in_flight / self.wall


class Gauge:
    """How many requests are under way, summed over time; only while there is work for every slot."""

    def __init__(self, slots: int, requests: int) -> None:
        self.slots, self.requests = slots, requests
        self._lock = threading.Lock()
        self._now = self._started = 0
        self._at = self._full_since = 0.0
        self._sum = 0.0
        self._last = 0.0

    def change(self, by: int) -> None:
        with self._lock:
            now = time.perf_counter()
            if self._full_since and self._started < self.requests:
                self._sum += self._now * (now - self._at)
                self._last = now
            self._now, self._at = self._now + by, now
            self._started += by > 0
            if not self._full_since and self._now >= self.slots:
                self._full_since = now

    @property
    def busy(self) -> float:
        """The share of slots in use, from when all were first in use to when the last request had been started."""
        passed = self._last - self._full_since
        return self._sum / passed / self.slots if passed > 0 else float("nan")


def serve(latency: float, pipe: Any) -> None:
    """The endpoint, as a process."""
    from faultserver import FaultServer, completion

    from simia_tui import demo
    from simia_tui.simulate.synthesize import turn_line

    texts = []
    for seed in demo.seeds(50, 9):
        lines = [json.dumps(turn_line(turn)) for turn in seed.turns]
        texts.append("\n".join([*lines, '{"end": true}']))

    def reply(ord_: int) -> dict[str, Any]:
        return {**completion(content=texts[ord_ % 50]), "id": f"chatcmpl-{ord_}"}

    with FaultServer(reply=reply, latency=latency) as server:
        server.journal = Forgetful()
        pipe.send(server.base_url)
        pipe.recv()


class Forgetful(list):  # type: ignore[type-arg]  # a journal that only counts, or the server would grow
    n = 0

    def append(self, _: object) -> None:
        self.n += 1

    def __len__(self) -> int:
        return self.n


class Endpoint:
    """The server's process; use as a context manager."""

    def __init__(self, latency: float) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(latency, theirs))

    def __enter__(self) -> str:
        self._process.start()
        return str(self._pipe.recv())

    def __exit__(self, *_: object) -> None:
        self._pipe.send("stop")
        self._process.join(10)


def job_loop(base_url: str, n: int, slots: int, latency: float, root: Path, sample: Any = None) -> Measured:
    """A synthesize job as the worker runs it."""
    import openai.resources.chat.completions  # noqa: F401 - its import is no part of the work
    from killing import queue, stocked

    from simia_tui.jobs import tasks, worker
    from simia_tui.store import jobs

    workspace = stocked(root, seeds=40)
    job = queue(workspace, base_url, n, concurrency=slots, max_tokens=8000)
    gauge = Gauge(slots, n)
    ask = tasks.Synthesis.ask

    async def counted(self: Any, *call: Any) -> Any:
        gauge.change(1)
        try:
            return await ask(self, *call)
        finally:
            gauge.change(-1)

    class Going:
        hurry = False

        def __call__(self) -> bool:
            if sample is not None:
                sample(gauge)
            return False

    db = workspace.connect()
    desk = worker.Desk(workspace, db, Going())
    with Clocked() as clock:
        tasks.Synthesis.ask = counted  # type: ignore[method-assign]  # the gauge sits where the request is sent
        # On a machine so busy that the endpoint seems to be gone, the job is held and goes on.
        while not jobs.job(db, job).status.ended:
            desk.do(jobs.job(db, job))
        tasks.Synthesis.ask = ask  # type: ignore[method-assign]
    done = jobs.job(db, job)
    assert done.done == n, f"{done.done} of {n} done: {done.reason}"
    db.close()
    return clock.measured("job", gauge, slots, latency, n)


def prompts(n: int) -> list[list[dict[str, str]]]:
    """What the bare loops send: the job's own prompts, made beforehand."""
    from simia_tui import demo, domains, resources
    from simia_tui.simulate import synthesize

    seeds = demo.seeds(40, 1)
    pack = domains.load("generic", [resources.prompts()])
    return [synthesize.prompt(pack, seeds[i % 40], seeds[i % 40].tools, i, 0).messages for i in range(min(n, 400))]


def bare_loop(base_url: str, n: int, slots: int, latency: float) -> Measured:
    """An asyncio loop over the same library that only collects text; no parsing, no checks, nothing on disk."""
    from openai import AsyncOpenAI, DefaultAioHttpClient

    asked = prompts(n)
    gauge = Gauge(slots, n)
    texts: list[str] = []

    async def main() -> None:
        import httpx2

        http = DefaultAioHttpClient(limits=httpx2.Limits(max_connections=slots, max_keepalive_connections=slots))
        async with AsyncOpenAI(base_url=base_url, api_key="none", max_retries=0, http_client=http) as client:
            numbers = iter(range(n))

            async def one_slot() -> None:
                for i in numbers:
                    gauge.change(1)
                    reply = await client.chat.completions.create(
                        model="stub-1", messages=asked[i % len(asked)], max_tokens=8000
                    )
                    gauge.change(-1)
                    texts.append(reply.choices[0].message.content or "")

            await asyncio.gather(*(one_slot() for _ in range(slots)))

    with Clocked() as clock:
        asyncio.run(main())
    assert len(texts) == n
    return clock.measured("bare", gauge, slots, latency, n)


def thread_loop(base_url: str, n: int, slots: int, latency: float) -> Measured:
    """Threads and a barrier every 2,500 requests, then a rewrite of everything so far: the reference's manner."""
    from openai import OpenAI

    asked = prompts(n)
    gauge = Gauge(slots, n)
    client = OpenAI(base_url=base_url, api_key="none", max_retries=0)
    kept: list[dict[str, str]] = []

    def one(i: int) -> dict[str, str]:
        gauge.change(1)
        reply = client.chat.completions.create(model="stub-1", messages=asked[i % len(asked)], max_tokens=8000)
        gauge.change(-1)
        return {"id": str(i), "text": reply.choices[0].message.content or ""}

    with Clocked() as clock, tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(slots) as pool:
        for start in range(0, n, BARRIER):
            kept += pool.map(one, range(start, min(start + BARRIER, n)))
            Path(folder, "progress.json").write_text(json.dumps(kept, indent=2))
    return clock.measured("threads", gauge, slots, latency, n)


class Clocked:
    """Wall time, CPU time and memory of this process."""

    def __enter__(self) -> "Clocked":
        self._cpu, self._wall = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu, self.wall = time.process_time() - self._cpu, time.perf_counter() - self._wall

    def measured(self, loop: str, gauge: Gauge, slots: int, latency: float, n: int) -> Measured:
        return Measured(loop, slots, latency, n, self.wall, gauge.busy, self.cpu / n * 1000, rss_mb())


def rss_mb() -> float:
    """The most memory this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def now_mb() -> float:
    """The memory this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


LOOPS = {"job": job_loop, "bare": bare_loop, "threads": thread_loop}


def run_one(loop: str, n: int, slots: int, latency: float, pipe: Any) -> None:
    """One loop in a process of its own, so that each has its own memory and imports."""
    with Endpoint(latency) as base_url, tempfile.TemporaryDirectory() as folder:
        extra = (Path(folder) / "w",) if loop == "job" else ()
        pipe.send(LOOPS[loop](base_url, n, slots, latency, *extra))


def compare(options: argparse.Namespace) -> None:
    """Every loop at every number in flight and latency, as a table."""
    context = multiprocessing.get_context("spawn")
    print(f"{'loop':8} {'in flight':>9} {'latency':>8} {'requests':>8} {'wall':>7} {'efficiency':>10}"
          f" {'busy':>7} {'CPU ms':>7} {'RSS MB':>7}")  # fmt: skip
    for latency in options.latency:
        for slots in options.in_flight:
            for loop in options.loops:
                ours, theirs = context.Pipe()
                n = slots * options.rounds
                process = context.Process(target=run_one, args=(loop, n, slots, latency, theirs))
                process.start()
                m = ours.recv()
                process.join()
                print(f"{m.loop:8} {m.in_flight:9} {m.latency:7.1f}s {m.requests:8} {m.wall:6.1f}s"
                      f" {m.efficiency:10.3f} {m.busy:7.1%} {m.cpu_ms:7.2f} {m.rss_mb:7.0f}", flush=True)  # fmt: skip


def memory(n: int, slots: int) -> None:
    """Memory while a job brings `n` results."""
    print(f"{'started':>8} {'RSS MB':>7}")
    shown: list[int] = []

    def sample(gauge: Gauge) -> None:
        if gauge._started >= len(shown) * n // 10:
            shown.append(gauge._started)
            print(f"{gauge._started:8} {now_mb():7.0f}", flush=True)

    with Endpoint(0.5) as base_url, tempfile.TemporaryDirectory() as folder:
        m = job_loop(base_url, n, slots, 0.5, Path(folder) / "w", sample)
        size = (Path(folder) / "w" / "db" / "simia.db").stat().st_size / 2**20
    print(f"{n} results in {m.wall:.0f} s, {m.cpu_ms:.2f} ms CPU each, most {m.rss_mb:.0f} MB; database {size:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--in-flight", type=int, nargs="+", default=[64, 200, 500])
    parser.add_argument("--latency", type=float, nargs="+", default=[1.0, 5.0])
    parser.add_argument("--rounds", type=int, default=8, help="requests per slot")
    parser.add_argument("--loops", nargs="+", choices=LOOPS, default=list(LOOPS))
    parser.add_argument("--memory", type=int, metavar="N", help="only: memory over N results")
    options = parser.parse_args()
    if options.memory:
        memory(options.memory, 200)
    else:
        compare(options)


if __name__ == "__main__":
    main()
