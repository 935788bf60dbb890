import pytest
from hypothesis import given
from hypothesis import strategies as st

from simia_tui.formats.pairing import Draft, DraftCall, link, read_arguments


def call(name, call_id=None):
    return DraftCall(name, {}, None, call_id)


def ids(turns):
    return [[c.call_id for c in turn.tool_calls] or turn.call_id for turn in turns]


def test_an_id_used_twice_is_told_apart_and_paired_in_order():
    turns = link(
        [
            Draft("assistant", tool_calls=[call("a", "x")]),
            Draft("tool", call_id="x", content="1"),
            Draft("assistant", tool_calls=[call("a", "x")]),
            Draft("tool", call_id="x", content="2"),
        ]
    )
    assert ids(turns) == [["x"], "x", ["x#2"], "x#2"]


def test_missing_ids_are_numbered_beside_those_given():
    turns = link([Draft("assistant", tool_calls=[call("a"), call("b", "call_1"), call("c")])])
    assert ids(turns) == [["call_2", "call_1", "call_3"]]


def test_results_without_ids_go_by_name_and_then_in_order():
    turns = link(
        [
            Draft("assistant", tool_calls=[call("a", "1"), call("b", "2"), call("c", "3")]),
            Draft("tool", name="c"),
            Draft("tool"),
            Draft("tool", name="zzz"),
        ]
    )
    assert ids(turns)[1:] == ["3", "1", "2"]
    assert [turn.name for turn in turns[1:]] == ["c", "a", "zzz"]


def test_two_open_calls_of_one_id_are_told_apart_by_name():
    turns = link(
        [
            Draft("assistant", tool_calls=[call("a", "x"), call("b", "x")]),
            Draft("tool", call_id="x", name="b"),
            Draft("tool", call_id="x", name="a"),
        ]
    )
    assert ids(turns) == [["x", "x#2"], "x#2", "x"]


def test_an_orphan_stays_with_what_it_came_with():
    turns = link(
        [
            Draft("tool", content="early"),
            Draft("assistant", tool_calls=[call("a", "x")]),
            Draft("tool", call_id="other"),
            Draft("tool", call_id="x"),
            Draft("tool", call_id="x"),
            Draft("tool", call_id=""),
        ]
    )
    assert ids(turns) == [None, ["x"], "other", "x", "x", None]


NAMES = st.sampled_from(["a", "b", ""])
IDS = st.sampled_from([None, "", "x", "x#2", "call_1", "y"])
DRAFTS = st.lists(
    st.one_of(
        st.lists(st.tuples(NAMES, IDS), max_size=3).map(
            lambda calls: ("assistant", [(name, call_id) for name, call_id in calls])
        ),
        st.tuples(st.just("tool"), st.tuples(st.none() | NAMES, IDS)),
        st.just(("user", None)),
    ),
    max_size=10,
)


def drafts_of(shape):
    for role, what in shape:
        if role == "assistant":
            yield Draft(role, tool_calls=[call(name, call_id) for name, call_id in what])
        elif role == "tool":
            yield Draft(role, name=what[0], call_id=what[1])
        else:
            yield Draft(role)


def again(turns):
    return [
        Draft(t.role, tool_calls=[call(c.name, c.call_id) for c in t.tool_calls], call_id=t.call_id, name=t.name)
        for t in turns
    ]


@given(DRAFTS)
def test_ids_are_unique_every_call_is_answered_once_and_linking_twice_changes_nothing(shape):
    turns = link(list(drafts_of(shape)))
    given_ids = [c.call_id for turn in turns for c in turn.tool_calls]
    assert len(set(given_ids)) == len(given_ids)
    assert all(given_ids)
    assert link(again(turns)) == turns


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": 1}, ({"a": 1}, None)),
        ('{"a": "é"}', ({"a": "é"}, None)),
        ("", (None, "")),
        ('{"a": 1', (None, '{"a": 1')),
        ("[1, 2]", (None, "[1, 2]")),
        ('"text"', (None, '"text"')),
        ('{"a": NaN}', (None, '{"a": NaN}')),
        ('{"a": 1e999}', (None, '{"a": 1e999}')),
        ('{"a": "\\ud800"}', (None, '{"a": "\\ud800"}')),
        ("[" * 5000, (None, "[" * 5000)),
        ('{"a":' * 300 + "1" + "}" * 300, (None, '{"a":' * 300 + "1" + "}" * 300)),
        ([1, "é"], (None, '[1, "é"]')),
        (None, (None, "null")),
    ],
)
def test_arguments_are_an_object_or_their_text(value, expected):
    assert read_arguments(value) == expected
