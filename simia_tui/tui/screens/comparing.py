"""`A` on a prompt: two versions on the same seeds, and what the comparison has shown so far."""

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from simia_tui.errors import SimiaError
from simia_tui.services import comparing, prompts
from simia_tui.services.comparing import Result
from simia_tui.store import prompts as store
from simia_tui.store.prompts import Comparison
from simia_tui.tui.bench import Bench
from simia_tui.tui.keymap import key_of
from simia_tui.tui.screens.form import Field, Form
from simia_tui.tui.screens.job_form import amount, whole
from simia_tui.tui.screens.overview import OverviewScreen, Place
from simia_tui.tui.text import visible
from simia_tui.tui.widgets.card_sheet import CardSheet
from simia_tui.tui.widgets.key_bar import KeyBar
from simia_tui.tui.widgets.prompt_lines import comparison_lines
from simia_tui.tui.widgets.record_table import Column

AGAIN_S = 1.0
"""How often a comparison under way is looked at."""


@dataclass
class Answered(Message):
    """What a thread has to say: the comparison that it started, or why there is none."""

    number: int | None
    problem: str = ""


class CompareDialog(Form):
    """Which two versions, on how many tasks; the result is the number of the comparison."""

    HEADING = "Compare two versions on the same seeds"

    def __init__(self, bench: Bench, kind: str, domain: str) -> None:
        super().__init__(bench)
        self._kind, self._domain = kind, domain
        self._rival = prompts.rival(bench.workspace, bench.db, kind, domain)

    def intro(self) -> str:
        return (
            f"{self._kind} for {self._domain}: two jobs with the same seeds and variation, one for each version. "
            f"A version is the start of its hash, now or shipped; {key_of(self.app, 'prompts.versions')} lists them."
        )

    def fields(self) -> Sequence[Field]:
        return (
            Field("a", "version A", self._rival or "", "edit the prompt first: there is only one version"),
            Field("b", "version B", "now"),
            Field("n", "tasks each", "50"),
            Field("concurrency", "at a time", "16"),
            Field("budget", "budget, USD", "", "no limit; half for each"),
        )

    def submit(self) -> None:
        try:
            n, concurrency = whole(self.value("n"), "tasks each"), whole(self.value("concurrency"), "at a time")
            budget = amount(self.value("budget"))
        except SimiaError as error:
            self.problem(str(error))
            return
        self.busy = True
        workspace, settings, kind, domain = self.bench.workspace, self.bench.settings, self._kind, self._domain
        names = (self.value("a"), self.value("b"))

        def begin() -> None:
            db = workspace.connect()
            try:
                made = comparing.start(
                    workspace, db, settings, domain, kind, names, n, concurrency=concurrency, budget_usd=budget
                )
                self.post_message(Answered(made.pk))
            except SimiaError as error:
                self.post_message(Answered(None, str(error)))
            finally:
                db.close()

        self.run_worker(begin, thread=True, exit_on_error=False)

    def on_answered(self, message: Answered) -> None:
        if message.number is None:
            self.problem(message.problem)
        else:
            self.dismiss(str(message.number))


@dataclass
class Seen(Message):
    """A comparison as a thread has read it."""

    found: Result


class ComparisonScreen(ModalScreen[None]):
    """One comparison as it stands; looked at again until both jobs are over."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Back", id="comparison.close", tooltip="Back; the jobs go on"),
    ]

    def __init__(self, bench: Bench, number: int) -> None:
        super().__init__()
        self._bench, self._number = bench, number
        self._reading = self._over = False

    def compose(self) -> ComposeResult:
        with Vertical(id="comparison"):
            yield Static("", id="comparison-head", markup=False)
            yield CardSheet(id="comparison-text")
        yield KeyBar(pinned=("comparison.close",))

    def on_mount(self) -> None:
        self.query_one(CardSheet).focus()
        self._look()
        self.set_interval(AGAIN_S, self._look)

    def _look(self) -> None:
        if self._reading or self._over:
            return
        self._reading = True
        workspace, number = self._bench.workspace, self._number

        def look() -> None:
            with workspace.session(readonly=True) as db:
                self.post_message(Seen(comparing.result(db, number)))

        self.run_worker(look, thread=True, exit_on_error=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.worker.is_finished:
            self._reading = False
        if event.state is WorkerState.ERROR:
            self._over = True
            self.app.notify(str(event.worker.error), title="That did not work", severity="error")

    def on_seen(self, message: Seen) -> None:
        found, c = message.found, message.found.comparison
        self._over = found.over
        head = f"Comparison {c.pk}: {c.kind} for {c.domain}, jobs {c.job_a} and {c.job_b}"
        self.query_one("#comparison-head", Static).update(Content(visible(head)))
        self.query_one(CardSheet).show(lambda width: comparison_lines(found, width), keep=True)


class ComparisonsScreen(OverviewScreen):
    """`C`: all comparisons; enter shows one. The result is its number, as a place of the room."""

    HEADING = "Versions that were set to work on the same seeds; ⏎ shows what came of it"
    COLUMNS = (
        Column("#", lambda row: str(row[1].pk), width=4, right=True),
        Column("prompt", lambda row: f"{row[1].kind} for {row[1].domain}", flex=1, least=20),
        Column("A", lambda row: row[1].version_a, width=12),
        Column("B", lambda row: row[1].version_b, width=12),
        Column("started", lambda row: time.strftime("%Y-%m-%d %H:%M", time.localtime(row[1].at)), width=16, drop=1),
    )
    EMPTY = "No two versions of a prompt were compared yet."

    def read(self, db: sqlite3.Connection) -> Sequence[Comparison]:
        return store.comparisons(db)

    def place(self, row: Comparison) -> Place | None:
        return Place("prompts", str(row.pk))
