"""`?`: every key that acts on the screen below, with what it does."""

from collections.abc import Iterator
from textwrap import wrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from simia_tui.tui.keymap import key_of
from simia_tui.tui.screens.base import RoomScreen

LOOP = (
    "Import real traces ({}), approve the good ones as seeds, simulate new episodes from them ({}), review these, then"
    " freeze the approved ones and train ({}). Nothing is lost: {} takes back any decision, also after a restart."
)
LOOP_ACTS = ("app.import", "app.synthesize", "app.train", "review.undo")

GROUPS = ("On this screen", "In the list", "In the transcript", "Everywhere", "Signs and words")
"""Headings, in the order in which they are of use."""


KEY_CELLS = 18
LEAST_CELLS = 20
"""Of the texts, so that a window which is not laid out yet has lines too."""


class HelpScreen(ModalScreen[None]):
    """The keys of `screen`, grouped by where they come from."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "dismiss", "Close", id="help.close", tooltip="Back to the screen"),
        Binding("j,down", "scroll(1)", "Down", show=False, id="help.down", tooltip="Scroll down"),
        Binding("k,up", "scroll(-1)", "Up", show=False, id="help.up", tooltip="Scroll up"),
        Binding(
            "n", "names", "Names", show=False, id="help.names", tooltip="The names that [keys] in simia.toml takes"
        ),
    ]

    _names = False

    def __init__(self, screen: Screen[object]) -> None:
        super().__init__()
        self._below = screen

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help", classes="dialog") as box:
            box.border_title = "Keys"
            keys = [key_of(self.app, f"help.{act}") for act in ("down", "up", "names", "close")]
            box.border_subtitle = "{} and {} scroll, {} shows names, {} closes".format(*keys)
            yield Static("", markup=False, id="help-keys")
            loop = LOOP.format(*(key_of(self.app, act) for act in LOOP_ACTS))
            yield Static(loop, markup=False, id="help-loop")

    def _keys(self) -> Content:
        lines: list[Content] = []
        group = ""
        for title, keys, what in sorted(self._rows(), key=lambda row: GROUPS.index(row[0])):
            if title != group:
                lines += [Content("")] * bool(lines) + [Content.styled(title, "bold underline")]
                group = title
            lines += self._line(keys, what)
        return Content("\n").join(lines)

    def on_resize(self) -> None:
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        self.query_one("#help-keys", Static).update(self._keys())

    def _line(self, keys: str, what: str) -> Iterator[Content]:
        """A key and what it does, which goes on below itself where it is long."""
        width = self.query_one("#help-keys", Static).content_size.width
        for place, part in enumerate(wrap(what, max(LEAST_CELLS, width - KEY_CELLS))):
            key = "" if place else keys
            yield Content.assemble(Content.styled(key.ljust(KEY_CELLS), "bold $text-primary"), Content(part))

    def _rows(self) -> list[tuple[str, str, str]]:
        titles = {"app": GROUPS[3], "table": GROUPS[1], "transcript": GROUPS[2]}
        keys: dict[str, list[str]] = {}
        meant: dict[str, tuple[str, str]] = {}
        bindings = [(binding, tooltip) for _, binding, _, tooltip in self._below.active_bindings.values() if binding.id]
        # What stands in the key bar is what a newcomer needs first.
        for binding, tooltip in sorted(bindings, key=lambda found: not found[0].show):
            assert binding.id is not None
            room = binding.id.partition(".")[0]
            keys.setdefault(binding.id, []).append(self.app.get_key_display(binding))
            meant[binding.id] = (titles.get(room, GROUPS[0]), tooltip or binding.tooltip or binding.description)
        legend = self._below.LEGEND if isinstance(self._below, RoomScreen) else ()
        return [(GROUPS[4], sign, meaning) for sign, meaning in legend] + [
            (meant[name][0], " ".join(dict.fromkeys(shown)), name if self._names else meant[name][1])
            for name, shown in keys.items()
        ]

    def action_names(self) -> None:
        self._names = not self._names
        self._fill()

    def action_scroll(self, lines: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
