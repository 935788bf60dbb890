"""What others say of the item: the prefilter, hidden on blind items until it is decided, and the other reviewers."""

from collections.abc import Iterator
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from simia_tui.errors import SimiaError
from simia_tui.model import Opinion, Screening
from simia_tui.store import claims, screenings
from simia_tui.tui.screens.bulk import BulkScreen
from simia_tui.tui.text import visible

INKS = {Opinion.PASS: "$text-success", Opinion.FAIL: "$text-error", Opinion.ERROR: "$text-warning"}
VERDICTS = {"approve": "✓ approve", "reject": "✗ reject", "flag": "⚑ flag"}


def judge_line(screening: Screening) -> Content:
    """The prefilter's verdict and its reasons, in one line."""
    points = {"completeness": screening.completeness, "logic": screening.logic, "format": screening.format}
    failed = [f"{name}: {point.reason or 'no'}" for name, point in points.items() if point and not point.passed]
    reason = "; ".join(failed) or screening.reason or "; ".join(p.reason for p in points.values() if p and p.reason)
    turns = ", ".join(str(turn + 1) for turn in screening.evidence_turns)
    where = f" (turn {turns})" if turns else ""
    head = visible(f"prefilter, {screening.by}: ")
    return Content.assemble(head, (screening.opinion.value, INKS[screening.opinion]), visible(f"  {reason}{where}"))


class OpinionsScreen(BulkScreen):
    """A queue that shows what others say above the text, as far as it does not sway the reviewer."""

    DEFAULT_CSS = """
    OpinionsScreen #judge, OpinionsScreen #opinions { height: auto; max-height: 3; padding: 0 1; background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "b", "reveal", "Judge", show=False, id="review.reveal",
            tooltip="Show the prefilter's verdict where it is hidden",
        ),
    ]  # fmt: skip

    def above(self) -> Iterator[Widget]:
        yield from super().above()
        for name in ("judge", "opinions"):
            line = Static("", id=name, markup=False)
            line.display = False
            yield line

    def _show_current(self) -> None:
        super()._show_current()
        self._show_line("judge", self._judge())
        self._show_line("opinions", self._opinions())

    def refresh_data(self) -> None:
        super().refresh_data()
        self._show_line("opinions", self._opinions())

    def _show_line(self, name: str, content: Content | None) -> None:
        line = self.query_one(f"#{name}", Static)
        line.display = content is not None
        if content is not None:
            line.update(content)

    def _judge(self) -> Content | None:
        pk = self.state.pk
        screening = screenings.latest(self.bench.db, pk) if pk is not None and pk > 0 else None
        if screening is None:
            return None
        if self.state.hides_judge:
            key = self.key_of("review.reveal")
            return Content.styled(f"prefilter: hidden until you have decided; {key} shows it", "$text-muted")
        return judge_line(screening)

    def _opinions(self) -> Content | None:
        """Reviewers are blind to each other until all have spoken."""
        pk = self.state.pk
        if pk is None or pk < 0:
            return None
        needed = claims.needed(self.bench.db, pk)
        seen = claims.visible(self.bench.db, pk, self.bench.reviewer)
        if needed < 2 and not seen:
            return None
        parts = [
            f"{one.reviewer} {VERDICTS[one.verdict]}{f' ({one.fault})' if one.fault else ''}"
            f"{f': {one.note}' if one.note else ''}"
            for one in seen
        ]
        given = len(claims.opinions(self.bench.db, pk))
        return Content(visible("   ".join([f"opinions {given} of {needed}", *parts])))

    def action_reveal(self) -> None:
        self.catch_up()
        if not self.state.hides_judge:
            self._mention("nothing is hidden here")
            return
        try:
            self.state.reveal()
        except SimiaError as error:
            self.app.notify(str(error), title="Not shown", severity="error")
