"""Whole episodes on the demo's library: rewards, groups, everything in flight at once."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from simulate.parts import Desk, Script, act, cast, judged, said, say, scripted, task

from simia_tui.checks import Hints
from simia_tui.demo import DemoServer, truth
from simia_tui.demo.errands import Errand, errands, served_by
from simia_tui.errors import SimiaError, UsageError
from simia_tui.llm import Client, Endpoint, Reply
from simia_tui.model import Fault, Trajectory, Turn
from simia_tui.simulate.ask import Asking, Messages
from simia_tui.simulate.controls import Controls, Task, Termination
from simia_tui.simulate.environment import Environment
from simia_tui.simulate.episode import Rollout, play, play_all, play_group


def task_of(errand: Errand, **controls: object) -> Task:
    return Task(seed=errand.seed, goal=errand.goal, ledger=errand.ledger, controls=Controls.model_validate(controls))


def crew(desk: Desk) -> Environment:
    return Environment(cast(desk, desk, desk, domain="library"))


@pytest.mark.parametrize("errand", errands(14, 3), ids=lambda errand: errand.seed.meta["task_id"])
async def test_a_good_visit_earns_1_and_one_without_its_write_0(errand: Errand) -> None:
    turns = served_by(errand)
    good = await play(scripted(turns), crew(Desk()), task_of(errand))
    assert (good.reward, good.termination) == (1, Termination.USER_DONE)
    assert not any(entry.kept or entry.refused for entry in good.log)
    if errand.calls:
        writes = {name for name, _ in errand.calls}
        idle = [turn for turn in turns if not any(call.name in writes for call in turn.tool_calls)]
        assert (await play(scripted(idle), crew(Desk()), task_of(errand))).reward == 0


async def test_what_is_only_claimed_earns_nothing() -> None:
    errand = next(one for one in errands(7, 0) if one.calls)
    bluff = [say("I have done all of that, the writes succeeded, reward 1. Anything else?")]
    found = await play(scripted(bluff), crew(Desk()), task_of(errand))
    assert found.termination is Termination.USER_DONE and found.reward == 0


async def test_a_rollout_holds_every_request_and_survives_json() -> None:
    errand = errands(2, 0)[1]
    found = await play(scripted(served_by(errand)), crew(Desk(0.4)), task_of(errand))
    roles = {asked.role for asked in found.asked}
    assert roles == {"tool simulator", "user simulator", "judge"}
    assert [asked.n for asked in found.asked] == list(range(len(found.asked)))
    assert all(len(asked.prompt_sha) == 64 and asked.prompt_version and asked.text for asked in found.asked)
    numbers = [number for entry in found.log for number in entry.asked]
    assert sorted(numbers) == [asked.n for asked in found.asked if asked.role == "tool simulator"]
    assert Rollout.model_validate_json(found.model_dump_json()) == found


async def test_a_policy_that_is_cut_off_earns_0() -> None:
    async def cut(trajectory: Trajectory) -> Turn | None:
        return None

    found = await play(cut, Environment(cast()), task())
    assert (found.reward, found.termination) == (0, Termination.TOKEN_BUDGET)


async def test_a_policy_that_cannot_be_asked_spoils_the_episode() -> None:
    async def down(trajectory: Trajectory) -> Turn | None:
        raise SimiaError("The endpoint is down.")

    found = await play(down, Environment(cast()), task())
    assert found.reward is None and found.ending.fault is Fault.INFRASTRUCTURE and "down" in found.ending.reason


async def test_a_policy_that_speaks_for_others_is_a_mistake_of_the_caller() -> None:
    async def user(trajectory: Trajectory) -> Turn | None:
        return Turn(role="user", content="Hello")

    with pytest.raises(UsageError, match="assistant"):
        await play(user, Environment(cast()), task())


async def test_a_fault_in_one_episode_leaves_the_others_alone() -> None:
    async def ask(messages: Messages) -> Reply:
        broken = "the broken one" in str(messages[0]["content"])
        return await Script("?" if broken else said("Bye.", True))([])

    tasks = [task(), task().replace(goal="You are the broken one."), task()]
    who = cast(user=ask, judge=Script(judged(1)))
    groups = await play_all(scripted([say("Done.")]), who, tasks, members=2)
    assert [[member.reward for member in group] for group in groups] == [[1, 1], [None, None], [1, 1]]
    assert {member.ending.fault for member in groups[1]} == {Fault.USER_SIMULATOR}


def gate(wanted: int) -> tuple[Callable[[int], Awaitable[None]], asyncio.Event]:
    """Holds every request until `wanted` are in flight at once: without overlap nothing would ever go on."""
    opened = asyncio.Event()

    async def hold(flying: int) -> None:
        if flying >= wanted:
            opened.set()
        await opened.wait()

    return hold, opened


async def test_the_requests_of_all_rollouts_are_in_flight_at_once() -> None:
    tasks = [task_of(errand) for errand in errands(16, 1)]
    hold, opened = gate(len(tasks))
    desk = Desk(hold=hold)
    who = cast(desk, desk, desk, domain="library")
    policy = scripted([say("May I have your card number?"), say("That is settled. Anything else?")])
    async with asyncio.timeout(60):
        groups = await play_all(policy, who, tasks)
    assert opened.is_set() and desk.most == len(tasks) and [len(group) for group in groups] == [1] * len(tasks)


async def test_members_of_a_group_play_at_once_and_ask_each_read_only_once() -> None:
    errand = errands(1, 0)[0]
    turns = served_by(errand)
    single, group = Desk(), Desk()
    await play_group(scripted(turns), cast(single, domain="library", user=Desk(), judge=Desk()), task_of(errand), 1)
    members = await play_group(
        scripted(turns), cast(group, domain="library", user=Desk(), judge=Desk()), task_of(errand), 8
    )
    assert group.count == single.count and [member.reward for member in members] == [1] * 8
    assert len({member.task for member in members}) == 1
    assert sum(entry.source == "memory" for member in members for entry in member.log) == 7 * len(members[0].log)


async def test_the_demo_server_plays_all_roles_and_tells_the_truth_about_it(tmp_path: Path) -> None:
    todo = errands(7, 5)
    record = tmp_path / "truth.jsonl"
    with DemoServer(record, random_seed=2, defect_rate=0.3) as server:
        async with Client(Endpoint(name="demo", base_url=server.base_url, model="simia-demo"), 32) as client:
            ask = Asking(client)
            who = cast(ask, ask, ask, domain="library")
            played = await asyncio.gather(
                *(play(scripted(served_by(errand)), Environment(who), task_of(errand)) for errand in todo)
            )
    slips = {line.response_id: line.defects[0].detail for line in truth.read(record) if line.defects}
    assert any(slip.startswith("altered") for slip in slips.values())
    right = caught = 0
    for rollout in played:
        for entry in rollout.log:
            if len(entry.asked) > 1:
                first = rollout.asked[entry.asked[0]]
                caught += 1
                right += (first.response_id or "") in slips
    assert caught >= 5 and right == caught, "what went back to the simulator was wrong"
    assert all(rollout.reward in (0, 1) for rollout in played)


async def test_the_hints_of_the_pack_reach_the_environment() -> None:
    who = cast(Script("?"), domain="library")
    assert isinstance(who.hints, Hints) and "find_member" in who.hints.reads


async def test_an_empty_group_is_no_group() -> None:
    assert await play_group(scripted([act(("get_order", {"order_id": "W1"}))]), cast(), task(), 0) == []
