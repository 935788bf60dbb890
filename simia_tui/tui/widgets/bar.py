"""Progress of a job in one line of text."""

from textual.content import Content
from textual.widgets import Static

from simia_tui.tui.text import clip

EIGHTHS = " ▏▎▍▌▋▊▉█"
LONGEST, SHORTEST = 24, 4
"""Cells of the bar itself."""


def bar(share: float, width: int, empty: str = "·") -> str:
    """A bar of `width` cells, filled by `share` (0 to 1) in eighths of a cell; a share above 0 is never empty."""
    share = min(1.0, max(0.0, share))
    eighths = int(share * width * 8)
    if share > 0:
        eighths = max(1, eighths)
    full, rest = divmod(eighths, 8)
    drawn = "█" * full + (EIGHTHS[rest] if rest else "")
    return drawn + empty * (width - len(drawn))


def duration(seconds: float) -> str:
    """`0:44`, `12:05`, `1:02:03`, `3 d 4 h`."""
    whole = max(0, round(seconds))
    if whole >= 86_400:
        return f"{whole // 86_400} d {whole % 86_400 // 3600} h"
    hours, minutes = whole // 3600, whole % 3600 // 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def money(usd: float) -> str:
    """`$0.12`, `$1,204.00`, and four places below ten cents."""
    return f"${usd:,.4f}" if 0 < usd < 0.1 else f"${usd:,.2f}"


def progress_text(
    done: int,
    target: int,
    *,
    failed: int = 0,
    rate: float | None = None,
    left: float | None = None,
    cost: float | None = None,
    width: int = 80,
) -> str:
    """`███▌····  64/200  2 failed  3.1/s  left 0:44  $0.12` in at most `width` cells.

    `rate` is per second, `left` in seconds, `cost` in USD; what is None or does not fit is left out, the last first.
    """
    words = [f"{done:,}/{target:,}"]
    if failed:
        words.append(f"{failed:,} failed")
    if rate is not None:
        words.append(f"{rate:.1f}/s" if rate >= 0.1 or rate == 0 else f"{rate * 60:.1f}/min")
    if left is not None:
        words.append(f"left {duration(left)}")
    if cost is not None:
        words.append(money(cost))
    while len(words) > 1 and len("  ".join(words)) + SHORTEST + 2 > width:
        words.pop()
    text = "  ".join(words)
    room = min(LONGEST, width - len(text) - 2)
    if room < SHORTEST:
        return clip(text, width)
    return f"{bar(done / target if target else 0.0, room)}  {text}"


class ProgressText(Static):
    """The progress of one job, set with `show` and fitted to the width."""

    DEFAULT_CSS = "ProgressText { height: 1; color: $foreground; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__("", id=id, classes=classes, markup=False)
        self._given: tuple[int, int, int, float | None, float | None, float | None] | None = None

    def show(
        self,
        done: int,
        target: int,
        *,
        failed: int = 0,
        rate: float | None = None,
        left: float | None = None,
        cost: float | None = None,
    ) -> None:
        """Show these figures; see `progress_text`. Figures that did not change cost nothing."""
        given = (done, target, failed, rate, left, cost)
        if given != self._given:
            self._given = given
            self._write()

    def on_resize(self) -> None:
        self._write()

    def _write(self) -> None:
        if self._given is None:
            return
        done, target, failed, rate, left, cost = self._given
        width = self.content_size.width or 80
        text = progress_text(done, target, failed=failed, rate=rate, left=left, cost=cost, width=width)
        self.update(Content(text), layout=False)
