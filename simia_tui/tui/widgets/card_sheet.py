"""A sheet of lines that are made anew for each width: what the room of the error cards paints."""

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.strip import Strip

from simia_tui.tui.widgets.line_view import LineView, Part
from simia_tui.tui.widgets.pretty import json_parts
from simia_tui.tui.widgets.turn_lines import Line

Make = Callable[[int], list[Line]]
"""Lines for a width in cells."""


class CardSheet(LineView, inherit_bindings=False):
    """Shows the lines of `make`; scrolls where they are more than fit."""

    DEFAULT_CSS = "CardSheet { scrollbar-gutter: stable; padding: 0 1; }"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "scroll(1)", "Down", show=False, id="sheet.down", tooltip="Scroll down"),
        Binding("k,up", "scroll(-1)", "Up", show=False, id="sheet.up", tooltip="Scroll up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="sheet.page-down", tooltip="Scroll a page"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="sheet.page-up", tooltip="Scroll a page back"),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._make: Make = lambda width: []
        self._lines: list[Line] = []
        self._width = 0

    def show(self, make: Make, *, keep: bool = False) -> None:
        """Show what `make` gives, from the top, or with `keep` from where the view stands."""
        self._make = make
        self._lay_out()
        if not keep:
            self.jump(0)

    @property
    def text(self) -> str:
        """The lines as plain text."""
        return "\n".join("".join(part for part, _ in line.parts).rstrip() for line in self._lines)

    def _lay_out(self) -> None:
        self._width = max(20, self.scrollable_content_region.width)
        self._lines = self._make(self._width)
        self.set_height(len(self._lines))

    def on_resize(self, _event: events.Resize) -> None:
        if max(20, self.scrollable_content_region.width) != self._width:
            self._lay_out()

    def render_line(self, y: int) -> Strip:
        y += self.scroll_offset.y
        if y >= len(self._lines):
            return self.line([])
        line = self._lines[y]
        parts: list[Part] = list(line.parts)
        if line.json:
            text, name = parts.pop()
            parts += [(piece, ink or name) for piece, ink in json_parts(text)]
        return self.line(parts)

    def action_scroll(self, lines: int) -> None:
        self.jump(max(0, self.scroll_offset.y + lines))

    def action_page(self, step: int) -> None:
        self.action_scroll(step * max(1, self.scrollable_content_region.height - 2))
