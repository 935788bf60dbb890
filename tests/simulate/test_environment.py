"""Episodes turn by turn: what follows a turn, how an episode ends, what a group shares."""

import asyncio
import json
from typing import Any

import pytest
from simulate.parts import LEDGER, SEED, Script, act, answer, cast, failed, judged, never, said, say, task

from simia_tui.errors import UsageError
from simia_tui.model import Fault, Outcome, ToolCall, Trajectory, Turn
from simia_tui.simulate.controls import ErrorProfile, Task, Termination
from simia_tui.simulate.environment import Environment
from simia_tui.simulate.tools import ExecutedTools, Trust
from simia_tui.simulate.world import World

W1 = LEDGER["order"]["W1"]
GET = ("get_order", {"order_id": "W1"})
CANCEL = ("cancel_order", {"order_id": "W1"})
CANCELLED = answer(
    {"order_id": "W1", "status": "cancelled"},
    patch=[{"op": "replace", "path": "/order/W1/status", "value": "cancelled"}],
)


def started(of: Task | None = None, world: World | None = None, count: Any = None, **who: Any) -> Environment:
    environment = Environment(cast(**who), count)
    environment.reset(of or task(), world)
    return environment


async def test_an_episode_from_the_first_turn_to_the_verdict() -> None:
    environment = Environment(
        cast(Script(answer(W1), CANCELLED), Script(said("Yes."), said("Bye.", True)), Script(judged(1)))
    )
    assert [turn.role for turn in environment.reset(task())] == ["user"]
    seen = await environment.step(act(GET))
    assert json.loads(seen.turns[0].content or "") == W1 and seen.turns[0].call_id == "call_1" and not seen.done
    assert (await environment.step(say("Cancel it?"))).turns == (Turn(role="user", content="Yes."),)
    assert not (await environment.step(act(CANCEL))).done
    last = await environment.step(say("Done."))
    assert last.done and last.termination is Termination.USER_DONE
    assert (await environment.judge()).reward == 1
    assert environment.ledger.document["order"]["W1"]["status"] == "cancelled" and environment.ledger.version == 1
    assert [asked.role for asked in environment.asked] == [
        "tool simulator",
        "user simulator",
        "tool simulator",
        "user simulator",
        "judge",
    ]
    with pytest.raises(UsageError, match="over"):
        await environment.step(say("More?"))


async def test_a_malformed_call_is_answered_without_asking_anybody() -> None:
    environment = started()
    seen = await environment.step(act(("get_order", {}), ("nothing", {})))
    assert [turn.is_error for turn in seen.turns] == [True, True] and not seen.done and environment.asked == []
    assert environment.log[0].source == "rules"


async def test_one_malformed_call_does_not_stop_the_others() -> None:
    environment = started(tools=Script(answer(W1)))
    seen = await environment.step(act(("get_order", {}), GET))
    assert [(turn.is_error, turn.call_id) for turn in seen.turns] == [(True, "call_1"), (False, "call_2")]


def count(trajectory: Trajectory) -> int:
    return sum(len(turn.content or "") for turn in trajectory.turns)


LIMITS = [
    (task(max_steps=1), act(GET), Termination.STEP_LIMIT),
    (task(token_budget=30), say("x" * 40), Termination.TOKEN_BUDGET),
    (task(), say("  "), Termination.NO_ACTION),
    (task(), say("<think>hm</think>"), Termination.NO_ACTION),
]


@pytest.mark.parametrize(("of", "turn", "termination"), LIMITS)
async def test_what_the_policy_causes_ends_with_0_and_no_call(of: Task, turn: Turn, termination: Termination) -> None:
    environment = started(of, count=count)
    seen = await environment.step(turn)
    assert seen.done and seen.termination is termination
    assert (await environment.judge()).reward == 0 and environment.trajectory.turns[-1].role == "assistant"


async def test_a_policy_turn_that_never_ended_is_0() -> None:
    environment = started()
    assert environment.cut().termination is Termination.TOKEN_BUDGET
    assert (await environment.judge()).reward == 0


async def test_observations_count_towards_the_budget() -> None:
    environment = started(task(token_budget=60), count=count, tools=Script(answer(W1)))
    seen = await environment.step(act(GET))
    assert seen.done and seen.termination is Termination.TOKEN_BUDGET and len(seen.turns) == 1


async def test_in_the_last_turn_the_user_may_still_be_done() -> None:
    environment = started(task(max_steps=1), user=Script(said("Bye.", True)), judge=Script(judged(1)))
    assert (await environment.step(say("Done."))).termination is Termination.USER_DONE
    environment = started(task(max_steps=1), user=Script(said("And?")))
    assert (await environment.step(say("Done."))).termination is Termination.STEP_LIMIT


def test_a_budget_needs_a_counter_and_an_episode_a_user() -> None:
    with pytest.raises(UsageError, match="counter"):
        started(task(token_budget=5))
    with pytest.raises(UsageError, match="user turn"):
        started(task(SEED.with_turns((act(GET),))))


FAULTS: list[tuple[Turn, dict[str, Any], Fault]] = [
    (act(GET), {"tools": Script("what?")}, Fault.TOOL_SIMULATOR),
    (say("Hi"), {"user": Script("what?")}, Fault.USER_SIMULATOR),
    (act(GET), {"tools": Script(failed(Outcome.QUOTA))}, Fault.INFRASTRUCTURE),
    (say("Hi"), {"user": Script(failed(Outcome.CONNECTION))}, Fault.INFRASTRUCTURE),
]


@pytest.mark.parametrize(("turn", "who", "fault"), FAULTS)
async def test_a_fault_of_others_is_invalid_and_never_0(turn: Turn, who: dict[str, Any], fault: Fault) -> None:
    environment = started(**who)
    seen = await environment.step(turn)
    assert seen.done and seen.termination is Termination.INVALID
    found = await environment.judge()
    assert found.reward is None and found.fault is fault and environment.ending is not None
    assert environment.ending.fault is fault and environment.ending.reason


async def test_a_judge_that_fails_makes_the_episode_invalid() -> None:
    environment = started(user=Script(said("", True)), judge=Script("well"))
    await environment.step(say("Done."))
    assert (await environment.judge()).reward is None
    assert environment.ending is not None and environment.ending.termination is Termination.INVALID
    assert environment.ending.fault is Fault.JUDGE


async def test_the_reasoning_of_the_policy_reaches_nobody() -> None:
    who = {"tools": Script(answer(W1)), "user": Script(said("Bye", True)), "judge": Script(judged(1))}
    environment = started(**who)
    await environment.step(act(GET, content="<think>SECRET</think>", reasoning="SECRET"))
    await environment.step(say("<think>SECRET</think>All is well.", reasoning="SECRET"))
    await environment.judge()
    assert all("SECRET" not in script.prompt() for script in who.values())


async def test_the_simulator_hears_of_a_contradiction_and_mends_it() -> None:
    script = Script(answer({**W1, "status": "shipped"}), answer(W1))
    environment = started(tools=script)
    seen = await environment.step(act(GET))
    assert json.loads(seen.turns[0].content or "") == W1
    assert "ledger" in script.asked[1][2]["content"] and environment.log[0].refused[0].field == "status"
    assert environment.log[0].asked == (0, 1) and not environment.log[0].mended


async def test_a_simulator_that_insists_is_put_right_by_rule() -> None:
    environment = started(tools=Script(answer({**W1, "status": "shipped"})))
    seen = await environment.step(act(GET))
    assert json.loads(seen.turns[0].content or "") == W1 and environment.log[0].mended


async def test_under_the_lowest_trust_contradictions_are_only_recorded() -> None:
    script = Script(answer({**W1, "status": "shipped"}))
    environment = started(tools=script, trust=Trust.SIMULATED)
    seen = await environment.step(act(GET))
    assert json.loads(seen.turns[0].content or "")["status"] == "shipped" and len(script.asked) == 1
    assert environment.log[0].kept[0].field == "status"


async def test_an_executed_tool_stands_beside_simulated_ones() -> None:
    environment = started(
        special=lambda of: {"get_order": ExecutedTools({"get_order": lambda order_id: {"n": of.goal}})}
    )
    seen = await environment.step(act(GET))
    assert seen.turns[0].content == '{"n": "Cancel W1."}' and environment.log[0].source == "executed"


async def test_the_same_read_has_one_answer_until_something_is_written() -> None:
    script = Script(answer(W1), CANCELLED, answer({**W1, "status": "cancelled"}))
    environment = started(tools=script)
    for turn in (act(GET), act(GET), act(CANCEL), act(GET), act(GET)):
        await environment.step(turn)
    assert [entry.source for entry in environment.log] == [
        "rule-checked",
        "memory",
        "rule-checked",
        "rule-checked",
        "memory",
    ]
    assert len(script.asked) == 3
    assert [entry.version for entry in environment.log] == [0, 0, 1, 1, 1]


async def test_members_of_a_group_share_what_is_read_and_not_what_is_written() -> None:
    world = World.of(task())
    script = Script(answer({**W1, "note": "fragile"}), CANCELLED, answer({**W1, "status": "cancelled"}))
    first, second = started(world=world, tools=script), started(world=world, tools=script)
    await first.step(act(GET))
    seen = await second.step(act(GET))
    assert second.log[0].source == "memory" and json.loads(seen.turns[0].content or "")["note"] == "fragile"
    await first.step(act(CANCEL))
    assert first.ledger.document["order"]["W1"]["status"] == "cancelled"
    assert second.ledger.document["order"]["W1"]["status"] == "pending"
    await second.step(act(GET))
    assert second.log[1].source == "memory"
    await second.step(act(CANCEL))
    assert second.log[2].source == "memory" and second.ledger.state == first.ledger.state
    assert LEDGER["order"]["W1"]["status"] == "pending"


async def test_members_who_ask_the_same_at_once_wait_for_one_answer() -> None:
    world, script = World.of(task()), Script(answer(W1))
    members = [started(world=world, tools=script) for _ in range(8)]
    seen = await asyncio.gather(*(member.step(act(GET)) for member in members))
    assert len(script.asked) == 1 and len({step.turns[0].content for step in seen}) == 1


async def test_a_clock_is_not_remembered() -> None:
    script = Script(answer("10:00"), answer("10:01"))
    environment = started(tools=script)
    texts = [(await environment.step(act(("get_time", {})))).turns[0].content for _ in range(2)]
    assert texts == ["10:00", "10:01"]


def recorded() -> Trajectory:
    calls = [ToolCall(name=name, arguments=args, call_id=f"s{n}") for n, (name, args) in enumerate((GET, CANCEL, GET))]
    turns = list(SEED.turns)
    for call, text in zip(
        calls, (W1, {"order_id": "W1", "status": "gone"}, {"order_id": "W1", "status": "gone"}), strict=True
    ):
        turns.append(Turn(role="assistant", tool_calls=(call,)))
        turns.append(Turn(role="tool", content=json.dumps(text), call_id=call.call_id))
    return SEED.with_turns(tuple(turns))


async def test_what_the_seed_recorded_before_its_first_write_is_true_here_too() -> None:
    environment = started(task(recorded(), {}), tools=never)
    assert environment.ledger.document["order"]["W1"] == W1
    seen = await environment.step(act(GET))
    assert seen.turns[0].content == json.dumps(W1) and environment.log[0].source == "memory"


async def test_drawn_failures_strike_at_the_set_rate_and_the_same_in_all_members() -> None:
    calls = [("get_order", {"order_id": f"W{n}"}) for n in range(100)]
    of = task(ledger={}, errors=ErrorProfile(rate=0.3, kinds=("timeout", "unavailable")), max_steps=300)

    async def struck() -> list[bool]:
        environment = started(of, tools=Script(answer("ok")))
        return [(await environment.step(act(one))).turns[0].is_error for one in calls]

    first, second = await struck(), await struck()
    assert first == second and 15 <= sum(first) <= 45


async def test_a_failure_changes_nothing_and_may_pass_by_asking_again() -> None:
    of = task(errors=ErrorProfile(rate=0.5), max_steps=60)
    environment = started(of, tools=Script(CANCELLED))
    for _ in range(50):
        seen = await environment.step(act(CANCEL))
        if not seen.turns[0].is_error:
            break
        assert environment.ledger.version == 0
    assert environment.ledger.version == 1


@pytest.mark.parametrize(("feedback", "wanted"), [("terse", "short code"), ("binary", "only that the call failed")])
async def test_feedback_is_told_to_the_simulator_and_kept_to(feedback: Any, wanted: str) -> None:
    script = Script(answer({"error": "late", "message": "Too late. Return it instead."}, is_error=True))
    environment = started(task(feedback=feedback), tools=script)
    seen = await environment.step(act(CANCEL))
    assert wanted in script.prompt() and "Return it" not in (seen.turns[0].content or "")
    assert "Return it" in environment.log[0].observation


async def test_reads_side_by_side_are_asked_at_once_and_writes_one_by_one() -> None:
    flying: list[int] = []
    now = 0

    async def ask(messages: Any) -> Any:
        nonlocal now
        now += 1
        flying.append(now)
        await asyncio.sleep(0)
        now -= 1
        text = str(messages[0]["content"])
        return await Script(CANCELLED if '"cancel_order", "arguments"' in text.split("<call>")[1] else answer("ok"))([])

    environment = started(tools=ask)
    await environment.step(act(GET, ("get_order", {"order_id": "W2"}), CANCEL, ("get_order", {"order_id": "W2"})))
    assert flying == [1, 2, 1, 1]
    assert [turn.call_id for turn in environment.trajectory.turns[2:]] == ["call_1", "call_2", "call_3", "call_4"]
