"""Seeds and Episodes: the queue with decisions by single keys, undo and edits."""

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, Literal

from textual.binding import Binding, BindingType

from simia_tui.errors import SimiaError
from simia_tui.model import Citation, Fault, Kind, Trajectory
from simia_tui.services import acts, reshaping
from simia_tui.services.acts import Done
from simia_tui.store import decisions, trajectories
from simia_tui.store.decisions import Told, Undone, Verb
from simia_tui.tui.screens.acting import AT_ONCE, ActingScreen
from simia_tui.tui.screens.edit import EditDialog, Edited
from simia_tui.tui.screens.reasons import ConfirmStrip, NoteDialog, ReasonStrip
from simia_tui.tui.screens.turns import Act, TurnStrip, dialog, operation
from simia_tui.tui.state.dwell import Dwell
from simia_tui.tui.widgets.record_table import RecordTable
from simia_tui.tui.widgets.transcript import Transcript
from simia_tui.tui.widgets.turn_lines import plural

ON_AN_ITEM = ("decide", "reject", "edit", "turns", "mark_all")
"""Actions that need a trajectory to act on."""
DOING: dict[Verb, str] = {"approve": "approving", "reject": "rejecting", "flag": "flagging", "reset": "taking back"}
PAST: dict[Verb, str] = {"approve": "approved", "reject": "rejected", "flag": "flagged", "reset": "back to pending:"}


class ReviewScreen(ActingScreen):
    """The queue of one kind, and what a reviewer does with it. Every decision is on disk before the next is shown."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "decide('approve')", "Approve", id="review.approve", tooltip="Approve, and go to the next"),
        Binding("x", "reject", "Reject", id="review.reject", tooltip="Reject with a reason, 1 to 9"),
        Binding("e", "edit", "Edit", id="review.edit", tooltip="Edit the turn under the cursor"),
        Binding("u,backspace", "undo", "Undo", id="review.undo", tooltip="Take back your latest act"),
        Binding(
            "slash", "filter", "Filter", id="review.filter", key_display="/",
            tooltip="Filter by words and fields; the line completes what there is",
        ),
        Binding(
            "i", "turns", "Turns", show=False, id="review.turns",
            tooltip="Insert a turn behind this one, or delete, split or merge it",
        ),
        Binding("f", "decide('flag')", "Flag", show=False, id="review.flag", tooltip="Flag for a second opinion"),
        Binding(
            "P", "decide('reset')", "Pending", show=False, id="review.reset",
            tooltip="Back to pending, whoever has decided",
        ),
        Binding("U", "redo", "Redo", show=False, id="review.redo", tooltip="Bring back what was undone last"),
        Binding(
            "asterisk", "mark_all", "Mark all", show=False, id="review.mark-all", key_display="*",
            tooltip="Mark everything that the filter matches, or nothing; a decision is then for all marked",
        ),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._dwell = Dwell()
        self._looked_at: int | None = None

    def _show_current(self) -> None:
        super()._show_current()
        row = self.state.row
        if row is not None and row.pk != self._looked_at:
            self._looked_at = row.pk
            self._dwell.look(row.words)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing is decided where there is nothing to decide on."""
        if action in ON_AN_ITEM and self.is_mounted and self.state.pk is None:
            return False
        return super().check_action(action, parameters)

    def action_decide(self, action: Verb) -> None:
        self.catch_up()
        marked = self._marked()
        if marked:
            self._ask(action, None, marked)
        else:
            self._decide(action, None, None)

    def action_reject(self) -> None:
        self.catch_up()
        marked = self._marked()

        def chosen(fault: Fault | None) -> None:
            if fault is None:
                return
            if marked:
                self._ask("reject", fault, marked)
            elif fault is Fault.OTHER:
                self.app.push_screen(NoteDialog(self.bench), noted)
            else:
                self._decide("reject", fault, None)

        def noted(note: str | None) -> None:
            if note is not None:
                self._decide("reject", Fault.OTHER, None, note or None)

        if self.state.pk is not None:
            self.app.push_screen(ReasonStrip(self.state.last_fault), chosen)

    def _ask(self, action: Verb, fault: Fault | None, marked: Sequence[int]) -> None:
        def answered(yes: bool | None) -> None:
            if yes and len(marked) > AT_ONCE:
                self._decide_in_thread(action, fault, marked)
            elif yes:
                self._decide(action, fault, marked)

        reason = f" ({fault})" if fault else ""
        question = f"{action.capitalize()} {len(marked):,} marked {self.KIND}s{reason}?"
        standing = ", ".join(f"{n:,} {status}" for status, n in trajectories.statuses(self.bench.db, marked).items())
        self.app.push_screen(ConfirmStrip(f"{question} Now: {standing}."), answered)

    def reject_citing(self, clause: Citation) -> None:
        self._decide("reject", Fault.POLICY, None, clause.note())

    def _decide(self, action: Verb, fault: Fault | None, marked: Sequence[int] | None, note: str | None = None) -> None:
        row = self.state.row
        # Before the decision, which brings the next item into view.
        seconds = self._dwell.decide() if marked is None else None
        try:
            done = self.state.decide(action, fault, note, pks=marked, seconds=seconds)
        except SimiaError as error:
            self.app.notify(str(error), title="Not decided", severity="error")
            return
        if done is None or row is None:
            return
        if marked is not None:
            self.query_one(RecordTable).marks.clear()
        self.query_one(RecordTable).reload()
        # What is counted over all rows comes after the next item.
        self.call_after_refresh(self.news)
        if marked is not None:
            self._mention(f"{PAST[action]} {done.said}")
        else:
            self.decided(action, row)
            self._mention(done.said or self._dwell.warning or f"{PAST[action]} #{abs(row.pk)}")

    def _decide_in_thread(self, action: Verb, fault: Fault | None, marked: Sequence[int]) -> None:
        if self._under_way():
            return
        table, reviewer = self.query_one(RecordTable), self.bench.reviewer

        def act(db: sqlite3.Connection, told: Told) -> Done:
            return self.state.decide_all(db, reviewer, action, fault, marked, told)

        def decided(done: Done) -> None:
            table.marks.difference_update(marked)
            self.state.decided_all(action, fault)
            table.reload()
            self.news()
            self._mention(f"{PAST[action]} {done.said}")

        self._in_thread(DOING[action], len(marked), act, decided)

    def action_undo(self) -> None:
        self._replay("undo", acts.undo)

    def action_redo(self) -> None:
        self._replay("redo", decisions.redo)

    def _replay(self, direction: Literal["undo", "redo"], act: Callable[..., Undone | None]) -> None:
        rows, reviewer = decisions.at_stake(self.bench.db, self.bench.reviewer, direction), self.bench.reviewer
        if rows > AT_ONCE:
            if not self._under_way():
                word = "undoing" if direction == "undo" else "redoing"
                self._in_thread(
                    word, rows, lambda db, told: act(db, reviewer, told), partial(self._replayed, direction)
                )
            return
        try:
            undone = act(self.bench.db, reviewer)
        except SimiaError as error:
            self.app.notify(str(error), title="Nothing was changed", severity="error")
            return
        self._replayed(direction, undone)

    def _replayed(self, direction: str, undone: Undone | None) -> None:
        self.state.replayed(undone)
        if undone is None:
            self._mention(f"nothing to {direction}")
            return
        self._dwell.take_back()
        self.news()
        many = f" of {len(undone.pks):,}" if len(undone.pks) != 1 else ""
        left = f"; {undone.skipped} changed by others stay" if undone.skipped else ""
        # An opinion, or a verdict on a planted copy, has no batch: others may have decided with it since.
        anew = f"; {self.key_of('review.redo')} cannot bring an opinion back, give it anew" if not undone.batch else ""
        self._mention(f"{direction}: {undone.action}{many}{left}{anew}")

    def action_mark_all(self) -> None:
        table = self.query_one(RecordTable)
        table.marks = set() if len(table.marks) == len(table.ids) else set(table.ids)
        table.refresh()
        self._show_status()

    def action_edit(self) -> None:
        self.catch_up()
        if self._sees_planted():
            return
        turn = self.query_one(Transcript).turn
        if self.state.pk is None or self.state.trajectory is None:
            return
        if turn is None:
            switch, down = self.key_of("review.switch"), self.key_of("transcript.next")
            self._mention(f"the policy cannot be edited; {switch} and {down} go to a turn")
            return
        self.app.push_screen(EditDialog(self.bench, self.state.pk, self.state.trajectory, turn), self._edited)

    def _edited(self, edited: Edited | None) -> None:
        if edited is None:
            return
        self.state.forget()
        self._show_current()
        self.query_one(Transcript).go_to(edited.turn)
        self.news()
        anew = ", R writes what follows anew" if self.KIND == "episode" else ""
        self._mention(f"saved; {plural(edited.findings, 'finding')} now{anew}")

    def action_turns(self) -> None:
        self.catch_up()
        if self._sees_planted():
            return
        body, turn = self.state.trajectory, self._text.turn
        if body is None:
            return

        def chosen(act: Act | None) -> None:
            if act in ("delete", "merge"):
                self._reshape(body, turn, act, "")
            elif act is not None:
                self.app.push_screen(dialog(self.bench, body, turn, act), worded(act))

        def worded(act: Act) -> Callable[[str | None], None]:
            return lambda words: self._reshape(body, turn, act, words) if words is not None else None

        self.app.push_screen(TurnStrip(turn), chosen)

    def _reshape(self, body: Trajectory, turn: int | None, act: Act, words: str) -> None:
        pk = self.state.pk
        assert pk is not None
        try:
            after, place = operation(body, turn, act, words)
            findings = reshaping.save(self.bench.workspace, self.bench.db, pk, body, after, self.bench.reviewer)
        except SimiaError as error:
            self.app.notify(str(error), title="Nothing was changed", severity="error")
            return
        self._edited(Edited(place, len(findings)))
        told = [finding.message for finding in findings if finding.rule in reshaping.TOLD]
        if told:
            self._mention(f"saved; {told[0]}")


class SeedsScreen(ReviewScreen):
    """Imported real trajectories."""

    ROOM = "seeds"
    KIND: Kind = "seed"


class EpisodesScreen(ReviewScreen):
    """Simulated trajectories."""

    ROOM = "episodes"
    KIND: Kind = "episode"
