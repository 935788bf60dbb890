"""Old and new end of an episode side by side, word by word, and the decision between them."""

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from simia_tui.errors import SimiaError
from simia_tui.services import resimulation
from simia_tui.services.resimulation import Mix
from simia_tui.store import trajectories
from simia_tui.store.remakes import Remake, Taken
from simia_tui.tui.bench import Bench
from simia_tui.tui.screens.base import NARROW
from simia_tui.tui.screens.reading import counterpart
from simia_tui.tui.text import visible
from simia_tui.tui.widgets.key_bar import KeyBar
from simia_tui.tui.widgets.transcript import Transcript
from simia_tui.tui.widgets.turn_lines import plural


class RemadeScreen(ModalScreen[Taken | None]):
    """Shows what counts now and what is proposed; the result says what was taken."""

    DEFAULT_CSS = """
    RemadeScreen { background: $background; }
    RemadeScreen #pair { height: 1fr; }
    RemadeScreen #pair > Vertical { height: 1fr; width: 1fr; }
    RemadeScreen .-head, RemadeScreen #remade-head { height: 1; padding: 0 1; color: $text-muted; background: $panel; }
    RemadeScreen #remade-head { color: $text-warning; }
    RemadeScreen Transcript { height: 1fr; }
    RemadeScreen.-wide #pair { layout: horizontal; }
    RemadeScreen.-wide #new-side { border-left: solid $panel; }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (NARROW, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "take('old')", "Keep old", id="remade.old", tooltip="Keep the turns as they are"),
        Binding("2", "take('new')", "Take new", id="remade.new", tooltip="Take the whole new end"),
        Binding(
            "3", "mix(False)", "New to here", id="remade.until", tooltip="The new turns to the cursor, and no more"
        ),
        Binding("4", "mix(True)", "…then old", id="remade.then", tooltip="New turns to the cursor, old ones after it"),
        Binding("d", "diff", "Changes", id="remade.diff", show=False, tooltip="What differs, or the new text alone"),
        Binding("tab", "app.focus_next", "Other side", id="remade.switch", show=False, tooltip="To the other side"),
        Binding("escape,q,R", "dismiss", "Later", id="remade.close", tooltip="Decide later"),
    ]

    def __init__(self, bench: Bench, remake: Remake) -> None:
        super().__init__()
        self._bench = bench
        self._remake = remake
        self._old, self._new = resimulation.bodies(bench.db, remake)
        self._diff = True

    def compose(self) -> ComposeResult:
        yield Static("", id="remade-head", markup=False)
        with Container(id="pair"):
            with Vertical(id="old-side"):
                yield Static("", id="old-head", classes="-head", markup=False)
                yield Transcript(id="old")
            with Vertical(id="new-side"):
                yield Static("", id="new-head", classes="-head", markup=False)
                yield Transcript(id="new")
        yield KeyBar(pinned=("remade.old", "remade.new", "remade.until", "remade.then", "remade.close"))

    def _side(self, name: str) -> Transcript:
        return self.query_one(f"#{name}", Transcript)

    def on_mount(self) -> None:
        db, one = self._bench.db, self._remake
        turn = one.turn or 0
        old_found = trajectories.findings(db, one.trajectory)
        new_found = trajectories.findings(db, one.trajectory, one.proposed)
        self._side("old").show(self._old, old_found)
        self._side("old").mark_stale(turn)
        self._side("new").show(self._new, new_found)
        self._side("new").compare(self._old)
        self._head("old-head", f"old  {plural(len(self._old.turns), 'turn')}, {plural(len(old_found), 'finding')}")
        head = f"new  {plural(len(self._new.turns), 'turn')}, {plural(len(new_found), 'finding')}"
        self._head("new-head", f"{head}  job {one.job}")
        since = "; the turns before it were edited since, and the new one has them as they were"
        self._head(
            "remade-head",
            f"#{one.trajectory} written anew from turn {turn + 1} on"
            + (since if resimulation.edited_since(db, one) else ""),
        )
        self._side("old").go_to(min(turn, len(self._old.turns) - 1))
        self._side("new").go_to(turn)
        self._side("new").focus()

    def _head(self, name: str, text: str) -> None:
        self.query_one(f"#{name}", Static).update(Content(visible(text)))

    def on_transcript_turn_highlighted(self, message: Transcript.TurnHighlighted) -> None:
        """The other side follows the one that has the focus."""
        sides = {self._side("old"): (self._side("new"), self._new), self._side("new"): (self._side("old"), self._old)}
        other, body = sides[message.transcript]
        if message.transcript.has_focus and message.transcript.trajectory is not None:
            turn = message.index
            other.go_to(None if turn is None else counterpart(message.transcript.trajectory, body, turn))

    def on_transcript_spine_toggled(self, message: Transcript.SpineToggled) -> None:
        for side in (self._side("old"), self._side("new")):
            if side is not message.transcript:
                side.show_spine(message.transcript.spine)

    def action_diff(self) -> None:
        self._diff = not self._diff
        self._side("new").compare(self._old if self._diff else None)

    def action_take(self, taken: Taken) -> None:
        self._settle(taken, None)

    def action_mix(self, then: bool) -> None:
        turn, first = self._side("new").turn, self._remake.turn or 0
        if turn is None or turn < first:
            self._say(f"Go to a new turn first: they begin with turn {first + 1}.")
            return
        self._settle("mixed", Mix(turn + 1, self._after(turn) if then else None))

    def _after(self, turn: int) -> int:
        """The first old turn behind the place of the new `turn`; none of those that both have is said twice."""
        place = counterpart(self._new, self._old, turn)
        return len(self._old.turns) if place is None else max(place + 1, self._remake.turn or 0)

    def _settle(self, taken: Taken, mix: Mix | None) -> None:
        bench = self._bench
        try:
            resimulation.settle(bench.workspace, bench.db, [self._remake], taken, bench.reviewer, mix)
        except SimiaError as error:
            self._say(str(error))
            return
        self.dismiss(taken)

    def _say(self, text: str) -> None:
        self._head("remade-head", text)
        self.app.bell()


TOLD: dict[Taken, Callable[[int], str]] = {
    "old": lambda count: f"kept the old end{'s' if count > 1 else ''}",
    "new": lambda count: f"took the new end{'s' if count > 1 else ''}",
    "mixed": lambda count: "took a part of the new end",
}
"""What is said of a decision on so many."""
