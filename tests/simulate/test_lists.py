"""Lists held against the ledger: what is left out of one that should hold it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simia_tui.model import ToolCall
from simia_tui.simulate.consistency import Answer, Examined, examine
from simia_tui.simulate.ledger import Ledger

LOANS = {
    "L1": {"loan_id": "L1", "status": "open", "title": "Dune", "member_id": "M1"},
    "L2": {"loan_id": "L2", "status": "returned", "title": "Emma", "member_id": "M1"},
    "L3": {"loan_id": "L3", "status": "open", "title": "Ubik", "member_id": "M2"},
}
START = Ledger.start({"loan": LOANS, "member": {"M1": {"member_id": "M1"}, "M2": {"member_id": "M2"}}})


def shown(*names: str) -> list[dict[str, Any]]:
    return [{name: value for name, value in LOANS[own].items() if name != "member_id"} for own in names]


def read(value: Any, ledger: Ledger = START, **arguments: Any) -> Examined:
    call = ToolCall(name="list_loans", arguments={"member_id": "M1", **arguments})
    return examine(ledger, call, Answer(json.dumps(value)), reads=True)


def left_out(found: Examined) -> list[str]:
    return [item.record for item in found.contradictions if item.kind == "missing" and item.firm]


def of_m1(*names: str, **more: Any) -> dict[str, Any]:
    return {"member_id": "M1", "loans": shown(*names), **more}


@pytest.mark.parametrize(
    ("value", "arguments", "wanted"),
    [
        (of_m1("L1", "L2"), {}, []),
        (of_m1("L1"), {}, ["loan L2"]),
        (of_m1(), {"status": "all"}, ["loan L1", "loan L2"]),
        (of_m1("L1"), {"status": "open"}, []),
        (of_m1(), {"status": "open"}, ["loan L1"]),
        ({"loans": shown("L2")}, {"status": None}, ["loan L1"]),
        (shown("L1"), {}, ["loan L2"]),
        # What the tool chooses by is not known, or only a part is shown.
        (of_m1("L1"), {"query": "dune"}, []),
        (of_m1("L1"), {"status": "current"}, []),
        (of_m1("L1"), {"limit": 1}, []),
        (of_m1("L1", has_more=True), {}, []),
        ({"member_id": "M1", "recent_loans": shown("L1")}, {}, []),
        ({"found": 0, "results": []}, {}, []),
        ({"loans": ["L1"]}, {}, []),
        ({"loans": [{"loan_id": "L1"}, "L2"]}, {}, []),
    ],
)
def test_what_a_list_leaves_out(value: Any, arguments: dict[str, Any], wanted: list[str]) -> None:
    assert left_out(read(value, **arguments)) == wanted


def test_a_record_that_a_write_may_have_moved_is_not_missed() -> None:
    call = ToolCall(name="return_items", arguments={"loan_ids": ["L1"]})
    silent = examine(START, call, Answer('"done"'), False)
    assert left_out(read(of_m1("L2"), ledger=silent.ledger)) == []


def test_what_was_shown_inside_of_a_record_belongs_there() -> None:
    bare = Ledger.start({})
    after = read(of_m1("L1", "L2"), ledger=bare).ledger
    assert left_out(read(of_m1("L2"), ledger=after)) == ["loan L1"]
    assert left_out(read({"member_id": "M2", "loans": shown("L3")}, ledger=after, member_id="M2")) == []


@given(st.sets(st.sampled_from(["L1", "L2"])), st.sampled_from(["all", None]))
def test_a_mended_list_is_whole_and_agrees_with_the_ledger(names: set[str], status: str | None) -> None:
    found = read(of_m1(*sorted(names)), status=status)
    mended = json.loads(found.mended.text)
    assert sorted(row["loan_id"] for row in mended["loans"]) == ["L1", "L2"]
    assert read(mended, status=status).contradictions == ()
    if names:
        assert len({tuple(row) for row in mended["loans"]}) == 1
