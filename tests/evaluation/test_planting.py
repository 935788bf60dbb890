"""Planted defects: each is there, stands where it is said to, and leaves the rest and the original alone."""

import json
import random

import pytest

from simia_tui.evaluation.planting import MUTATORS
from simia_tui.model import ToolCall, Trajectory, Turn

BODY = Trajectory(
    turns=(
        Turn(role="user", content="I am M12. What do I owe, and please renew L77."),
        Turn(role="assistant", tool_calls=(ToolCall(name="get", arguments={"id": "M12"}, call_id="a"),)),
        Turn(role="tool", call_id="a", name="get", content=json.dumps({"id": "M12", "owed": 250})),
        Turn(role="assistant", content="You owe 250.", tool_calls=()),
        Turn(role="assistant", tool_calls=(ToolCall(name="get", arguments={"id": "L77"}, call_id="b"),)),
        Turn(role="tool", call_id="b", name="get", content=json.dumps({"id": "L77", "due": 31})),
        Turn(role="assistant", content="L77 is renewed, it is due in 31 days."),
    )
)


@pytest.mark.parametrize("name", MUTATORS)
def test_every_defect_changes_what_it_names_and_nothing_else(name: str) -> None:
    before = repr(BODY)
    seen = set()
    for n in range(30):
        found = MUTATORS[name](BODY, random.Random(n))
        assert found is not None and found.body != BODY and found.body.id != BODY.id
        again = MUTATORS[name](BODY, random.Random(n))
        assert again is not None and again.body == found.body
        seen.add((found.body.id, found.turn))
        if len(found.body.turns) == len(BODY.turns):
            changed = [k for k, (a, b) in enumerate(zip(BODY.turns, found.body.turns, strict=True)) if a != b]
            assert changed == [found.turn]
    assert repr(BODY) == before and seen


def test_what_is_spoilt() -> None:
    rng = random.Random(1)
    number = MUTATORS["a number that no tool gave"](BODY, rng)
    assert number and number.body.turns[number.turn].role == "assistant"
    assert not {"250", "31"} & set((number.body.turns[number.turn].content or "").replace(".", " ").split())
    other = MUTATORS["a call about another thing"](BODY, rng)
    assert other
    ((_, value),) = (other.body.turns[other.turn].tool_calls[0].arguments or {}).items()
    assert value not in ("M12", "L77") and value[:2] in ("M1", "L7")
    undone = MUTATORS["work reported that was not done"](BODY, rng)
    assert undone and [turn.role for turn in undone.body.turns][-2:] == ["assistant", "assistant"]
    assert undone.body.turns[undone.turn].content == "L77 is renewed, it is due in 31 days."
    foreign = MUTATORS["the result of another call"](BODY, rng)
    assert foreign and foreign.body.turns[2].content == foreign.body.turns[5].content
    lost = MUTATORS["an empty result taken for a full one"](BODY, rng)
    assert lost and lost.body.turns[lost.turn].content == "{}"


@pytest.mark.parametrize("name", MUTATORS)
def test_where_there_is_nothing_to_spoil_nothing_is(name: str) -> None:
    bare = Trajectory(turns=(Turn(role="user", content="hi"), Turn(role="assistant", content="hello")))
    assert MUTATORS[name](bare, random.Random(0)) is None
    assert MUTATORS[name](Trajectory(), random.Random(0)) is None
