"""From Home: what became of everything generated (`y`). Enter opens the rows of a bar, `r` takes refusals back."""

import sqlite3
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from simia_tui.errors import SimiaError
from simia_tui.store import Query, decisions, trajectories
from simia_tui.store.fields import escape
from simia_tui.store.yields import Yield, yields
from simia_tui.tui.bench import Bench
from simia_tui.tui.keymap import key_of
from simia_tui.tui.screens.reasons import ConfirmStrip
from simia_tui.tui.widgets.bar import bar
from simia_tui.tui.widgets.key_bar import KeyBar
from simia_tui.tui.widgets.line_view import Part
from simia_tui.tui.widgets.record_table import Column, RecordTable

BAR = 24
RULES_SHOWN = 12


class Place(NamedTuple):
    """Where a row leads: a room, and the filter to open it with or the item to go to."""

    mode: str
    line: str
    pk: int | None = None


class Bar(NamedTuple):
    """One line of the waterfall. A reason stands under its stage; `refused` finds the episodes rejected for it."""

    label: str
    n: int
    of: int
    place: Place | None = None
    reason: bool = False
    refused: Query | None = None


@dataclass
class Counted(Message):
    """What a thread has read."""

    found: Any


class OverviewScreen(ModalScreen[Place | None]):
    """A list read in a thread; Enter gives the target of the row under the cursor."""

    DEFAULT_CSS = """
    OverviewScreen { background: $background; }
    OverviewScreen #overview-head { height: 1; padding: 0 1; color: $text-muted; background: $panel; }
    OverviewScreen #overview { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Back", id="overview.close", tooltip="Back to Home"),
    ]
    HEADING = ""
    COLUMNS: ClassVar[tuple[Column[Any], ...]] = ()
    READONLY = True
    EMPTY = "Nothing is here yet: import traces with {}, then simulate with {}."
    """What stands in an empty list; with the keys of import and simulation where it has room for them."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self._bench = bench
        self._rows: Sequence[Any] = ()

    def read(self, db: sqlite3.Connection) -> Sequence[Any]:
        """The rows; runs in a thread."""
        raise NotImplementedError

    def place(self, row: Any) -> Place | None:
        """Where a row leads."""
        raise NotImplementedError

    @property
    def row(self) -> Any:
        """The row under the cursor; None where the list is empty."""
        pk = self.query_one(RecordTable).pk
        return None if pk is None or pk >= len(self._rows) else self._rows[pk]

    def compose(self) -> ComposeResult:
        with Container(id="overview"):
            yield Static(Content(self.HEADING), id="overview-head", markup=False)
            yield RecordTable(
                self.COLUMNS,
                lambda ids: [(n, self._rows[n]) for n in ids if n < len(self._rows)],
                key=lambda row: row[0],
                empty="Counting …",
                id="table",
            )
        yield KeyBar(pinned=("overview.close",))

    def on_mount(self) -> None:
        self.query_one(RecordTable).focus()
        self._look()

    def _look(self, act: Callable[[sqlite3.Connection], object] | None = None) -> None:
        """Reads the rows in a thread; before that it does what is asked for."""
        workspace, read, readonly = self._bench.workspace, self.read, self.READONLY and act is None

        def look() -> None:
            with workspace.session(readonly=readonly) as db:
                if act is not None:
                    act(db)
                self.post_message(Counted(read(db)))

        self.run_worker(look, thread=True, exit_on_error=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR:
            self.app.notify(str(event.worker.error), title="That did not work", severity="error")

    def on_counted(self, message: Counted) -> None:
        self._rows = message.found
        table = self.query_one(RecordTable)
        table.empty = self.EMPTY.format(key_of(self.app, "app.import"), key_of(self.app, "app.synthesize"))
        table.show(array("q", range(len(self._rows))))
        self.refresh_bindings()

    def on_record_table_highlighted(self, _message: RecordTable.Highlighted) -> None:
        self.refresh_bindings()

    def on_record_table_selected(self, message: RecordTable.Selected) -> None:
        found = self.place(self._rows[message.pk])
        if found is not None:
            self.dismiss(found)


def _episodes(line: str) -> Place:
    return Place("episodes", line)


def waterfall(found: Yield) -> list[Bar]:
    """The stages from what was asked for to what is kept, each with what was lost there and why."""
    top = max(found.tasks, found.episodes)
    bars = [Bar("tasks asked for", found.tasks, top, Place("jobs", ""))]
    bars += [Bar(f"no episode: {why}", n, top, Place("jobs", ""), True) for why, n in found.failed]
    bars.append(Bar("episodes", found.episodes, top, _episodes("")))
    bars += [
        _reason(f"broken: {rule}", n, top, Query(verdict="broken", rule=escape(rule)))
        for rule, n in found.rules[:RULES_SHOWN]
    ]
    bars.append(Bar("whole by the rules", found.episodes - found.broken, top, _episodes("")))
    bars += [
        _reason(f"rejected: {why or 'no reason given'}", n, top, Query(fault=why or "none")) for why, n in found.faults
    ]
    if found.waiting:
        bars.append(Bar("not decided yet", found.waiting, top, _episodes("status:pending"), True))
    bars.append(Bar("kept: approved", found.approved, top, _episodes("status:approved")))
    return bars


def _reason(label: str, n: int, top: int, query: Query) -> Bar:
    """A bar for what was lost, with the filter that finds it."""
    return Bar(label, n, top, _episodes(query.line()), True, query.but(kind="episode", status="rejected"))


def _label(numbered: tuple[int, Bar]) -> list[Part]:
    row = numbered[1]
    return [(f"  − {row.label}" if row.reason else row.label, "muted" if row.reason else "strong")]


def _of(numbered: tuple[int, Bar]) -> str:
    row = numbered[1]
    return f"{100 * row.n / row.of:.1f} %" if row.of else ""


class YieldScreen(OverviewScreen):
    """`y`: the yield waterfall."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "r",
            "resurrect",
            "Take back",
            id="yield.resurrect",
            tooltip="Episodes that were rejected for this reason wait for a decision again; u takes it back",
        ),
    ]
    HEADING = "From asked for to kept: what was lost where, and why; ⏎ opens the rows"
    COLUMNS = (
        Column("stage, and − what was lost there", _label, flex=1, least=30),
        Column("n", lambda row: f"{row[1].n:,}", width=9, right=True),
        Column("share", _of, width=8, right=True),
        Column("", lambda row: [(bar(row[1].n / (row[1].of or 1), BAR, " "), "key")], width=BAR, drop=1),
    )

    def read(self, db: sqlite3.Connection) -> Sequence[Bar]:
        found = yields(db)
        return waterfall(found) if found.tasks or found.episodes else []

    def place(self, row: Bar) -> Place | None:
        return row.place

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only a reason for which something can have been rejected has anything to take back."""
        return action != "resurrect" or (self.is_mounted and self.row is not None and self.row.refused is not None)

    def action_resurrect(self) -> None:
        row: Bar = self.row
        assert row.refused is not None
        try:
            pks = trajectories.ids(self._bench.db, row.refused)
        except (SimiaError, sqlite3.Error) as error:
            self.app.notify(str(error), severity="error")
            return
        if not pks:
            self.app.notify(f"None of these is rejected ({row.label}); there is nothing to take back.")
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._look(lambda db: decisions.decide(db, pks, "reset", self._bench.reviewer, note=row.label))

        question = f"Take {len(pks):,} rejected episodes back ({row.label})? They wait for a decision again."
        self.app.push_screen(ConfirmStrip(question), answered)
