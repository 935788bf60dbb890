"""The worker process: `python -m simia_tui.jobs.worker --workspace DIR`, one per workspace.

It holds a lock for its whole life. Whoever gets the lock knows that nothing else is in flight, so attempts without an
end belong to a dead worker and are given back.
"""

import argparse
import asyncio
import contextlib
import fcntl
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from simia_tui import collector
from simia_tui.errors import SimiaError
from simia_tui.jobs.batches import BatchRunner
from simia_tui.jobs.breaker import Breaker
from simia_tui.jobs.journal import Journal, Stop, say
from simia_tui.jobs.judging import Judging
from simia_tui.jobs.playing import Playing
from simia_tui.jobs.resimulation import Resimulation
from simia_tui.jobs.runner import Runner
from simia_tui.jobs.screening import SeedScreening
from simia_tui.jobs.slots import Slots
from simia_tui.jobs.supervisor import Ending
from simia_tui.jobs.tasks import Synthesis, Work
from simia_tui.llm import Endpoint, Pacer, endpoint_of
from simia_tui.model import AskedSpec, Job, JobStatus, JudgeSpec, PrefilterSpec, ResimulateSpec, RolloutSpec
from simia_tui.store import Workspace, jobs, tasks

IDLE_S = 1.5
LOCK_PATIENCE_S = 10.0
BUSY_TIMEOUT_S = 30.0
POLL_S = 0.2
CLOCK_S = 2.0
MOST_JOBS = 8
"""Jobs at work at a time; each holds the seeds that it uses."""


class Stopped:
    """Set by the first SIGTERM, SIGINT or SIGHUP; asked by the runner. The second one sets `hurry`."""

    def __init__(self) -> None:
        self._stopped = False
        self.hurry = False
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._set)

    def _set(self, number: int, _frame: object) -> None:
        self.hurry = self._stopped
        self._stopped = True
        what = "giving up what is in flight" if self.hurry else "finishing what is in flight"
        say(f"got {signal.Signals(number).name}, {what}")

    def __call__(self) -> bool:
        return self._stopped


@contextlib.contextmanager
def only_worker(workspace: Workspace, db: sqlite3.Connection) -> Iterator[bool]:
    """Holds the workspace's worker lock; false when another worker has it and there is nothing left for this one."""
    with open(workspace.worker_lock, "a+") as lock:
        patience = time.monotonic() + LOCK_PATIENCE_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                # The other worker may be about to leave, and would then miss the newest job.
                if time.monotonic() > patience or jobs.next_job(db) is None:
                    yield False
                    return
                time.sleep(0.2)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield True


def work(workspace: Workspace, wait: bool = False) -> int:
    """Does the queued jobs, several at a time, then leaves (or, with `wait`, waits for more); returns how many."""
    db = workspace.connect(timeout=BUSY_TIMEOUT_S)
    stop = Stopped()
    with only_worker(workspace, db) as mine:
        if not mine:
            say("another worker is at work here")
            return 0
        if (back := jobs.ahead(db)) > CLOCK_S:
            jobs.move_waits(db, -back)
        if lost := tasks.recover(db):
            say(f"{lost} requests of a worker that died are lost; their tasks will be asked again")
        done = asyncio.run(Desk(workspace, db, stop).serve(wait))
    db.close()
    return done


class Desk:
    """The jobs of one worker, and what it keeps from job to job: the slots of each endpoint, which ones were dead."""

    def __init__(self, workspace: Workspace, db: sqlite3.Connection, stop: Stop) -> None:
        self._workspace = workspace
        self._db = db
        self._stop = stop
        self._slots: dict[_Place, Slots] = {}
        self._breakers: dict[int, Breaker] = {}
        self._running: dict[int, asyncio.Task[None]] = {}
        self._preparing: set[int] = set()
        self._journal = Journal(self._connect)
        self._clock = Clock()

    def do(self, job: Job) -> None:
        """Runs one job alone until it ends or is held, and writes how."""

        async def alone() -> None:
            with self._journal:
                await self._one(job)

        asyncio.run(alone())

    async def serve(self, wait: bool = False) -> int:
        """Runs what is queued until nothing is left (with `wait`: until it is told to stop); returns how many jobs."""
        done, idle_since = 0, time.monotonic()
        with self._journal:
            while True:
                await self._mind_the_clock()
                if (job := self._next()) is not None:
                    self._running[job.id] = asyncio.create_task(self._one(job))
                if self._running:
                    idle_since = time.monotonic()
                elif self._stop() or (not wait and self._left_alone(idle_since)):
                    return done
                done += await self._ended()

    def _left_alone(self, since: float) -> bool:
        return time.monotonic() - since > IDLE_S and jobs.next_resume(self._db) is None

    async def _ended(self) -> int:
        """Waits a moment; returns how many jobs ended in it."""
        if not self._running:
            await asyncio.sleep(POLL_S)
            return 0
        ended, _ = await asyncio.wait(self._running.values(), timeout=POLL_S, return_when=asyncio.FIRST_COMPLETED)
        self._running = {pk: task for pk, task in self._running.items() if task not in ended}
        for task in ended:
            task.result()
        return len(ended)

    def _next(self) -> Job | None:
        """The first job in line that waits and may find a free slot, once those before it have taken theirs."""
        if self._stop() or self._preparing or len(self._running) >= MOST_JOBS:
            return None
        for job in jobs.runnable(self._db):
            slots, rank = self._slots_of(job), (-job.priority, job.id)
            if job.id not in self._running and slots.free_for(rank, job.spec.concurrency):
                return job
        return None

    async def _mind_the_clock(self) -> None:
        """Waits must not grow because the clock of the machine was set back."""
        if back := self._clock.set_back():
            say(f"the clock was set back by {back:.0f} s; what waits for a time is moved with it")
            await self._surely(partial(jobs.move_waits, seconds=-back))

    async def _one(self, job: Job) -> None:
        self._preparing.add(job.id)
        probe = job.id in self._breakers and self._breakers[job.id].probing
        await self._tell(job, f"job {job.id} ({job.kind}, {job.done} of {job.target} done) starts", quiet=probe)
        await self._surely(partial(jobs.start, pk=job.id, worker=os.getpid()))
        try:
            ending = await self._run(job)
        except SimiaError as error:
            ending = Ending(JobStatus.PAUSED, str(error))
        finally:
            self._preparing.discard(job.id)
        await self._surely(partial(jobs.end, pk=job.id, **ending._asdict()))
        now = jobs.job(self._db, job.id)
        text = f"job {job.id}: {now.status}, {now.done} of {now.target} done. {now.reason or ''}".rstrip()
        await self._tell(job, text, quiet=probe and now.resume_at is not None)

    async def _tell(self, job: Job, text: str, quiet: bool) -> None:
        """A line of the worker's log and, unless it is to be `quiet` (a probe changed nothing), of the job's."""
        say(text)
        if quiet:
            return
        await self._surely(partial(tasks.write_log, pk=job.id, texts=[text]))

    async def _surely(self, write: Callable[[sqlite3.Connection], object]) -> None:
        await self._journal.surely(write, self._stop, "The course of a job waits to be written")

    def _connect(self, any_thread: bool = False) -> sqlite3.Connection:
        return self._workspace.connect(timeout=BUSY_TIMEOUT_S, any_thread=any_thread)

    def work_of(self, job: Job, db: sqlite3.Connection | None = None) -> Work:
        """What the tasks of a job share, which it reads by `db`; building it reads every seed once."""
        db = db or self._db
        seeds = tasks.seeds_of(db, job.id)
        if isinstance(job.spec, PrefilterSpec):
            return SeedScreening(self._workspace, db, job.spec, seeds)
        if isinstance(job.spec, ResimulateSpec):
            return Resimulation(self._workspace, db, job, seeds)
        if isinstance(job.spec, RolloutSpec):
            return Playing(self._workspace, db, job, job.spec, seeds)
        if isinstance(job.spec, JudgeSpec):
            return Judging(self._workspace, db, job.spec, seeds)
        return Synthesis(self._workspace, db, job.spec, seeds)

    async def _run(self, job: Job) -> Ending:
        from simia_tui.llm import Client

        with contextlib.ExitStack() as stack:
            db = stack.enter_context(contextlib.closing(self._connect(any_thread=True)))
            # Elsewhere, or the jobs at work would stand still while every seed is read.
            share = await asyncio.to_thread(self.work_of, job, db)
            endpoint, slots = self._endpoint(job, stack), self._slots_of(job)
            breaker = self._breakers.setdefault(job.id, Breaker())
            async with contextlib.AsyncExitStack() as lines, Client(endpoint, job.spec.concurrency) as client:
                if job.spec.batch:
                    self._preparing.discard(job.id)
                    return await BatchRunner(self._journal, job, share, client, self._stop).run()
                if isinstance(share, Playing):
                    await share.open(lines, client, self._slots_at, self._journal)
                    # An episode is no request: those it makes stand in line by themselves.
                    slots = Slots(Pacer(job.spec.concurrency))
                runner = Runner(self._journal, job, share, client, slots, breaker, self._stop)
                with slots.used_by(runner), collector.spared():
                    self._preparing.discard(job.id)
                    return await runner.run()

    def _endpoint(self, job: Job, stack: contextlib.ExitStack) -> Endpoint:
        spec = job.spec
        base_url = spec.base_url
        if spec.demo:
            from simia_tui.demo.server import DemoServer

            server = DemoServer(self._workspace.truth, random_seed=spec.random_seed, defect_rate=spec.defect_rate)
            base_url = stack.enter_context(server).base_url
        return endpoint_of(spec, base_url)

    def _slots_of(self, job: Job) -> Slots:
        return self._slots_at(job.spec, job.spec.concurrency)

    def _slots_at(self, asked: AskedSpec, most: int = 1) -> Slots:
        place = _Place(str(asked.base_url or ""), asked.model, asked.key_env)
        return self._slots.setdefault(place, Slots(Pacer(most)))


class _Place(NamedTuple):
    """What has limits of its own."""

    base_url: str
    model: str
    key_env: str | None


class Clock:
    """Finds out when the wall clock is set back, by the one that only goes forward."""

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._steady = wall, steady
        self._apart = wall() - steady()

    def set_back(self) -> float:
        """By how many seconds since it was last asked; 0 for less than `CLOCK_S`, and where it went forward."""
        before, self._apart = self._apart, self._wall() - self._steady()
        return back if (back := before - self._apart) > CLOCK_S else 0.0


def main(arguments: list[str] | None = None) -> int:
    """The command line of the process."""
    parser = argparse.ArgumentParser(prog="simia worker")
    parser.add_argument("--workspace", type=Path, default=Path())
    parser.add_argument("--wait", action="store_true", help="stay and wait for jobs")
    options = parser.parse_args(arguments)
    try:
        work(Workspace.open(options.workspace), options.wait)
    except SimiaError as error:
        print(f"simia worker: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
