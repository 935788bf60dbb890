"""Runs one job by the Batch API: claims tasks for a batch, hands it over, asks how far it is, writes what came.

All that a crash must not lose stands in the database (see `store.submissions`): a worker that takes the job up goes on
with the batches that it finds there, and makes none a second time before it has looked for the first.
"""

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from sqlite3 import Connection
from typing import Any, TypeVar

from simia_tui.errors import SimiaError, UsageError
from simia_tui.jobs.copies import CopyWatch
from simia_tui.jobs.journal import STALL_S, Journal, Stop
from simia_tui.jobs.supervisor import Ending, finished, out_of_funds
from simia_tui.jobs.tasks import Work, after_fault
from simia_tui.llm import Client, EndpointFault, Reply, retry_rule
from simia_tui.llm.batches import Batch, Batches
from simia_tui.model import NANO, Job, JobStatus, Outcome
from simia_tui.store import submissions
from simia_tui.store import tasks as store
from simia_tui.store.submissions import Submission
from simia_tui.store.tasks import Result, Task, Turn

T = TypeVar("T")
TICK_S = 0.25
POLL_S = 20.0
"""Between two looks at a batch."""

SETTLE_S = 60.0
"""How long an endpoint may take to list a batch that it was asked to make; only then is it asked again."""

LOOK_AGAIN_S = 5.0
"""Between two searches for a batch that may have been made."""

SKEW_S = 3600.0
"""How far the endpoint's clock may be behind ours."""

ROWS, BYTES = 2000, 100_000_000
"""Of one batch at most; OpenAI takes 50,000 requests and 200 MB, but the answers have to fit into memory."""

AT_ONCE = 8
"""Batches at the endpoint at a time."""

CHUNK = 100
"""Results of one transaction."""

FAULTS, AGAIN_S = 10, 300.0
"""Calls in a row that fail, after which the job pauses, and for how long."""

_HINT = "Not every endpoint has a Batch API; without --batch the same job sends its requests one by one."


class BatchRunner:
    """The life of one job in this process; `run` returns when it is done, or is not to go on here."""

    def __init__(self, journal: Journal, job: Job, work: Work, client: Client, stop: Stop) -> None:
        self._journal = journal
        self._job = job
        self._work = work
        self._client = client
        self._batches = Batches(client)
        self._stop = stop
        self._copies = CopyWatch(job.spec.most_copies)
        self._ending: Ending | None = None
        self._looked: dict[int, float] = {}
        self._faults = 0
        self._not_before = 0.0
        self._full = False
        self._holds = work.schema is not None and client.level != "none"
        self._plain: set[int] = set()  # tasks that are asked without a schema, since with one they were refused
        self._refusal = ""
        self._kept: set[int] = set()  # batches whose file the endpoint did not delete
        # A request has four characters a token and little else.
        self._rows = max(1, min(ROWS, BYTES // (4 * max(1, work.largest_request))))
        budget = job.spec.budget_usd
        self._budget = None if budget is None else int(budget * NANO)

    async def run(self) -> Ending:
        """Works until the job is done, paused, cancelled or the process is asked to stop.

        What is at the endpoint stays there when the job pauses or the process stops, and is fetched when it goes on.
        """
        await self._tidy()
        while True:
            turn = await self._turn()
            under_way = await self._do(partial(submissions.under_way, job=self._job.id))
            if turn.desired == "paused" or self._stop():
                return self._leave(turn, len(under_way))
            if time.monotonic() >= self._not_before:
                try:
                    ending = await self._step(turn, under_way)
                    self._faults = 0
                except EndpointFault as fault:
                    ending = self._after(fault)
                if ending is not None:
                    return ending
            await asyncio.sleep(TICK_S)

    async def _step(self, turn: Turn, under_way: Sequence[Submission]) -> Ending | None:
        """Takes every batch on by one step, then makes a new one if there is something for it."""
        cancelled = turn.desired == "cancelled"
        for submission in under_way:
            if submission.batch is None:
                await self._hand_over(submission, cancelled)
            elif time.monotonic() - self._looked.get(submission.pk, float("-inf")) >= POLL_S:
                await self._look(submission, submission.batch, cancelled, len(under_way))
                self._looked[submission.pk] = time.monotonic()
        if cancelled:
            return None if under_way else Ending(JobStatus.CANCELLED)
        if self._ending is not None:
            return self._ending
        short = False
        if turn.due is not None and turn.due <= time.time() and len(under_way) < AT_ONCE and not self._full:
            held, short = await self._claim()
            if held:
                return None
        if under_way or await self._do(partial(submissions.under_way, job=self._job.id)):
            return None
        if short:
            return out_of_funds(self._job, turn.spent)
        if turn.due is not None:
            return None
        if turn.done < self._job.target and turn.failed:
            more = await self._do(partial(store.replace_failed, pk=self._job.id, spare=self._job.spec.spare))
            if more:
                await self._turn(log=[f"{more} new tasks take the place of tasks that failed."])
                return None
        return finished(self._job.target, turn.done, turn.failed)

    async def _claim(self) -> tuple[int, bool]:
        mark = uuid.uuid4().hex
        return await self._do(
            partial(
                submissions.prepare,
                job=self._job.id,
                mark=mark,
                want=self._rows,
                reserve=self._work.reserve,
                budget_nano=self._budget,
            )
        )

    async def _hand_over(self, submission: Submission, cancelled: bool) -> None:
        """Has a batch made, or finds the one that was made before a crash or a call that gave no answer."""
        if submission.asked is not None:
            found = await self._batches.find(submission.mark, submission.asked - SKEW_S)
            if found is not None:
                await self._made(submission, found, "was found again at the endpoint")
                return
            if time.time() - submission.asked < SETTLE_S:
                self._not_before = time.monotonic() + LOOK_AGAIN_S
                return
        tasks = await self._do(partial(submissions.tasks_of, pk=submission.pk))
        if cancelled:
            await self._turn(unsent=tasks)
            await self._settle(submission, "A batch was not handed over.")
            return
        file = submission.file or await self._upload(submission, tasks)
        await self._do(partial(submissions.asking, pk=submission.pk))
        batch = await self._batches.make(file, submission.mark)
        await self._made(submission, batch, f"with {len(tasks)} requests was handed over; it may take 24 hours")

    async def _upload(self, submission: Submission, tasks: Sequence[Task]) -> str:
        lines = []
        for task in tasks:
            body = self._body(task)
            lines.append(self._batches.line(_name(submission, task), body))
            await asyncio.sleep(0)
        file = await self._batches.upload(f"simia-{submission.mark}", lines)
        await self._do(partial(submissions.uploaded, pk=submission.pk, file=file))
        return file

    async def _made(self, submission: Submission, batch: Batch, what: str) -> None:
        await self._do(
            partial(submissions.made, submission=submission, batch=batch.id, says=f"The batch {batch.id} {what}.")
        )

    async def _look(self, submission: Submission, name: str, cancelled: bool, open_: int) -> None:
        batch = await self._batches.look(name)
        if cancelled and not batch.over and batch.status != "cancelling":
            batch = await self._batches.cancel(name)
        if batch.status != submission.status:
            says = f"The batch {name} is {batch.status}: {batch.answered} of {batch.total} requests are answered."
            await self._do(partial(submissions.heard, submission=submission, status=batch.status, says=says))
        if batch.status == "failed":
            await self._refused(submission, batch, open_)
        elif batch.over:
            await self._collect(submission, batch)

    async def _refused(self, submission: Submission, batch: Batch, open_: int) -> None:
        """Nothing of a batch was worked on: its tasks wait again as if they had never been claimed."""
        await self._turn(unsent=await self._do(partial(submissions.tasks_of, pk=submission.pk)))
        says = f"The endpoint refused the batch {batch.id}: {batch.problem or 'it gave no reason.'}"
        await self._settle(submission, says)
        # With others under way it is most likely too much at once.
        self._full = open_ > 1
        if not self._full:
            self._ending = Ending(JobStatus.PAUSED, says)

    async def _collect(self, submission: Submission, batch: Batch) -> None:
        """Writes what came of a batch; what is written already is left alone, so that it can be done again."""
        waiting = {
            _name(submission, task): task for task in await self._do(partial(submissions.tasks_of, pk=submission.pk))
        }
        total, results = len(waiting), list[Result]()
        lines = await self._batches.rows(batch)

        def asked(name: str) -> Mapping[str, Any] | None:
            task = waiting.get(name)
            return None if task is None else self._body(task)

        answered = 0
        for name, reply in self._batches.replies(lines, asked, self._job.spec.max_tokens):
            results.append(await self._result(waiting.pop(name), reply, submission.created))
            answered += reply.status_code is not None
            if len(results) >= CHUNK:
                await self._turn(results=results)
                results = []
        results += [self._missing(task, batch) for task in waiting.values()]
        await self._turn(results=results)
        says = f"The batch {batch.id} is fetched: {answered} of {total} requests have an answer."
        await self._settle(submission, says)
        self._full = False

    def _body(self, task: Task) -> dict[str, Any]:
        return self._work.body(self._client, self._work.prompt(task), held=task.ord not in self._plain)

    async def _result(self, task: Task, reply: Reply, started: float) -> Result:
        if reply.outcome is Outcome.CANCELLED:
            return self._work.given_up(task, reply.outcome, reply.message, billed=False)
        if reply.refused and self._holds and task.ord not in self._plain:
            self._plain.add(task.ord)
            self._refusal = reply.message
            why = f"{reply.message} It is asked again without a schema."
            return self._work.given_up(task, reply.outcome, why, billed=False)._replace(counts_as_try=False)
        if reply.status_code == 200 and task.ord in self._plain and (note := self._client.ask_plainly(self._refusal)):
            await self._turn(log=[note])
        try:
            result = self._work.result(task, self._work.prompt(task), reply, started)
        except Exception as error:  # noqa: BLE001 - one strange answer must not take the others down; its task says so
            why = f"The answer could not be worked on ({type(error).__name__}: {error})."[:500]
            return self._work.given_up(task, Outcome.BAD_REPLY, why, state="failed")
        if result.state != "done" and result.attempt.outcome and retry_rule(result.attempt.outcome) == "pause job":
            self._ending = Ending(JobStatus.PAUSED, result.why)
        # The next batch takes hours anyway: all that failed go into it together.
        return result._replace(next_at=0.0)

    def _missing(self, task: Task, batch: Batch) -> Result:
        """What is recorded of a request that the files of a batch say nothing of."""
        why = f"The batch {batch.id} is {batch.status} and holds no answer to this request."
        if batch.status == "cancelled":
            return self._work.given_up(task, Outcome.CANCELLED, why, billed=False)
        outcome = Outcome.TIMEOUT if batch.status == "expired" else Outcome.LOST
        lost = self._work.given_up(task, outcome, why, billed=outcome is Outcome.LOST)
        return after_fault(task, lost.attempt, self._job.spec, None)._replace(next_at=0.0)

    def _leave(self, turn: Turn, n: int) -> Ending:
        stays = f"{n} batches stay at the endpoint and are fetched when the job goes on." if n else None
        if turn.desired == "paused":
            return Ending(JobStatus.PAUSED, stays)
        return Ending(JobStatus.QUEUED, stays or "The worker was stopped; the job goes on when one is started.")

    def _after(self, fault: EndpointFault) -> Ending | None:
        """Waits after a fault of the endpoint, or pauses the job where waiting does not help."""
        if retry_rule(fault.outcome) in ("pause job", "fail task"):
            lacks = fault.outcome in (Outcome.NO_MODEL, Outcome.BAD_REQUEST)
            return Ending(JobStatus.PAUSED, f"{fault} {_HINT}" if lacks else str(fault))
        self._faults += 1
        if self._faults >= FAULTS:
            said = f"{self._faults} calls about batches failed in a row; the last one: {fault}"
            return Ending(JobStatus.PAUSED, said, time.time() + AGAIN_S)
        wait = fault.retry_after if fault.retry_after is not None else TICK_S * 2.0**self._faults
        self._not_before = time.monotonic() + min(wait, AGAIN_S)
        return None

    async def _settle(self, submission: Submission, says: str) -> None:
        await self._do(partial(submissions.settle, submission=submission, says=says))
        await self._tidy()

    async def _tidy(self) -> None:
        """Has the endpoint delete files of batches that are over; what stays is said, and the next job tries again."""
        for left in await self._do(partial(submissions.left_behind, job=self._job.id)):
            if left.pk in self._kept or left.file is None:
                continue
            try:
                await self._batches.delete(left.file)
            except EndpointFault as fault:
                self._kept.add(left.pk)
                says = f"The file {left.file} could not be deleted at the endpoint; the next batch tries again. {fault}"
                await self._do(partial(store.write_log, pk=left.job, texts=[says]))
            else:
                await self._do(partial(submissions.deleted, pk=left.pk))

    async def _turn(self, results: Sequence[Result] = (), log: Sequence[str] = (), unsent: Sequence[Task] = ()) -> Turn:
        turn = await self._do(partial(store.turn, pk=self._job.id, results=results, log=log, unsent=unsent))
        if (copies := self._copies.told(turn.done, turn.copies)) is not None:
            self._ending = Ending(JobStatus.PAUSED, copies)
        return turn

    async def _do(self, call: Callable[[Connection], T]) -> T:
        """What a call of the store gives; a database that is locked or full is asked again until it can be written."""
        while True:
            try:
                return await self._journal.do(call)
            except UsageError:
                raise
            except SimiaError:
                if self._stop():
                    raise
                await asyncio.sleep(STALL_S)


def _name(submission: Submission, task: Task) -> str:
    """What a request is called in its batch: its answers come in any order."""
    return f"{submission.mark}-{task.ord}-{task.n}"
