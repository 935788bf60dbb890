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
        """`choices` maps a key (as Textual names it) to a word and the value it stands for."""
        super().__init__()
        self._question = question
        self._choices = choices

    def compose(self) -> ComposeResult:
        yield Static(self._content(), id="strip", markup=False)

    def _content(self) -> Content:
        parts: list[Content] = [Content.styled(self._question, "bold")]
        for key, (word, _) in self._choices.items():
            parts += [Content("   "), Content.styled(_shown(key), "bold $text-primary"), Content(f" {word}")]
        parts += [Content("   "), Content.styled("esc", "bold $text-primary"), Content(" leave")]
        return Content.assemble(*parts)

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
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
