"""Requests of an episode stand in line for the slots of an endpoint, in their order, whatever ends before them."""

import asyncio

import pytest

from simia_tui.jobs.lines import Line
from simia_tui.jobs.slots import Slots
from simia_tui.llm import Client, Endpoint, Pacer, Reply
from simia_tui.model import AskedSpec, Outcome, Usage

GOOD = Reply(outcome=Outcome.OK)


class Ask:
    """Requests that wait until they are let go."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.go: dict[int, asyncio.Event] = {}

    async def __call__(self, number: int) -> Reply:
        self.sent.append(number)
        self.go[number] = asyncio.Event()
        await self.go[number].wait()
        return GOOD


def line(slots: Slots, rank: int = 0, most: int = 2) -> Line:
    client = Client(Endpoint(name="stub", base_url="http://127.0.0.1:9/v1", model="m"))
    spec = AskedSpec(model="m", price={"input": 1.0, "output": 10.0})
    return Line(client, spec, slots, (0, rank), most, 500.0)


async def until(ask: Ask, n: int) -> None:
    while len(ask.sent) < n:
        await asyncio.sleep(0)


async def test_no_more_are_under_way_than_there_are_slots() -> None:
    slots, ask = Slots(Pacer(2)), Ask()
    one = line(slots)
    with slots.used_by(one):
        tasks = [asyncio.create_task(one.send(lambda n=n: ask(n))) for n in range(4)]  # type: ignore[misc] # bound now
        for done in range(4):
            await until(ask, min(4, done + 2))
            assert (one.flying, one.wants) == (min(2, 4 - done), max(0, 2 - done))
            ask.go[done].set()
            assert await tasks[done] is GOOD
    assert ask.sent == [0, 1, 2, 3]
    assert (one.flying, one.wants, slots.flying) == (0, 0, 0)


async def test_one_that_gives_up_waiting_leaves_its_place_to_the_next() -> None:
    slots, ask = Slots(Pacer(1)), Ask()
    one = line(slots, most=1)
    with slots.used_by(one):
        first = asyncio.create_task(one.send(lambda: ask(0)))
        await until(ask, 1)
        second = asyncio.create_task(one.send(lambda: ask(1)))
        third = asyncio.create_task(one.send(lambda: ask(2)))
        while one.wants < 2:
            await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        ask.go[0].set()
        await first
        await until(ask, 2)
        ask.go[2].set()
        await third
    assert ask.sent == [0, 2]
    assert one.flying == 0


async def test_a_request_that_is_cancelled_frees_its_slot() -> None:
    slots, ask = Slots(Pacer(1)), Ask()
    one = line(slots, most=1)
    with slots.used_by(one):
        first = asyncio.create_task(one.send(lambda: ask(0)))
        await until(ask, 1)
        second = asyncio.create_task(one.send(lambda: ask(1)))
        first.cancel()
        await until(ask, 2)
        ask.go[1].set()
        assert await second is GOOD
    assert one.flying == 0


async def test_two_lines_share_the_slots_of_an_endpoint() -> None:
    slots, ask = Slots(Pacer(2)), Ask()
    one, other = line(slots, 1), line(slots, 2)
    with slots.used_by(one), slots.used_by(other):
        tasks = [asyncio.create_task(who.send(lambda n=n: ask(n))) for n, who in enumerate((one, other, other))]  # type: ignore[misc] # bound now
        await until(ask, 2)
        assert (one.flying, other.flying, other.wants) == (1, 1, 1)
        for number in range(3):
            await until(ask, min(3, number + 2))
            ask.go[number].set()
            await tasks[number]
    assert slots.flying == 0


def test_costs_are_of_the_line_s_own_model() -> None:
    one = line(Slots(Pacer(1)))
    assert one.cost(Usage(prompt=10, completion=1)) == 20_000
    assert one.price(GOOD.replace(usage=Usage(prompt=10, completion=1), service_tier="flex")) == 10_000
