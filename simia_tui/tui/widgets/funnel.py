"""The way from seeds to runs as bars: how many came this far, and what waits."""

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len
from textual.geometry import Size

from simia_tui.tui.text import clip, fit, visible
from simia_tui.tui.widgets.bar import bar
from simia_tui.tui.widgets.line_view import LineWidget, Part


class Stage(NamedTuple):
    """One bar: what it counts, how many, and a word on them."""

    label: str
    n: int
    note: str = ""


def funnel_parts(stages: Sequence[Stage], width: int) -> list[list[Part]]:
    """A line for each stage: label, count, a bar relative to the largest count, note."""
    if not stages:
        return []
    label = min(max(cell_len(visible(stage.label)) for stage in stages), width // 3)
    count = max(len(f"{stage.n:,}") for stage in stages)
    note = min(max(cell_len(visible(stage.note)) for stage in stages), width // 3)
    room = max(0, width - label - count - note - 5)
    largest = max(stage.n for stage in stages) or 1
    return [
        [
            (fit(visible(stage.label), label) + "  ", "strong"),
            (f"{stage.n:,}".rjust(count) + " ", "" if stage.n else "muted"),
            (bar(stage.n / largest, room, " ") + "  ", "key"),
            (clip(visible(stage.note), note), "muted"),
        ]
        for stage in stages
    ]


class Funnel(LineWidget):
    """Bars from top to bottom, set with `show`."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._stages: tuple[Stage, ...] = ()
        self._lines: tuple[int, list[list[Part]]] = (-1, [])

    def show(self, stages: Sequence[Stage | tuple[str, int, str]]) -> None:
        """Show `stages`, given as `(label, n, note)`."""
        given = tuple(Stage(*stage) for stage in stages)
        if given == self._stages:
            return
        taller = len(given) != len(self._stages)
        self._stages = given
        self._lines = (-1, [])
        self.refresh(layout=taller)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._stages)

    def parts(self, y: int) -> list[Part]:
        width = self.content_size.width
        if self._lines[0] != width:
            self._lines = (width, funnel_parts(self._stages, width))
        return self._lines[1][y] if y < len(self._lines[1]) else []
