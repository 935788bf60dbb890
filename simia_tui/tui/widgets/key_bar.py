"""The footer: the keys that act now, and a word on how things stand, in one line and one widget."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.cells import cell_len
from textual import events
from textual.reactive import reactive
from textual.screen import Screen

from simia_tui.tui.text import clip, visible
from simia_tui.tui.widgets.line_view import LineWidget, Part


class Key(NamedTuple):
    """A key as the bar shows it; `press` is what Textual calls it."""

    display: str
    description: str
    press: str
    enabled: bool = True
    pinned: bool = False


class Placed(NamedTuple):
    """A key with the cells that it takes in the bar."""

    key: Key
    start: int
    end: int


def size(key: Key) -> int:
    """The cells that a key takes, with the two after it."""
    return cell_len(key.display) + 1 + cell_len(key.description) + 2


def place_keys(keys: Sequence[Key], width: int) -> list[Placed]:
    """The keys that fit into `width` cells, in their order; pinned ones always find room before the others."""

    room = width - 1 - sum(size(key) for key in keys if key.pinned)
    placed: list[Placed] = []
    start = 1
    full = False
    for key in keys:
        full = full or (not key.pinned and size(key) > room)
        if full and not key.pinned:
            continue
        if start + size(key) - 2 > width:
            break
        if not key.pinned:
            room -= size(key)
        placed.append(Placed(key, start, start + size(key) - 2))
        start += size(key)
    return placed


class KeyBar(LineWidget):
    """One line: keys on the left, `status` and `place` on the right. Put it at the bottom of every screen."""

    DEFAULT_CSS = """
    KeyBar {
        dock: bottom;
        height: 1;
        color: $footer-foreground;
        background: $footer-background;
        & > .ink--key { color: $footer-key-foreground; text-style: bold; }
    }
    """

    status: reactive[str] = reactive("")
    """What just happened. It takes the room of keys where it is long, except that of the pinned ones."""
    place: reactive[str] = reactive("")
    """Where the cursor stands, at the right end and never cut."""

    def __init__(self, *, pinned: Iterable[str] = ("app.help",), id: str | None = None) -> None:
        """A bar in which the bindings with the ids `pinned` are always shown, after the others."""
        super().__init__(id=id)
        self._pinned = frozenset(pinned)
        self._keys: list[Key] = []

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)
        self._bindings_changed(self.screen)

    def on_unmount(self) -> None:
        self.screen.bindings_updated_signal.unsubscribe(self)

    def _bindings_changed(self, screen: Screen[object]) -> None:
        if screen is not self.screen or not self.is_attached:
            return
        keys = self._read_keys()
        if keys != self._keys:
            self._keys = keys
            self.refresh()

    def _read_keys(self) -> list[Key]:
        """The active bindings to show: the screen's first, then those of the focused widget, then the app's."""
        screen, app = self.screen, self.app
        ranks = {screen: 0, app: 2}
        actions: set[tuple[int, str]] = set()
        ranked: list[tuple[int, Key]] = []
        for namespace, binding, enabled, _tooltip in screen.active_bindings.values():
            rank = ranks.get(namespace, 1)
            if not binding.show or (rank, binding.action) in actions:
                continue
            actions.add((rank, binding.action))
            pinned = binding.id in self._pinned
            key = Key(app.get_key_display(binding), binding.description, binding.key, enabled, pinned)
            ranked.append((3 if pinned else rank, key))
        # Keys that only move come after those that act, wherever a base class has put them.
        return [key for _, key in sorted(ranked, key=lambda item: (item[0], item[1].press == "tab"))]

    @property
    def keys(self) -> list[Placed]:
        """The keys as they stand in the bar now."""
        right = cell_len(self._right)
        return place_keys(self._keys, self.content_size.width - right - 2 if right else self.content_size.width)

    @property
    def _right(self) -> str:
        pinned = sum(size(key) for key in self._keys if key.pinned)
        place = visible(self.place)
        gap = "   " if place and self.status else ""
        room = self.content_size.width - pinned - cell_len(gap + place) - 3
        return clip(visible(self.status), max(room, 0)) + gap + place

    def parts(self, y: int) -> list[Part]:
        parts: list[Part] = []
        end = 0
        for key, start, stop in self.keys:
            parts += [(" " * (start - end), ""), (key.display, "key" if key.enabled else "muted")]
            parts.append((" " + key.description, "" if key.enabled else "muted"))
            end = stop
        if right := self._right:
            fill = self.content_size.width - end - cell_len(right) - 1
            parts += [(" " * fill, ""), (right, "strong"), (" ", "")]
        return parts

    def on_click(self, event: events.Click) -> None:
        for key, start, end in self.keys:
            if start <= event.x < end and key.enabled:
                self.app.simulate_key(key.press)
