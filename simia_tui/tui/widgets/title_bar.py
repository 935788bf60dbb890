"""The top line of every screen: the rooms, what waits in them, and whether the demo model had a hand in it."""

from collections.abc import Iterator

from textual.reactive import reactive

from simia_tui.tui.text import visible
from simia_tui.tui.widgets.line_view import LineWidget, Part

ROOMS = {
    "home": "Home",
    "seeds": "Seeds",
    "episodes": "Episodes",
    "cards": "Cards",
    "jobs": "Jobs",
    "prompts": "Prompts",
    "exports": "Exports & Runs",
}
"""The modes of the app, by name, in the order of the line."""
SHORT = {name: title.rpartition(" ")[2] for name, title in ROOMS.items()}
"""The last word of each title, for narrow terminals."""


class TitleBar(LineWidget):
    """One line. `room` is the current mode, `waiting` says how many things wait in a room, `place` is the workspace,
    `clock` what is left of a time box."""

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
    clock: reactive[str] = reactive("")

    def parts(self, y: int) -> list[Part]:
        left, right = next(self._that_fit(self.content_size.width))
        room = self.content_size.width - _cells([*left, *right])
        place = visible(self.place)
        if len(place) + 2 <= room:
            right.append((f" {place} ", "muted"))
            room -= len(place) + 2
        return [*left, (" " * max(0, room), ""), *right]

    def _that_fit(self, width: int) -> Iterator[tuple[list[Part], list[Part]]]:
        """The rooms and the demo mark, in fewer and fewer cells; the mark is never left out."""
        for brand, names, counts, mark in (
            (" simia ", ROOMS, True, " DEMO DATA "),
            ("", ROOMS, True, " DEMO "),
            ("", SHORT, True, " DEMO "),
            ("", SHORT, False, " DEMO "),
        ):
            left: list[Part] = [(brand, "accent")] if brand else []
            for name, title in names.items():
                text = f"{title} {self.waiting.get(name, '') if counts else ''}".rstrip()
                here = name == self.room
                left.append((f"[{text}]" if here else f" {text} ", "strong" if here else "muted"))
            right: list[Part] = [(f" {self.clock} ", "primary")] if self.clock else []
            right += [(mark, "warning")] if self.demo else []
            if _cells([*left, *right]) <= width or not counts:
                yield left, right


def _cells(parts: list[Part]) -> int:
    return sum(len(text) for text, _ in parts)
