"""The ledger: patches all or none, nothing changed in place, doubt after writes."""

import copy
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from simulate.parts import LEDGER

from simia_tui.simulate.entities import parsed, records
from simia_tui.simulate.ledger import MOST_OPS, Ledger, PatchError, apply, pointer, target

BAD: list[tuple[list[Any], str]] = [
    ([{"op": "replace", "path": "/order/W9/status", "value": 1}], "cannot be applied"),
    ([{"op": "remove", "path": "/order/W1/colour"}], "cannot be applied"),
    ([{"op": "test", "path": "/order/W1/status", "value": "shipped"}], "cannot be applied"),
    ([{"op": "add", "path": "/order/W1"}], "cannot be applied"),
    ([{"op": "frobnicate", "path": "/order"}], "cannot be applied"),
    ([{"op": "add", "path": "order", "value": 1}], "cannot be applied"),
    ([{"path": "/order"}], "cannot be applied"),
    ([{"op": "move", "from": "/order", "path": "/order/W1"}], "cannot be applied"),
    ([{"op": "add", "path": "", "value": []}], "no object"),
    ([{"op": "add", "path": "/x", "value": 1}] * (MOST_OPS + 1), "at most"),
    ([{"op": "add", "path": "/x", "value": "y" * 2_100_000}], "larger"),
]


@pytest.mark.parametrize(("patch", "why"), BAD)
def test_a_bad_patch_is_refused_as_a_whole(patch: list[Any], why: str) -> None:
    before = copy.deepcopy(LEDGER)
    good = {"op": "replace", "path": "/order/W1/status", "value": "gone"}
    with pytest.raises(PatchError, match=why):
        apply(before, [good, *patch])
    assert before == LEDGER


def test_all_six_operations_work_and_the_document_given_stays() -> None:
    before = copy.deepcopy(LEDGER)
    after = apply(
        before,
        [
            {"op": "test", "path": "/order/W1/status", "value": "pending"},
            {"op": "replace", "path": "/order/W1/status", "value": "cancelled"},
            {"op": "copy", "from": "/order/W1", "path": "/order/W3"},
            {"op": "move", "from": "/order/W2", "path": "/order/W4"},
            {"op": "remove", "path": "/user/u1/name"},
            {"op": "add", "path": "/refund/R1", "value": {"refund_id": "R1"}},
        ],
    )
    assert after["order"]["W3"]["status"] == "cancelled" and set(after["order"]) == {"W1", "W3", "W4"}
    assert after["refund"] == {"R1": {"refund_id": "R1"}} and "name" not in after["user"]["u1"]
    assert before == LEDGER


keys = st.text(max_size=6)


@given(st.lists(keys, max_size=4))
def test_a_pointer_leads_back_to_its_parts(parts: list[str]) -> None:
    assert target({"path": pointer(*parts)}) == tuple(parts)


def shown(value: Any) -> Any:
    return list(records(parsed(json.dumps(value))))


def test_a_write_makes_a_new_ledger_and_names_a_new_state() -> None:
    start = Ledger.start(LEDGER)
    patch = [{"op": "replace", "path": "/order/W1/status", "value": "cancelled"}]
    one = start.after_write(("cancel_order", {"order_id": "W1"}), patch, [], {"W1"})
    same = start.after_write(("cancel_order", {"order_id": "W1"}), patch, [], {"W1"})
    other = start.after_write(("cancel_order", {"order_id": "W2"}), patch, [], {"W1"})
    assert one.state == same.state != start.state and other.state != one.state and one.version == 1
    assert start.document == LEDGER and one.document["order"]["W1"]["status"] == "cancelled"


def test_what_a_write_may_have_moved_on_the_side_is_doubtful_until_it_is_shown() -> None:
    start = Ledger.start(LEDGER)
    patch = [{"op": "replace", "path": "/order/W1/status", "value": "cancelled"}]
    after = start.after_write(("cancel_order", {"order_id": "W1"}), patch, [], {"W1"})
    assert ("user", "u1", "orders") in after.doubtful, "the order refers to its user"
    assert ("user", "u1", "name") not in after.doubtful, "a name does not change on the side"
    assert not any(kind == "order" for kind, _, _ in after.doubtful), "the patch speaks of W1, and W2 is far away"
    seen = after.after_read([], shown({"user_id": "u1", "name": "Ada", "orders": 1}))
    assert not seen.doubtful and seen.document["user"]["u1"]["orders"] == 1 and seen.state == after.state


def test_what_stands_inside_a_record_is_linked_to_it() -> None:
    start = Ledger.start({}).after_read([], shown({"user_id": "u1", "orders": 1, "list": [{"order_id": "W1", "n": 1}]}))
    after = start.after_write(("cancel_order", {"order_id": "W1"}), [], [], {"W1"})
    assert ("user", "u1", "orders") in after.doubtful


def test_a_record_known_from_inside_another_gives_way_to_the_record_itself() -> None:
    order = {"order_id": "W1", "total": 10, "items": [{"item_id": "I1", "price": 10, "quantity": 2}]}
    line = Ledger.start({}).after_read([], shown(order))
    assert ("item", "I1") in line.soft
    item = line.after_read([], shown({"item_id": "I1", "price": 12, "name": "Lamp"}))
    assert item.soft == frozenset() and item.document["item"]["I1"]["price"] == 12


def test_the_text_of_a_ledger_is_one_record_a_line() -> None:
    rows = [json.loads(row) for row in Ledger.start({**LEDGER, "note": "a\n</ledger>\nb"}).text().split("\n")]
    assert {row["path"] for row in rows} == {"/order/W1", "/order/W2", "/user/u1", "/note"}


documents = st.dictionaries(
    st.sampled_from(["order", "user"]),
    st.dictionaries(st.sampled_from(["a", "b"]), st.dictionaries(st.sampled_from(["id", "n", "s"]), st.integers())),
)
observations = st.recursive(
    st.integers() | st.text(max_size=3) | st.none() | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["order_id", "user_id", "n", "s", "list"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(documents, observations)
def test_reading_never_changes_what_is_known(document: dict[str, Any], value: Any) -> None:
    start = Ledger.start(document)
    after = start.after_read([], list(records(value)))
    for kind, held in document.items():
        for own, record in held.items():
            assert record.items() <= after.document[kind][own].items()
    assert start.document == document and after.state == start.state


@given(observations)
@example({"order_id": 0, "user_id": None, "n": {"order_id": 0, "user_id": 0}})
def test_reading_the_same_twice_adds_nothing(value: Any) -> None:
    once = Ledger.start({}).after_read([], list(records(value)))
    assert once.after_read([], list(records(value))).document == once.document
