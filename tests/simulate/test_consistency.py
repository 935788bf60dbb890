"""Answers held against the ledger: what contradicts, what does not, and what is put right."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulate.parts import LEDGER

from simia_tui import formats
from simia_tui.checks import Hints
from simia_tui.checks.world import is_read
from simia_tui.model import ToolCall, Trajectory, Turn
from simia_tui.simulate.consistency import Answer, Examined, PatchError, examine, learned
from simia_tui.simulate.ledger import Ledger, pointer

START = Ledger.start(LEDGER)
CANCELLED = {"op": "replace", "path": "/order/W1/status", "value": "cancelled"}


def read(value: Any, *patch: dict[str, Any], ledger: Ledger = START, error: bool = False) -> Examined:
    call = ToolCall(name="get_order", arguments={"order_id": "W1"})
    return examine(ledger, call, Answer(json.dumps(value), error, patch), reads=True)


def write(value: Any, *patch: dict[str, Any], error: bool = False, own: str = "W1") -> Examined:
    call = ToolCall(name="cancel_order", arguments={"order_id": own})
    return examine(START, call, Answer(json.dumps(value), error, patch), reads=False)


def kinds(found: Examined) -> list[str]:
    return [item.kind for item in found.contradictions]


RIGHT = [
    read({"order_id": "W1", "status": "pending", "total": 20.5}),
    read({"order_id": "W1", "status": "pending", "total": "20.5"}),
    read({"order_id": "W1", "colour": "red"}),
    read({"order_id": "W9", "status": "pending"}, {"op": "add", "path": "/order/W9", "value": {"status": "pending"}}),
    examine(
        START,
        ToolCall(name="get_order", arguments={"order_id": "W1", "payment_id": "P9"}),
        Answer('{"error": "not found", "message": "There is no payment P9 for this order."}', True),
        reads=True,
    ),
    read({"message": "There is no copy of W1 on the shelf."}, error=True),
    read({"error": "locked", "message": "Order W1 is locked."}, error=True),
    read("plain text"),
    read([1, 2]),
    read({"orders": [{"order_id": "W1", "status": "pending"}, {"order_id": "W2", "status": "shipped"}]}),
    write({"order_id": "W1", "status": "cancelled"}, CANCELLED),
    write("ok", CANCELLED),
    write({"order_id": "W1", "status": "pending"}),
    write({"error": "too_late"}, error=True),
]


@pytest.mark.parametrize("found", RIGHT)
def test_what_agrees_is_taken_as_it_is(found: Examined) -> None:
    assert found.contradictions == ()


WRONG = [
    (read({"order_id": "W1", "status": "shipped"}), "changed"),
    (read({"orders": [{"order_id": "W1", "status": "shipped"}]}), "changed"),
    (read({"user_id": "u1", "list": [{"order_id": "W1", "status": "shipped"}]}), "changed"),
    (read({"order_id": "W1", "status": "pending"}, CANCELLED), "read writes"),
    (read({"error": "order_not_found"}, error=True), "denied"),
    (read({"message": "There is no order W1."}, error=True), "denied"),
    (read("Error: W1 not found", error=True), "denied"),
    (write({"order_id": "W1", "status": "pending"}, CANCELLED), "own patch"),
    (write({"order_id": "W1", "status": "cancelled"}), "unrecorded"),
    (write({"order_id": "W2", "status": "pending"}, CANCELLED), "changed"),
    (write("ok"), "no patch"),
    (write({"error": "too_late"}, CANCELLED, error=True), "refusal writes"),
]


@pytest.mark.parametrize(("found", "kind"), WRONG)
def test_what_contradicts_is_named(found: Examined, kind: str) -> None:
    assert kinds(found) == [kind] and found.contradictions[0].firm and found.contradictions[0].message


def test_a_changed_value_is_put_right_and_the_ledger_stays() -> None:
    found = read({"order_id": "W1", "status": "shipped", "colour": "red"})
    assert json.loads(found.mended.text) == {"order_id": "W1", "status": "pending", "colour": "red"}
    record = found.ledger.record(("order", "W1"))
    assert record == {**LEDGER["order"]["W1"], "colour": "red"}


def test_a_write_that_shows_what_its_patch_leaves_out_is_believed_and_recorded() -> None:
    found = write({"order_id": "W1", "status": "cancelled"})
    assert found.ledger.document["order"]["W1"]["status"] == "cancelled"
    assert found.mended.patch == ({"op": "add", "path": "/order/W1/status", "value": "cancelled"},)


def test_a_refusal_changes_nothing() -> None:
    found = write({"error": "too_late"}, CANCELLED, error=True)
    assert found.ledger is START and found.mended.patch == ()


def test_what_a_write_may_have_moved_is_doubted_and_not_called_wrong() -> None:
    after = write({"order_id": "W1", "status": "cancelled"}, CANCELLED).ledger
    found = read({"user_id": "u1", "name": "Ada", "orders": 1}, ledger=after)
    assert [(item.kind, item.firm) for item in found.contradictions] == [("changed", False)]
    assert json.loads(found.mended.text)["orders"] == 1 and found.ledger.document["user"]["u1"]["orders"] == 1


def test_the_line_of_an_order_is_not_held_against_the_article() -> None:
    start = Ledger.start({"item": {"I1": {"item_id": "I1", "price": 12, "name": "Lamp"}}})
    order = {"order_id": "W1", "total": 10, "items": [{"item_id": "I1", "price": 10, "quantity": 1}]}
    assert read(order, ledger=start).contradictions == ()
    seen = read(order, ledger=start).ledger
    order["items"][0]["price"] = 11
    assert kinds(read(order, ledger=seen)) == ["changed"], "the same line of the same order"


def test_a_patch_that_cannot_be_applied_is_an_error() -> None:
    with pytest.raises(PatchError):
        write("ok", {"op": "replace", "path": "/order/W9/status", "value": 1})


def test_nothing_that_real_tools_have_said_is_called_a_contradiction(real_data: Path) -> None:
    compared = 0
    for name in ("tau_airline_gpt4o.json", "tau2_exec_retail.jsonl.gz", "tau2_exec_airline.jsonl.gz"):
        for row in formats.read(real_data / name):
            ledger = Ledger.start({})
            assert row.trajectory is not None
            for call, observation in exchanges(row.trajectory):
                answer, reads = Answer(observation.content or "", observation.is_error), is_read(call.name, Hints())
                if reads:
                    compared += 1
                    found = [item.message for item in examine(ledger, call, answer, reads).contradictions if item.firm]
                    assert found == [], f"{name}, row {row.number}"
                ledger = learned(ledger, call, answer, reads)
    assert compared > 800


def exchanges(trajectory: Trajectory) -> Iterator[tuple[ToolCall, Turn]]:
    answers = {turn.call_id: turn for turn in trajectory.turns if turn.role == "tool" and turn.requestor == "assistant"}
    for _, _, call in trajectory.calls():
        if call.call_id in answers and call.arguments is not None:
            yield call, answers[call.call_id]


def test_a_real_tool_is_always_right() -> None:
    call = ToolCall(name="get_order", arguments={"order_id": "W1"})
    after = learned(START, call, Answer('{"order_id": "W1", "status": "shipped"}'), reads=True)
    assert after.document["order"]["W1"]["status"] == "shipped" and after.version == 0
    call = ToolCall(name="cancel_order", arguments={"order_id": "W1"})
    after = learned(START, call, Answer('{"order_id": "W1", "status": "cancelled"}'), reads=False)
    assert after.document["order"]["W1"]["status"] == "cancelled" and after.version == 1
    assert learned(START, call, Answer("no", True), reads=False) is START


plain = (
    st.integers(0, 3) | st.sampled_from(["W1", "W2", "u1", "pending", "shipped", "not found", "no such W1"]) | st.none()
)
values = st.recursive(
    plain | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["order_id", "user_id", "id", "status", "total", "orders"]), inner, max_size=4
        )
    ),
    max_leaves=10,
)
paths = st.lists(st.sampled_from(["order", "user", "W1", "W9", "u1", "status", "-", "0"]), max_size=3)
ops = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "replace", "remove", "test", "move"]), "path": paths.map(lambda p: pointer(*p))},
    optional={"value": values, "from": paths.map(lambda p: pointer(*p))},
)


@given(values, st.lists(ops, max_size=3), st.booleans(), st.booleans(), values)
def test_no_answer_breaks_the_examination_and_a_mended_one_agrees(
    value: Any, patch: list[Any], is_error: bool, reads: bool, argument: Any
) -> None:
    call = ToolCall(name="get_order", arguments={"order_id": argument, "user_ids": argument})
    answer = Answer(json.dumps(value), is_error, tuple(patch))
    try:
        found = examine(START, call, answer, reads)
    except PatchError:
        return
    assert START.document == LEDGER
    if reads or is_error:
        assert found.ledger.state == START.state
    if reads and not is_error:
        again = examine(START, call, found.mended, reads)
        assert not any(item.firm for item in again.contradictions)
    learned(START, call, answer, reads)
