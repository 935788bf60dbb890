import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult

from simia_tui.tui.widgets.bar import ProgressText, bar, duration, money, progress_text


def test_the_whole_line() -> None:
    text = progress_text(64, 200, failed=2, rate=3.1, left=44, cost=0.12, width=80)
    assert text == "███████▋················  64/200  2 failed  3.1/s  left 0:44  $0.12"


def test_what_does_not_fit_goes_the_last_first() -> None:
    assert progress_text(64, 200, rate=3.1, left=44, cost=0.12, width=34) == "██▌·····  64/200  3.1/s  left 0:44"
    assert "3.1/s" not in progress_text(64, 200, rate=3.1, width=15)
    assert progress_text(64, 200, width=6) == "64/200"


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(1, 120), st.floats(0, 1e6), st.floats(0, 1e9))
def test_it_never_exceeds_its_width(done: int, target: int, width: int, rate: float, left: float) -> None:
    assert len(progress_text(done, target, rate=rate, left=left, cost=rate, width=width)) <= width


@given(st.floats(-1, 2), st.integers(1, 60))
def test_a_bar_has_its_width_and_shows_the_least_progress(share: float, width: int) -> None:
    drawn = bar(share, width)
    assert len(drawn) == width
    assert (drawn.strip("·") == "") == (share <= 0)
    assert (drawn == "█" * width) == (share >= 1)


@pytest.mark.parametrize(
    ("seconds", "text"), [(44, "0:44"), (725, "12:05"), (3723, "1:02:03"), (273_600, "3 d 4 h"), (-1, "0:00")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("usd", "text"), [(0, "$0.00"), (0.0123, "$0.0123"), (0.1, "$0.10"), (1204, "$1,204.00")])
def test_money(usd: float, text: str) -> None:
    assert money(usd) == text


class ProgressApp(App[None]):
    def compose(self) -> ComposeResult:
        yield ProgressText()


async def test_the_widget_fits_its_width() -> None:
    app = ProgressApp()
    async with app.run_test(size=(60, 3)) as pilot:
        progress = app.query_one(ProgressText)
        progress.show(1, 4, rate=0.05)
        await pilot.pause()
        wide = str(progress.render())
        assert wide.endswith("1/4  3.0/min") and len(wide) < 60
        await pilot.resize_terminal(12, 3)
        await pilot.pause()
        assert str(progress.render()) == "█▊·····  1/4"
