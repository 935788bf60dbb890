"""Error cards: one simulated observation at a time, one key a verdict."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from simia_tui.errors import SimiaError
from simia_tui.evaluation.calibration import Calibration
from simia_tui.model import Kind, Status
from simia_tui.services import cards as service
from simia_tui.store import trajectories
from simia_tui.tui.screens.base import RoomScreen
from simia_tui.tui.screens.strip import Strip
from simia_tui.tui.state.cards import CardsState
from simia_tui.tui.widgets import card_lines
from simia_tui.tui.widgets.card_sheet import CardSheet
from simia_tui.tui.widgets.line_view import Part
from simia_tui.tui.widgets.turn_lines import plural


@dataclass
class Compared(Message):
    """Simulated against real, worked out in a thread."""

    calibrations: Sequence[Calibration]


@dataclass
class Drawn(Message):
    """A deck, drawn in a thread."""

    deck: int


@dataclass
class Failed(Message):
    """Why a thread had nothing to show."""

    reason: str


Action = Literal["exclude", "mask", "regenerate"]


class OutcomeStrip(Strip[Action]):
    """What to do with the episodes that have a bad card."""

    def __init__(self, episodes: int, turns: int, anew: int) -> None:
        choices: dict[str, tuple[str, Action]] = {
            "x": (f"exclude {plural(episodes, 'episode')} (reject, tool simulator)", "exclude")
        }
        if turns:
            choices["m"] = (f"mask {plural(turns, 'turn')} in training", "mask")
        if anew:
            choices["r"] = (
                f"write {plural(anew, 'episode')} anew from the bad observation, masked until then",
                "regenerate",
            )
        super().__init__("Bad cards:", choices)


_INKS = {"error": "bold $text-error", "strong": "bold $foreground", "primary": "bold $text-primary"}


def _content(parts: Sequence[Part]) -> Content:
    return Content.assemble(*(Content.styled(text, _INKS.get(ink, "")) for text, ink in parts))


def _verdict(key: str, word: str) -> Binding:
    return Binding(key, f"judge('{key}')", word.capitalize(), show=False, id=f"cards.verdict-{key}", tooltip=word)


class CardsScreen(RoomScreen):
    """The reviewer's deck. Opens where it was left; without a deck it compares simulated with real."""

    ROOM = "cards"
    PARTS = (CardSheet,)
    DEFAULT_CSS = """
    CardsScreen #card-head { height: 1; padding: 0 1; color: $text-muted; background: $panel; }
    CardsScreen #sheet { height: 1fr; }
    CardsScreen #verdicts { height: auto; padding: 0 1; background: $panel; color: $foreground; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "enter", "Go on", id="cards.enter", tooltip="Draw a deck, or decide at its end"),
        *(_verdict(key, f"Verdict: {verdict}") for key, verdict in service.KEYS.items()),
        Binding("space", "skip", "Skip", id="cards.skip", tooltip="Put the card at the end of the deck"),
        Binding("u,backspace", "undo", "Undo", id="cards.undo", tooltip="Take back the latest act on the deck"),
        Binding("U", "redo", "Redo", show=False, id="cards.redo", tooltip="Bring back the verdict undone last"),
        Binding("b", "reveal", "Rules", id="cards.reveal", tooltip="Show or hide what the rules say of the call"),
        Binding("o", "open", "Open", id="cards.open", tooltip="Show long texts whole, or fold them again"),
        Binding("escape", "pause", "So far", show=False, id="cards.pause", tooltip="The verdicts so far, and back"),
        Binding("n", "new", "New deck", show=False, id="cards.new", tooltip="Leave this deck and draw another"),
        Binding("plus,equals_sign", "size(1)", "Larger", show=False, id="cards.larger", tooltip="A larger deck"),
        Binding("minus", "size(-1)", "Smaller", show=False, id="cards.smaller", tooltip="A smaller deck"),
    ]

    state: CardsState

    def body(self) -> Iterator[Widget]:
        self.state = CardsState(self.bench.db, self.bench.reviewer)
        self._opened = False
        self._drawing = False
        self._standing: dict[tuple[Kind, Status], int] = {}
        yield Static("", id="card-head", markup=False)
        yield CardSheet(id="sheet")
        yield Static("", id="verdicts", markup=False)

    def on_mount(self) -> None:
        self.query_one(CardSheet).focus()

    def on_screen_resume(self) -> None:
        if self.state.phase == "ready":
            self._compare()
        self.state.look()
        self._show()

    def on_screen_suspend(self) -> None:
        if self.is_mounted:
            self.state.dwell.leave()

    def refresh_data(self) -> None:
        if self.state.phase != "card":
            self._show(keep=True)

    # -- what is shown ------------------------------------------------------------------------------------------

    def _show(self, keep: bool = False) -> None:
        state = self.state
        sheet = self.query_one(CardSheet)
        if state.phase == "card" and state.view is not None:
            make = partial(card_lines.card_lines, state.view, opened=self._opened, revealed=state.revealed)
            sheet.show(lambda width: make(width=width), keep=keep)
        elif state.phase == "end":
            summary = state.summary()
            sheet.show(lambda width: card_lines.end_lines(summary, width, self.key_of), keep=keep)
        else:
            calibrations, size = state.calibrations, state.size
            sheet.show(lambda width: card_lines.compare_lines(calibrations, size, width, self.key_of), keep=keep)
        self._show_head()
        self._show_verdicts()
        self.refresh_bindings()

    def _show_head(self) -> None:
        worst = sorted(self.state.calibrations or (), key=lambda calibration: not calibration.alarm)
        head = self.query_one("#card-head", Static)
        head.display = self.state.phase != "ready"
        if worst:
            head.update(_content(card_lines.rate_parts(worst[0], max(20, self.size.width - 2))))
        progress = f"card {self.state.done + 1} of {self.state.total}" if self.state.phase == "card" else ""
        self.say(self.state.dwell.warning or progress)

    def _show_verdicts(self) -> None:
        strip = self.query_one("#verdicts", Static)
        strip.display = self.state.phase == "card"
        choices = [(self.key_of(f"cards.verdict-{key}"), verdict) for key, verdict in self.state.choices()]
        lines = card_lines.choice_lines(choices, max(20, self.size.width - 2))
        strip.update(Content("\n").join(_content(line.parts) for line in lines))

    def on_resize(self) -> None:
        self._show_head()
        self._show_verdicts()

    # -- threads ------------------------------------------------------------------------------------------------

    def _compare(self) -> None:
        """Compares anew if something has come or was decided on since; the strips come and go over this room."""
        standing = trajectories.counts(self.bench.db)
        if self.state.calibrations is not None and standing == self._standing:
            return
        self._standing = standing
        workspace = self.bench.workspace

        def look() -> None:
            db = workspace.connect(readonly=True)
            try:
                self.post_message(Compared(service.calibration(db)))
            except SimiaError as error:
                self.post_message(Failed(str(error)))
            finally:
                db.close()

        self.run_worker(look, group="compare", exclusive=True, thread=True, exit_on_error=False)

    def on_compared(self, message: Compared) -> None:
        self.state.compared(message.calibrations)
        if self.state.phase == "ready":
            self._show(keep=True)

    def _draw(self) -> None:
        self._drawing = True
        self.say("Drawing the deck …")
        workspace, reviewer = self.bench.workspace, self.bench.reviewer
        size, compared = self.state.size, self.state.calibrations

        def look() -> None:
            db = workspace.connect()
            try:
                self.post_message(Drawn(service.draw(db, reviewer, size, compared=compared)))
            except SimiaError as error:
                self.post_message(Failed(str(error)))
            finally:
                db.close()

        self.run_worker(look, group="draw", exclusive=True, thread=True, exit_on_error=False)

    def on_drawn(self, message: Drawn) -> None:
        self._drawing = False
        self.state.open(message.deck)
        self._opened = False
        self._show()

    def on_failed(self, message: Failed) -> None:
        self._drawing = False
        self._show(keep=True)
        self.app.notify(message.reason, severity="error", markup=False)

    # -- keys ---------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only the keys that mean something where the deck stands; the others are not listed either."""
        phases: dict[str, tuple[str, ...]] = {
            "judge": ("card",),
            "skip": ("card",),
            "reveal": ("card",),
            "open": ("card",),
            "enter": ("ready", "end"),
            "size": ("ready",),
            "pause": ("card", "end"),
            "new": ("end",),
            "undo": ("card", "end"),
            "redo": ("card", "end"),
        }
        # Textual asks before `body` has made the state.
        state = getattr(self, "state", None)
        return state is None or action not in phases or state.phase in phases[action]

    def action_judge(self, key: str) -> None:
        try:
            problem = self.state.judge(key)
        except SimiaError as error:
            self.app.notify(str(error), title="Not judged", severity="error", markup=False)
            return
        if problem is not None:
            self.say(problem)
            self.app.bell()
            return
        self._opened = False
        self._show()

    def action_skip(self) -> None:
        self.state.skip()
        self._opened = False
        self._show()

    def action_undo(self) -> None:
        try:
            said = self.state.undo()
        except SimiaError as error:
            self.app.notify(str(error), title="Not undone", severity="error", markup=False)
            return
        self._show()
        self.say(f"undo: {said}" if said is not None else "There is nothing to undo in this deck")

    def action_redo(self) -> None:
        redone = self.state.redo()
        self._show()
        self.say("redo: the last card" if redone else "There is nothing to redo in this deck")

    def action_reveal(self) -> None:
        self.state.revealed = not self.state.revealed
        self._show()
        sheet = self.query_one(CardSheet)
        if self.state.revealed:
            sheet.jump(sheet.virtual_size.height)

    def action_open(self) -> None:
        self._opened = not self._opened
        self._show(keep=True)

    def action_pause(self) -> None:
        self.state.pause()
        self._show()

    def action_size(self, step: int) -> None:
        self.state.resize(step)
        self._show(keep=True)

    def action_new(self) -> None:
        self.state.set_aside()
        self._compare()
        self._show()

    def action_enter(self) -> None:
        if self.state.phase == "ready":
            if not self._drawing and self.state.calibrations:
                self._draw()
        elif self.state.phase == "end":
            self._ask_outcome()

    def _ask_outcome(self) -> None:
        summary = self.state.summary()
        if summary.outcome is not None or not summary.touched:
            self.say(f"Nothing is left to decide; {self.key_of('cards.new')} draws another deck")
            return
        strip = OutcomeStrip(len(summary.touched), len(summary.masks), len(summary.anew))
        self.app.push_screen(strip, self._act)

    def _act(self, action: Action | None) -> None:
        if action is None:
            return
        bench, deck = self.bench, self.state.deck
        try:
            if action != "regenerate":
                self.state.act(action)
            elif deck is not None:
                service.regenerate(bench.workspace, bench.db, bench.settings, deck.pk, bench.reviewer)
        except SimiaError as error:
            self.app.notify(str(error), severity="error", markup=False)
            return
        self.news()
