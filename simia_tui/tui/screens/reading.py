"""What a reviewer can lay over or beside the text: changes, what is trained on, the ledger, the seed, the raw reply."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from simia_tui.model import Trajectory
from simia_tui.services import reviewing
from simia_tui.store import cards, habits, jobs, trajectories
from simia_tui.tui.bench import Bench
from simia_tui.tui.screens.listing import STATUS_INK
from simia_tui.tui.screens.opinions import OpinionsScreen
from simia_tui.tui.state.trained import trained
from simia_tui.tui.text import visible, wrap
from simia_tui.tui.widgets.card_sheet import CardSheet
from simia_tui.tui.widgets.diff_lines import diff_lines, turn_words
from simia_tui.tui.widgets.key_bar import KeyBar
from simia_tui.tui.widgets.ledger_lines import ledger_lines
from simia_tui.tui.widgets.transcript import Transcript
from simia_tui.tui.widgets.turn_lines import OPEN_LINES, Line, plural

if TYPE_CHECKING:
    from simia_tui.checks.standing import Entry

SPINE, FULL = "spine", "full"


class RawScreen(ModalScreen[None]):
    """The reply that an episode was made of, as it came, and above it what the rules mended."""

    DEFAULT_CSS = """
    RawScreen { background: $background; }
    RawScreen #raw-head { height: 1; padding: 0 1; color: $text-muted; background: $panel; }
    RawScreen CardSheet { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,w,q", "dismiss", "Back", id="raw.close", tooltip="Back to the episode"),
    ]

    def __init__(self, bench: Bench, pk: int) -> None:
        super().__init__()
        self._bench = bench
        self._pk = pk

    def compose(self) -> ComposeResult:
        yield Static(Content(f"the reply of #{self._pk} as it came"), id="raw-head", markup=False)
        yield CardSheet(id="raw")
        yield KeyBar(pinned=("raw.close",))

    def on_mount(self) -> None:
        sheet = self.query_one(CardSheet)
        sheet.show(lambda width: list(self._lines(width)))
        sheet.focus()

    def _lines(self, width: int) -> Iterator[Line]:
        db = self._bench.db
        (row,) = trajectories.rows(db, [self._pk])
        raw = jobs.raw_reply(db, row.job, row.ord) if row.job is not None and row.ord is not None else None
        repairs = list(self._repairs(width))
        if repairs:
            yield Line((("mended by the rules", "strong"),))
            yield from repairs
            yield Line(())
        yield Line((("the reply", "strong"), ("" if raw else "  was not kept", "muted")))
        lines = wrap(visible(raw, lines=True), width - 2) if raw else []
        yield from (Line((("  ", ""), (line, "")), line[:1] in ("{", "[")) for line in lines[:OPEN_LINES])
        if len(lines) > OPEN_LINES:
            yield Line(((f"  … {plural(len(lines) - OPEN_LINES, 'more line')}", "muted"),))

    def _repairs(self, width: int) -> Iterator[Line]:
        """Every repair with the words it changed, from the findings that the rules made when the reply came."""
        db = self._bench.db
        found = {number: trajectories.findings(db, self._pk, number) for number in (0, 1)}
        number = 1 if any(finding.repaired for finding in found[1]) else 0
        body = trajectories.get(db, self._pk, number)
        for finding in found[number]:
            if not finding.repaired:
                continue
            place = f"turn {finding.turn + 1}  " if finding.turn is not None else ""
            yield Line((("~ ", "accent"), (visible(f"{place}{finding.rule}  {finding.message}"), "")))
            if finding.before is None or finding.turn is None or finding.turn >= len(body.turns):
                continue
            turn = body.turns[finding.turn]
            if finding.call is not None and finding.call < len(turn.tool_calls):
                turn = turn.replace(content=None, tool_calls=(turn.tool_calls[finding.call],))
            yield from diff_lines(visible(finding.before, lines=True), turn_words(turn), width, opened=False)


class ReadingScreen(OpinionsScreen):
    """The queue with its overlays. They stay on from one item to the next until their key is pressed again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "diff", "Changes", show=False, id="review.diff", tooltip="What was changed, word by word"),
        Binding("M", "trained", "Trained on", show=False, id="review.trained", tooltip="Show what is trained on"),
        Binding(
            "L", "beside('ledger')", "Ledger", show=False, id="review.ledger", tooltip="What the calls have left so far"
        ),
        Binding("p", "beside('seed')", "Seed", show=False, id="review.seed", tooltip="The seed beside the episode"),
        Binding("w", "raw", "Raw reply", show=False, id="review.raw", tooltip="The reply as it came, and its repairs"),
    ]

    _diff = False
    _trained = False
    _beside: Literal["", "ledger", "seed"] = ""
    _ledger: "tuple[Trajectory | None, list[Entry]]" = (None, [])
    _seed: int | None = None

    def on_mount(self) -> None:
        kept = habits.habit(self.bench.db, self.bench.reviewer, self._view)
        self._text.show_spine(kept == SPINE if kept else self.KIND == "seed")

    @property
    def _view(self) -> str:
        return f"view of {self.KIND}s"

    def on_transcript_spine_toggled(self, message: Transcript.SpineToggled) -> None:
        """Seeds open as their spine, episodes in full, until the reviewer has chosen otherwise."""
        workspace, reviewer, name = self.bench.workspace, self.bench.reviewer, self._view
        view = SPINE if message.transcript.spine else FULL

        def write() -> None:
            db = workspace.connect()
            try:
                habits.keep(db, reviewer, name, view)
            finally:
                db.close()

        self.run_worker(write, group="view", thread=True, exit_on_error=False)

    def beside(self) -> Iterator[Widget]:
        with Vertical(id="beside"):
            yield Static("", id="beside-head", markup=False)
            seed = Transcript(empty="No seed.", id="seed")
            seed.can_focus = False
            yield seed
            sheet = CardSheet(id="ledger")
            sheet.can_focus = False
            yield sheet

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if self.is_mounted:
            row = self.state.row
            if action == "raw" and (row is None or row.job is None):
                return False
            if parameters == ("seed",) and self._beside != "seed" and (row is None or row.seed is None):
                return False
        return super().check_action(action, parameters)

    @property
    def _text(self) -> Transcript:
        return self.query_one("#transcript", Transcript)

    def _show_current(self) -> None:
        shown = self._text.trajectory
        super()._show_current()
        if self._text.trajectory is not shown:
            self._lay_over()

    def _lay_over(self) -> None:
        """Puts the overlays that are on over the trajectory that has just come into view."""
        if self._diff:
            self._show_diff()
        if self._trained:
            self._show_trained()
        self._show_beside()

    def action_diff(self) -> None:
        self.catch_up()
        self._diff = not self._diff
        if self._diff:
            self._mention(self._show_diff())
        else:
            self._text.compare(None)

    def _show_diff(self) -> str:
        pk = self.state.pk
        if pk is None:
            return ""
        count = self._text.compare(trajectories.get(self.state.db, pk, 0))
        return f"changed since it came: {plural(count, 'turn')}{', ] goes there' if count else ''}"

    def action_trained(self) -> None:
        self.catch_up()
        self._trained = not self._trained
        if self._trained:
            self._show_trained()
        else:
            self._text.sign(())

    def _show_trained(self) -> None:
        body, pk = self.state.trajectory, self.state.pk
        if body is None or pk is None:
            return
        found = trained(body, cards.masked_turns(self.state.db, pk))
        self._text.sign(found.signs)
        self._mention(found.sentence())
        if not found.words:
            self.app.notify(f"No word of #{pk} would be trained on.", severity="warning")

    def action_beside(self, what: Literal["ledger", "seed"]) -> None:
        self.catch_up()
        self._beside = "" if self._beside == what else what
        review = self.query_one("#review")
        review.set_class(self._beside == "ledger", "-ledger")
        review.set_class(self._beside == "seed", "-paired")
        self.query_one("#seed").display = self._beside == "seed"
        self.query_one("#ledger").display = self._beside == "ledger"
        self._show_beside()

    def on_transcript_turn_highlighted(self, message: Transcript.TurnHighlighted) -> None:
        if message.transcript is self._text:
            self._show_beside()

    def _show_beside(self) -> None:
        if self._beside == "ledger":
            self._show_ledger()
        elif self._beside == "seed":
            self._show_seed()

    def _show_ledger(self) -> None:
        from simia_tui.checks.standing import standing

        body = self.state.trajectory
        if body is None:
            return
        if self._ledger[0] is not body:
            self._ledger = (body, reviewing.ledger(self.bench.workspace, body))
        turn = -1 if self._text.turn is None else self._text.turn
        world = standing(self._ledger[1], turn)
        self.query_one("#ledger", CardSheet).show(lambda width: ledger_lines(world, turn, width))
        self._head_beside(f"ledger after turn {turn + 1}: {plural(len(world), 'thing')}")

    def _show_seed(self) -> None:
        row, body = self.state.row, self.state.trajectory
        sheet = self.query_one("#seed", Transcript)
        found = next(iter(trajectories.rows(self.state.db, [row.seed])), None) if row and row.seed else None
        if found is None or body is None:
            sheet.show(None)
            self._head_beside("this episode has no seed here")
            return
        turn = self._text.turn
        if (self._seed, sheet.spine) != (found.pk, self._text.spine):
            self._seed, sheet.spine = found.pk, self._text.spine
            sheet.show(trajectories.get(self.state.db, found.pk), trajectories.findings(self.state.db, found.pk))
        assert sheet.trajectory is not None
        sheet.go_to(None if turn is None else counterpart(body, sheet.trajectory, turn))
        self._head_beside(f"seed #{found.pk}  {STATUS_INK[found.status][0]}  {found.verdict}")

    def _head_beside(self, text: str) -> None:
        self.query_one("#beside-head", Static).update(Content(visible(text)))

    def action_raw(self) -> None:
        self.catch_up()
        if self.state.pk is not None:
            self.app.push_screen(RawScreen(self.bench, self.state.pk))


def counterpart(body: Trajectory, other: Trajectory, turn: int) -> int | None:
    """The turn of `other` that stands where `turn` does: as many of its role before it, or the last of them."""
    role = body.turns[turn].role
    number = sum(before.role == role for before in body.turns[:turn])
    places = [place for place, found in enumerate(other.turns) if found.role == role]
    return places[min(number, len(places) - 1)] if places else None
