"""The slots of one endpoint, shared by the jobs that ask it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from simia_tui.llm import Pacer

Rank = tuple[int, int]
"""Where a job stands in the line: the highest priority first (so it is negated), then the oldest."""


class Asker(Protocol):
    """A job at work: where it stands, how many requests it has under way, and how many more it would send now."""

    @property
    def rank(self) -> Rank: ...
    @property
    def most(self) -> int: ...
    @property
    def tokens(self) -> float: ...
    @property
    def flying(self) -> int: ...
    @property
    def wants(self) -> int: ...

    def launch(self) -> None:
        """Sends what it has ready, as far as there is room, and sees to more."""


class Slots:
    """Who may send how much to one endpoint: a free slot goes to the first job in line that can use it.

    There are as many slots as the most that one of the jobs asks for; the pace is one for all of them.
    """

    def __init__(self, pacer: Pacer) -> None:
        self.pacer = pacer
        self._askers: list[Asker] = []

    @contextmanager
    def used_by(self, asker: Asker) -> Iterator[None]:
        """`asker` stands in line meanwhile."""
        self._askers.append(asker)
        self.pacer.expect(max(one.most for one in self._askers))
        try:
            yield
        finally:
            self._askers.remove(asker)
            self.pacer.expect(max((one.most for one in self._askers), default=self.pacer.most))
            self.offer()

    @property
    def flying(self) -> int:
        """All requests under way."""
        return sum(one.flying for one in self._askers)

    def room(self, asker: Asker) -> int:
        """How many requests `asker` may start now."""
        left = self.pacer.room(self.flying, asker.tokens) - self._wanted_before(asker.rank)
        return max(0, min(left, asker.most - asker.flying))

    def delay(self, asker: Asker) -> float:
        """Seconds until the pace lets `asker` start another one; endless while others have the slots."""
        return self.pacer.delay(asker.tokens) if self.free_for(asker.rank) else float("inf")

    def free_for(self, rank: Rank, most: int = 0) -> bool:
        """Whether those before `rank` leave it a slot, also with those that a job of `most` requests would add."""
        narrowed = self.pacer.window < self.pacer.most
        slots = int(self.pacer.window) if narrowed else max(int(self.pacer.window), most)
        return slots - self.flying > self._wanted_before(rank)

    def offer(self) -> None:
        """Lets all who stand in line take what is free."""
        for one in sorted(self._askers, key=lambda one: one.rank):
            one.launch()

    def _wanted_before(self, rank: Rank) -> int:
        return sum(one.wants for one in self._askers if one.rank < rank)
