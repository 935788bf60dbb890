"""`R`: has the end of an episode written anew from the turn under the cursor, and decides on what has come."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from simia_tui.errors import SimiaError
from simia_tui.model import Trajectory
from simia_tui.services import resimulation
from simia_tui.services.resimulation import Place
from simia_tui.store import remakes, trajectories
from simia_tui.store.remakes import Remake, Stage, Taken
from simia_tui.tui.screens.reading import ReadingScreen
from simia_tui.tui.screens.remade import TOLD, RemadeScreen
from simia_tui.tui.screens.strip import Strip
from simia_tui.tui.text import visible
from simia_tui.tui.widgets.record_table import RecordTable


@dataclass
class Asked(Message):
    """A thread has queued a job for `count` episodes; `left` others are not in it, one of them for `reason`."""

    job: int
    count: int
    left: int
    reason: str


@dataclass
class Refused(Message):
    """Why a thread has queued none."""

    reason: str


class RemakingScreen(ReadingScreen):
    """The queue in which ends of episodes are written anew; until that is decided the turns they replace are stale."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "R", "remake", "Re-simulate", show=False, id="review.resimulate",
            tooltip="Have the turns from here on written anew, or decide on what came",
        ),
    ]  # fmt: skip

    def above(self) -> Iterator[Widget]:
        yield from super().above()
        line = Static("", id="remake", markup=False)
        line.display = False
        yield line

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "remake" and self.is_mounted and (self.KIND == "seed" or self.state.pk is None):
            return False
        return super().check_action(action, parameters)

    def _marked(self) -> list[int]:
        table = self.query_one(RecordTable)
        return [pk for pk in table.ids if pk in table.marks and pk > 0] if table.marks else []

    # -- what is shown ------------------------------------------------------------------------------------------

    def _show_current(self) -> None:
        super()._show_current()
        self._show_remake()

    def refresh_data(self) -> None:
        super().refresh_data()
        self._show_remake()

    def _show_remake(self) -> None:
        """Marks the turns that no longer hold, and says above them what becomes of them."""
        pk = self.state.pk
        known = remakes.current(self.bench.db, pk) if self.KIND == "episode" and pk is not None else None
        self._text.mark_stale(known.turn if known is not None and known.stage.open else None)
        line = self.query_one("#remake", Static)
        line.display = known is not None
        if known is not None:
            ink = {Stage.LANDED: "bold $text-success", Stage.FAILED: "$text-error"}.get(known.stage, "$text-warning")
            line.update(Content.styled(visible(_said(known)), ink))

    # -- R ------------------------------------------------------------------------------------------------------

    def action_remake(self) -> None:
        self.catch_up()
        if self._sees_planted():
            return
        pk, body, marked = self.state.pk, self.state.trajectory, self._marked()
        if marked:
            self._remake_marked(marked)
            return
        if pk is None or body is None:
            return
        known = remakes.current(self.bench.db, pk)
        if known is not None and known.stage is Stage.LANDED:
            self._compare(known)
        elif known is not None and known.stage is Stage.ASKED:
            self._mention(f"job {known.job} is at it; {self.key_of('app.go')} j shows the job")
        else:
            self.app.push_screen(Strip(f"#{pk} anew:", self._choices(pk, body)), self._chosen(pk))

    def _choices(self, pk: int, body: Trajectory) -> dict[str, tuple[str, Place]]:
        """From where on; a turn that a person has edited is kept unless asked otherwise."""
        (row,) = trajectories.rows(self.bench.db, [pk])
        choices: dict[str, tuple[str, Place]] = {}
        turn = self._text.turn
        if turn is not None:
            here = (f"from turn {turn + 1} on", Place(turn)) if turn else None
            after = (f"keep turn {turn + 1}, anew after it", Place(turn + 1))
            edited = body.turns[turn] not in trajectories.get(self.bench.db, pk, self._made(pk)).turns
            first, second = (after, here) if edited or here is None else (here, after)
            choices["enter"] = first
            if second is not None:
                choices["a" if second is after else "h"] = second
        doubted = resimulation.first_flagged(self.bench.db, pk)
        if doubted is not None and doubted != turn:
            choices["f"] = (f"from turn {doubted + 1} on, the first with a finding", Place(doubted))
        if row.seed is not None:
            choices["s"] = (f"a fresh episode from seed #{row.seed}", Place(None))
        return choices

    def _made(self, pk: int) -> int:
        return trajectories.as_made(self.bench.db, pk)

    def _chosen(self, pk: int) -> Callable[[Place | None], None]:
        def chosen(place: Place | None) -> None:
            if place is not None:
                self._ask_for(lambda _db: {pk: place}, 1)

        return chosen

    def _remake_marked(self, marked: Sequence[int]) -> None:
        landed = set(remakes.landed(self.bench.db)).intersection(marked)
        choices: dict[str, tuple[str, str]] = {"enter": ("from the first finding of each", "flagged")}
        if landed:
            choices |= {
                "n": (f"take the new end of {len(landed):,}", "new"),
                "o": (f"keep the old end of {len(landed):,}", "old"),
            }
        choices["s"] = ("fresh episodes from their seeds", "fresh")

        def chosen(what: str | None) -> None:
            if what in ("old", "new"):
                self._take_all([pk for pk in marked if pk in landed], "old" if what == "old" else "new")
            elif what == "flagged":
                self._ask_for(lambda db: resimulation.flagged_places(db, marked), len(marked))
            elif what == "fresh":
                self._ask_for(lambda _db: dict.fromkeys(marked, Place(None)), len(marked))

        self.app.push_screen(Strip(f"{len(marked):,} marked anew:", choices), chosen)

    def _ask_for(self, places: Callable[[sqlite3.Connection], Mapping[int, Place]], count: int) -> None:
        """Plans and queues in a thread: what is marked may be much, and the simulator's price is looked up."""
        bench = self.bench
        self._mention("asking …")

        def ask() -> None:
            db = bench.workspace.connect()
            try:
                planned = resimulation.plan(db, bench.settings, places(db))
                job = resimulation.queue(bench.workspace, db, planned, bench.reviewer)
                wished = len(planned.wishes)
                self.post_message(Asked(job.id, wished, count - wished, next(iter(planned.left_out.values()), "")))
            except SimiaError as error:
                self.post_message(Refused(str(error)))
            finally:
                db.close()

        self.run_worker(ask, group="remake", thread=True, exit_on_error=False)

    def on_asked(self, message: Asked) -> None:
        self._unmark()
        self.news()
        left = f", {message.left:,} left out" if message.left else ""
        self._mention(f"job {message.job} writes {message.count:,} anew{left}")
        if message.reason:
            self.app.notify(message.reason, title="Left out")

    def on_refused(self, message: Refused) -> None:
        self._mention("nothing was asked for")
        self.app.notify(message.reason, title="Nothing was asked for", severity="error")

    def _unmark(self) -> None:
        table = self.query_one(RecordTable)
        table.marks.clear()
        table.refresh()

    # -- what has come ------------------------------------------------------------------------------------------

    def _compare(self, known: Remake) -> None:
        def taken(what: Taken | None) -> None:
            if what is not None:
                self._was_taken(what, 1)

        self.app.push_screen(RemadeScreen(self.bench, known), taken)

    def _take_all(self, pks: Sequence[int], what: Taken) -> None:
        db = self.bench.db
        chosen = [one for pk in pks if (one := remakes.current(db, pk)) is not None]
        try:
            resimulation.settle(self.bench.workspace, db, chosen, what, self.bench.reviewer)
        except SimiaError as error:
            self.app.notify(str(error), title="Not decided", severity="error")
            return
        self._unmark()
        self._was_taken(what, len(chosen))

    def _was_taken(self, what: Taken, count: int) -> None:
        self.state.forget()
        self._show_current()
        self.news()
        self._mention(
            f"{TOLD[what](count)}{f' of {count:,}' if count > 1 else ''}; {self.key_of('review.undo')} takes that back"
        )


def _said(known: Remake) -> str:
    """The line above the text."""
    turn = (known.turn or 0) + 1
    match known.stage:
        case Stage.LANDED:
            return f"↻ a new end from turn {turn} on has come: R compares and decides"
        case Stage.FAILED:
            return f"↻ no new end came (job {known.job}): {known.problem or 'it was ended'}"
        case _:
            return f"↻ turns from {turn} on are stale: job {known.job} writes them anew"
