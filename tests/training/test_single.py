"""Single turns of trajectories as tasks: which turns serve, what is the same, and a run on them."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simia_tui.errors import SimiaError, UsageError
from simia_tui.model import RunStatus, ToolCall, TrainSpec, Trajectory, Turn
from simia_tui.store import Query, Workspace, runs, trajectories
from simia_tui.training import grpo, practice, profiles, single, tasks
from simia_tui.training.record import RunRecord
from simia_tui.training.tasks import Task

NewRun = Callable[..., RunRecord]


def call(name: str = "renew", **arguments: Any) -> ToolCall:
    return ToolCall(name=name, arguments=arguments)


def acts(*calls: ToolCall, **more: Any) -> Turn:
    return Turn(role="assistant", tool_calls=calls, **more)


def seen(text: str = "done", **more: Any) -> Turn:
    return Turn(role="tool", content=text, **more)


ASKED = Turn(role="user", content="Please renew L-1.")
TURNS = (
    Turn(role="system", content="note"),
    ASKED,
    acts(call("find", loan_id="L-1")),
    seen("found"),
    acts(call(loan_id="L-1"), loss=False),
    seen(),
    acts(call(loan_id="L-9")),
    seen("no such loan", is_error=True),
    acts(call(loan_id="L-2"), call(loan_id="L-3")),
    seen(),
    seen(),
    Turn(role="assistant", content="Renewed."),
    acts(call(loan_id="L-4")),
)


def test_turns_with_calls_that_were_answered_serve() -> None:
    found = single.turns_of([Task(Trajectory(turns=TURNS), 7)])
    assert [task.turn for task in found] == [2, 8] and {task.pk for task in found} == {7}
    start = tasks.start(found[1].trajectory, found[1].turn)
    assert start.turns == TURNS[1:8]
    with pytest.raises(SimiaError, match="--single-turn needs"):
        single.turns_of([Task(Trajectory(turns=(ASKED, Turn(role="assistant", content="Yes."))))])


SAME = [
    ([call(a=2)], [call(a=2.0)]),
    ([call(a="Main  Desk ")], [call(a="main desk")]),
    ([call(a=1, b=None)], [call(a=1)]),
    ([call("x"), call("y")], [call("y"), call("x")]),
    ([call(a={"c": [1.0, "B"]})], [call(a={"c": [1, "b"]})]),
]
OTHER = [
    ([], [call()]),
    ([call(), call()], [call()]),
    ([call("x")], [call("y")]),
    ([call(a=1)], [call(a=2)]),
    ([call(a=True)], [call(a=1)]),
    ([call(a="1")], [call(a=1)]),
    ([call(a=[1, 2])], [call(a=[2, 1])]),
    ([ToolCall(name="renew", raw="{")], [ToolCall(name="renew", raw="{")]),
]


@pytest.mark.parametrize(
    ("made", "wanted", "same"), [(*pair, True) for pair in SAME] + [(*pair, False) for pair in OTHER]
)
def test_what_counts_as_the_same_calls(made: list[ToolCall], wanted: list[ToolCall], same: bool) -> None:
    assert single.same_calls(made, wanted) is same and single.same_calls(wanted, made) is same


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("aB 1", max_size=3),
    lambda inner: st.lists(inner, max_size=2),
)
CALLS = st.lists(st.builds(lambda name, a: call(name, a=a), st.sampled_from("xy"), VALUES), max_size=3)


@given(CALLS, st.randoms())
def test_the_order_of_calls_does_not_matter_and_one_less_does(calls: list[ToolCall], rng: Any) -> None:
    shuffled = rng.sample(calls, len(calls))
    assert single.same_calls(shuffled, calls)
    assert not calls or not single.same_calls(calls[1:], calls)


async def test_an_episode_is_one_turn_and_says_what_was_wanted() -> None:
    arena = single.SingleTurns([Task(Trajectory(turns=TURNS))])
    async with arena as opened:
        right, wrong, long = await opened.group(1, 3)
    assert (await right.step(acts(call(loan_id="L-3"), call(loan_id="l-2")))).done
    await wrong.step(Turn(role="assistant", content="Renewed."))
    long.cut("too long")
    played = await asyncio.gather(*(episode.finish() for episode in (right, wrong, long)))
    assert [one.reward for one in played] == [1, 0, 0]
    assert "L-2" in played[1].reason and played[2].termination == "token budget"
    assert played[0].trajectory.turns[-1].tool_calls and len(played[2].trajectory.turns) == 7


def test_a_judge_or_an_arena_makes_no_sense_with_single_turns() -> None:
    for given_ in ({"judging": "group"}, {"arena": "my.own:arena"}):
        spec = TrainSpec.model_validate({"method": "grpo", "single_turn": True, **given_})
        with pytest.raises(UsageError, match="judged by rule"):
            practice.settle(spec, profiles.settle(spec))


@pytest.mark.train
def test_a_run_on_single_turns_asks_nobody_and_keeps_its_rollouts(workspace: Workspace, new_run: NewRun) -> None:
    record = new_run(method="grpo", single_turn=True, max_steps=2, groups=2, group_size=3, turn_tokens=6)
    assert grpo.carry_out(record) == 0, runs.run(workspace.connect(), record.id).reason
    db = workspace.connect()
    assert runs.run(db, record.id).status is RunStatus.DONE
    pks = trajectories.ids(db, Query.parse("episode", f"run:{record.id}"))
    assert len(pks) == 12
    for row in trajectories.rows(db, pks):
        body = trajectories.get(db, row.pk, 0)
        assert body.turns[-1].role == "assistant" and body.meta["policy_turns"] == 1
    assert [metric.values["rollouts"] for metric in record.metrics()] == [6, 6]
