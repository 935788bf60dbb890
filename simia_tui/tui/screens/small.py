"""What stands in a terminal that is too small for anything else."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widgets import Static

LEAST = Size(60, 15)
"""Cells below which nothing is shown but a request for more."""


def too_small(size: Size) -> bool:
    """Whether nothing useful fits into `size`."""
    return size.width < LEAST.width or size.height < LEAST.height


class SmallScreen(ModalScreen[None]):
    """Covers everything until the terminal has grown, so that no key acts unseen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "app.quit", "Quit", id="small.quit", tooltip="Close the workbench"),
    ]

    def compose(self) -> ComposeResult:
        yield Static(self._text(), id="small", markup=False)

    def on_resize(self) -> None:
        self.query_one("#small", Static).update(self._text())

    def _text(self) -> str:
        size = self.app.size
        return (
            f"The terminal is {size.width} by {size.height} cells; simia needs {LEAST.width} by {LEAST.height}. "
            "Make it larger, or press q."
        )
