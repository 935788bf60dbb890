"""A line chart of training figures, drawn with braille dots and readable without colour."""

import math
from collections.abc import Mapping, Sequence
from itertools import groupby

from textual.geometry import Size

from simia_tui.tui.text import clip, visible
from simia_tui.tui.widgets.braille import Canvas, Point, Range, draw, plottable
from simia_tui.tui.widgets.line_view import LineWidget, Part

SERIES_INKS = ("key", "warning", "success", "error")
LETTERS = "ABCDEFGH"
LEAST = (16, 4)
"""Cells of width and height below which only the last figures are shown."""


def figure(value: float) -> str:
    """A number as an axis label, short: four significant digits, or powers of ten where it is very large or small."""
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "infinite"
    if abs(value) >= 1e6:
        return f"{value:.1e}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}" if abs(value) >= 0.001 or value == 0 else f"{value:.1e}"


def legend(series: Mapping[str, Sequence[Point]], width: int) -> list[Part]:
    """The names of the series with their letters and last figures."""
    parts: list[Part] = []
    room = width
    for number, (name, points) in enumerate(series.items()):
        letter = f"{LETTERS[number % len(LETTERS)]} " if len(series) > 1 else ""
        last = f" {figure(points[-1][1])}" if points else " none yet"
        text = clip(f"{letter}{visible(name)}{last}", room)
        parts += [(text, SERIES_INKS[number % len(SERIES_INKS)]), ("   ", "")]
        room -= len(text) + 3
    return parts


def chart(
    series: Mapping[str, Sequence[Point]], width: int, height: int, x_label: str = "", y_label: str = ""
) -> list[list[Part]]:
    """The lines of a chart `width` by `height` cells: legend, plot with its y axis, x axis with its labels."""
    drawn = [list(filter(plottable, points)) for points in series.values()]
    xs = Range.of(x for points in drawn for x, _ in points)
    ys = Range.of(y for points in drawn for _, y in points)
    if xs is None or ys is None or width < LEAST[0] or height < LEAST[1]:
        return [legend(series, width)]
    rows = height - 3
    ticks = {0: figure(ys.high), rows - 1: figure(ys.low)}
    if rows >= 5:
        ticks[(rows - 1) // 2] = figure(ys.high - (ys.high - ys.low) * ((rows - 1) // 2) / (rows - 1))
    margin = max(map(len, ticks.values()))
    canvas = Canvas(width - margin - 2, rows)
    for number, points in enumerate(drawn):
        draw(canvas, points, xs, ys, number)
    letters = _letters(drawn, canvas, xs, ys) if len(drawn) > 1 else {}
    lines = [legend(series, width)]
    for row in range(rows):
        tick = ticks.get(row)
        axis = f"{tick or '':>{margin}} {'┤' if tick else '│'}"
        lines.append([(axis, "muted"), *_row(canvas, row, letters)])
    lines.append([(" " * (margin + 1) + "└" + "─" * canvas.width, "muted")])
    lines.append([(_x_axis(xs, canvas.width, margin + 2, x_label, y_label), "muted")])
    return lines


def _letters(
    drawn: Sequence[Sequence[Point]], canvas: Canvas, xs: Range, ys: Range
) -> dict[tuple[int, int], tuple[str, int]]:
    """The cell of each series' last point, with its letter."""
    found: dict[tuple[int, int], tuple[str, int]] = {}
    for number, points in enumerate(drawn):
        if points:
            x, y = max(points)
            row = canvas.height - 1 - min(canvas.height - 1, int(ys.share(y) * canvas.height))
            cell = (row, min(canvas.width - 1, int(xs.share(x) * canvas.width)))
            while cell in found and cell[0] > 0:
                cell = (cell[0] - 1, cell[1])
            found[cell] = (LETTERS[number % len(LETTERS)], number)
    return found


def _row(canvas: Canvas, row: int, letters: Mapping[tuple[int, int], tuple[str, int]]) -> list[Part]:
    text = list(canvas.text(row))
    owners = list(canvas.owner[row])
    for column in range(canvas.width):
        if (row, column) in letters:
            text[column], owners[column] = letters[row, column]
    parts: list[Part] = []
    for owner, cells in groupby(range(canvas.width), key=owners.__getitem__):
        name = "" if owner is None else SERIES_INKS[owner % len(SERIES_INKS)]
        parts.append(("".join(text[cell] for cell in cells), name))
    return parts


def _x_axis(xs: Range, width: int, margin: int, x_label: str, y_label: str) -> str:
    low, high = figure(xs.low), figure(xs.high)
    title = f"{x_label} → {y_label} ↑" if x_label and y_label else x_label
    middle = clip(title, max(0, width - len(low) - len(high) - 2)).center(max(0, width - len(low) - len(high)))
    return clip(" " * margin + low + middle + high, margin + width)


class Curve(LineWidget):
    """A line chart that fills its space. `set` replaces what is drawn."""

    DEFAULT_CSS = "Curve { height: 1fr; min-height: 1; }"

    def __init__(
        self,
        *,
        x_label: str = "",
        y_label: str = "",
        empty: str = "No figures yet.",
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.x_label, self.y_label = x_label, y_label
        self.empty = empty
        self._series: dict[str, list[Point]] = {}
        self._lines: tuple[Size, list[list[Part]]] = (Size(-1, -1), [])

    def set(self, series: Mapping[str, Sequence[Point]]) -> None:
        """Draw `series`, each a list of `(x, y)`; values that are not finite are left out.

        The caller thins out: 2,000 points cost 5 ms, 100,000 a quarter of a second.
        """
        self._series = {name: list(points) for name, points in series.items()}
        self._lines = (Size(-1, -1), [])
        self.refresh()

    def parts(self, y: int) -> list[Part]:
        if not any(self._series.values()):
            return [(f"  {self.empty}", "muted")] if y == self.content_size.height // 2 else []
        size = self.content_size
        if self._lines[0] != size:
            self._lines = (size, chart(self._series, size.width, size.height, self.x_label, self.y_label))
        return self._lines[1][y] if y < len(self._lines[1]) else []
