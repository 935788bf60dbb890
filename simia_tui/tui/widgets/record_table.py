"""A list of records that reads only what it shows: ids in display order, and rows fetched by the page."""

from array import array
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from rich.cells import cell_len
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from simia_tui.tui.text import clip, fit, visible
from simia_tui.tui.widgets.line_view import LineView, Part

PAGE = 128
"""Rows fetched at once: a screen touches at most two pages, and 128 rows by id take half a millisecond."""
PAGES = 16
"""Pages kept; scrolling back and forth over 2,000 rows fetches nothing."""
PAINTED = 256
"""Lines kept as they were painted: scrolling by a row paints one line, not all."""
R = TypeVar("R")


@dataclass(frozen=True)
class Column(Generic[R]):
    """A column of a `RecordTable`.

    `render` gives text, or parts as `(text, ink)` (see `line_view.INKS`); the table makes both visible and cuts
    them. `width` is in cells; a column without one takes a share of what is left over, in proportion to `flex`, but
    never less than `least`. Where room is short, the columns with the highest `drop` go first; 0 never goes. What
    `render` gives depends on the record alone: a record that is as it was is not painted again.
    """

    title: str
    render: Callable[[R], str | Sequence[Part]]
    width: int | None = None
    flex: int = 1
    least: int = 16
    drop: int = 0
    right: bool = False


def column_widths(columns: Sequence[Column[Any]], room: int) -> list[int]:
    """Cells of each column, 0 for those left out, so that all fit into `room` with one cell between them."""
    kept = set(range(len(columns)))

    def least(index: int) -> int:
        return columns[index].width or columns[index].least

    def needed() -> int:
        return sum(map(least, kept)) + max(0, len(kept) - 1)

    for index in sorted(kept, key=lambda i: (-columns[i].drop, -i)):
        if needed() <= room or columns[index].drop == 0:
            break
        kept.discard(index)
    flexible = [index for index in sorted(kept) if columns[index].width is None]
    spare = max(0, room - needed())
    shares = sum(columns[index].flex for index in flexible) or 1
    widths = [least(index) if index in kept else 0 for index in range(len(columns))]
    for index in flexible:
        widths[index] += spare * columns[index].flex // shares
    if flexible:
        widths[flexible[-1]] += spare - sum(spare * columns[index].flex // shares for index in flexible)
    return widths


class RecordTable(LineView, Generic[R], inherit_bindings=False):
    """Records by id, one line each, with a cursor that stays on its record while the list around it changes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "Next", show=False, id="table.next", tooltip="Go to the next row"),
        Binding("k,up", "move(-1)", "Previous", show=False, id="table.previous", tooltip="Go to the previous row"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="table.page-down", tooltip="One page down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="table.page-up", tooltip="One page up"),
        Binding("home", "first", "First", show=False, id="table.first", tooltip="Go to the first row"),
        Binding("end,G", "last", "Last", show=False, id="table.last", tooltip="Go to the last row"),
        Binding("enter", "select", "Open", show=False, id="table.open", tooltip="Open the row under the cursor"),
        Binding("m", "mark", "Mark", show=False, id="table.mark", tooltip="Mark the row, or take its mark away"),
    ]

    class Highlighted(Message):
        """The cursor stands on another record. `pk` is None where the list is empty."""

        def __init__(self, table: "RecordTable[Any]", pk: int | None) -> None:
            super().__init__()
            self.table, self.pk = table, pk

        @property
        def control(self) -> "RecordTable[Any]":
            return self.table

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, RecordTable.Highlighted) and message.table is self.table

    class Selected(Message):
        """The record under the cursor was opened: enter, or a click on it."""

        def __init__(self, table: "RecordTable[Any]", pk: int) -> None:
            super().__init__()
            self.table, self.pk = table, pk

        @property
        def control(self) -> "RecordTable[Any]":
            return self.table

    class Marked(Message):
        """The set of marked records changed; it is `table.marks`."""

        def __init__(self, table: "RecordTable[Any]") -> None:
            super().__init__()
            self.table = table

        @property
        def control(self) -> "RecordTable[Any]":
            return self.table

    def __init__(
        self,
        columns: Sequence[Column[R]],
        pages: Callable[[list[int]], list[R]],
        *,
        key: Callable[[R], int] = lambda row: int(row.pk),  # type: ignore[attr-defined]  # the usual name of the key
        empty: str = "Nothing here.",
        markable: bool = False,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """A table of `columns`. `pages` fetches the rows of the ids it is given (in any order, the lost left out)."""
        super().__init__(id=id, classes=classes)
        self.columns = columns
        self.empty = empty
        self.markable = markable
        self.marks: set[int] = set()
        self.ids: array[int] = array("q")
        self.cursor = 0
        self._gutter = 4 if markable else 2
        self._fetch = pages
        self._key = key
        self._pages: LRUCache[Hashable, dict[int, R]] = LRUCache(PAGES)
        self._widths: tuple[int, list[int]] = (-1, [])
        self._painted: LRUCache[Hashable, tuple[R | None, Strip]] = LRUCache(PAINTED)

    @property
    def pk(self) -> int | None:
        """The id of the record under the cursor, None where the list is empty."""
        return self.ids[self.cursor] if self.ids else None

    @property
    def row(self) -> R | None:
        """The record under the cursor; None where there is none, or where it is gone from the store."""
        return self._row(self.cursor) if self.ids else None

    @property
    def count_text(self) -> str:
        """Where the cursor stands, of how many, and how many are marked."""
        place = f"{self.cursor + 1:,} of {len(self.ids):,}" if self.ids else "0"
        marked = sum(pk in self.marks for pk in self.ids) if self.marks else 0
        return f"{place}, {marked:,} marked" if marked else place

    def show(self, ids: "array[int]", *, pk: int | None = None) -> None:
        """Show the records `ids`; the cursor goes to `pk`, or stays on its record, or at its place."""
        before = self.pk
        wanted = before if pk is None else pk
        self.ids = ids
        self._pages.clear()
        place = self.cursor
        if wanted is not None:
            with suppress(ValueError):
                place = ids.index(wanted)
        self.cursor = max(0, min(place, len(ids) - 1))
        self.set_height(len(ids) + 1)
        self._reveal()
        if self.pk != before:
            self.post_message(self.Highlighted(self, self.pk))

    def reload(self) -> None:
        """Fetch the rows anew: their contents may have changed, the list did not. Only what differs is painted."""
        before, self._pages = self._pages, LRUCache(PAGES)
        for index in self._in_view():
            page = before.get(index // PAGE)
            if page is None or page.get(self.ids[index]) != self._row(index):
                self._refresh_row(index)

    def go_to(self, pk: int) -> bool:
        """Put the cursor on `pk`; False where it is not in the list."""
        try:
            self._move_to(self.ids.index(pk))
        except ValueError:
            return False
        return True

    def _row(self, index: int) -> R | None:
        number = index // PAGE
        page = self._pages.get(number)
        if page is None:
            page = {self._key(row): row for row in self._fetch(list(self.ids[number * PAGE : (number + 1) * PAGE]))}
            self._pages[number] = page
        return page.get(self.ids[index])

    def render_line(self, y: int) -> Strip:
        if y == 0:
            return self._header()
        index = y - 1 + self.scroll_offset.y
        if index < len(self.ids):
            return self._record(index)
        return self.line([(f"  {self.empty}" if y == 2 and not self.ids else "", "muted")])

    def _column_widths(self) -> list[int]:
        room = self.scrollable_content_region.width - self._gutter
        if self._widths[0] != room:
            self._widths = (room, column_widths(self.columns, room))
        return self._widths[1]

    def _header(self) -> Strip:
        parts: list[Part] = [(" " * self._gutter, "header")]
        for column, width in zip(self.columns, self._column_widths(), strict=True):
            if width:
                parts.append((fit(column.title, width, column.right) + " ", "header"))
        return self.line(parts)

    def notify_style_update(self) -> None:
        self._painted.clear()
        super().notify_style_update()

    def _record(self, index: int) -> Strip:
        row, marked = self._row(index), self.ids[index] in self.marks
        if index == self.cursor:
            return self._paint(row, marked, self.get_component_rich_style("ink--cursor"))
        key = (self.ids[index], marked, self.scrollable_content_region.width)
        kept = self._painted.get(key)
        if kept is None or kept[0] is not row:
            kept = self._painted[key] = (row, self._paint(row, marked, None))
        return kept[1]

    def _paint(self, row: R | None, marked: bool, over: Style | None) -> Strip:
        """The line of a record; with `over`, that of the cursor."""
        parts: list[Part] = [("› " if over is not None else "  ", "")]
        if self.markable:
            parts.append(("● " if marked else "  ", "accent"))
        if row is None:
            return self.line([*parts, ("no longer in the workspace", "muted")], over)
        for column, width in zip(self.columns, self._column_widths(), strict=True):
            if width:
                parts += self._cell(column, row, width)
        return self.line(parts, over)

    def _cell(self, column: Column[R], row: R, width: int) -> list[Part]:
        content = column.render(row)
        if isinstance(content, str):
            return [(fit(visible(content), width, column.right) + " ", "")]
        parts: list[Part] = []
        room = width
        for text, name in content:
            shown = clip(visible(text), room)
            room -= cell_len(shown)
            parts.append((shown, name))
        fill = (" " * room, "")
        return [fill, *parts, (" ", "")] if column.right else [*parts, fill, (" ", "")]

    def _in_view(self) -> range:
        top = self.scroll_offset.y
        return range(top, min(len(self.ids), top + max(1, self.scrollable_content_region.height - 1)))

    def _reveal(self) -> None:
        rows = max(1, self.scrollable_content_region.height - 1)
        top = self.scroll_offset.y
        if self.cursor < top:
            self.jump(self.cursor)
        elif self.cursor >= top + rows:
            self.jump(self.cursor - rows + 1)

    def _move_to(self, index: int) -> None:
        index = max(0, min(index, len(self.ids) - 1))
        if not self.ids or index == self.cursor:
            return
        before, self.cursor = self.cursor, index
        self._refresh_row(before)
        self._refresh_row(index)
        self._reveal()
        self.post_message(self.Highlighted(self, self.pk))

    def _refresh_row(self, index: int) -> None:
        self.refresh(Region(0, index + 1 - self.scroll_offset.y, self.size.width, 1))

    def on_resize(self, _event: events.Resize) -> None:
        self._reveal()

    def on_click(self, event: events.Click) -> None:
        y = event.get_content_offset_capture(self).y
        index = y - 1 + self.scroll_offset.y
        if y < 1 or index >= len(self.ids):
            return
        again = index == self.cursor and event.chain > 1
        self._move_to(index)
        if again:
            self.action_select()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.markable if action == "mark" else True

    def action_move(self, rows: int) -> None:
        self._move_to(self.cursor + rows)

    def action_page(self, pages: int) -> None:
        self._move_to(self.cursor + pages * max(1, self.scrollable_content_region.height - 2))

    def action_first(self) -> None:
        self._move_to(0)

    def action_last(self) -> None:
        self._move_to(len(self.ids) - 1)

    def action_select(self) -> None:
        if self.pk is not None:
            self.post_message(self.Selected(self, self.pk))

    def action_mark(self) -> None:
        if self.pk is None:
            return
        self.marks ^= {self.pk}
        self._refresh_row(self.cursor)
        self.post_message(self.Marked(self))
        self._move_to(self.cursor + 1)
