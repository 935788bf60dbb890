"""From Home: what became of everything generated (`y`), and which tools are covered (`c`). Enter opens the rows."""

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

from simia_tui.store import Query
from simia_tui.store.connection import explain
from simia_tui.store.fields import escape
from simia_tui.store.yields import Cover, Yield, coverage, yields
from simia_tui.tui.bench import Bench
from simia_tui.tui.text import visible
from simia_tui.tui.widgets.bar import bar
from simia_tui.tui.widgets.key_bar import KeyBar
from simia_tui.tui.widgets.line_view import Part
from simia_tui.tui.widgets.record_table import Column, RecordTable

BAR = 24
RULES_SHOWN = 12


class Target(NamedTuple):
    """Where a row leads: a room and the filter to open it with."""

    mode: str
    line: str


class Bar(NamedTuple):
    """One line of the waterfall. A reason stands under its stage."""

    label: str
    n: int
    of: int
    target: Target | None = None
    reason: bool = False


@dataclass
class Counted(Message):
    """What a thread has read."""

    found: Any


class OverviewScreen(ModalScreen[Target | None]):
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

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self._bench = bench
        self._rows: Sequence[Any] = ()

    def read(self, db: sqlite3.Connection) -> Sequence[Any]:
        """The rows; runs in a thread."""
        raise NotImplementedError

    def target(self, row: Any) -> Target | None:
        """Where a row leads."""
        raise NotImplementedError

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
        workspace, read = self._bench.workspace, self.read

        def look() -> None:
            db = workspace.connect(readonly=True)
            try:
                self.post_message(Counted(read(db)))
            except sqlite3.Error as error:
                raise explain(error) from error
            finally:
                db.close()

        self.run_worker(look, thread=True, exit_on_error=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR:
            self.app.notify(str(event.worker.error), title="That did not work", severity="error")

    def on_counted(self, message: Counted) -> None:
        self._rows = message.found
        table = self.query_one(RecordTable)
        table.empty = "Nothing is here yet: import traces with I, then simulate with S."
        table.show(array("q", range(len(self._rows))))

    def on_record_table_selected(self, message: RecordTable.Selected) -> None:
        found = self.target(self._rows[message.pk])
        if found is not None:
            self.dismiss(found)


def _episodes(line: str) -> Target:
    return Target("episodes", line)


def waterfall(found: Yield) -> list[Bar]:
    """The stages from what was asked for to what is kept, each with what was lost there and why."""
    top = max(found.tasks, found.episodes)
    bars = [Bar("tasks asked for", found.tasks, top, Target("jobs", ""))]
    bars += [Bar(f"no episode: {why}", n, top, Target("jobs", ""), True) for why, n in found.failed]
    bars.append(Bar("episodes", found.episodes, top, _episodes("")))
    bars += [
        Bar(f"broken: {rule}", n, top, _episodes(Query(verdict="broken", rule=escape(rule)).line()), True)
        for rule, n in found.rules[:RULES_SHOWN]
    ]
    bars.append(Bar("whole by the rules", found.episodes - found.broken, top, _episodes("")))
    bars += [
        Bar(f"rejected: {why or 'no reason given'}", n, top, _episodes(Query(fault=why or "none").line()), True)
        for why, n in found.faults
    ]
    if found.waiting:
        bars.append(Bar("not decided yet", found.waiting, top, _episodes("status:pending"), True))
    bars.append(Bar("kept: approved", found.approved, top, _episodes("status:approved")))
    return bars


def _label(numbered: tuple[int, Bar]) -> list[Part]:
    row = numbered[1]
    return [(f"  − {row.label}" if row.reason else row.label, "muted" if row.reason else "strong")]


def _of(numbered: tuple[int, Bar]) -> str:
    row = numbered[1]
    return f"{100 * row.n / row.of:.1f} %" if row.of else ""


class YieldScreen(OverviewScreen):
    """`y`: the yield waterfall."""

    HEADING = "From asked for to kept; ⏎ opens the rows of a bar"
    COLUMNS = (
        Column("stage, and − what was lost there", _label, flex=1, least=30),
        Column("n", lambda row: f"{row[1].n:,}", width=9, right=True),
        Column("share", _of, width=8, right=True),
        Column("", lambda row: [(bar(row[1].n / (row[1].of or 1), BAR, " "), "key")], width=BAR, drop=1),
    )

    def read(self, db: sqlite3.Connection) -> Sequence[Bar]:
        found = yields(db)
        return waterfall(found) if found.tasks or found.episodes else []

    def target(self, row: Bar) -> Target | None:
        return row.target


def _count(pick: Callable[[Cover], int], needed: Callable[[Cover], int]) -> Callable[[tuple[int, Cover]], list[Part]]:
    """A cell: the count, or a hole where seeds have what episodes lack."""

    def cell(numbered: tuple[int, Cover]) -> list[Part]:
        n, wanted = pick(numbered[1]), needed(numbered[1])
        return [("○ hole", "warning") if not n and wanted else (f"{n:,}" if n else "·", "" if n else "muted")]

    return cell


class CoverageScreen(OverviewScreen):
    """`c`: tools by outcome, of seeds and of episodes."""

    HEADING = "Trajectories by tool; with error: at least one refusal; ⏎ opens the episodes, of a hole the seeds"
    COLUMNS = (
        Column("tool", lambda row: visible(row[1].tool), flex=1, least=20),
        Column("seeds", _count(lambda c: c.seeds, lambda c: 0), width=8, right=True),
        Column("error", _count(lambda c: c.seeds_with_error, lambda c: 0), width=8, right=True),
        Column("episodes", _count(lambda c: c.episodes, lambda c: c.seeds), width=9, right=True),
        Column("error", _count(lambda c: c.episodes_with_error, lambda c: c.seeds_with_error), width=8, right=True),
    )

    def read(self, db: sqlite3.Connection) -> Sequence[Cover]:
        return coverage(db)

    def target(self, row: Cover) -> Target | None:
        hole = not row.episodes or (row.seeds_with_error and not row.episodes_with_error)
        query = Query(tool=escape(row.tool), order="errors" if hole and row.episodes else "oldest")
        return Target("seeds" if hole and row.seeds else "episodes", query.line())
