"""Decides from its results whether a job goes on, and why not."""

import time
from typing import NamedTuple

from simia_tui.jobs.breaker import Breaker
from simia_tui.jobs.copies import CopyWatch
from simia_tui.llm import Reply, retry_rule
from simia_tui.model import NANO, Job, JobStatus
from simia_tui.store.tasks import Result, Turn

LONG_WAIT_S = 600.0
"""A Retry-After beyond this pauses the job until then, with the time on show."""


class Ending(NamedTuple):
    """Why a runner stops: the job's next status, a sentence where a person has to know, when it goes on itself."""

    status: JobStatus
    reason: str | None = None
    resume_at: float | None = None


class Supervisor:
    """Watches one job. `ending` is set when going on would only burn requests; `story` is what its log is to tell."""

    def __init__(self, job: Job, breaker: Breaker) -> None:
        self.ending: Ending | None = None
        self.story: list[str] = []
        self._breaker = breaker
        self._copies = CopyWatch(job.spec.most_copies)

    def judge(self, result: Result, reply: Reply) -> Result:
        """Takes note of a result; returns it as it is to be recorded."""
        outcome = result.attempt.outcome
        assert outcome is not None
        breaker, rule = self._breaker, retry_rule(outcome)
        if result.state == "done":
            # An answer to what was sent before the endpoint went down is not one to a probe.
            if breaker.probing and self.ending is None:
                tried = f"{breaker.down_s:.0f} s and {breaker.failures} requests"
                self.story.append(f"The endpoint answers again after {tried} that brought nothing; the job goes on.")
            breaker.good()
        elif rule == "pause job":
            self.hold(Ending(JobStatus.PAUSED, result.why))
        elif rule == "wait" and (reply.retry_after or 0) > LONG_WAIT_S:
            at = time.time() + (reply.retry_after or 0)
            until = time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
            self.hold(Ending(JobStatus.PAUSED, f"{result.why} It goes on at {until}.", at))
        else:
            return self._failed(result)
        return result

    def _failed(self, result: Result) -> Result:
        breaker, outcome = self._breaker, result.attempt.outcome
        assert outcome is not None
        probe = breaker.probing
        if breaker.bad(result.task.ord, outcome, result.counts_as_try and not probe) and self.ending is None:
            self._trip(result.why or outcome.value)
        if not probe:
            return result
        breaker.counted.pop(result.task.ord, None)
        return result._replace(state="pending", counts_as_try=False)

    def _trip(self, why: str) -> None:
        failures, wait = self._breaker.failures, self._breaker.hold()
        said = f"{failures} requests in a row brought nothing; the last one: {why}"
        if wait is None:
            self.hold(Ending(JobStatus.PAUSED, said))
            return
        at = time.time() + wait
        when = time.strftime("%H:%M:%S", time.localtime(at))
        self.hold(Ending(JobStatus.PAUSED, f"{said} One request tries again at {when}.", at))

    def hold(self, ending: Ending) -> None:
        """Stops the job; of two reasons, the one that only a person can remove counts."""
        if self.ending is None or (self.ending.resume_at is not None and ending.resume_at is None):
            self.ending = ending

    def counted(self, turn: Turn) -> None:
        """Takes note of how the job stands: one that brings mostly copies is stopped."""
        if (copies := self._copies.told(turn.done, turn.copies)) is not None:
            self.hold(Ending(JobStatus.PAUSED, copies))

    def forgiven(self) -> dict[int, int]:
        """The tries that a dead endpoint used up, by task: no task may run out of them for that."""
        counted = dict(self._breaker.counted)
        if self.ending is None or self.ending.resume_at is None:
            return {}
        self._breaker.counted.clear()
        return counted


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
