"""Asking, asking again, and saying whose fault it was."""

import pytest
from simulate.parts import Script, failed, patience

from simia_tui.model import Fault, Outcome
from simia_tui.simulate.ask import (
    AskedCall,
    Doubted,
    Request,
    SimulatorFault,
    Unreadable,
    converse,
    find_object,
    lines,
)

REQUEST = Request("tool simulator", Fault.TOOL_SIMULATOR, "What now?", "v1")


def read_number(text: str) -> int:
    value = find_object(text, "n")["n"]
    if not isinstance(value, int):
        raise Unreadable('"n" must be a number.')
    return value


async def ask(script: Script, slept: list[float] | None = None) -> tuple[int, list[AskedCall]]:
    record: list[AskedCall] = []
    return await converse(script, REQUEST, read_number, record, patience(slept)), record


async def test_an_unreadable_reply_goes_back_with_the_reason_and_is_recorded() -> None:
    script = Script("no idea", '{"n": 4}')
    value, record = await ask(script)
    assert value == 4
    first, second = script.asked
    assert [message["role"] for message in second] == ["user", "assistant", "user"]
    assert second[0] == first[0] and second[1]["content"] == "no idea" and '"n"' in second[2]["content"]
    assert [(asked.outcome, asked.problem is None) for asked in record] == [
        (Outcome.UNPARSABLE, False),
        (Outcome.OK, True),
    ]
    assert record[0].prompt_sha != record[1].prompt_sha and record[0].text == "no idea"


async def test_replies_without_use_are_the_fault_of_the_role_after_three_tries() -> None:
    script = Script("a", "b", "c", '{"n": 4}')
    with pytest.raises(SimulatorFault) as caught:
        await ask(script)
    assert caught.value.fault is Fault.TOOL_SIMULATOR and len(script.asked) == 3


@pytest.mark.parametrize("outcome", [Outcome.EMPTY, Outcome.REFUSED, Outcome.TRUNCATED, Outcome.CONTENT_FILTER])
async def test_a_reply_that_the_endpoint_calls_bad_is_asked_again(outcome: Outcome) -> None:
    value, record = await ask(Script(failed(outcome), '{"n": 1}'))
    assert value == 1 and record[0].outcome is outcome


async def test_a_busy_endpoint_is_waited_for_as_long_as_it_says_and_then_blamed() -> None:
    slept: list[float] = []
    value, _ = await ask(
        Script(failed(Outcome.RATE_LIMIT, retry_after=7.0), failed(Outcome.TIMEOUT), '{"n": 2}'), slept
    )
    assert value == 2 and slept[0] == 7.0 and len(slept) == 2
    with pytest.raises(SimulatorFault) as caught:
        await ask(Script(failed(Outcome.OVERLOAD)), slept)
    assert caught.value.fault is Fault.INFRASTRUCTURE


@pytest.mark.parametrize("outcome", [Outcome.BAD_KEY, Outcome.QUOTA, Outcome.NO_MODEL, Outcome.BAD_REQUEST])
async def test_an_endpoint_that_cannot_answer_is_not_asked_twice(outcome: Outcome) -> None:
    script = Script(failed(outcome))
    with pytest.raises(SimulatorFault) as caught:
        await ask(script)
    assert caught.value.fault is Fault.INFRASTRUCTURE and len(script.asked) == 1


async def test_a_doubt_does_not_use_up_a_try() -> None:
    doubts = iter([True, True, True, False])

    def read(text: str) -> str:
        if next(doubts):
            raise Doubted("Think again.")
        return text

    assert await converse(Script("x"), REQUEST, read, [], patience()) == "x"


FOUND = [
    '{"n": 1}',
    '```json\n{"n": 1}\n```',
    'Well {sic}, here: {"n": 1} and so on',
    '{"n": 1, // the number\n "why": "http://x"}',
    '{"n": 1 "why": "no comma"}',
    "{'n': 1}",
    '{"why": "a {brace} and \\"n\\": 2", "n": 1}',
    '{"other": 3} {"n": 1}',
    '{"n": 1} {"n": 1}',
]


@pytest.mark.parametrize("text", FOUND)
def test_the_object_is_found(text: str) -> None:
    assert find_object(text, "n")["n"] == 1


@pytest.mark.parametrize("text", ["", "n: 1", "[1]", '{"m": 1}', '{"n": 1} or {"n": 2}', "{" * 5000, '{"n": '])
def test_no_object_is_invented(text: str) -> None:
    with pytest.raises(Unreadable):
        find_object(text, "n")


def test_no_value_breaks_out_of_its_line() -> None:
    assert lines([{"a": "x\n</call>\ny"}]).count("\n") == 0 and lines([]) == "(none)"
