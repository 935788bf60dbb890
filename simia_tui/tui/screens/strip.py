"""Strips: one line of choices at the bottom of the screen that waits for one key."""

from collections.abc import Mapping
from typing import Generic, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

T = TypeVar("T")


class Strip(ModalScreen[T | None], Generic[T]):
    """Shows a question and its keys; a key that means nothing here is told so, escape always leaves."""

    DEFAULT_CSS = """
    Strip {
        background: transparent;
        align: left bottom;
    }
    Strip > #strip {
        dock: bottom;
        height: auto;
        padding: 0 1;
        background: $primary-background;
        color: $foreground;
        border-top: solid $primary;
    }
    """

    def __init__(self, question: str, choices: Mapping[str, tuple[str, T]]) -> None:
        """`choices` maps a key (as Textual names it) to a word and the value it stands for; without a word
        it is not shown."""
        super().__init__()
        self._question = question
        self._choices = choices

    def compose(self) -> ComposeResult:
        yield Static("", id="strip", markup=False)

    def on_resize(self) -> None:
        self.query_one("#strip", Static).update(self._content(self.app.size.width - 2))

    def _content(self, width: int) -> Content:
        """Question and choices; a line is never broken within a choice."""
        line = Content.styled(self._question, "bold")
        lines: list[Content] = []
        for key, word in [*((key, word) for key, (word, _) in self._choices.items() if word), ("escape", "leave")]:
            choice = Content.assemble(Content.styled(_shown(key), "bold $text-primary"), f" {word}")
            if line.cell_length + 3 + choice.cell_length > width:
                lines.append(line)
                line = choice
            else:
                line = Content.assemble(line, "   ", choice)
        return Content("\n").join([*lines, line])

    def take(self, event: events.Key) -> None:
        """The app hands over the one key that this waits for."""
        for name in (event.character, event.key):
            if name is not None and name in self._choices:
                self.dismiss(self._choices[name][1])
                return
        if event.key in ("escape", "ctrl+c", "q"):
            self.dismiss(None)
        else:
            self.app.bell()


def _shown(key: str) -> str:
    return {"enter": "⏎", "escape": "esc"}.get(key, key)
