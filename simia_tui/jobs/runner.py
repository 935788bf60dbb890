"""Runs one job: claims tasks for free slots, keeps that many requests in flight, writes results in groups."""

import asyncio
import contextlib
import time
import traceback
from collections import deque
from functools import partial
from typing import NamedTuple

from simia_tui.errors import SimiaError
from simia_tui.jobs.breaker import Breaker
from simia_tui.jobs.journal import STOP_GRACE_S, Journal, Stop
from simia_tui.jobs.slots import Rank, Slots
from simia_tui.jobs.supervisor import Ending, Supervisor, finished, out_of_funds
from simia_tui.jobs.tasks import Work
from simia_tui.llm import Client, Reply, retry_rule
from simia_tui.model import NANO, Job, JobStatus, Outcome
from simia_tui.simulate.synthesize import Prompt
from simia_tui.store import tasks as store
from simia_tui.store.tasks import Result, Task, Turn

POLL_S = 0.25
HEARTBEAT_S = 2.0
CANCEL_GRACE_S = 5.0
GATHER_S = 0.03
"""Results of so long a time go into one transaction; a single one would cost half as much again."""

AHEAD = 8
"""At least one task for so many slots is claimed ahead of need."""


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
        slots: Slots,
        breaker: Breaker,
        stop: Stop,
    ) -> None:
        self._journal = journal
        self._job = job
        self._spec = job.spec
        self._work = work
        self._client = client
        self._slots = slots
        self._breaker = breaker
        self._stop = stop
        self._supervisor = Supervisor(job, breaker)
        self._flying: dict[asyncio.Task[None], Task] = {}
        self._ready: deque[Task] = deque()
        self._inbox: deque[_Answer] = deque()
        self._results: list[Result] = []
        self._news = asyncio.Event()
        self._beat = float("-inf")
        self._priority = job.priority
        self._due: float | None = 0.0
        self._short = False
        self._sent = self._used = 0
        budget = job.spec.budget_usd
        self._budget = None if budget is None else int(budget * NANO)

    @property
    def rank(self) -> Rank:
        return -self._priority, self._job.id

    @property
    def most(self) -> int:
        return self._spec.concurrency

    @property
    def tokens(self) -> float:
        return self._work.largest_request

    @property
    def flying(self) -> int:
        return len(self._flying)

    @property
    def wants(self) -> int:
        """How many more requests it would send now if it had the slots."""
        if self._supervisor.ending is not None or self._stop():
            return 0
        able = (1 - len(self._inbox) if self._breaker.probing else self.most) - self.flying
        more = self._overdue() and not self._short
        return max(0, able if more else min(able, len(self._ready)))

    async def run(self) -> Ending:
        """Works until the job is done, paused, cancelled or the process is asked to stop; all results are written.

        Raises:
            SimiaError: the database is of no use any more, or stayed locked when the process had to go.
        """
        try:
            return await self._land(await self._go_on())
        except SimiaError:
            raise
        except Exception as error:  # noqa: BLE001 - other jobs go on; this one says so, and the log has the whole story
            traceback.print_exc()
            self._supervisor.ending = Ending(JobStatus.PAUSED, f"The worker met a fault ({_sketch(error)}).")
            await self._give_up()
            return await self._land(self._supervisor.ending)
        finally:
            await self._give_up()

    async def _go_on(self) -> Ending:
        while True:
            turn = await self._turn(self._claims())
            self._ready.extend(turn.tasks)
            self._start()
            if (ending := self._supervisor.ending or self._wanted(turn) or await self._idle(turn)) is not None:
                return ending
            await self._gather()

    def launch(self) -> None:
        """Sends what is ready, as far as there is room, and looks whether there is more."""
        self._start()
        if self.wants and self._slots.room(self):
            self._news.set()

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
                self._supervisor.story.append(f"{added} new tasks take the place of tasks that failed.")
                self._due = 0.0
                return None
        return finished(self._job.target, turn.done, turn.failed)

    def _overdue(self) -> bool:
        return self._due is not None and self._due <= time.time()

    def _capacity(self) -> int:
        """How many tasks more it can take on: with a probe out only one, and answers that wait are bounded."""
        held = self.flying + len(self._ready) + len(self._inbox)
        return max(0, (1 if self._breaker.probing else 2 * self.most) - held)

    def _claims(self) -> int:
        """How many tasks to claim now."""
        if self._supervisor.ending is not None or self._stop() or not self._overdue():
            return 0
        # Some are claimed ahead, so that a free slot need not wait for a commit: twice what the last one took.
        ahead = min(self.most, max(self.most // AHEAD, 2 * self._used))
        return max(0, min(self._capacity(), self._slots.room(self) + ahead - len(self._ready)))

    async def _gather(self) -> None:
        """Works on answers until it is time for the next commit: results wait long enough, or a slot wants a task."""
        until = time.monotonic() + GATHER_S
        while self._supervisor.ending is None and not self._starved():
            left = until - time.monotonic()
            if self._results and left <= 0:
                return
            if self._inbox:
                self._work_on(self._inbox.popleft())
                await asyncio.sleep(0)
            else:
                await self._wait(left if self._results else self._pause())
                if not self._results and not self._inbox:
                    return

    def _starved(self) -> bool:
        return not self._ready and self._slots.room(self) > 0 and self._claims() > 0

    def _pause(self) -> float:
        """Seconds until something may be due, should nothing happen before."""
        wait = POLL_S
        if self._ready or self._due is not None:
            due = 0.0 if self._ready else (self._due or 0.0) - time.time()
            wait = min(wait, max(due, self._slots.delay(self)))
        return max(wait, 0.001)

    def _startable(self) -> int:
        """How many claimed tasks may be sent now, as far as slots are free and the pace allows."""
        if self._supervisor.ending is not None or not self._ready or self._stop():
            return 0
        room = self._slots.room(self)
        if self._breaker.probing:
            room = min(room, 1 - self.flying - len(self._inbox))
        return max(0, min(room, len(self._ready)))

    def _start(self) -> None:
        """Sends what may be sent."""
        if not (n := self._startable()):
            return
        started = self._slots.pacer.started(n, self.tokens)
        for _ in range(n):
            task = self._ready.popleft()
            flight = asyncio.create_task(self._fly(task, started))
            self._flying[flight] = task
            flight.add_done_callback(self._landed)

    def _landed(self, flight: "asyncio.Task[None]") -> None:
        task = self._flying.pop(flight, None)
        if task is not None and not flight.cancelled() and (error := flight.exception()) is not None:
            self._broken(task, error)
        self._slots.offer()
        self._news.set()

    def _broken(self, task: Task, error: BaseException) -> None:
        """A request that could not even be put together: a wrong template stops the job, a fault of ours its task."""
        if isinstance(error, SimiaError):
            self._supervisor.hold(Ending(JobStatus.PAUSED, str(error)))
            self._results.append(self._work.given_up(task, Outcome.CANCELLED, str(error), billed=False))
            return
        why = f"The answer could not be worked on ({_sketch(error)})."
        self._results.append(self._work.given_up(task, Outcome.BAD_REPLY, why, state="failed"))

    async def _fly(self, task: Task, paced: float) -> None:
        """A slot at work: one task after the other, for as long as the slot is this job's and tasks are ready."""
        flight = asyncio.current_task()
        assert flight is not None
        while True:
            await self._exchange(task, paced)
            self._news.set()
            del self._flying[flight]
            if not self._startable():
                return
            # Sent from here, it need not wait until the event loop has been round for everybody else.
            task, paced = self._ready.popleft(), self._slots.pacer.started(1, self.tokens)
            self._flying[flight] = task

    async def _exchange(self, task: Task, paced: float) -> None:
        started = time.time()
        self._sent += 1
        prompt = self._work.prompt(task)
        try:
            reply = await self._work.ask(self._client, task, prompt)
        except asyncio.CancelledError:
            # The vendor has probably billed it: it is booked at the most that it can cost.
            why = "The request was given up before its answer came."
            self._results.append(self._work.given_up(task, Outcome.CANCELLED, why))
            raise
        pacer = self._slots.pacer
        pacer.learn(reply.limits)
        if reply.note is not None:
            self._supervisor.story.append(reply.note)
        slow = retry_rule(reply.outcome) == "wait"
        if pacer.answered(paced, slow, self._slots.flying, reply.retry_after):
            now = f"at most {int(pacer.window)} at a time from now on"
            self._supervisor.story.append(f"More than a fifth of the latest answers asked to slow down; {now}.")
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
        self._results.append(self._supervisor.judge(result, answer.reply))

    async def _turn(self, want: int) -> Turn:
        """Commits what there is and claims; answers are worked on meanwhile. A database that refuses is asked again."""
        results, self._results = self._results, []
        story, self._supervisor.story = self._supervisor.story, []
        unsent: list[Task] = []
        if self._supervisor.ending is not None:
            unsent, self._ready = list(self._ready), deque()
        beat, sent = time.monotonic() - self._beat > HEARTBEAT_S, self._sent
        turn = await self._commit(
            partial(
                store.turn,
                pk=self._job.id,
                results=results,
                want=want,
                reserve=self._work.reserve,
                budget_nano=self._budget,
                log=story,
                beat=beat,
                unsent=unsent,
            ),
            f"{len(results)} results of job {self._job.id} wait",
        )
        self._beat, self._used = time.monotonic() if beat else self._beat, self._sent - sent
        self._due, self._priority = turn.due, turn.priority
        self._short = turn.short if want else self._short
        self._supervisor.counted(turn)
        return turn

    async def _commit(self, call: "partial[Turn]", what: str) -> Turn:
        def told(seconds: float) -> None:
            self._supervisor.story.append(f"The database could not be written for {seconds:.0f} s.")

        commit = asyncio.ensure_future(self._journal.surely(call, self._stop, what, told))
        while self._inbox and not commit.done():
            self._work_on(self._inbox.popleft())
            await asyncio.sleep(0)
        return await commit

    async def _wait(self, seconds: float) -> None:
        """Waits for news of a request, `seconds` at most."""
        self._news.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()

    async def _land(self, ending: Ending) -> Ending:
        """Lets what is in flight finish (it is paid for); a cancel or a stop of the process gives it a short grace."""
        self._supervisor.ending = ending
        started = time.monotonic()
        while self._flying or self._inbox or self._results or self._supervisor.story or self._ready:
            turn = await self._turn(0)
            if turn.desired == "cancelled":
                self._supervisor.ending = Ending(JobStatus.CANCELLED)
            grace = self._grace(self._supervisor.ending)
            if self._flying and grace is not None and time.monotonic() - started > grace:
                await self._give_up()
            elif self._flying and not self._inbox:
                await self._wait(POLL_S)
        if counted := self._supervisor.forgiven():
            await self._journal.do(partial(store.forgive, pk=self._job.id, counted=counted))
        return self._supervisor.ending

    async def _give_up(self) -> None:
        """Ends what is in flight."""
        # One that has not begun yet could not tell that it was cancelled.
        await asyncio.sleep(0)
        for flight in list(self._flying):
            flight.cancel()
        await asyncio.gather(*self._flying, return_exceptions=True)

    def _grace(self, ending: Ending) -> float | None:
        if self._stop.hurry:
            return 0.0
        if self._stop():
            return STOP_GRACE_S
        return CANCEL_GRACE_S if ending.status is JobStatus.CANCELLED else None


def _sketch(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:400]
