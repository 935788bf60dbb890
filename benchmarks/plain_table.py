"""What `workbench.py` is compared with: Textual's DataTable filled with every row, the text of the row beside it.

    python benchmarks/plain_table.py DATABASE

`/` shows only the rows whose text holds "lighthouse".
"""

import sqlite3
import sys
from collections.abc import Iterable

from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import DataTable, Footer, Static

from simia_tui.store import trajectories

ROWS = "SELECT pk, status, verdict, title, turns FROM trajectories t"
MATCHING = ROWS + " WHERE pk IN (SELECT rowid FROM search WHERE search MATCH 'lighthouse')"


class PlainTable(App[None]):
    """A list of all episodes and the one under the cursor."""

    BINDINGS = [Binding("slash", "filter", "Filter")]

    def __init__(self, database: str) -> None:
        super().__init__()
        self._db = sqlite3.connect(database)

    def compose(self) -> ComposeResult:
        yield Static("", id="head", markup=False)
        with Horizontal():
            yield DataTable(cursor_type="row")
            with VerticalScroll():
                yield Static("", id="text", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        self.query_one(DataTable).add_columns("#", "status", "rules", "title", "turns")
        self._fill(ROWS)

    def _fill(self, query: str) -> None:
        table = self.query_one(DataTable)
        table.clear()
        rows: Iterable[tuple[object, ...]] = self._db.execute(query)
        for row in rows:
            table.add_row(*map(str, row), key=str(row[0]))
        self.title = f"{table.row_count:,} found"
        table.focus()

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        pk = int(event.row_key.value or 0)
        body = trajectories.get(self._db, pk)
        self.query_one("#head", Static).update(f"#{pk} of {self.title}")
        self.query_one("#text", Static).update("\n".join(turn.content or "" for turn in body.turns))

    def action_filter(self) -> None:
        self._fill(MATCHING)


if __name__ == "__main__":
    PlainTable(sys.argv[1]).run()
