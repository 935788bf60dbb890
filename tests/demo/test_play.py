import itertools
import json
from collections import Counter

import jsonschema_rs
import pytest

from simia_tui.demo import seeds
from simia_tui.demo.goals import GOALS
from simia_tui.demo.policy import POLICY
from simia_tui.demo.tools import READS, TOOLS
from simia_tui.model import Trajectory

VISITS = seeds(250, 3)
FOLLOWS = {"user": {"assistant"}, "assistant": {"user", "tool"}, "tool": {"tool", "assistant"}}


@pytest.mark.parametrize("visit", VISITS[:60], ids=lambda visit: visit.meta["task_id"])
def test_a_visit_is_a_legal_trajectory(visit: Trajectory):
    roles = [turn.role for turn in visit.turns]
    assert 8 <= len(roles) <= 24
    assert roles[0] == "user" and roles[-1] == "assistant" and not visit.turns[-1].tool_calls
    assert all(later in FOLLOWS[first] for first, later in itertools.pairwise(roles))
    waiting: list[tuple[str, str]] = []
    for turn in visit.turns:
        if turn.role == "tool":
            assert (turn.call_id, turn.name) == waiting.pop(0)
            assert isinstance(json.loads(turn.content), dict)
            assert turn.is_error == ("error" in json.loads(turn.content))
        else:
            assert not waiting and (turn.content or turn.tool_calls)
            waiting = [(call.call_id, call.name) for call in turn.tool_calls]
    calls = [call.call_id for _, _, call in visit.calls()]
    assert calls == [f"call_{number}" for number in range(1, len(calls) + 1)]


def test_all_arguments_satisfy_their_schema():
    check = {tool.name: jsonschema_rs.validator_for(tool.parameters) for tool in TOOLS}
    assert all(check[call.name].is_valid(call.arguments) for visit in VISITS for _, _, call in visit.calls())


def test_visits_are_deterministic_and_begin_alike():
    assert [v.id for v in seeds(5, 9)] == [v.id for v in seeds(10, 9)][:5]
    assert [v.id for v in seeds(5, 9)] != [v.id for v in seeds(5, 10)]
    assert len({visit.id for visit in VISITS}) == len(VISITS)


def test_visits_share_policy_and_tools_and_name_their_task():
    assert {(visit.domain, visit.policy, visit.tools) for visit in [v for v in VISITS if v.policy != POLICY]} == set()
    assert all(visit.domain == "library" and visit.tools == TOOLS and visit.meta["goals"] for visit in VISITS)


def test_visits_are_of_every_kind():
    assert {goal for visit in VISITS for goal in visit.meta["goals"]} == {goal.name for goal in GOALS}
    assert {call.name for visit in VISITS for _, _, call in visit.calls()} == {tool.name for tool in TOOLS}
    turns = [turn for visit in VISITS for turn in visit.turns]
    assert sum(turn.is_error for turn in turns) > 20
    assert sum(len(turn.tool_calls) > 1 for turn in turns) > 10
    assert sum(bool(turn.tool_calls and turn.content) for turn in turns) > 100
    assert any(len(visit.meta["goals"]) > 1 for visit in VISITS)


def test_openings_are_worded_in_many_ways():
    openings = Counter(visit.turns[0].content for visit in VISITS)
    assert openings.most_common(1)[0][1] <= len(VISITS) // 20


def test_a_write_follows_a_word_of_the_user():
    """The policy asks for a yes before a write: between two writes of different turns the user has spoken."""
    for visit in VISITS:
        asked = False
        for turn in visit.turns:
            if turn.role == "user":
                asked = True
            elif any(call.name not in READS for call in turn.tool_calls):
                assert asked, visit.meta
                asked = False
