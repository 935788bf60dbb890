"""`S`: starts a synthesize job on the approved seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.message import Message

from simia_tui.errors import SimiaError, UsageError
from simia_tui.model import Status, Target
from simia_tui.services import coverage, synthesis
from simia_tui.store import trajectories
from simia_tui.tui.bench import Bench
from simia_tui.tui.screens.form import Field, Form

FOR_A_HOLE = 20
"""Episodes that are proposed to fill a hole of the coverage map."""


@dataclass
class Answered(Message):
    """What a thread has to say: the job that it queued, or why there is none."""

    sentence: str
    queued: bool


class LaunchDialog(Form):
    """How many episodes, how many requests at a time, at what budget, and what they are to show."""

    HEADING = "Simulate episodes"

    def __init__(self, bench: Bench, target: Target | None = None) -> None:
        super().__init__(bench)
        self._target = target

    def intro(self) -> str:
        counts = trajectories.counts(self.bench.db)
        try:
            simulator = self.bench.simulator
        except SimiaError as error:
            simulator = str(error)
        approved = counts.get(("seed", Status.APPROVED), 0)
        return f"{approved:,} approved seeds. Simulator: {simulator}. The job runs in the background."

    def fields(self) -> Sequence[Field]:
        return (
            Field("n", "episodes", str(FOR_A_HOLE) if self._target else "100"),
            Field("concurrency", "at a time", "16"),
            Field("domain", "domain", "", "all approved seeds"),
            Field("budget", "budget, USD", "", "no limit"),
            Field(
                "target",
                "to show",
                coverage.target_line(self._target) if self._target else "",
                "anything; or tool=NAME,outcome=error",
            ),
        )

    def submit(self) -> None:
        try:
            n, concurrency = whole(self.value("n"), "episodes"), whole(self.value("concurrency"), "at a time")
            domain, budget, target = self.value("domain") or None, amount(self.value("budget")), self._aim()
        except SimiaError as error:
            self.problem(str(error))
            return
        self.busy = True
        workspace, settings = self.bench.workspace, self.bench.settings

        def queue() -> None:
            db = workspace.connect()
            try:
                planned = synthesis.plan(
                    db, settings, n, domain=domain, concurrency=concurrency, budget_usd=budget, target=target
                )
                job = synthesis.queue(workspace, db, planned)
                said = f"Job {job.id}: {job.target:,} episodes from {planned.distinct:,} seeds."
                self.post_message(Answered(said, True))
            except SimiaError as error:
                self.post_message(Answered(str(error), False))
            finally:
                db.close()

        self.run_worker(queue, thread=True, exit_on_error=False)

    def _aim(self) -> Target | None:
        """The target as it was given or as it was typed."""
        line = self.value("target")
        if self._target is not None and line == coverage.target_line(self._target).strip():
            return self._target
        return coverage.read_target(line) if line else None

    def on_answered(self, message: Answered) -> None:
        if message.queued:
            self.dismiss(message.sentence)
        else:
            self.problem(message.sentence)


def whole(text: str, label: str) -> int:
    """The number in a field. Raises `UsageError` for anything else."""
    if not text.isdigit():
        raise UsageError(f"{label}: write a whole number.")
    return int(text)


def amount(text: str) -> float | None:
    """The dollars in a field, None where it is empty. Raises `UsageError` for anything else."""
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise UsageError("budget: write an amount like 2.50, or nothing.") from None
