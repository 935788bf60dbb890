"""The deck that a reviewer works through: where it stands, the card in view, and the acts on it."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Literal

from simia_tui.evaluation.calibration import Calibration
from simia_tui.services import cards as service
from simia_tui.services.cards import CardVerdict, CardView, Summary
from simia_tui.store import cards
from simia_tui.store.cards import SKIP, Deck
from simia_tui.tui.state.dwell import Dwell

Phase = Literal["ready", "card", "end"]


class CardsState:
    """The reviewer's latest deck. Every verdict is on disk when its method returns; a deck outlives the program.

    Belongs to the thread of `db`. Comparing and drawing read many bodies and belong in a worker: `services.cards`
    does them, `compared` and `open` take what came of it.
    """

    def __init__(self, db: sqlite3.Connection, reviewer: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.db = db
        self.reviewer = reviewer
        self.dwell = Dwell(clock)
        self.size = 60
        self.calibrations: Sequence[Calibration] | None = None
        self.deck: Deck | None = None
        self.phase: Phase = "ready"
        self.view: CardView | None = None
        self.revealed = False
        self.done = self.total = 0
        self.open(None)

    def open(self, deck: int | None) -> None:
        """Show the deck just drawn, or with None the reviewer's latest one if a card of it still waits."""
        latest = cards.latest(self.db, self.reviewer)
        if latest is None or (deck is None and cards.current(self.db, latest.pk) is None):
            return
        self.deck = latest
        self.calibrations = service.from_report(latest.report)
        self._next()

    def compared(self, calibrations: Sequence[Calibration]) -> None:
        """What the comparison before a deck found."""
        if self.phase == "ready":
            self.calibrations = calibrations

    def resize(self, step: int) -> None:
        """The next larger or smaller size of the deck to be drawn."""
        place = service.SIZES.index(self.size) + step
        self.size = service.SIZES[max(0, min(place, len(service.SIZES) - 1))]

    def _next(self) -> None:
        """Show the card that waits, or the end of the deck."""
        assert self.deck is not None
        card = cards.current(self.db, self.deck.pk)
        self.done, self.total = cards.progress(self.db, self.deck.pk)
        self.revealed = False
        self.phase = "card" if card is not None else "end"
        self.view = service.view(self.db, card) if card is not None else None
        self.look()

    def look(self) -> None:
        """The deck has come into view: the time on the card counts from now."""
        if self.phase == "card" and self.view is not None:
            self.dwell.look(words_of(self.view))
        else:
            self.dwell.leave()

    @property
    def refused(self) -> bool:
        """Whether the card in view is about a refusal."""
        return self.view is not None and self.view.observation.is_error

    def choices(self) -> list[tuple[str, CardVerdict]]:
        """The keys that mean something on the card in view, and what."""
        return [(key, verdict) for key, verdict in service.KEYS.items() if service.fits(verdict, self.refused)]

    def judge(self, key: str) -> str | None:
        """The verdict of `key` on the card in view, then the next card; a sentence where the key does not fit it."""
        if self.phase != "card" or self.view is None or self.deck is None:
            return "There is no card to judge here."
        verdict = service.KEYS[key]
        if not service.fits(verdict, self.refused):
            return f"{key} is for {'successes' if self.refused else 'refusals'}"
        seconds = self.dwell.decide()
        cards.judge(self.db, self.deck.pk, self.view.card.n, self.reviewer, verdict, seconds)
        self._next()
        return None

    def skip(self) -> None:
        """Put the card at the end of the deck."""
        if self.phase == "card" and self.view is not None and self.deck is not None:
            cards.judge(self.db, self.deck.pk, self.view.card.n, self.reviewer, SKIP)
            self._next()

    def undo(self) -> str | None:
        """Take back the latest act on the deck and show its card; says what it was, None where there is none.

        Raises:
            UsageError: see `services.cards.undo`.
        """
        if self.deck is None:
            return None
        outcome = cards.outcome(self.db, self.deck.pk)
        said = service.undo(self.db, self.deck.pk, self.reviewer)
        if said is not None:
            self.dwell.take_back()
            if outcome is None:
                self._next()
        return said

    def redo(self) -> bool:
        """Bring back the verdict undone last; False where there is none."""
        if self.deck is None or cards.redo(self.db, self.deck.pk, self.reviewer) is None:
            return False
        self._next()
        return True

    def pause(self) -> None:
        """Go from the card in view to the summary of the deck so far, or back."""
        if self.phase == "card":
            self.phase = "end"
            self.dwell.leave()
        elif self.phase == "end" and self.done < self.total:
            self._next()

    def set_aside(self) -> None:
        """Leave the deck as it is; the next one can be drawn."""
        self.phase = "ready"
        self.view = None
        self.calibrations = None
        self.dwell.leave()

    def summary(self) -> Summary:
        """The deck as it stands now."""
        assert self.deck is not None
        return service.summary(self.db, self.deck.pk)

    def act(self, action: Literal["exclude", "mask"]) -> int:
        """Do it to what the bad cards touch; returns how many.

        Raises:
            UsageError: there is nothing to do it to.
        """
        assert self.deck is not None
        do = service.exclude if action == "exclude" else service.mask
        return do(self.db, self.deck.pk, self.reviewer)


def words_of(view: CardView) -> int:
    """The words of a card that a person must read: user, arguments, observation, next move and real observation."""
    texts = [turn.content or "" for turn in (view.user, view.observation, view.move, view.near) if turn is not None]
    texts += [f"{argument.name} {argument.value or ''}" for argument in view.arguments]
    return sum(len(text.split()) for text in texts)
