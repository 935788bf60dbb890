"""The desk: what is mixed into a reviewer's queue, and the time that the reviewer has for it."""

from array import array
from collections.abc import Sequence

from simia_tui.errors import SimiaError
from simia_tui.model import Fault
from simia_tui.services import planting
from simia_tui.store import Query, Row
from simia_tui.store.decisions import Verb
from simia_tui.tui.screens.strip import Strip
from simia_tui.tui.screens.views import ViewsScreen
from simia_tui.tui.state.timebox import Timebox
from simia_tui.tui.widgets.title_bar import TitleBar

TICK_S = 1.0


class DeskScreen(ViewsScreen):
    """A queue with known-bad items in it, and a time box that orders it by what a decision tells for its words."""

    _box: Timebox | None = None

    def arranged(self, query: Query, ids: "array[int]", start: int | None) -> "array[int]":
        share = self.bench.settings.review.known_bad
        if self.KIND != "episode" or not share:
            return ids
        db = self.bench.workspace.connect()
        try:
            return planting.mixed(self.bench.workspace, db, query, ids, self.bench.reviewer, share, start)
        except SimiaError:
            # The queue matters more than what is mixed into it; the next look-up tries again.
            return ids
        finally:
            db.close()

    def _sees_planted(self) -> bool:
        """Whether what is to be changed is a planted copy. Who wants to mend it has seen it: that is the verdict."""
        planted = self.state.pk is not None and self.state.pk < 0
        if planted:
            self._decide("flag", None, None)
        return planted

    def _decide(self, action: Verb, fault: Fault | None, marked: Sequence[int] | None) -> None:
        """Decides on the current item, or on all marked ones."""
        raise NotImplementedError

    def decided(self, action: Verb, row: Row) -> None:
        """A decision on one item has been made."""
        if self._box is not None:
            self._box.note(action, row.words)

    # -- the time box -------------------------------------------------------------------------------------------

    def open_box(self, minutes: float) -> None:
        """Gives the reviewer so many minutes, and puts first what a decision tells most about for its words."""
        running = self._box is not None
        self._box = Timebox(minutes)
        self._look_up(self.state.query.but(status="pending", order="information", sample=None), follow=True)
        self._show_clock()
        self._mention(f"{minutes:g} minutes: what a decision tells most about, for its words, comes first")
        if not running:
            self.set_interval(TICK_S, self._tick)

    def _tick(self) -> None:
        box = self._box
        if box is None:
            return
        self._show_clock()
        if box.left <= 0 and self.is_current:
            self._end_box(box)

    def _show_clock(self) -> None:
        self.query_one(TitleBar).clock = self._box.text if self._box is not None else ""

    def _end_box(self, box: Timebox) -> None:
        def answered(more: bool | None) -> None:
            self._box = None
            if more:
                self.open_box(box.minutes)
            else:
                self._show_clock()

        choices = {"enter": (f"{box.minutes:g} minutes more", True)}
        self.app.push_screen(Strip(f"Time is up. {box.summary()}", choices), answered)
