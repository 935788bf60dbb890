"""One call that ranks a group: places, ties, what the rules say, and replies that rank nothing."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulate.parts import LEDGER, TOOLS, Desk, Script, act, judged, never, pack, patience, say, task

from simia_tui.checks import Hints
from simia_tui.demo.errands import errands, served_by
from simia_tui.model import Fault, Trajectory, Turn
from simia_tui.simulate.ask import AskedCall
from simia_tui.simulate.controls import Ending, Task, Termination
from simia_tui.simulate.environment import Cast, Environment
from simia_tui.simulate.episode import finished
from simia_tui.simulate.judge import Case, Judge, Verdict
from simia_tui.simulate.ledger import Ledger
from simia_tui.simulate.ranking import GroupJudge, read_ranking, shares
from simia_tui.simulate.tools import SimulatedTools
from simia_tui.simulate.user import SimulatedUser
from simia_tui.simulate.world import World

DONE, CUT, SPOILT = Termination.USER_DONE, Termination.TOKEN_BUDGET, Termination.INVALID


def ranked(*places: Any) -> str:
    return json.dumps({"reasoning": "compared", "ranking": list(places)})


def case(text: str, end: Termination = DONE) -> Case:
    turns = (Turn(role="user", content="Cancel W1."), say(text))
    fault = Fault.USER_SIMULATOR if end is SPOILT else None
    ending = Ending(termination=end, fault=fault, reason="so it ended")
    return Case(task(), Trajectory(tools=TOOLS, turns=turns), ending, [], Ledger.start(LEDGER), Hints())


async def verdicts(script: Script, *cases: Case, alone: Any = never) -> tuple[list[Verdict], list[AskedCall]]:
    judge = GroupJudge(script, pack(), len(cases), Judge(alone, pack(), patience=patience()), patience())
    record: list[AskedCall] = []
    return list(await asyncio.gather(*(judge.verdict(one, record) for one in cases))), record


async def test_the_reward_is_the_share_of_the_others_that_are_worse() -> None:
    found, record = await verdicts(Script(ranked([2], [1, 3], [4])), case("a"), case("b"), case("c"), case("d"))
    assert [one.reward for one in found] == pytest.approx([1 / 3, 1, 1 / 3, 0])
    assert len(record) == 1 and found[0].reasoning == "compared"


async def test_all_in_one_place_earn_the_same() -> None:
    found, _ = await verdicts(Script(ranked([1, 2])), case("a"), case("b"))
    assert [one.reward for one in found] == [0, 0]


async def test_invalid_ones_leave_and_ended_ones_are_worse_than_all_that_were_ranked() -> None:
    script = Script(ranked(1, 2))
    found, _ = await verdicts(script, case("x", SPOILT), case("a"), case("y", CUT), case("b"))
    assert [one.reward for one in found] == [None, 1, 0, 0.5]
    assert (found[0].fault, found[2].by) == (Fault.USER_SIMULATOR, "rule")
    assert '"number": 2' in script.prompt() and '"number": 3' not in script.prompt()


async def test_equal_sessions_are_shown_once_and_share_a_place() -> None:
    script = Script(ranked([2], [1]))
    found, _ = await verdicts(script, case("a"), case("b"), case("a"))
    assert [one.reward for one in found] == [0, 1, 0]
    assert '"number": 3' not in script.prompt()


async def test_one_session_alone_is_judged_by_itself() -> None:
    found, record = await verdicts(Script("none"), case("a"), case("y", CUT), alone=Script(judged(1)))
    assert [one.reward for one in found] == [1, 0] and len(record) == 1


@pytest.mark.parametrize("reply", ["no idea", ranked([1]), ranked([1, 2], [2]), ranked([1], [3]), ranked("1", "x")])
async def test_a_reply_that_ranks_nothing_is_asked_again_and_then_invalid_never_0(reply: str) -> None:
    script = Script(reply)
    found, _ = await verdicts(script, case("a"), case("b"), case("y", CUT))
    assert [(one.reward, one.fault) for one in found[:2]] == [(None, Fault.JUDGE)] * 2
    assert found[2].reward == 0 and len(script.asked) == 3


async def test_a_reply_put_right_counts() -> None:
    found, _ = await verdicts(Script("hm", ranked(["2"], 1)), case("a"), case("b"))
    assert [one.reward for one in found] == [0, 1]


@given(st.permutations([1, 2, 3, 4]), st.lists(st.integers(1, 3), min_size=4, max_size=4), st.integers(0, 3))
def test_shares_keep_the_order_of_the_places_and_end_at_0(order: list[int], sizes: list[int], below: int) -> None:
    places = [order[:2], order[2:3], order[3:]]
    found = shares(places, sizes, below)
    by_place = [{found[number - 1] for number in place} for place in places]
    assert all(len(one) == 1 for one in by_place)
    levels = [max(one) for one in by_place]
    assert levels == sorted(set(levels), reverse=True)
    assert min(found) == below / (sum(sizes) + below - 1) and 0 <= min(found) < max(found) <= 1


def test_the_ranking_is_read_with_its_reasoning() -> None:
    assert read_ranking(f"So: {ranked([2, 1], 3)}", 3) == ("compared", [[2, 1], [3]])


async def test_the_demo_ranks_who_served_the_errand_before_who_did_not() -> None:
    errand = errands(1, 0)[0]
    desk, held = Desk(), pack("library")
    judge = GroupJudge(desk, held, 3, Judge(desk, held))
    cast = Cast(SimulatedTools(desk, held), SimulatedUser(desk, held), judge, hints=Hints.of(held.data))
    wanted = Task(seed=errand.seed, goal=errand.goal, ledger=errand.ledger)
    world = World.of(wanted, cast.hints)
    good = served_by(errand)
    scripts = [good, [turn for turn in good if not turn.tool_calls], [act(("get_item", {})), good[-1]]]
    environments = [Environment(cast) for _ in scripts]
    for environment, turns in zip(environments, scripts, strict=True):
        environment.reset(wanted, world)
        for turn in turns:
            await environment.step(turn)
    played = await asyncio.gather(*(finished(environment) for environment in environments))
    assert [rollout.reward for rollout in played] == [1, 0, 0]
