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
from collections.abc import Iterator
from pathlib import Path

from simia_tui.errors import SimiaError
from simia_tui.jobs.breaker import Breaker
from simia_tui.jobs.journal import Journal
from simia_tui.jobs.resimulation import Resimulation
from simia_tui.jobs.runner import Ending, Runner, Stop
from simia_tui.jobs.screening import SeedScreening
from simia_tui.jobs.tasks import Synthesis, Work
from simia_tui.llm import Endpoint, Pacer, endpoint_of
from simia_tui.model import Job, JobStatus, PrefilterSpec, ResimulateSpec
from simia_tui.store import Workspace, jobs, tasks

IDLE_S = 1.5
LOCK_PATIENCE_S = 10.0
BUSY_TIMEOUT_S = 30.0


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


def say(text: str) -> None:
    """One line of the worker's log."""
    print(time.strftime("%Y-%m-%d %H:%M:%S"), text, flush=True)


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
    """Does the queued jobs one after the other, then leaves (or, with `wait`, waits for more); returns how many."""
    db = workspace.connect(timeout=BUSY_TIMEOUT_S)
    stop = Stopped()
    done = 0
    with only_worker(workspace, db) as mine:
        if not mine:
            say("another worker is at work here")
            return 0
        if lost := tasks.recover(db):
            say(f"{lost} requests of a worker that died are lost; their tasks will be asked again")
        desk = Desk(workspace, db, stop)
        idle_since = time.monotonic()
        while not stop():
            job = jobs.next_job(db)
            if job is not None:
                desk.do(job)
                done += 1
                idle_since = time.monotonic()
            elif not wait and time.monotonic() - idle_since > IDLE_S and jobs.next_resume(db) is None:
                break
            else:
                time.sleep(0.2)
    db.close()
    return done


class Desk:
    """What a worker keeps from job to job: the pace of each endpoint, and which job found its endpoint dead."""

    def __init__(self, workspace: Workspace, db: sqlite3.Connection, stop: Stop) -> None:
        self._workspace = workspace
        self._db = db
        self._stop = stop
        self._pacers: dict[tuple[str, str, str | None], Pacer] = {}
        self._breakers: dict[int, Breaker] = {}

    def do(self, job: Job) -> None:
        """Runs one job until it ends or is held, and writes how."""
        self._say(job, f"job {job.id} ({job.kind}, {job.done} of {job.target} done) starts")
        jobs.start(self._db, job.id, os.getpid())
        try:
            ending = self._run(job)
        except SimiaError as error:
            ending = Ending(JobStatus.PAUSED, str(error))
        except Exception as error:
            jobs.end(self._db, job.id, JobStatus.PAUSED, f"The worker met a fault ({type(error).__name__}: {error}).")
            raise
        jobs.end(self._db, job.id, ending.status, ending.reason, ending.resume_at)
        now = jobs.job(self._db, job.id)
        self._say(job, f"job {job.id}: {now.status}, {now.done} of {now.target} done. {now.reason or ''}".rstrip())

    def work_of(self, job: Job) -> Work:
        """What the tasks of a job share; building it reads every seed once."""
        seeds = tasks.seeds_of(self._db, job.id)
        if isinstance(job.spec, PrefilterSpec):
            return SeedScreening(self._workspace, self._db, job.spec, seeds)
        if isinstance(job.spec, ResimulateSpec):
            return Resimulation(self._workspace, self._db, job, seeds)
        return Synthesis(self._workspace, self._db, job.spec, seeds)

    def _say(self, job: Job, text: str) -> None:
        say(text)
        tasks.write_log(self._db, job.id, [text])

    def _run(self, job: Job) -> Ending:
        from simia_tui.llm import Client

        share = self.work_of(job)
        with contextlib.ExitStack() as stack:
            endpoint = self._endpoint(job, stack)
            journal = stack.enter_context(Journal(lambda: self._workspace.connect(timeout=BUSY_TIMEOUT_S)))
            pacer = self._pacer(endpoint, job)
            breaker = self._breakers.setdefault(job.id, Breaker())

            async def main() -> Ending:
                async with Client(endpoint, job.spec.concurrency) as client:
                    return await Runner(journal, job, share, client, pacer, breaker, self._stop).run()

            return asyncio.run(main())

    def _endpoint(self, job: Job, stack: contextlib.ExitStack) -> Endpoint:
        spec = job.spec
        base_url = spec.base_url
        if spec.demo:
            from simia_tui.demo.server import DemoServer

            server = DemoServer(self._workspace.truth, random_seed=spec.random_seed, defect_rate=spec.defect_rate)
            base_url = stack.enter_context(server).base_url
        return endpoint_of(spec, base_url)

    def _pacer(self, endpoint: Endpoint, job: Job) -> Pacer:
        key = ("" if job.spec.demo else endpoint.base_url, endpoint.model, endpoint.key_env)
        return self._pacers.setdefault(key, Pacer(job.spec.concurrency))


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
