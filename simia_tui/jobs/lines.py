"""The way of one role's requests to its endpoint: in line with the other jobs there, and at the pace that all share."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from simia_tui.jobs.slots import Rank, Slots
from simia_tui.llm import Client, Price, Reply, cost_nano, retry_rule
from simia_tui.model import AskedSpec, Usage

LOOK_S = 0.5
"""At least so often one that waits looks whether it may go."""


class Line:
    """Stands in line for slots of an endpoint (an `Asker`). A request waits for its turn and is then sent at once.

    `size` is about how many tokens a request takes, for the pace.
    """

    def __init__(self, client: Client, spec: AskedSpec, slots: Slots, rank: Rank, most: int, size: float) -> None:
        self.client, self.spec = client, spec
        self._slots, self._rank, self._most, self._size = slots, rank, most, size
        self._price = Price.model_validate(spec.price) if spec.price else None
        self._waiting: deque[asyncio.Future[float]] = deque()
        self._flying = 0

    @property
    def rank(self) -> Rank:
        return self._rank

    @property
    def most(self) -> int:
        return self._most

    @property
    def tokens(self) -> float:
        return self._size

    @property
    def flying(self) -> int:
        return self._flying

    @property
    def wants(self) -> int:
        return len(self._waiting)

    def launch(self) -> None:
        """Lets those go that have waited longest, as far as there is room."""
        while self._waiting:
            turn = self._waiting.popleft()
            if turn.done():
                continue
            # Its own wish must not stand before it.
            if self._slots.room(self) <= 0:
                self._waiting.appendleft(turn)
                return
            self._flying += 1
            turn.set_result(self._slots.pacer.started(1, self.tokens))

    def cost(self, used: Usage) -> int | None:
        """What tokens cost here, in 1e-9 USD."""
        return cost_nano(self.spec.model, used, self._price)

    def price(self, reply: Reply) -> int | None:
        """What a reply cost, in 1e-9 USD."""
        return cost_nano(self.spec.model, reply.usage, self._price, reply.service_tier)

    async def send(self, request: Callable[[], Awaitable[Reply]]) -> Reply:
        """The reply to a request, once its turn has come."""
        paced = await self._turn()
        try:
            reply = await request()
            pacer = self._slots.pacer
            pacer.learn(reply.limits)
            slow = retry_rule(reply.outcome) == "wait"
            pacer.answered(paced, slow, self._slots.flying, reply.retry_after)
            return reply
        finally:
            self._flying -= 1
            self._slots.offer()

    async def _turn(self) -> float:
        turn: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            self.launch()
            while not turn.done():
                await asyncio.wait([turn], timeout=min(LOOK_S, max(0.01, self._slots.delay(self))))
                self.launch()
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._flying -= 1
                self._slots.offer()
            turn.cancel()
            raise
        return turn.result()
