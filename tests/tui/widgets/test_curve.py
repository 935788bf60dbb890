import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult

from simia_tui.tui.widgets.braille import Canvas, Range, columns, draw, plottable
from simia_tui.tui.widgets.curve import Curve, chart, figure

points = st.lists(st.tuples(st.floats(), st.floats()), max_size=60)


def text_of(series: dict[str, list[tuple[float, float]]], width: int = 60, height: int = 14) -> list[str]:
    return ["".join(text for text, _ in line) for line in chart(series, width, height, "step", "loss")]


@given(st.dictionaries(st.text(max_size=12), points, max_size=4), st.integers(0, 120), st.integers(0, 40))
def test_any_data_gives_a_chart_of_the_right_size(
    series: dict[str, list[tuple[float, float]]], width: int, height: int
) -> None:
    lines = text_of(series, width, height)
    assert len(lines) in (1, height)
    for line in lines[1:]:
        assert cell_len(line) <= width
        assert not set(line) & set("\x1b\n")


def test_a_falling_line_goes_from_top_left_to_bottom_right() -> None:
    lines = text_of({"loss": [(x, 10.0 - x) for x in range(11)]})
    plot = [line.split("┤")[-1].split("│")[-1] for line in lines[1:-2]]
    starts = [len(line) - len(line.lstrip()) for line in plot]
    assert starts == sorted(starts) and starts[0] == 0
    assert plot[-1].rstrip() == plot[-1]


def test_the_axes_say_least_greatest_and_names() -> None:
    lines = text_of({"loss": [(0, 3.25), (1000, 0.5)]})
    assert lines[1].startswith(" 3.25 ┤") and lines[-3].lstrip().startswith("0.5 ┤")
    assert lines[-1].split() == ["0", "step", "→", "loss", "↑", "1,000"]
    assert lines[0].startswith("loss 0.5")


def test_series_differ_by_letter_and_by_dots() -> None:
    straight = [(float(x), 1.0) for x in range(100)]
    lines = text_of({"loss": straight, "eval": [(x, 2.0) for x, _ in straight]})
    assert "A loss 1" in lines[0] and "B eval 2" in lines[0]
    assert lines[1].endswith("B") and lines[-3].endswith("A")
    assert set(lines[1][10:-3]) != set(lines[-3][10:-3])


def test_a_spike_between_two_columns_is_not_lost() -> None:
    spike = [(float(x), 100.0 if x == 5_001 else 0.0) for x in range(10_000)]
    found = columns(spike, Range(0, 9_999), Range(0, 100), 80, 40)
    assert max(column.high for column in found.values()) == 39


def test_a_line_through_few_points_has_no_gap() -> None:
    canvas = Canvas(40, 8)
    draw(canvas, [(0, 0), (1, 5), (2, 1)], Range(0, 2), Range(0, 5), 0)
    assert all(any(canvas.owner[row][cell] is not None for row in range(8)) for cell in range(40))


def test_unordered_points_are_drawn_by_x() -> None:
    first, second = Canvas(20, 4), Canvas(20, 4)
    line = [(0.0, 0.0), (1.0, 3.0), (2.0, 1.0)]
    draw(first, line, Range(0, 2), Range(0, 3), 0)
    draw(second, [line[2], line[0], line[1]], Range(0, 2), Range(0, 3), 0)
    assert [first.text(row) for row in range(4)] == [second.text(row) for row in range(4)]


def test_ranges() -> None:
    assert Range.of([]) is None
    assert not any(map(plottable, [(math.nan, 0.0), (0.0, math.inf), (1e305, 0.0)]))
    assert Range.of([5.0, 5.0]) == Range(4.5, 5.5)
    assert Range.of([0.0]) == Range(-1.0, 1.0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.123456, "0.1235"),
        (1234.5, "1,234"),
        (2e-5, "2.0e-05"),
        (-1e12, "-1.0e+12"),
        (math.nan, "not a number"),
    ],
)
def test_figures(value: float, text: str) -> None:
    assert figure(value) == text


class CurveApp(App[None]):
    def compose(self) -> ComposeResult:
        yield Curve(empty="No steps yet.")


async def test_an_empty_curve_says_so_and_fills_when_set() -> None:
    app = CurveApp()
    async with app.run_test(size=(60, 15)) as pilot:
        curve = app.query_one(Curve)

        def shown() -> str:
            return "\n".join(curve.render_line(y).text for y in range(15))

        assert "No steps yet." in shown()
        curve.set({"loss": []})
        assert "No steps yet." in shown()
        curve.set({"loss": [(1, 2.0), (2, 1.0)]})
        assert "loss 1" in shown() and "┤" in shown()
        await pilot.resize_terminal(30, 3)
        assert curve.render_line(0).text.startswith("loss 1")
