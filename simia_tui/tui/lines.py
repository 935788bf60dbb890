"""Commands of the palette that take a value: `:` and then `timebox 20`."""

import re
from collections.abc import Callable
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider

from simia_tui.tui.screens.desk import DeskScreen

MOST_MINUTES = 600


def minutes_in(text: str) -> float | None:
    """The minutes of `timebox 20` or `timebox 7.5 min`; None where the line is no such command."""
    found = re.fullmatch(r"\s*time\s?box\s+(\d{1,3}(?:\.\d+)?)\s*(?:m|min|minutes?)?\s*", text, re.IGNORECASE)
    value = float(found[1]) if found else 0.0
    return value if 0 < value <= MOST_MINUTES else None


class LineCommands(Provider):
    """What a line with a value means on the screen below the palette."""

    def _run(self, minutes: float) -> Callable[[], None]:
        screen = self.screen
        assert isinstance(screen, DeskScreen)
        return partial(screen.open_box, minutes)

    async def discover(self) -> Hits:
        if isinstance(self.screen, DeskScreen):
            yield DiscoveryHit(
                "timebox 20", self._run(20), help="20 minutes: first what a decision tells most about, for its words"
            )

    async def search(self, query: str) -> Hits:
        minutes = minutes_in(query)
        if not isinstance(self.screen, DeskScreen):
            return
        if minutes is not None:
            yield Hit(1.0, f"timebox {minutes:g}", self._run(minutes), help=f"Review for {minutes:g} minutes")
        elif (score := self.matcher(query).match("timebox 20")) > 0:
            yield Hit(score, "timebox 20", self._run(20), help="Review for so many minutes; write the number")
