"""Text fields for text that came from data: what could reach the terminal as an order is shown as a symbol."""

from rich.text import Text
from textual.widgets import TextArea

from simia_tui.tui.text import one_for_one


class PlainArea(TextArea):
    """A text area that shows control and bidirectional characters, one symbol each, and keeps them in its text."""

    def __init__(self, text: str, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(text, id=id, classes=classes, tab_behavior="focus", show_line_numbers=False)

    def get_line(self, line_index: int) -> Text:
        return Text(one_for_one(self.document.get_line(line_index)), end="", no_wrap=True)
