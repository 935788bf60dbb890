from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult

from simia_tui.tui.widgets.funnel import Funnel, Stage, funnel_parts

STAGES = [("seeds", 120, "20 wait"), ("approved", 60, ""), ("episodes", 1200, "64 of 200 in job 3"), ("runs", 0, "")]


def text_of(stages: list[Stage], width: int) -> list[str]:
    return ["".join(text for text, _ in line) for line in funnel_parts(stages, width)]


def test_bars_are_in_proportion_and_counts_line_up() -> None:
    lines = text_of([Stage(*stage) for stage in STAGES], 80)
    assert lines[0].startswith("seeds       120 ") and lines[2].startswith("episodes  1,200 ")
    filled = [line.count("█") for line in lines]
    assert filled[2] > 9 * filled[0] >= 9 and filled[3] == 0
    assert lines[0].endswith("20 wait") and lines[2].endswith("64 of 200 in job 3")


@given(st.lists(st.tuples(st.text(max_size=20), st.integers(0, 10**6), st.text(max_size=60)), max_size=7))
def test_lines_fit_eighty_cells(stages: list[tuple[str, int, str]]) -> None:
    lines = text_of([Stage(*stage) for stage in stages], 80)
    assert len(lines) == len(stages) and all(cell_len(line) <= 80 for line in lines)


class FunnelApp(App[None]):
    def compose(self) -> ComposeResult:
        yield Funnel()


async def test_it_is_as_high_as_its_stages() -> None:
    app = FunnelApp()
    async with app.run_test(size=(80, 24)) as pilot:
        funnel = app.query_one(Funnel)
        assert funnel.size.height == 0
        funnel.show(STAGES)
        await pilot.pause()
        assert funnel.size.height == 4
        assert "1,200" in funnel.render_line(2).text
