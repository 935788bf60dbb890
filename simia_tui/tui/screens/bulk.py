"""`B`: read a random sample of what the filter matches, then approve the rest as one act, or be refused."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from simia_tui.errors import SimiaError, UsageError
from simia_tui.services import bulk
from simia_tui.store import Query, certificates, trajectories
from simia_tui.tui.bench import Bench
from simia_tui.tui.screens.desk import DeskScreen
from simia_tui.tui.screens.form import Field, Form
from simia_tui.tui.screens.reasons import ConfirmStrip
from simia_tui.tui.screens.strip import Strip
from simia_tui.tui.text import clip, visible
from simia_tui.tui.widgets.turn_lines import plural

INKS = {"ready": "bold $text-success", "refused": "bold $text-error", "applied": "$text-success"}


@dataclass
class Drawn(Message):
    """A sample, drawn in a thread."""

    certificate: int


@dataclass
class Applied(Message):
    """How many rows a thread approved."""

    count: int


class BulkDialog(Form):
    """How many rows to read and how many bad ones may be left; the result is the number of the certificate."""

    HEADING = "Approve in bulk, on a sample"

    def __init__(self, bench: Bench, query: Query) -> None:
        super().__init__(bench)
        self._filter = query
        self._rows = trajectories.count(bench.db, query.but(status="pending"))

    def intro(self) -> str:
        waiting = f"{self._rows:,} {self._filter.kind}s wait"
        line = self._filter.line()
        return (
            f"{waiting}{f' that match {line}' if line else ''}. You read a random sample of them. If it holds no"
            " more bad rows than allowed, the rest is approved as one act. Exports carry the certificate."
        )

    def fields(self) -> Sequence[Field]:
        sample = str(bulk.plan(self._rows).sample) if self._rows else ""
        return (
            Field("sample", "rows to read", sample),
            Field("share", "at most bad, %", "", "no bad row in the sample"),
        )

    def on_mount(self) -> None:
        self._tell()

    def on_input_changed(self, _event: Input.Changed) -> None:
        self._tell()

    def _plan(self) -> bulk.Plan:
        rows, share = self.value("sample"), self.value("share").rstrip("%").strip()
        if rows and not rows.isdigit():
            raise UsageError("rows to read: write a whole number, or nothing.")
        try:
            asked = float(share) / 100 if share else None
        except ValueError:
            raise UsageError("at most bad: write a percentage like 5, or nothing.") from None
        return bulk.plan(self._rows, int(rows) if rows else None, asked)

    def _tell(self) -> None:
        self.query_one("#problem", Static).update("")
        try:
            planned = self._plan()
        except UsageError as error:
            self.report("")
            self.query_one("#problem", Static).update(Content.styled(visible(str(error)), "$text-error"))
            return
        self.report(f"Best case: {planned.promise}. Refused with more than {planned.allowed} bad.")

    def submit(self) -> None:
        try:
            planned = self._plan()
        except UsageError as error:
            self.problem(str(error))
            return
        self.busy = True
        workspace, query, reviewer = self.bench.workspace, self._filter, self.bench.reviewer

        def draw() -> None:
            db = workspace.connect()
            try:
                drawn = bulk.draw(db, query, reviewer, sample=planned.sample, max_share=planned.max_share)
                self.post_message(Drawn(drawn.pk))
            finally:
                db.close()

        self.run_worker(draw, thread=True, exit_on_error=False)

    def on_drawn(self, message: Drawn) -> None:
        self.dismiss(str(message.certificate))


class BulkScreen(DeskScreen):
    """A queue that can be approved in bulk. The sample is a queue of its own, with the filter `sample:N`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("B", "bulk", "Bulk", show=False, id="review.bulk", tooltip="Approve in bulk, on a random sample"),
    ]

    _asked: int | None = None

    def action_bulk(self) -> None:
        found = certificates.unfinished(self.bench.db, self.bench.reviewer, self.KIND)
        if found is None:
            self._open_dialog()
            return
        now = bulk.progress(self.bench.db, found.pk)
        if now.certificate.state == "ready":
            self._ask_apply(now)
        elif now.certificate.state == "sampling":
            self._ask_go_on(now)
        else:
            self._open_dialog()

    def _open_dialog(self) -> None:
        query = self.state.query.but(sample=None)
        if query.status not in (None, "pending"):
            self._mention("bulk approval is for what waits: filter by status:pending")
            return
        if not trajectories.count(self.bench.db, query.but(status="pending")):
            self._mention("nothing that waits matches the filter")
            return
        self.app.push_screen(BulkDialog(self.bench, query), self._sampled)

    def _sampled(self, certificate: str | None) -> None:
        if certificate is not None:
            self._show_sample(int(certificate))

    def _show_sample(self, certificate: int) -> None:
        self._asked = None
        self._look_up(Query(kind=self.KIND, sample=certificate), follow=True)

    def _ask_go_on(self, now: bulk.Progress) -> None:
        pk = now.certificate.pk
        question = f"Certificate {pk}: {plural(len(now.waiting), 'row')} of its sample still to decide."
        choices = {"enter": ("go on", True), "n": ("draw another sample", False)}

        def answered(go_on: bool | None) -> None:
            if go_on:
                self._show_sample(pk)
            elif go_on is False:
                self._open_dialog()

        self.app.push_screen(Strip(question, choices), answered)

    def _ask_apply(self, now: bulk.Progress) -> None:
        pk = now.certificate.pk
        self._asked = pk
        rest = len(certificates.rest(self.bench.db, pk))
        if not rest:
            self._mention("nothing is left to approve: every row of the batch is decided")
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._apply_rest(pk)

        self.app.push_screen(ConfirmStrip(f"{now.said}. Approve the other {rest:,}?"), answered)

    def _apply_rest(self, pk: int) -> None:
        self._mention("approving …")
        workspace, reviewer = self.bench.workspace, self.bench.reviewer

        def apply() -> None:
            db = workspace.connect()
            try:
                self.post_message(Applied(bulk.apply(db, pk, reviewer)))
            finally:
                db.close()

        self.run_worker(apply, group="bulk", thread=True, exit_on_error=False)

    def on_applied(self, message: Applied) -> None:
        self.news()
        self._mention(f"approved {message.count:,} on the sample; {self.key_of('review.undo')} takes that back")

    def _show_filter(self) -> None:
        super()._show_filter()
        sample = self.state.query.sample
        if sample is None:
            return
        try:
            now = bulk.progress(self.bench.db, sample)
        except SimiaError as error:
            self._mention(str(error))
            return
        field = self.query_one("#filter-line", Static)
        text = f"/ sample:{sample}   {now.certificate.state}   {now.said}"
        ink = INKS.get(now.certificate.state, "")
        field.update(Content.styled(clip(text, max(10, self.size.width - 2)), ink))
        if now.certificate.state == "ready" and self._asked != sample and self.is_current:
            self._ask_apply(now)
