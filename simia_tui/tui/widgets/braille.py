"""Lines drawn with braille dots: two columns and four rows of dots in every cell."""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

Point = tuple[float, float]

_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_BLANK = 0x2800


def plottable(point: Point) -> bool:
    """Whether a point can be drawn: both numbers finite, and so far from overflow that they can be subtracted."""
    return all(math.isfinite(value) and abs(value) < 1e300 for value in point)


class Range(NamedTuple):
    """The span of an axis; `low` is always less than `high`."""

    low: float
    high: float

    def share(self, value: float) -> float:
        """Where `value` lies, from 0 at `low` to 1 at `high`."""
        return (value - self.low) / (self.high - self.low)

    @classmethod
    def of(cls, values: Iterable[float]) -> "Range | None":
        """The span of `values`, widened where they are all equal; None where there are none."""
        given = list(values)
        if not given:
            return None
        low, high = min(given), max(given)
        if high - low <= abs(high) * 1e-12:
            margin = abs(high) * 0.1 or 1.0
            return cls(low - margin, high + margin)
        return cls(low, high)


class Canvas:
    """Cells of braille dots. Every cell remembers which series drew on it last."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._dots = [[0] * width for _ in range(height)]
        self.owner: list[list[int | None]] = [[None] * width for _ in range(height)]

    def column(self, x: int, low: int, high: int, owner: int) -> None:
        """Dots in dot column `x` from dot row `low` to `high`, counted from the bottom."""
        for y in range(low, high + 1):
            row, dot = divmod(self.height * 4 - 1 - y, 4)
            self._dots[row][x // 2] |= _DOTS[x % 2][dot]
            self.owner[row][x // 2] = owner

    def text(self, row: int) -> str:
        """The row of cells `row`, counted from the top; cells without a dot are spaces."""
        return "".join(chr(_BLANK + dots) if dots else " " for dots in self._dots[row])


class _Column(NamedTuple):
    """What falls into one dot column: the first and last value of the line, the least and the greatest."""

    first: int
    last: int
    low: int
    high: int


def columns(points: Sequence[Point], xs: Range, ys: Range, width: int, height: int) -> dict[int, _Column]:
    """The dot columns that `points` reach, in dot rows from the bottom. All points are plottable."""
    found: dict[int, _Column] = {}
    for x, y in points:
        place = round(min(1.0, max(0.0, xs.share(x))) * (width - 1))
        row = round(min(1.0, max(0.0, ys.share(y))) * (height - 1))
        there = found.get(place)
        if there is None:
            found[place] = _Column(row, row, row, row)
        else:
            found[place] = _Column(there.first, row, min(there.low, row), max(there.high, row))
    return found


def draw(canvas: Canvas, points: Sequence[Point], xs: Range, ys: Range, owner: int) -> None:
    """Draw one series as a line from least to greatest value of each dot column.

    Series after the first leave out every `owner`-th step of dot columns, so that they differ without colour.
    """
    width, height = canvas.width * 2, canvas.height * 4
    ordered = points if all(a[0] <= b[0] for a, b in pairwise(points)) else sorted(points)
    before: tuple[int, int] | None = None
    for x, column in columns(ordered, xs, ys, width, height).items():
        if before is not None:
            _join(canvas, before, (x, column.first), owner)
        _put(canvas, x, column.low, column.high, owner)
        before = (x, column.last)


def _put(canvas: Canvas, x: int, low: int, high: int, owner: int) -> None:
    if owner == 0 or x % (owner + 1) == 0:
        canvas.column(x, low, high, owner)


def _join(canvas: Canvas, start: tuple[int, int], end: tuple[int, int], owner: int) -> None:
    """Dots between two columns, so that the line has no gap."""
    (x0, y0), (x1, y1) = start, end
    previous = y0
    for x in range(x0 + 1, x1 + 1):
        y = round(y0 + (y1 - y0) * (x - x0) / (x1 - x0))
        low, high = (previous + 1, y) if y > previous else (y, max(y, previous - 1))
        _put(canvas, x, min(low, high), high, owner)
        previous = y
