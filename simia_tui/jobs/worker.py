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
from simia_tui.jobs.runner import Ending, Runner
from simia_tui.jobs.tasks import Synthesis
from simia_tui.model import Job, JobStatus
from simia_tui.store import Workspace, jobs

IDLE_S = 1.5
LOCK_PATIENCE_S = 10.0
BUSY_TIMEOUT_S = 30.0


class Stopped:
    """Set by the first SIGTERM, SIGINT or SIGHUP; asked by the runner."""

    def __init__(self) -> None:
        self._stopped = False
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._set)

    def _set(self, number: int, _frame: object) -> None:
        say(f"got {signal.Signals(number).name}, finishing what is in flight")
        self._stopped = True

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
        if lost := jobs.recover(db):
            say(f"{lost} requests of a worker that died are lost; their tasks will be asked again")
        idle_since = time.monotonic()
        while not stop():
            job = jobs.next_job(db)
            if job is not None:
                _do(workspace, db, job, stop)
                done += 1
                idle_since = time.monotonic()
            elif not wait and time.monotonic() - idle_since > IDLE_S:
                break
            else:
                time.sleep(0.2)
    db.close()
    return done


def _do(workspace: Workspace, db: sqlite3.Connection, job: Job, stop: Stopped) -> None:
    say(f"job {job.id} ({job.kind}, {job.done} of {job.target} done) starts")
    jobs.start(db, job.id, os.getpid())
    try:
        ending = _run(workspace, db, job, stop)
    except SimiaError as error:
        ending = Ending(JobStatus.PAUSED, str(error))
    except Exception as error:
        jobs.end(db, job.id, JobStatus.PAUSED, f"The worker met a fault ({type(error).__name__}: {error}).")
        raise
    if ending.status is not None:
        jobs.end(db, job.id, ending.status, ending.reason)
    say(f"job {job.id}: {ending.status or 'stopped with the worker'} {ending.reason or ''}".rstrip())


def _run(workspace: Workspace, db: sqlite3.Connection, job: Job, stop: Stopped) -> Ending:
    from simia_tui.llm import Client, Endpoint

    synthesis = Synthesis(workspace, db, job.spec, jobs.seeds_of(db, job.id))
    with contextlib.ExitStack() as stack:
        base_url = job.spec.base_url
        if job.spec.demo:
            from simia_tui.demo.server import DemoServer

            server = DemoServer(workspace.truth, random_seed=job.spec.random_seed, defect_rate=job.spec.defect_rate)
            base_url = stack.enter_context(server).base_url
        endpoint = Endpoint(
            name=job.spec.endpoint, base_url=str(base_url), model=job.spec.model, key_env=job.spec.key_env
        )

        async def main() -> Ending:
            async with Client(endpoint, job.spec.concurrency) as client:
                return await Runner(db, job, synthesis, client, stop).run()

        return asyncio.run(main())


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
