from array import array
from collections.abc import Callable
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.message import Message

from simia_tui.tui.widgets.record_table import PAGE, Column, RecordTable, column_widths


class Item(NamedTuple):
    pk: int
    title: str


COLUMNS: list[Column[Item]] = [
    Column("state", lambda item: [("✓ ", "success"), ("ok", "muted")], width=6),
    Column("title", lambda item: item.title),
    Column("n", lambda item: str(item.pk), width=6, right=True, drop=1),
]


class Source:
    """Fetches any id that was not taken away, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.gone: set[int] = set()

    def __call__(self, pks: list[int]) -> list[Item]:
        self.asked.append(pks)
        return [Item(pk, f"title {pk} \x1b[31m[red]") for pk in pks if pk not in self.gone]


class TableApp(App[None]):
    def __init__(self, ids: "array[int]", markable: bool = False) -> None:
        super().__init__()
        self.ids = ids
        self.source = Source()
        self.seen: list[tuple[str, int | None]] = []
        self.table: RecordTable[Item] = RecordTable(COLUMNS, self.source, empty="No seeds yet.", markable=markable)

    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        self.table.show(self.ids)

    def on_record_table_highlighted(self, message: RecordTable.Highlighted) -> None:
        self.seen.append(("highlighted", message.pk))

    def on_record_table_selected(self, message: RecordTable.Selected) -> None:
        self.seen.append(("selected", message.pk))

    def lines(self) -> list[str]:
        return [self.table.render_line(y).text for y in range(self.table.size.height)]


def numbers(stop: int) -> "array[int]":
    return array("q", range(1, stop + 1))


async def test_a_hundred_thousand_rows_fetch_at_most_two_pages_a_frame() -> None:
    app = TableApp(numbers(100_000))
    async with app.run_test(size=(80, 24)) as pilot:
        assert [len(page) for page in app.source.asked] == [PAGE]
        for key in ("end", "home", "pagedown", "pagedown", "end", "pageup", "k", "j"):
            app.source.asked.clear()
            await pilot.press(key)
            assert len(app.source.asked) <= 2 and all(len(page) <= PAGE for page in app.source.asked)
        assert app.table.pk == 99_978


async def test_keys_move_the_cursor_and_tell() -> None:
    app = TableApp(numbers(500))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("j", "down", "k", "enter", "end", "home", "up")
        assert app.table.pk == 1
        assert ("selected", 2) in app.seen
        assert ("highlighted", 500) in app.seen
        assert app.table.count_text == "1 of 500"


async def test_the_cursor_stays_on_its_id_when_the_list_changes() -> None:
    app = TableApp(numbers(300))
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.go_to(200)
        await pilot.pause()
        app.seen.clear()
        app.table.show(array("q", [7, 200, 9]))
        assert app.table.pk == 200
        app.table.show(array("q", [7, 9]))
        assert app.table.pk == 9
        app.table.show(array("q"))
        assert app.table.pk is None and app.table.row is None
        await pilot.pause()
        assert app.seen[-1] == ("highlighted", None)
        assert "No seeds yet." in "".join(app.lines())
        await pilot.press("j", "enter", "end", "pageup")


async def test_rows_are_plain_text_cut_to_their_columns() -> None:
    app = TableApp(numbers(3))
    async with app.run_test(size=(40, 8)):
        lines = app.lines()
        assert "state" in lines[0] and lines[0].rstrip().endswith("n")
        assert "title 1 ␛[31m[red]" in lines[1]
        assert lines[1].startswith("›") and not lines[2].startswith("›")
        assert all(len(line) == 40 for line in lines)


async def test_a_row_that_is_gone_says_so() -> None:
    app = TableApp(numbers(3))
    app.source.gone = {2}
    async with app.run_test(size=(60, 8)):
        assert "no longer in the workspace" in app.lines()[2]


async def test_marks_toggle_and_count() -> None:
    app = TableApp(numbers(5), markable=True)
    async with app.run_test(size=(60, 8)) as pilot:
        await pilot.press("m", "m", "k", "m")
        assert app.table.marks == {1}
        assert app.table.count_text == "3 of 5, 1 marked"
        assert app.lines()[1].startswith("  ● ")


async def test_without_marks_the_key_is_free() -> None:
    app = TableApp(numbers(5))
    async with app.run_test(size=(60, 8)) as pilot:
        await pilot.press("m")
        assert app.table.marks == set() and app.table.pk == 1


async def test_a_click_moves_and_a_double_click_opens() -> None:
    app = TableApp(numbers(50))
    messages: list[Message] = []
    hook: Callable[[Message], None] = messages.append
    async with app.run_test(size=(60, 12), message_hook=hook) as pilot:
        await pilot.click(RecordTable, offset=(5, 4))
        assert app.table.pk == 4
        await pilot.click(RecordTable, offset=(5, 0))
        assert app.table.pk == 4
        await pilot.double_click(RecordTable, offset=(5, 6))
        assert ("selected", 6) in app.seen


@given(st.lists(st.tuples(st.none() | st.integers(1, 20), st.integers(0, 3)), max_size=6), st.integers(0, 120))
def test_columns_fill_the_room_or_lose_the_least_needed(shape: list[tuple[int | None, int]], room: int) -> None:
    columns: list[Column[Item]] = [Column("x", str, width=width, drop=drop) for width, drop in shape]
    widths = column_widths(columns, room)
    kept = [width for width in widths if width]
    dropped = [column.drop for column, width in zip(columns, widths, strict=True) if not width]
    assert 0 not in dropped
    if any(column.drop and width for column, width in zip(columns, widths, strict=True)):
        assert sum(kept) + len(kept) - 1 <= room
    if kept and any(c.width is None for c, w in zip(columns, widths, strict=True) if w):
        assert sum(kept) + len(kept) - 1 >= room
