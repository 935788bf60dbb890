from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.widgets import Button, Input

from simia_tui.tui.widgets.key_bar import Key, KeyBar, place_keys

words = st.text("abcdef ", min_size=1, max_size=12)
many = st.lists(st.builds(Key, words, words, st.just("x"), st.booleans(), st.booleans()), max_size=15)


@given(many, st.integers(0, 100))
def test_keys_stand_apart_within_the_width(keys: list[Key], width: int) -> None:
    placed = place_keys(keys, width)
    assert all(one.end + 2 <= other.start for one, other in pairwise(placed))
    assert all(place.start >= 1 and place.end <= width for place in placed)
    assert all(
        place.end - place.start == cell_len(place.key.display) + 1 + cell_len(place.key.description) for place in placed
    )
    free = [key for key in keys if not key.pinned]
    shown = [place.key for place in placed if not place.key.pinned]
    assert shown == free[: len(shown)]


def test_the_pinned_key_survives_a_narrow_bar() -> None:
    keys = [Key("a", "approve", "a"), Key("x", "reject", "x"), Key("?", "keys", "?", pinned=True)]
    assert [place.key.display for place in place_keys(keys, 20)] == ["a", "?"]
    assert [place.key.display for place in place_keys(keys, 8)] == ["?"]


class BarApp(App[None]):
    ENABLE_COMMAND_PALETTE = False
    BINDINGS = [
        Binding("question_mark", "note('keys')", "keys", id="app.help"),
        Binding("a,A", "note('approve')", "approve", id="app.approve"),
        Binding("ctrl+o", "note('open')", "open", id="app.open"),
        Binding("z", "note('hidden')", "hidden", show=False, id="app.hidden"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def compose(self) -> ComposeResult:
        yield Input()
        yield Button("ok")
        yield KeyBar()

    def action_note(self, word: str) -> None:
        self.notes.append(word)

    def text(self) -> str:
        return self.query_one(KeyBar).render_line(0).text


async def test_it_shows_the_keys_that_act_now() -> None:
    app = BarApp()
    async with app.run_test(size=(80, 10)) as pilot:
        app.set_focus(app.query_one(Button))
        await pilot.pause()
        assert "a approve" in app.text() and "hidden" not in app.text()
        assert app.text().count("approve") == 1
        assert app.text().rstrip().endswith("? keys")
        app.set_focus(app.query_one(Input))
        await pilot.pause()
        assert "approve" not in app.text() and "open" in app.text()


async def test_the_status_stands_at_the_right_and_is_plain_text() -> None:
    app = BarApp()
    async with app.run_test(size=(80, 10)) as pilot:
        app.set_focus(app.query_one(Button))
        app.query_one(KeyBar).status = "24 of 1,000 [b]\x1b"
        await pilot.pause()
        assert app.text().endswith("24 of 1,000 [b]␛ ") and len(app.text()) == 80
        app.query_one(KeyBar).status = "x" * 200
        await pilot.pause()
        assert app.text().endswith("x… ") and app.text().startswith(" ? keys   x")
        app.query_one(KeyBar).place = "3 of 120"
        await pilot.pause()
        assert app.text().endswith("x…   3 of 120 ") and len(app.text()) == 80


async def test_a_click_presses_the_key() -> None:
    app = BarApp()
    async with app.run_test(size=(80, 10)) as pilot:
        app.set_focus(app.query_one(Button))
        await pilot.pause()
        at = app.text().index("a approve")
        await pilot.click(KeyBar, offset=(at + 2, 0))
        await pilot.pause()
        assert app.notes == ["approve"]
