"""The id of a trajectory: the hash of its content, however it is put together."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from simia_tui.model import Origin, ToolCall, ToolSpec, Trajectory, Turn, content_hash

LOOK = ToolSpec(name="look", description="é", parameters={"type": "object", "properties": {"b": {}, "a": {}}})
SPECS = st.builds(
    ToolSpec, name=st.text(), description=st.none() | st.text(), extra=st.just({}) | st.just({"x": [1.0]})
)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([1e16, 1e-7, -0.0, 5e-324])
VALUES = st.recursive(
    NUMBERS | st.booleans() | st.none() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
CALLS = st.builds(
    ToolCall,
    name=st.text(),
    arguments=st.none() | st.dictionaries(st.text(), VALUES, max_size=3),
    raw=st.none() | st.text(st.characters(exclude_categories=())),
)
TURNS = st.builds(
    Turn,
    role=st.sampled_from(["system", "user", "assistant", "tool"]),
    content=st.none() | st.text(),
    tool_calls=st.lists(CALLS, max_size=2).map(tuple),
    is_error=st.booleans(),
    loss=st.none() | st.booleans(),
    # What a file says is not the object that stands in the program.
    requestor=st.sampled_from(["assistant", "user"]).map(lambda who: "".join(list(who))),
)


@given(
    st.none() | st.text(),
    st.lists(SPECS | st.just(LOOK), max_size=3).map(tuple),
    st.lists(TURNS, max_size=4).map(tuple),
    st.none() | st.builds(Origin, job=st.integers(), ord=st.integers(), seed=st.none() | st.text()),
)
def test_the_id_is_the_hash_of_all_that_is_not_a_default(policy: Any, tools: Any, turns: Any, origin: Any) -> None:
    made = Trajectory(domain="any", policy=policy, tools=tools, turns=turns, origin=origin, meta={"x": 1})
    assert made.id == content_hash(
        {name: value for name, value in made.dump().items() if name not in ("domain", "meta")}
    )


def test_ids_are_what_they_have_always_been() -> None:
    turns = (
        Turn(role="user", content="Grüße \U0001f600"),
        Turn(
            role="assistant", tool_calls=(ToolCall(name="look", arguments={"b": 1.5, "a": [None, True]}, call_id="1"),)
        ),
        Turn(role="tool", content="", call_id="1", name="look", is_error=True),
    )
    bare = Trajectory(turns=turns)
    full = Trajectory(turns=turns, tools=(LOOK, LOOK), policy="Be kind.", origin=Origin(job=2, ord=3, seed="s"))
    assert bare.id == "9b3fa07895e021beb3010416ef75174b0776a9c883ddc4467382cb5f0be311da"
    assert full.id == "278401b838d2bd2e303de8bcfa27d5f647dc812c6c846db28a202b054a437288"


def test_equal_content_in_other_objects_has_the_same_id() -> None:
    one, other = (Trajectory(tools=(ToolSpec(name="a", parameters={"x": 1, "y": 2}),)) for _ in range(2))
    turned = Trajectory(tools=(ToolSpec(name="a", parameters={"y": 2, "x": 1}),))
    assert one.id == other.id == turned.id
    assert one.id != one.replace(tools=()).id
