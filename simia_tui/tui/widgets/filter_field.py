"""The filter line: an input that completes fields and values, and below it what can be taken, in one line."""

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from simia_tui.store.completions import Value
from simia_tui.tui.state.completion import Completion, complete, field_at
from simia_tui.tui.text import visible
from simia_tui.tui.widgets.line_view import LineWidget, Part

NOTHING = Completion(0, 0, None, ())


class Completions(LineWidget):
    """How many rows the line finds, and the options at its cursor with how many rows each stands for."""

    DEFAULT_CSS = "Completions { height: 1; padding: 0 1; background: $panel; color: $foreground; display: none; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.said = ""
        self.options: tuple[Value, ...] = ()
        self.chosen = 0

    def show(self, options: tuple[Value, ...]) -> None:
        """Offers `options`, the first of them chosen."""
        if options != self.options:
            self.options, self.chosen = options, 0
            self.refresh()

    def say(self, text: str) -> None:
        """A word before the options: how many rows were found."""
        if text != self.said:
            self.said = text
            self.refresh()

    def step(self, places: int) -> None:
        """Chooses another option; after the last comes the first."""
        if self.options:
            self.chosen = (self.chosen + places) % len(self.options)
            self.refresh()

    def parts(self, y: int) -> list[Part]:
        """The options from as far left as leaves the chosen one in view."""
        parts: list[Part] = [(self.said, "strong")] if self.said else []
        room = self.content_size.width - cell_len(self.said)
        shown = [_shown(value) for value in self.options]
        first = self.chosen
        used = sum(map(cell_len, shown[first] if shown else ())) + 2
        while first and used + sum(map(cell_len, shown[first - 1])) + 2 <= room:
            first -= 1
            used += sum(map(cell_len, shown[first])) + 2
        for place, (text, rows) in enumerate(shown[first:], start=first):
            parts += [("  ", ""), (text, "cursor" if place == self.chosen else "key"), (rows, "muted")]
        return parts


def _shown(value: Value) -> tuple[str, str]:
    return visible(value.text), "" if value.rows is None else f" {value.rows:,}"


class FilterInput(Input):
    """The input of a filter. `tab` takes the chosen option, `up` and `down` choose; typing goes on as it likes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "take", "Complete", show=False, id="filter.take", tooltip="Take the chosen completion"),
        Binding("down", "choose(1)", "Next option", show=False, id="filter.next", tooltip="The next completion"),
        Binding("up", "choose(-1)", "Option back", show=False, id="filter.previous", tooltip="The completion before"),
    ]

    class Wanted(Message):
        """The values of the field `name` are not known yet; answer with `learn`."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, *, placeholder: str = "", id: str | None = None) -> None:
        super().__init__(placeholder=placeholder, id=id, select_on_focus=False)
        self._known: dict[str, Sequence[Value]] = {}
        self._asked: set[str] = set()
        self._completion = NOTHING

    def learn(self, name: str, values: Sequence[Value]) -> None:
        """These are the values of the field `name`."""
        self._known[name] = values
        self._offer()

    def forget(self) -> None:
        """Values are asked for anew: the workspace may have changed since the line was last open."""
        self._known.clear()
        self._asked.clear()

    @property
    def _menu(self) -> Completions:
        return self.screen.query_one(Completions)

    def watch_value(self) -> None:
        self._offer()

    def watch_selection(self) -> None:
        self._offer()

    def watch_has_focus(self, focus: bool) -> None:
        super().watch_has_focus(focus)
        self._menu.display = focus
        self._offer()

    def _offer(self) -> None:
        if not self.is_mounted or not self.has_focus:
            return
        self._completion = complete(self.value, self.cursor_position, self._known)
        self._menu.show(self._completion.options)
        name = field_at(self.value, self.cursor_position)
        if name is not None and name not in self._asked:
            self._asked.add(name)
            self.post_message(self.Wanted(name))

    def action_choose(self, places: int) -> None:
        self._menu.step(places)

    def action_take(self) -> None:
        """Raises SkipAction where nothing can be completed, so that the key means what it means elsewhere."""
        start, end, name, options = self._completion
        if not options:
            raise SkipAction
        after = self.value[end:]
        taken = options[self._menu.chosen].text + (" " if name is not None and not after[:1].strip() else "")
        self.value = self.value[:start] + taken + after.removeprefix(" " if taken.endswith(" ") else "")
        self.cursor_position = start + len(taken)
