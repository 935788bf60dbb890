"""What a reviewer asks about an item: why it is here, what the rules say now and would repair, what rule it breaks."""

import sqlite3
from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from simia_tui.model import Citation, Finding, Severity, Trajectory
from simia_tui.services import citing, lineage, reviewing
from simia_tui.services.lineage import Link
from simia_tui.services.reviewing import Recheck
from simia_tui.tui.bench import Bench
from simia_tui.tui.screens.overview import OverviewScreen, Place
from simia_tui.tui.screens.remaking import RemakingScreen
from simia_tui.tui.text import visible, wrap
from simia_tui.tui.widgets.card_sheet import CardSheet
from simia_tui.tui.widgets.diff_lines import diff_lines, turn_words
from simia_tui.tui.widgets.key_bar import KeyBar
from simia_tui.tui.widgets.record_table import Column, RecordTable
from simia_tui.tui.widgets.turn_lines import SEVERITIES, Line, plural

MODES = {"seed": "seeds", "episode": "episodes", "episodes": "episodes", "job": "jobs", "export": "exports"}


class LineageScreen(OverviewScreen):
    """The way of one trajectory; enter goes where a station leads."""

    COLUMNS: ClassVar[tuple[Column[Any], ...]] = (
        Column("station", lambda row: row[1].stage, width=11),
        Column("what", lambda row: [(visible(row[1].text), "" if row[1].opens else "muted")], flex=1),
        Column("", lambda row: "enter" if row[1].opens else "", width=5),
    )

    def __init__(self, bench: Bench, pk: int) -> None:
        super().__init__(bench)
        self._pk = pk
        self.HEADING = f"why #{abs(pk)}: where it comes from, what was done with it, what came of it"

    def read(self, db: sqlite3.Connection) -> Sequence[Link]:
        return lineage.lineage(db, self._pk)

    def place(self, row: Link) -> Place | None:
        if row.opens is None:
            return None
        what, value = row.opens
        if what in ("seed", "episode"):
            return Place(MODES[what], "", int(value))
        return Place(MODES[what], value if what == "episodes" else "")


class SheetScreen(ModalScreen[bool]):
    """A heading and lines to read; `enter` does what the heading offers, where it offers anything."""

    DEFAULT_CSS = """
    SheetScreen { background: $background; }
    SheetScreen #sheet-head { height: 1; padding: 0 1; color: $text-muted; background: $panel; }
    SheetScreen CardSheet { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "dismiss(True)", "Do it", id="sheet.do", tooltip="Do what is offered"),
        Binding("escape,q", "dismiss(False)", "Back", id="sheet.close", tooltip="Back, without a change"),
    ]

    def __init__(self, heading: str, lines: Callable[[int], list[Line]], offers: bool = False) -> None:
        super().__init__()
        self._heading, self._lines, self._offers = heading, lines, offers

    def compose(self) -> ComposeResult:
        yield Static(Content(visible(self._heading)), id="sheet-head", markup=False)
        yield CardSheet(id="sheet")
        yield KeyBar(pinned=("sheet.close",))

    def on_mount(self) -> None:
        self.query_one(CardSheet).show(self._lines)
        self.query_one(CardSheet).focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self._offers or (action, parameters) != ("dismiss", (True,))


class ClauseScreen(ModalScreen[Citation | None]):
    """The clauses of a policy; enter chooses one."""

    DEFAULT_CSS = SheetScreen.DEFAULT_CSS.replace("SheetScreen", "ClauseScreen").replace("CardSheet", "RecordTable")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Back", id="clause.close", tooltip="Back, without a decision"),
    ]
    COLUMNS: ClassVar[tuple[Column[tuple[int, Citation]], ...]] = (
        Column("#", lambda row: str(row[0] + 1), width=4, right=True),
        Column("clause", lambda row: row[1].text, flex=1),
    )

    def __init__(self, pk: int, clauses: Sequence[Citation]) -> None:
        super().__init__()
        self._pk, self._clauses = pk, clauses

    def compose(self) -> ComposeResult:
        head = f"reject #{abs(self._pk)} as a policy breach: enter cites the clause under the cursor"
        yield Static(Content(head), id="sheet-head", markup=False)
        yield RecordTable(
            self.COLUMNS, lambda ids: [(n, self._clauses[n]) for n in ids], key=lambda row: row[0], id="table"
        )
        yield Static("", id="clause", markup=False)
        yield KeyBar(pinned=("clause.close",))

    def on_mount(self) -> None:
        table = self.query_one(RecordTable)
        table.show(array("q", range(len(self._clauses))))
        table.focus()
        self._tell()

    def on_record_table_highlighted(self, _message: RecordTable.Highlighted) -> None:
        self._tell()

    def _tell(self) -> None:
        """The clause under the cursor in full: the list cuts long ones off."""
        place = self.query_one(RecordTable).pk
        if place is not None:
            self.query_one("#clause", Static).update(Content(visible(self._clauses[place].text)))

    def on_record_table_selected(self, message: RecordTable.Selected) -> None:
        self.dismiss(self._clauses[message.pk])


class InquiryScreen(RemakingScreen):
    """The queue with its questions."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("W", "why", "Why", show=False, id="review.why", tooltip="Where it comes from and what came of it"),
        Binding("v", "recheck", "Check", show=False, id="review.check", tooltip="Run the rules now: what changed"),
        Binding("r", "repairs", "Repairs", show=False, id="review.repairs", tooltip="What the rules would repair"),
        Binding("c", "cite", "Cite", show=False, id="review.cite", tooltip="Reject with the clause of the policy"),
    ]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("why", "recheck", "repairs", "cite") and self.is_mounted and self.state.pk is None:
            return False
        return super().check_action(action, parameters)

    def _asked_about(self) -> tuple[int, Trajectory] | None:
        """The item under the cursor with its body; None where there is none to ask about."""
        self.catch_up()
        pk, body = self.state.pk, self.state.trajectory
        return (pk, body) if pk is not None and body is not None else None

    # -- W ------------------------------------------------------------------------------------------------------

    def action_why(self) -> None:
        if (asked := self._asked_about()) is not None:
            self.app.push_screen(LineageScreen(self.bench, asked[0]), self._go)

    async def _go(self, place: Place | None) -> None:
        if place is None:
            return
        await self.app.switch_mode(place.mode)
        room = self.app.screen
        if isinstance(room, InquiryScreen):
            if place.pk is not None:
                room.show_one(place.pk)
            else:
                room.open(place.line)

    # -- v and r ------------------------------------------------------------------------------------------------

    def action_recheck(self) -> None:
        asked = self._asked_about()
        if asked is None:
            return
        pk = asked[0]
        found = reviewing.recheck(self.bench.workspace, self.bench.db, pk)
        if not found.came and not found.gone:
            self._mention(f"checked now: {plural(found.same, 'finding')}, as on record")
            return
        head = f"#{abs(pk)} checked now: {len(found.came)} new, {len(found.gone)} gone, {found.same} as on record"
        self.app.push_screen(SheetScreen(head, partial(recheck_lines, found)))

    def action_repairs(self) -> None:
        asked = self._asked_about()
        if asked is None:
            return
        pk, body = asked
        after, repairs = reviewing.repaired(self.bench.workspace, self.bench.db, pk)
        if not repairs or after.turns == body.turns:
            self._mention("the rules would repair nothing here; w shows what they mended when it came")
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.act(partial(self._repair, pk))

        head = f"#{abs(pk)}: the rules would make {plural(len(repairs), 'repair')}; enter makes them as a new revision"
        self.app.push_screen(SheetScreen(head, partial(repair_lines, body, after, repairs), offers=True), answered)

    def _repair(self, pk: int) -> None:
        if self._sees_planted():
            return
        made = reviewing.repair(self.bench.workspace, self.bench.db, pk, self.bench.reviewer)
        self.state.forget()
        self._show_current()
        self._mention(f"{plural(made, 'repair')} made; {self.key_of('review.undo')} takes that back")

    # -- c ------------------------------------------------------------------------------------------------------

    def action_cite(self) -> None:
        asked = self._asked_about()
        if asked is None:
            return
        pk, body = asked
        clauses = citing.clauses(body.policy) if body.policy else []
        if self._marked():
            self._mention("a clause is cited for one item at a time; * clears the marks")
        elif not clauses:
            self._mention("there is no policy here to cite from")
        else:
            self.app.push_screen(ClauseScreen(pk, clauses), self._cited)

    def _cited(self, clause: Citation | None) -> None:
        if clause is not None:
            self.reject_citing(clause)

    def reject_citing(self, clause: Citation) -> None:
        """Reject the current item for breaking a clause."""
        raise NotImplementedError


def recheck_lines(found: Recheck, width: int) -> list[Line]:
    """What came and what went, a sign and a word each."""
    lines = [_finding_line("+ ", "error", finding) for finding in found.came]
    lines += [_finding_line("- ", "success", finding) for finding in found.gone]
    return [part for line in lines for part in _wrapped(line, width)]


def _finding_line(sign: str, ink: str, finding: Finding) -> tuple[str, str, str]:
    place = f"turn {finding.turn + 1}  " if finding.turn is not None else ""
    word = SEVERITIES[Severity(finding.severity)][0]
    return sign, ink, visible(f"{place}{word}  {finding.rule}  {finding.message}")


def _wrapped(line: tuple[str, str, str], width: int) -> Iterator[Line]:
    sign, ink, text = line
    for n, part in enumerate(wrap(text, width - 2)):
        yield Line(((sign if n == 0 else "  ", ink), (part, "")))


def repair_lines(before: Trajectory, after: Trajectory, repairs: Sequence[Finding], width: int) -> list[Line]:
    """Every repair, and the words that change in each turn."""
    lines: list[Line] = []
    for index, (old, new) in enumerate(zip(before.turns, after.turns, strict=False)):
        own = [finding for finding in repairs if finding.turn == index]
        if old == new and not own:
            continue
        for finding in own:
            lines += _wrapped(_finding_line("~ ", "accent", finding), width)
        lines += diff_lines(turn_words(old), turn_words(new), width, opened=False)
        lines.append(Line(()))
    return lines
