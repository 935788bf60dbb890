"""Backends: what is read from a simulator's reply, and real functions as tools."""

import json
from typing import Any

import pytest
from simulate.parts import LEDGER, SEED, Script, answer, pack, patience, task

from simia_tui.errors import SimiaError
from simia_tui.model import Fault, ToolCall, Turn
from simia_tui.simulate.ask import SimulatorFault, Unreadable
from simia_tui.simulate.consistency import Answer
from simia_tui.simulate.controls import Controls
from simia_tui.simulate.ledger import Ledger
from simia_tui.simulate.tools import ExecutedTools, SimulatedTools, ToolRefusal, Trust, View, read_answer

CALL = ToolCall(name="get_order", arguments={"order_id": "W1"}, call_id="c1")


def view(**controls: Any) -> View:
    return View(task(**controls), Ledger.start(LEDGER), (), lambda answer: None, [])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (answer('{"a": 1}'), Answer('{"a": 1}')),
        (answer({"a": 1}), Answer('{"a": 1}')),
        ('{"observation": "x", "is_error": "true", "patch": null}', Answer("x", True)),
        ('{"observation": "x"}', Answer("x")),
        ('{"observation": "x", "patch": [{"op": "add"}]}', Answer("x", False, ({"op": "add"},))),
    ],
)
def test_an_answer_is_read(text: str, found: Answer) -> None:
    assert read_answer(text, Controls()) == found


@pytest.mark.parametrize(
    "text",
    [
        "x",
        '{"result": 1}',
        answer(" "),
        '{"observation": "x", "is_error": 2}',
        '{"observation": "x", "patch": {"op": "add"}}',
        '{"observation": "x", "patch": ["add"]}',
        answer("x" * 20_001),
    ],
)
def test_what_is_no_answer_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        read_answer(text, Controls())


async def test_the_prompt_has_what_stays_first_and_the_call_last() -> None:
    turns = (*SEED.turns, Turn(role="assistant", tool_calls=(CALL,)), Turn(role="tool", content="seen", call_id="c1"))
    script = Script(answer("ok"))
    tools = SimulatedTools(script, pack(), patience=patience())
    seed = SEED.with_turns(turns)
    seen = view()._replace(task=task(seed, errors={"weaknesses": ("slow on Mondays",)}, feedback="terse"))
    assert await tools.answer(CALL, seen) == Answer("ok")
    prompt = script.prompt()
    places = [prompt.index(f"\n<{name}>\n") for name in ("policy", "tools", "examples", "ledger", "exchanges", "call")]
    assert places == sorted(places) and "slow on Mondays" in prompt and "short code" in prompt
    assert '"observation": "seen"' in prompt and prompt.rstrip().endswith("</call>")


async def test_functions_are_tools() -> None:
    async def later(order_id: str) -> dict[str, str]:
        return {"order_id": order_id}

    def no(order_id: str) -> str:
        raise ToolRefusal("too late")

    tools = {"get_order": later}
    assert (await ExecutedTools(tools).answer(CALL, view())).text == '{"order_id": "W1"}'
    assert await ExecutedTools({"get_order": no}).answer(CALL, view()) == Answer("too late", True)
    assert await ExecutedTools({"get_order": lambda order_id: "text"}).answer(CALL, view()) == Answer("text")
    assert ExecutedTools(tools).trust is Trust.EXECUTED


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), SimiaError("The server is down.")])
async def test_a_tool_that_breaks_spoils_the_episode_and_is_not_blamed_on_the_policy(error: Exception) -> None:
    def broken(order_id: str) -> str:
        raise error

    with pytest.raises(SimulatorFault) as caught:
        await ExecutedTools({"get_order": broken}).answer(CALL, view())
    assert caught.value.fault is Fault.INFRASTRUCTURE and "get_order" in caught.value.reason


def test_json_of_an_observation_keeps_its_letters() -> None:
    assert read_answer(json.dumps({"observation": {"name": "Zoë"}}), Controls()).text == '{"name": "Zoë"}'
