"""From Home (`c`): tools by what their calls came to, in seeds and episodes; `S` simulates for the cell."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from simia_tui.services import coverage
from simia_tui.services.coverage import Cell
from simia_tui.store.fields import escape
from simia_tui.store.query import in_one_token
from simia_tui.tui.screens.launch import LaunchDialog
from simia_tui.tui.screens.overview import OverviewScreen, Place
from simia_tui.tui.text import visible
from simia_tui.tui.widgets.line_view import Part
from simia_tui.tui.widgets.record_table import Column, RecordTable


@dataclass
class Caught(Message):
    """How many bodies were read so far."""

    n: int


def _label(numbered: tuple[int, Cell]) -> list[Part]:
    """The tool on its first line, below it what refused calls were told."""
    target = numbered[1].target
    if target.outcome == "success":
        return [(visible(target.tool), "strong"), (" succeeds", "")]
    if target.error is None:
        return [(visible(target.tool), "strong"), (" refuses, in any words", "")]
    return [(f"  {visible(target.error)}", "" if numbered[1].hole else "muted")]


def _seeds(numbered: tuple[int, Cell]) -> list[Part]:
    cell = numbered[1]
    if cell.seeds:
        return [(f"{cell.seeds:,}", "")]
    return [("known" if cell.known else "·", "muted")]


def _episodes(numbered: tuple[int, Cell]) -> list[Part]:
    cell = numbered[1]
    return [("○ hole", "warning") if cell.hole else (f"{cell.episodes:,}" if cell.episodes else "·", "")]


class CoverageScreen(OverviewScreen):
    """The coverage map. A hole is what seeds show, or specs and pack know, and no episode does."""

    HEADING = "What the calls came to; ○ hole: seeds or the pack have it, no episode does"
    READONLY = False
    COLUMNS = (
        Column("tool, outcome, and the words of its refusals", _label, flex=1, least=30),
        Column("seeds", _seeds, width=8, right=True),
        Column("episodes", _episodes, width=9, right=True),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("S", "fill", "Simulate for it", id="coverage.fill", tooltip="Start a job that asks for this cell"),
        Binding("right_square_bracket", "hole(1)", "Next hole", id="coverage.next", tooltip="Go to the next hole"),
        Binding(
            "left_square_bracket",
            "hole(-1)",
            "Previous hole",
            show=False,
            id="coverage.previous",
            tooltip="Go to the previous hole",
        ),
    ]

    def read(self, db: sqlite3.Connection) -> Sequence[Cell]:
        def tell(n: int) -> None:
            self.post_message(Caught(n))

        coverage.catch_up(db, tell)
        return coverage.cells(self._bench.workspace, db)

    def on_caught(self, message: Caught) -> None:
        table = self.query_one(RecordTable)
        table.empty = f"Reading what came in since the last time: {message.n:,} trajectories …"
        table.refresh()

    def place(self, row: Cell) -> Place:
        """The episodes of a cell; of a hole the seeds."""
        error = " has:error" if row.target.outcome == "error" else ""
        mode = "seeds" if row.hole and row.seeds else "episodes"
        return Place(mode, f"tool:{in_one_token(escape(row.target.tool))}{error}")

    def action_hole(self, step: int) -> None:
        table = self.query_one(RecordTable)
        holes = [n for n, cell in enumerate(self._rows) if cell.hole]
        ahead = [n for n in holes if (n - table.cursor) * step > 0]
        if ahead:
            table.go_to(ahead[0] if step > 0 else ahead[-1])
        else:
            self.app.bell()

    def action_fill(self) -> None:
        cell: Cell | None = self.row
        if cell is not None:
            self.app.push_screen(LaunchDialog(self._bench, cell.target), self._queued)

    def _queued(self, sentence: str | None) -> None:
        if sentence is not None:
            self.app.notify(sentence)
            self.dismiss(Place("jobs", ""))
