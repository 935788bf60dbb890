"""The loops that `generation.py` measures beside each other, their endpoint, and the gauge of their slots."""

import asyncio
import json
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "tests" / folder) for folder in ("llm", "jobs")]

Ready = Callable[[], object]
"""Called when a loop is about to begin; returns when those that run beside it are, too."""

BARRIER = 2500
"""Requests after which the reference waits for all of them."""


class Measured(NamedTuple):
    """One run of one loop."""

    loop: str
    in_flight: int
    latency: float
    requests: int
    wall: float
    steady: float
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
        self._now = self._started = self._first = 0
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
                self._full_since, self._first = now, self._started

    @property
    def begun(self) -> int:
        """How many requests have been sent."""
        return self._started

    def steady(self, latency: float) -> float:
        """The efficiency in the time of which `busy` speaks."""
        passed = self._last - self._full_since
        return (self.requests - self._first) * latency / self.slots / passed if passed > 0 else float("nan")

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


def job_loop(
    base_url: str, n: int, slots: int, latency: float, ready: Ready, root: Path, sample: Any = None
) -> Measured:
    """A synthesize job as the worker runs it, in a stocked workspace."""
    import aiohttp  # noqa: F401 - the import of libraries is no part of the work
    import openai.resources.chat.completions  # noqa: F401
    from killing import queue

    from simia_tui.jobs import tasks, worker
    from simia_tui.store import Workspace, jobs

    workspace = Workspace(root)
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
    ready()
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


def plain_loop(base_url: str, n: int, slots: int, latency: float, ready: Ready) -> Measured:
    """An asyncio loop over the library as it comes that only collects text: no parsing, no checks, nothing on disk."""
    return bare_loop("plain", base_url, n, slots, latency, ready)


def aiohttp_loop(base_url: str, n: int, slots: int, latency: float, ready: Ready) -> Measured:
    """The same over the library's faster transport."""
    return bare_loop("aiohttp", base_url, n, slots, latency, ready)


def bare_loop(name: str, base_url: str, n: int, slots: int, latency: float, ready: Ready) -> Measured:
    """One of these two."""
    import aiohttp  # noqa: F401 - the import of libraries is no part of the work
    import httpx2
    import openai.resources.chat.completions  # noqa: F401
    from openai import AsyncOpenAI, DefaultAioHttpClient, DefaultAsyncHttpxClient

    asked = prompts(n)
    gauge = Gauge(slots, n)
    texts: list[str] = []
    make = DefaultAioHttpClient if name == "aiohttp" else DefaultAsyncHttpxClient

    async def main() -> None:
        http = make(limits=httpx2.Limits(max_connections=slots, max_keepalive_connections=slots))
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

    ready()
    with Clocked() as clock:
        asyncio.run(main())
    assert len(texts) == n
    return clock.measured(name, gauge, slots, latency, n)


def thread_loop(base_url: str, n: int, slots: int, latency: float, ready: Ready) -> Measured:
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

    ready()
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
        steady = gauge.steady(latency)
        return Measured(loop, slots, latency, n, self.wall, steady, gauge.busy, self.cpu / n * 1000, rss_mb())


def rss_mb() -> float:
    """The most memory this process has held; what the system counts of its parent before it began is left out."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def now_mb() -> float:
    """The memory this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


LOOPS = {"job": job_loop, "plain": plain_loop, "aiohttp": aiohttp_loop, "threads": thread_loop}
