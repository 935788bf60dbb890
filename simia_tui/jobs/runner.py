"""Runs one job: claims tasks for free slots, keeps that many requests in flight, writes results in batches."""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from typing import NamedTuple

from simia_tui.jobs.tasks import Synthesis
from simia_tui.llm import Client, cost_nano, retry_rule
from simia_tui.llm import Price as PriceTable
from simia_tui.model import NANO, Attempt, Job, JobStatus, Outcome, SynthesizeSpec, Usage
from simia_tui.store import jobs
from simia_tui.store.jobs import Result, Task

POLL_S = 0.25
HEARTBEAT_S = 2.0
CANCEL_GRACE_S = 5.0
MIN_FAILURES_TO_PAUSE = 20


class Ending(NamedTuple):
    """Why the runner stopped: the job's next status, with a sentence where a person has to know. None: not over."""

    status: JobStatus | None
    reason: str | None = None


class Runner:
    """The life of one job in this process. `stop` is asked before each claim: true means that the process must go."""

    def __init__(
        self, db: sqlite3.Connection, job: Job, synthesis: Synthesis, client: Client, stop: Callable[[], bool]
    ) -> None:
        self._db = db
        self._job = job
        self._spec: SynthesizeSpec = job.spec
        self._synthesis = synthesis
        self._client = client
        self._stop = stop
        self._flying: dict[asyncio.Task[None], Task] = {}
        self._results: list[Result] = []
        self._news = asyncio.Event()
        self._failures = 0
        self._ending: Ending | None = None
        self._spent = job.cost_nano or 0
        self._worst = self._worst_cost()

    async def run(self) -> Ending:
        """Works until the job is done, paused, cancelled or the process is asked to stop; all results are written."""
        beat = 0.0
        while True:
            self._flush()
            if time.monotonic() - beat > HEARTBEAT_S:
                jobs.heartbeat(self._db, self._job.id)
                beat = time.monotonic()
            ending = self._ending or self._wanted()
            if ending is not None:
                return await self._land(ending)
            self._launch()
            if not self._flying and (due := jobs.next_due(self._db, self._job.id)) is None:
                return self._finished()
            elif not self._flying and due is not None:
                await self._wait(min(max(due - time.time(), 0.01), POLL_S))
            else:
                await self._wait(POLL_S)

    def _wanted(self) -> Ending | None:
        """What the user or the process asks for, or the budget."""
        if self._stop():
            return Ending(None)
        wanted = jobs.desired(self._db, self._job.id)
        if wanted == "paused":
            return Ending(JobStatus.PAUSED)
        if wanted == "cancelled":
            return Ending(JobStatus.CANCELLED)
        return None

    def _launch(self) -> None:
        free = self._spec.concurrency - len(self._flying)
        if self._spec.budget_usd is not None and self._worst is not None:
            left = int(self._spec.budget_usd * NANO) - self._spent - len(self._flying) * self._worst
            if left < self._worst:
                if not self._flying:
                    self._ending = Ending(
                        JobStatus.PAUSED,
                        f"The budget of {self._spec.budget_usd:.2f} USD is reached; raise it in a new job.",
                    )
                return
            free = min(free, left // self._worst) if self._worst else free
        if free <= 0:
            return
        for task in jobs.claim(self._db, self._job.id, free, time.time()):
            flight = asyncio.create_task(self._fly(task))
            self._flying[flight] = task
            flight.add_done_callback(self._landed)

    def _landed(self, flight: "asyncio.Task[None]") -> None:
        task = self._flying.pop(flight)
        if not flight.cancelled() and (error := flight.exception()) is not None:
            # A fault of this program on one answer must not take the other tasks down; the task fails and says so.
            attempt = Attempt(
                job=task.job,
                ord=task.ord,
                n=task.n,
                outcome=Outcome.BAD_REPLY,
                ended=time.time(),
                message=f"The answer could not be worked on ({type(error).__name__}: {error})."[:500],
            )
            self._results.append(Result(task, attempt, "failed", why=attempt.message))
        self._news.set()

    async def _fly(self, task: Task) -> None:
        started = time.time()
        prompt = self._synthesis.prompt(task)
        try:
            reply = await self._synthesis.ask(self._client, task, prompt)
        except asyncio.CancelledError:
            # The vendor has probably billed it: the row stays, with its cost unknown.
            attempt = Attempt(
                job=task.job,
                ord=task.ord,
                n=task.n,
                outcome=Outcome.CANCELLED,
                model=self._spec.model,
                prompt_sha=prompt.sha,
                prompt_version=prompt.version,
                started=started,
                ended=time.time(),
                message="The request was given up before its answer came.",
            )
            self._results.append(Result(task, attempt, "pending", counts_as_try=False))
            raise
        result = self._synthesis.result(task, prompt, reply, started)
        self._spent += result.attempt.cost_nano or 0
        self._judge(result)
        self._results.append(result)

    def _judge(self, result: Result) -> None:
        """Pauses the job when going on would only burn requests."""
        outcome = result.attempt.outcome
        assert outcome is not None
        if result.state == "done":
            self._failures = 0
            return
        if retry_rule(outcome) == "pause job":
            self._ending = Ending(JobStatus.PAUSED, result.why)
        elif retry_rule(outcome) != "wait":
            self._failures += 1
            if self._failures >= max(MIN_FAILURES_TO_PAUSE, 2 * self._spec.concurrency):
                reason = f"{self._failures} requests in a row brought nothing; the last one: {result.why}"
                self._ending = Ending(JobStatus.PAUSED, reason)

    def _worst_cost(self) -> int | None:
        """The most that one request can cost, in 1e-9 USD; None when the price is not known."""
        seed_tokens = 20_000
        price = PriceTable.model_validate(self._spec.price) if self._spec.price else None
        return cost_nano(self._spec.model, Usage(prompt=seed_tokens, completion=self._spec.max_tokens), price)

    def _flush(self) -> None:
        if self._results:
            results, self._results = self._results, []
            jobs.record(self._db, results)

    async def _wait(self, seconds: float) -> None:
        self._news.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return
        # Answers come in waves: a breath lets one transaction take a whole wave.
        await asyncio.sleep(0.01)

    async def _land(self, ending: Ending) -> Ending:
        """Lets what is in flight finish (it is paid for); a cancel or a stop of the process gives it a short grace."""
        grace = None if ending.status is JobStatus.PAUSED else CANCEL_GRACE_S
        deadline = None if grace is None else time.monotonic() + grace
        while self._flying and (deadline is None or time.monotonic() < deadline):
            await self._wait(POLL_S)
            self._flush()
            if deadline is None and (self._stop() or jobs.desired(self._db, self._job.id) == "cancelled"):
                deadline = time.monotonic() + CANCEL_GRACE_S
        for flight in list(self._flying):
            flight.cancel()
        await asyncio.gather(*self._flying, return_exceptions=True)
        self._flush()
        wanted = jobs.desired(self._db, self._job.id)
        return Ending(JobStatus.CANCELLED) if wanted == "cancelled" and ending.status is not None else ending

    def _finished(self) -> Ending:
        now = jobs.job(self._db, self._job.id)
        if now.done == 0 and now.failed:
            return Ending(JobStatus.FAILED, f"None of {now.failed} tasks brought an episode; see its attempts.")
        return Ending(JobStatus.DONE, f"{now.failed} tasks failed; retry them with r." if now.failed else None)
