"""Runs one job: claims tasks for free slots, keeps that many requests in flight, writes results in groups."""

import asyncio
import time
from collections import deque
from functools import partial
from typing import NamedTuple, Protocol

from simia_tui.errors import SimiaError, UsageError
from simia_tui.jobs.breaker import Breaker
from simia_tui.jobs.copies import CopyWatch
from simia_tui.jobs.journal import Journal
from simia_tui.jobs.tasks import Work
from simia_tui.llm import Client, Pacer, Reply, retry_rule
from simia_tui.model import NANO, Job, JobStatus, Outcome
from simia_tui.simulate.synthesize import Prompt
from simia_tui.store import tasks as store
from simia_tui.store.tasks import Result, Task, Turn

POLL_S = 0.25
HEARTBEAT_S = 2.0
CANCEL_GRACE_S = 5.0
STOP_GRACE_S = 20.0
STALL_S = 1.0
AHEAD = 8
"""One task for so many slots is claimed ahead of need."""

LONG_WAIT_S = 600.0
"""A Retry-After beyond this pauses the job until then, with the time on show."""


class Stop(Protocol):
    """Whether the process is to go: `()` says so, `hurry` that it is to go at once."""

    hurry: bool

    def __call__(self) -> bool: ...


class Ending(NamedTuple):
    """Why the runner stopped: the job's next status, a sentence where a person has to know, when it goes on itself."""

    status: JobStatus
    reason: str | None = None
    resume_at: float | None = None


def out_of_funds(job: Job, spent: int) -> Ending:
    """The end of a job whose budget does not cover a further request; `spent` in 1e-9 USD."""
    said = f"The budget of {job.spec.budget_usd:.2f} USD leaves nothing for a further request"
    return Ending(JobStatus.PAUSED, f"{said} ({spent / NANO:.4f} USD are spent); it needs a new job.")


def finished(target: int, done: int, failed: int) -> Ending:
    """The end of a job that has nothing left to do."""
    if done == 0 and failed:
        return Ending(JobStatus.FAILED, f"None of {failed} tasks brought a result; see its attempts.")
    if done < target:
        said = f"{done} of {target} were reached: {failed} tasks failed, no more are put in their place"
        return Ending(JobStatus.DONE, f"{said}; retry them with r.")
    return Ending(JobStatus.DONE, f"{failed} tasks failed and were replaced." if failed else None)


class _Answer(NamedTuple):
    task: Task
    prompt: Prompt
    reply: Reply
    started: float


class Runner:
    """The life of one job in this process.

    Three stages, so that none waits for another: requests in flight, answers that came (`_inbox`), results that wait
    for their commit (`_results`). Answers are worked on while a commit is under way.
    """

    def __init__(
        self,
        journal: Journal,
        job: Job,
        work: Work,
        client: Client,
        pacer: Pacer,
        breaker: Breaker,
        stop: Stop,
    ) -> None:
        self._journal = journal
        self._job = job
        self._spec = job.spec
        self._work = work
        self._client = client
        self._pacer = pacer
        self._breaker = breaker
        self._stop = stop
        self._flying: dict[asyncio.Task[None], Task] = {}
        self._ready: deque[Task] = deque()
        self._inbox: deque[_Answer] = deque()
        self._results: list[Result] = []
        self._log: list[str] = []
        self._news = asyncio.Event()
        self._ending: Ending | None = None
        self._beat = 0.0
        self._due: float | None = 0.0
        self._copies = CopyWatch(job.spec.most_copies)
        budget = job.spec.budget_usd
        self._budget = None if budget is None else int(budget * NANO)

    async def run(self) -> Ending:
        """Works until the job is done, paused, cancelled or the process is asked to stop; all results are written."""
        self._pacer.expect(self._spec.concurrency, self._work.largest_request)
        while True:
            turn = await self._turn(self._room())
            self._ready.extend(turn.tasks)
            self._launch()
            ending = self._ending or self._wanted(turn) or await self._idle(turn)
            if ending is not None:
                return await self._land(ending)
            await self._wait(self._pause())

    def _wanted(self, turn: Turn) -> Ending | None:
        """What the user or the process asks for."""
        if turn.desired != "running":
            return Ending(JobStatus(turn.desired))
        if self._stop():
            return Ending(JobStatus.QUEUED, "The worker was stopped; the job goes on when one is started.")
        return None

    async def _idle(self, turn: Turn) -> Ending | None:
        """The end of a job that has nothing under way and nothing left, or no funds for what is left."""
        if self._flying or self._inbox or self._results or self._ready:
            return None
        if turn.short:
            return out_of_funds(self._job, turn.spent)
        if turn.due is not None:
            return None
        if turn.done < self._job.target and turn.failed:
            added = await self._journal.do(partial(store.replace_failed, pk=self._job.id, spare=self._spec.spare))
            if added:
                self._log.append(f"{added} new tasks take the place of tasks that failed.")
                self._due = 0.0
                return None
        return finished(self._job.target, turn.done, turn.failed)

    def _room(self) -> int:
        """How many tasks to claim now."""
        if self._ending is not None or self._stop() or self._due is None or self._due > time.time():
            return 0
        flying = len(self._flying)
        ready = len(self._ready)
        if self._breaker.probing:
            return max(0, 1 - flying - ready - len(self._inbox))
        # Answers that wait to be worked on are bounded, or a fast endpoint would fill the memory.
        free = 2 * self._spec.concurrency - flying - ready - len(self._inbox)
        # Some are claimed ahead, so that a free slot need not wait for a commit.
        ahead = self._spec.concurrency // AHEAD
        return max(0, min(free, self._pacer.room(flying) + ahead - ready))

    def _pause(self) -> float:
        """Seconds until something may be due, should nothing happen before."""
        if self._results or self._inbox:
            return 0.0
        wait = POLL_S
        if (self._ready or self._due is not None) and len(self._flying) < int(self._pacer.window):
            due = 0.0 if self._ready else (self._due or 0.0) - time.time()
            wait = min(wait, max(due, self._pacer.delay()))
        return max(wait, 0.001)

    def _launch(self) -> None:
        """Sends what is claimed, as far as slots are free and the pace allows."""
        if self._ending is not None or not self._ready:
            return
        room = self._pacer.room(len(self._flying))
        if self._breaker.probing:
            room = min(room, 1 - len(self._flying) - len(self._inbox))
        n = min(room, len(self._ready))
        if n <= 0:
            return
        started = self._pacer.started(n)
        for _ in range(n):
            task = self._ready.popleft()
            flight = asyncio.create_task(self._fly(task, started))
            self._flying[flight] = task
            flight.add_done_callback(self._landed)

    def _landed(self, flight: "asyncio.Task[None]") -> None:
        task = self._flying.pop(flight)
        if not flight.cancelled() and (error := flight.exception()) is not None:
            self._broken(task, error)
        if not self._stop():
            self._launch()
        self._news.set()

    def _broken(self, task: Task, error: BaseException) -> None:
        """A request that could not even be put together: a wrong template stops the job, a fault of ours its task."""
        if isinstance(error, SimiaError):
            self._ending = Ending(JobStatus.PAUSED, str(error))
            self._results.append(self._work.given_up(task, Outcome.CANCELLED, str(error), billed=False))
            return
        why = f"The answer could not be worked on ({type(error).__name__}: {error})."[:500]
        self._results.append(self._work.given_up(task, Outcome.BAD_REPLY, why, state="failed"))

    async def _fly(self, task: Task, paced: float) -> None:
        started = time.time()
        prompt = self._work.prompt(task)
        try:
            reply = await self._work.ask(self._client, task, prompt)
        except asyncio.CancelledError:
            # The vendor has probably billed it: it is booked at the most that it can cost.
            why = "The request was given up before its answer came."
            self._results.append(self._work.given_up(task, Outcome.CANCELLED, why))
            raise
        self._pacer.learn(reply.limits)
        if reply.note is not None:
            self._log.append(reply.note)
        slow = retry_rule(reply.outcome) == "wait"
        if self._pacer.answered(paced, slow, len(self._flying), reply.retry_after):
            now = f"at most {int(self._pacer.window)} at a time from now on"
            self._log.append(f"More than a fifth of the latest answers asked to slow down; {now}.")
        answer = _Answer(task, prompt, reply, started)
        if reply.outcome is Outcome.OK:
            self._inbox.append(answer)
        else:
            # A fault is quickly judged, and nothing more may be sent where going on is pointless.
            self._work_on(answer)

    def _work_on(self, answer: _Answer) -> None:
        try:
            result = self._work.result(*answer)
        except Exception as error:  # noqa: BLE001 - one strange answer must not take the others down; its task says so
            self._broken(answer.task, error)
            return
        self._results.append(self._judge(result, answer.reply))

    def _judge(self, result: Result, reply: Reply) -> Result:
        """Holds the job when going on would only burn requests; returns the result as it is to be recorded."""
        outcome = result.attempt.outcome
        assert outcome is not None
        breaker, rule = self._breaker, retry_rule(outcome)
        if result.state == "done":
            if breaker.probing:
                self._log.append("The endpoint answers again; the job goes on.")
            breaker.good()
            return result
        if rule == "pause job":
            self._hold(Ending(JobStatus.PAUSED, result.why))
        elif rule == "wait" and (reply.retry_after or 0) > LONG_WAIT_S:
            at = time.time() + (reply.retry_after or 0)
            until = time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
            self._hold(Ending(JobStatus.PAUSED, f"{result.why} It goes on at {until}.", at))
        else:
            probe = breaker.probing
            if breaker.bad(task := result.task.ord, outcome, result.counts_as_try and not probe) and not self._ending:
                self._trip(result.why or outcome.value)
            if probe:
                breaker.counted.pop(task, None)
                return result._replace(state="pending", counts_as_try=False)
        return result

    def _trip(self, why: str) -> None:
        failures, wait = self._breaker.failures, self._breaker.hold()
        said = f"{failures} requests in a row brought nothing; the last one: {why}"
        if wait is None:
            self._hold(Ending(JobStatus.PAUSED, said))
            return
        at = time.time() + wait
        when = time.strftime("%H:%M:%S", time.localtime(at))
        self._hold(Ending(JobStatus.PAUSED, f"{said} One request tries again at {when}.", at))

    def _hold(self, ending: Ending) -> None:
        if self._ending is None or (self._ending.resume_at is not None and ending.resume_at is None):
            self._ending = ending

    async def _turn(self, want: int) -> Turn:
        """Commits what there is and claims; answers are worked on meanwhile. A database that refuses is asked again."""
        results, self._results = self._results, []
        log, self._log = self._log, []
        unsent: list[Task] = []
        if self._ending is not None:
            unsent, self._ready = list(self._ready), deque()
        stalled: float | None = None
        while True:
            beat = time.monotonic() - self._beat > HEARTBEAT_S
            call = partial(
                store.turn,
                pk=self._job.id,
                results=results,
                want=want,
                reserve=self._work.reserve,
                budget_nano=self._budget,
                log=log,
                beat=beat,
                unsent=unsent,
            )
            try:
                turn = await self._commit(call)
            except UsageError:
                raise
            except SimiaError as error:
                stalled = await self._stall(error, len(results), stalled)
                want = 0
                continue
            if beat:
                self._beat = time.monotonic()
            self._due = turn.due
            if (copies := self._copies.told(turn.done, turn.copies)) is not None:
                self._hold(Ending(JobStatus.PAUSED, copies))
            if stalled is not None:
                self._log.append(f"The database could not be written for {time.monotonic() - stalled:.0f} s.")
            return turn

    async def _commit(self, call: "partial[Turn]") -> Turn:
        commit = asyncio.ensure_future(self._journal.do(call))
        while self._inbox and not commit.done():
            self._work_on(self._inbox.popleft())
            await asyncio.sleep(0)
        return await commit

    async def _stall(self, error: SimiaError, n: int, since: float | None) -> float:
        """Nothing is lost while the database is locked or the disk is full: results wait in memory, nothing starts."""
        now = time.monotonic()
        if since is None:
            print(time.strftime("%Y-%m-%d %H:%M:%S"), f"job {self._job.id}: {error} {n} results wait.", flush=True)
        if self._stop.hurry or (self._stop() and since is not None and now - since > STOP_GRACE_S):
            raise error
        await asyncio.sleep(STALL_S)
        return now if since is None else since

    async def _wait(self, seconds: float) -> None:
        if self._inbox:
            self._work_on(self._inbox.popleft())
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        self._news.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return

    async def _land(self, ending: Ending) -> Ending:
        """Lets what is in flight finish (it is paid for); a cancel or a stop of the process gives it a short grace."""
        self._ending = ending
        started = time.monotonic()
        while self._flying or self._inbox or self._results or self._log or self._ready:
            turn = await self._turn(0)
            if turn.desired == "cancelled":
                self._ending = Ending(JobStatus.CANCELLED)
            grace = self._grace()
            if self._flying and grace is not None and time.monotonic() - started > grace:
                for flight in list(self._flying):
                    flight.cancel()
                await asyncio.gather(*self._flying, return_exceptions=True)
            elif self._flying or self._inbox:
                await self._wait(min(self._pause(), POLL_S))
        await self._forgive()
        return self._ending

    def _grace(self) -> float | None:
        if self._stop.hurry:
            return 0.0
        if self._stop():
            return STOP_GRACE_S
        assert self._ending is not None
        return CANCEL_GRACE_S if self._ending.status is JobStatus.CANCELLED else None

    async def _forgive(self) -> None:
        """Tasks must not run out of tries because their endpoint was down."""
        counted = dict(self._breaker.counted)
        if self._ending is not None and self._ending.resume_at is not None and counted:
            await self._journal.do(partial(store.forgive, pk=self._job.id, counted=counted))
            self._breaker.counted.clear()
