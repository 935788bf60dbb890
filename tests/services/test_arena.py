"""The simulated environment as the trainer plays it: errands of the demo's library, and what becomes of each end."""

from typing import Any

import pytest
from simulate.test_mcp import Server, text

from simia_tui.demo.errands import Errand, errands, served_by
from simia_tui.llm import Reply
from simia_tui.model import AskedSpec, Fault, Outcome, TrainSpec, Trajectory, Turn
from simia_tui.services import arena
from simia_tui.store import Workspace
from simia_tui.training.practice import Practice
from simia_tui.training.rollout import Played

ERRAND = errands(1, 0, ("pay",))[0]
SPEC = TrainSpec(method="grpo")


def _arena(workspace: Workspace, ask: Any = None, errand: Errand = ERRAND) -> arena.SimulatedArena:
    ask = ask or arena.demo_model(0)
    return arena.SimulatedArena(workspace, SPEC, Practice(max_turns=12), [arena.as_task(errand)], ask)


async def _play(opened: arena.SimulatedArena, turns: list[Turn]) -> Played:
    async with opened:
        (episode,) = await opened.group(0, 1)
        for turn in turns:
            if (await episode.step(turn)).done:
                break
        else:
            episode.cut("The turn was cut off at 5 tokens.")
        return await episode.finish()


async def test_a_good_visit_earns_1_and_keeps_ledger_and_calls(workspace: Workspace) -> None:
    played = await _play(_arena(workspace), served_by(ERRAND))
    assert (played.reward, played.termination, played.fault) == (1.0, "user done", None)
    assert played.record["ledger"]["member"] and played.record["asked"] and played.record["verdict"]["reward"] == 1
    assert [turn.role for turn in played.trajectory.turns[:2]] == ["user", "assistant"]


async def test_a_claim_without_the_call_earns_0(workspace: Workspace) -> None:
    played = await _play(_arena(workspace), [Turn(role="assistant", content="It is paid. Is there anything else?")])
    assert (played.reward, played.termination) == (0.0, "user done")


async def test_a_truncation_by_the_policy_stays_0(workspace: Workspace) -> None:
    played = await _play(_arena(workspace), served_by(ERRAND)[:2])
    assert (played.reward, played.termination) == (0.0, "token budget")
    assert played.reason == "The turn was cut off at 5 tokens."


async def test_a_simulator_that_cannot_answer_makes_it_invalid(workspace: Workspace) -> None:
    async def down(messages: Any) -> Reply:
        return Reply(outcome=Outcome.BAD_KEY, message="The key is wrong.")

    played = await _play(_arena(workspace, down), served_by(ERRAND))
    assert (played.reward, played.fault) == (None, Fault.INFRASTRUCTURE) and "The key is wrong" in played.reason


async def test_members_of_a_group_share_what_a_read_reveals(workspace: Workspace) -> None:
    asked = 0
    model = arena.demo_model(0)

    async def count(messages: Any) -> Reply:
        nonlocal asked
        asked += 1
        return await model(messages)

    look = served_by(ERRAND)[1]
    async with _arena(workspace, count) as opened:
        first, second = await opened.group(0, 2)
        seen = [await one.step(look) for one in (first, second)]
    assert asked == 1 and seen[0].turns[0].content == seen[1].turns[0].content


async def test_the_tools_of_an_mcp_server_are_executed(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(find_member=text('{"member_id": "M-1"}'), other=text("no"))
    commands: list[str] = []
    monkeypatch.setattr(arena, "stdio", lambda command: commands.append(command) or server.connect)
    spec = SPEC.replace(mcp="python desk.py")
    made = arena.SimulatedArena(workspace, spec, Practice(max_turns=12), [arena.as_task(ERRAND)], arena.demo_model(0))
    async with made as opened:
        (episode,) = await opened.group(0, 1)
        reaction = await episode.step(served_by(ERRAND)[1])
        assert server.open == 1 and commands == ["python desk.py"]
    assert reaction.turns[0].content == '{"member_id": "M-1"}' and server.open == 0


async def test_a_second_judge_is_heard_in_practice(workspace: Workspace) -> None:
    spec = SPEC.replace(judge2=AskedSpec(), second_share=1.0)
    made = arena.SimulatedArena(workspace, spec, Practice(max_turns=12), [arena.as_task(ERRAND)], arena.demo_model(0))
    async with made as opened:
        (episode,) = await opened.group(0, 1)
        for turn in served_by(ERRAND):
            if (await episode.step(turn)).done:
                break
        played = await episode.finish()
    assert played.record["verdict"]["second"]["reward"] == played.reward == 1
    assert [one["model"] for one in played.record["asked"] if one["role"] == "judge2"] == ["simia-demo"]


def test_the_demo_plays_its_own_errands_where_the_export_has_none(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = arena.tasks.Task(Trajectory(turns=(Turn(role="user", content="Hello"),)), 1)
    opened = arena.open_arena(workspace, SPEC, Practice(), [foreign])
    assert len(opened.tasks) == arena.DEMO_ERRANDS and "not the export's tasks" in capsys.readouterr().out
    own = arena.open_arena(workspace, SPEC, Practice(), [foreign, arena.as_task(ERRAND)])
    assert [task.trajectory.meta["goal"] for task in own.tasks] == [ERRAND.goal]
