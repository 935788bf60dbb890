"""Prompts: every template in force, where it comes from, what it brought, and what is sent for a real seed."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from simia_tui.errors import SimiaError
from simia_tui.services import prompts
from simia_tui.services.prompts import Listed
from simia_tui.store import prompts as store
from simia_tui.store.prompts import Used
from simia_tui.tui.bench import Bench
from simia_tui.tui.screens.base import RoomScreen
from simia_tui.tui.screens.comparing import CompareDialog, ComparisonScreen, ComparisonsScreen
from simia_tui.tui.screens.prompt_edit import PromptEditor
from simia_tui.tui.screens.reasons import ConfirmStrip
from simia_tui.tui.screens.versions import VersionsScreen
from simia_tui.tui.text import visible
from simia_tui.tui.widgets.card_sheet import CardSheet
from simia_tui.tui.widgets.prompt_lines import plain_lines, text_lines
from simia_tui.tui.widgets.record_table import Column, RecordTable

FIRST = ("synthesize",)
"""The kind that stands first: everything begins with it."""


class Row(NamedTuple):
    """A template in force and what it was used for; `pk` is its place in the list."""

    pk: int
    listed: Listed
    used: Used


@dataclass
class Read(Message):
    """The list, as a thread has read it."""

    rows: Sequence[Row]


@dataclass
class Rendered(Message):
    """A prompt as it is sent about a seed, or why there is none."""

    row: Row
    seed: int | None
    text: str


def share(n: int, of: int) -> str:
    """`96 %`; nothing where there is nothing to share."""
    return f"{n / of:.0%}" if of else ""


COLUMNS: tuple[Column[Row], ...] = (
    Column("domain", lambda row: row.listed.domain, flex=1, least=11),
    Column("prompt", lambda row: row.listed.kind, width=13),
    Column("version", lambda row: row.listed.version, width=12, drop=3),
    Column("from", lambda row: [("workspace", "accent") if row.listed.own else (row.listed.pack, "muted")], width=12),
    Column("attempts", lambda row: f"{row.used.attempts:,}" if row.used.attempts else "", width=8, right=True),
    Column("answered", lambda row: share(row.used.answered, row.used.attempts), width=8, right=True, drop=1),
    Column("whole", lambda row: share(row.used.whole, row.used.episodes), width=6, right=True, drop=2),
)


class PromptsScreen(RoomScreen):
    """The list of prompts; beside or below it the text of the one under the cursor."""

    ROOM = "prompts"
    PARTS = (RecordTable, CardSheet)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "edit", "Edit", id="prompts.edit", tooltip="Edit it; a shipped one is copied into the workspace"),
        Binding("p", "preview", "As sent", id="prompts.preview", tooltip="The template, or what is sent for a seed"),
        Binding("n", "seed", "Next seed", id="prompts.seed", tooltip="Show it for another seed"),
        Binding("v", "versions", "Versions", id="prompts.versions", tooltip="Every text it had, and what it brought"),
        Binding("A", "compare", "A/B", id="prompts.compare", tooltip="Set two versions to work on the same seeds"),
        Binding("C", "compared", "Compared", show=False, id="prompts.compared", tooltip="What comparisons have shown"),
        Binding("r", "revert", "Revert", id="prompts.revert", tooltip="Go back to the shipped text; yours is kept"),
        Binding("tab", "app.focus_next", "Text", id="prompts.other", tooltip="Scroll the text, or back to the list"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._rows: Sequence[Row] = ()
        self._as_sent = False
        self._seed_place = 0

    def body(self) -> Iterator[Widget]:
        with Container(id="prompts-room"):
            yield RecordTable(
                COLUMNS,
                lambda ids: [self._rows[pk] for pk in ids if pk < len(self._rows)],
                empty="Reading …",
                id="table",
            )
            with Vertical(id="prompt"):
                yield Static("", id="prompt-head", markup=False)
                yield CardSheet(id="prompt-text")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(RecordTable).focus()

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self._look()

    def _look(self) -> None:
        """Reads all packs and what their prompts brought, in a thread. What comes while one looks on waits."""
        workspace = self.bench.workspace

        def look() -> None:
            with workspace.session(readonly=True) as db:
                used = store.used(db)
                found = prompts.listed(workspace)
            rows = [
                Row(pk, one, used.get((one.domain, one.version), prompts.UNUSED))
                for pk, one in enumerate(_sorted(found, used))
            ]
            self.post_message(Read(rows))

        self.run_worker(look, thread=True, exclusive=True, group="prompts", exit_on_error=False)

    def on_read(self, message: Read) -> None:
        before = self._row
        self._rows = message.rows
        same = [row.pk for row in self._rows if before and row.listed[:2] == before.listed[:2]]
        self.query_one(RecordTable).show(array("q", range(len(self._rows))), pk=same[0] if same else None)
        self._show()

    def on_record_table_highlighted(self, _message: RecordTable.Highlighted) -> None:
        self._seed_place = 0
        self._show()

    def on_record_table_selected(self, _message: RecordTable.Selected) -> None:
        self.action_edit()

    @property
    def _row(self) -> Row | None:
        pk = self.query_one(RecordTable).pk
        return self._rows[pk] if pk is not None and pk < len(self._rows) else None

    def _show(self) -> None:
        self.refresh_bindings()
        row = self._row
        if row is None:
            return
        try:
            template = prompts.template(self.bench.workspace, row.listed.kind, row.listed.domain)
        except SimiaError as error:
            self._tell(row, str(error), "")
            return
        if self._as_sent:
            self._fill_in(row)
            return
        used = row.used
        brought = (
            f"{used.attempts:,} attempts, {used.episodes:,} episodes, {used.whole:,} whole, {used.approved:,} approved"
        )
        self._tell(row, brought if used.attempts else "not used yet", template.text, marked=True)

    def _tell(self, row: Row, said: str, text: str, *, marked: bool = False) -> None:
        head = f"{row.listed.kind} for {row.listed.domain}, version {row.listed.version}: {said}"
        self.query_one("#prompt-head", Static).update(Content(visible(head)))
        make = text_lines if marked else plain_lines
        self.query_one(CardSheet).show(lambda width: make(text, width))

    def _fill_in(self, row: Row) -> None:
        """What is sent about a seed of the domain, worked out in a thread."""
        workspace, place, load = self.bench.workspace, self._seed_place, self.key_of("app.import")

        def render() -> None:
            from simia_tui.services.rendering import rendered

            with workspace.session(readonly=True) as db:
                try:
                    seeds = prompts.seeds_of(db, row.listed.domain)
                    if not seeds:
                        said = (
                            f"No seed of the domain {row.listed.domain} is here to show it with: {load} imports some."
                        )
                        self.post_message(Rendered(row, None, said))
                        return
                    pk = seeds[place % len(seeds)]
                    sent = rendered(workspace, db, row.listed.kind, pk)
                    self.post_message(Rendered(row, pk, "\n".join(message["content"] for message in sent.messages)))
                except SimiaError as error:
                    self.post_message(Rendered(row, None, str(error)))

        self.run_worker(render, thread=True, exclusive=True, group="render", exit_on_error=False)

    def on_rendered(self, message: Rendered) -> None:
        if message.row != self._row or not self._as_sent:
            return
        said = (
            "no preview"
            if message.seed is None
            else f"as sent for seed #{message.seed}, about {len(message.text) // 4:,} tokens"
        )
        self._tell(message.row, said, message.text)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what the prompt under the cursor can do stands in the key bar."""
        row = self._row if self.is_mounted else None
        if action == "revert":
            return row is not None and row.listed.own
        if action == "compare":
            return row is not None and row.listed.kind == "synthesize"
        if action == "seed":
            return self._as_sent
        return True

    def action_preview(self) -> None:
        self._as_sent = not self._as_sent
        self._show()

    def action_seed(self) -> None:
        self._seed_place += 1
        self._show()

    def _of_row(self, act: Callable[[Bench, str, str], None]) -> None:
        row = self._row
        if row is not None:
            act(self.bench, row.listed.kind, row.listed.domain)

    def action_edit(self) -> None:
        self._of_row(lambda bench, kind, domain: self._open(PromptEditor(bench, kind, domain)))

    def action_versions(self) -> None:
        self._of_row(lambda bench, kind, domain: self._open(VersionsScreen(bench, kind, domain)))

    def _open(self, screen: PromptEditor | VersionsScreen) -> None:
        self.app.push_screen(screen, self._changed)

    def _changed(self, said: str | None) -> None:
        if said:
            self.app.notify(said)
        self._look()

    def action_revert(self) -> None:
        row = self._row
        if row is None or not row.listed.own:
            return
        kind, domain, versions = row.listed.kind, row.listed.domain, self.key_of("prompts.versions")

        def answered(yes: bool | None) -> None:
            if yes:
                self.act(lambda: prompts.revert(self.bench.workspace, self.bench.db, kind, domain))
                self._look()

        question = (
            f"Put the shipped {kind} for {domain} in force again? Your text stays among the versions ({versions})."
        )
        self.app.push_screen(ConfirmStrip(question), answered)

    def action_compare(self) -> None:
        self._of_row(lambda bench, kind, domain: self._compare(CompareDialog(bench, kind, domain)))

    def _compare(self, dialog: CompareDialog) -> None:
        self.app.push_screen(dialog, self._compared)

    def _compared(self, number: str | None) -> None:
        if number is not None:
            self.app.push_screen(ComparisonScreen(self.bench, int(number)))

    def action_compared(self) -> None:
        self.app.push_screen(ComparisonsScreen(self.bench), lambda place: self._compared(place.line if place else None))


def _sorted(found: Sequence[Listed], used: dict[tuple[str, str], Used]) -> list[Listed]:
    """Domains that were worked with first, each domain together, and in it the prompts that are used most."""
    known = {domain for domain, _ in used}
    return sorted(found, key=lambda one: (one.domain not in known, one.domain, one.kind not in FIRST, one.kind))
