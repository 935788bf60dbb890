"""The top line of every screen: the rooms, what waits in them, and whether the demo model had a hand in it."""

from textual.reactive import reactive

from simia_tui.tui.text import visible
from simia_tui.tui.widgets.line_view import LineWidget, Part

ROOMS = {"home": "Home", "seeds": "Seeds", "episodes": "Episodes", "jobs": "Jobs", "exports": "Exports & Runs"}
"""The modes of the app, by name, in the order of the line."""


class TitleBar(LineWidget):
    """One line. `room` is the current mode, `waiting` says how many things wait in a room, `place` is the workspace."""

    DEFAULT_CSS = """
    TitleBar {
        dock: top;
        height: 1;
        background: $panel;
        color: $foreground;
    }
    """

    room: reactive[str] = reactive("")
    waiting: reactive[dict[str, str]] = reactive(dict)
    demo: reactive[bool] = reactive(False)
    place: reactive[str] = reactive("")

    def parts(self, y: int) -> list[Part]:
        left: list[Part] = [(" simia ", "accent")]
        for name, title in ROOMS.items():
            note = self.waiting.get(name, "")
            text = f"{title} {note}".rstrip()
            left.append((f"[{text}]" if name == self.room else f" {text} ", "strong" if name == self.room else "muted"))
        right: list[Part] = [(" DEMO DATA ", "warning")] if self.demo else []
        used = sum(len(text) for text, _ in [*left, *right])
        place = visible(self.place)
        room = self.content_size.width - used
        if len(place) + 2 <= room:
            right.append((f" {place} ", "muted"))
            room -= len(place) + 2
        return [*left, (" " * max(0, room), ""), *right]
