"""What the dialogs share that start a job: it is looked at while the fields are filled in, and queued with enter."""

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from sqlite3 import Connection
from typing import Any, Generic, Self, TypeVar

from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input

from simia_tui.errors import SimiaError, UsageError
from simia_tui.store import Query
from simia_tui.tui.bench import Bench
from simia_tui.tui.screens.form import Field, Form

P = TypeVar("P")
LOOK_S = 0.3
"""How long nothing is typed until the job is looked at anew."""

COMMON = (
    Field("concurrency", "at a time", "16"),
    Field("budget", "budget, USD", "", "no limit"),
    Field("priority", "priority", "0", "a higher one takes free slots first"),
)
"""The fields that every job has."""


@dataclass
class Looked(Message):
    """What a thread has to say of a job that could be queued as the fields stand."""

    values: Mapping[str, str]
    text: str


@dataclass
class Answered(Message):
    """What a thread has to say: the job that it queued, or why there is none."""

    sentence: str
    queued: bool


class JobDialog(Form, Generic[P]):
    """A job to be. A subclass plans it from the values of its fields, tells of the plan, and queues it."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self._pending: Timer | None = None
        self._seen: Mapping[str, str] | None = None

    @classmethod
    def on(cls, bench: Bench, shown: Query | None) -> Self:
        """The dialog as it opens where a room shows what `shown` finds."""
        return cls(bench)

    @abstractmethod
    def plan(self, db: Connection, values: Mapping[str, str]) -> P:
        """The job that the fields describe; called in a thread.

        Raises:
            SimiaError: they describe none.
        """

    @abstractmethod
    def told(self, db: Connection, planned: P) -> str:
        """What the job is and what it will cost; called in a thread."""

    @abstractmethod
    def queue(self, db: Connection, planned: P, priority: int) -> str:
        """Queues the job, and says what it is; called in a thread."""

    def values(self) -> dict[str, str]:
        """What stands in the fields, by name."""
        return {field.name: self.value(field.name) for field in self.fields()}

    def on_mount(self) -> None:
        self._look()

    def on_input_changed(self, _event: Input.Changed) -> None:
        if self._pending is not None:
            self._pending.stop()
        self._pending = self.set_timer(LOOK_S, self._look)

    def _look(self) -> None:
        values = self.values()
        if values == self._seen or self.busy:
            return
        self._seen = values
        workspace = self.bench.workspace

        def look() -> None:
            try:
                with workspace.session(readonly=True) as db:
                    text = self.told(db, self.plan(db, values))
            except SimiaError as error:
                text = str(error)
            self.post_message(Looked(values, text))

        self.run_worker(look, group="look", thread=True, exit_on_error=False)

    def on_looked(self, message: Looked) -> None:
        if message.values == self._seen and not self.busy:
            self.problem("")
            self.report(message.text)

    def submit(self) -> None:
        self.busy = True
        workspace, values = self.bench.workspace, self.values()

        def queue() -> None:
            try:
                priority = integer(values["priority"], "priority")
                with workspace.session() as db:
                    said = self.queue(db, self.plan(db, values), priority)
                self.post_message(Answered(said, True))
            except SimiaError as error:
                self.post_message(Answered(str(error), False))

        self.run_worker(queue, group="queue", thread=True, exit_on_error=False)

    def on_answered(self, message: Answered) -> None:
        if message.queued:
            self.dismiss(message.sentence)
        else:
            self.report("")
            self.problem(message.sentence)


def limits(values: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a spec that every job has. Raises `UsageError` where they hold no numbers."""
    concurrency = whole(values["concurrency"], "at a time")
    return {"concurrency": concurrency, "budget_usd": amount(values["budget"])}


def whole(text: str, label: str) -> int:
    """The number in a field. Raises `UsageError` for anything else."""
    if not text.isdecimal():
        raise UsageError(f"{label}: write a whole number.")
    return int(text)


def integer(text: str, label: str) -> int:
    """The number in a field, which may be below 0; 0 where it is empty. Raises `UsageError` for anything else."""
    sign = -1 if text.startswith("-") else 1
    return sign * whole(text.removeprefix("-").removeprefix("+"), label) if text else 0


def amount(text: str) -> float | None:
    """The dollars in a field, None where it is empty. Raises `UsageError` for anything else."""
    if not text:
        return None
    try:
        usd = float(text)
    except ValueError:
        usd = math.nan
    if not math.isfinite(usd):
        raise UsageError("budget: write an amount like 2.50, or nothing.")
    return usd
