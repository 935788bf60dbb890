"""The ledger as it stands after a turn."""

from hypothesis import given
from hypothesis import strategies as st

from simia_tui.checks.standing import entries, standing
from simia_tui.model import ToolCall, Trajectory, Turn


def world(*steps: tuple[str, dict[str, object], str, bool]) -> Trajectory:
    """A trajectory of calls with their observations: tool, arguments, answer, refused or not."""
    turns: list[Turn] = []
    for n, (name, arguments, answer, refused) in enumerate(steps):
        call = ToolCall(name=name, arguments=arguments, call_id=f"c{n}")
        turns += [Turn(role="assistant", tool_calls=(call,))]
        turns += [Turn(role="tool", content=answer, call_id=f"c{n}", is_error=refused)]
    return Trajectory(turns=tuple(turns))


READ = (
    "get_loan",
    {"loan_id": "L1"},
    '{"loan_id": "L1", "due": "May", "book": {"book_id": "B1", "title": "Rivers"}}',
    False,
)


def test_what_a_call_set_stands_until_it_is_told() -> None:
    write = ("update_loan", {"loan_id": "L1", "due": "June"}, "ok", False)
    refused = ("update_loan", {"loan_id": "L1", "due": "July"}, "no", True)
    told = ("get_loan", {"loan_id": "L1"}, '{"loan_id": "L1", "due": "June"}', False)
    ledger = entries(world(READ, write, refused, told), ())
    assert standing(ledger, 0) == {}
    first = standing(ledger, 1)
    assert set(first) == {"loan_id L1", "book_id B1"} and first["book_id B1"]["title"].entry.value == "Rivers"
    due = standing(ledger, 3)["loan_id L1"]["due"]
    assert due.entry.value == "June" and not due.entry.told and due.former is not None and due.former.value == "May"
    assert standing(ledger, 5)["loan_id L1"]["due"] == due, "what was refused enters nothing"
    last = standing(ledger, 7)["loan_id L1"]["due"]
    assert last.entry.told and last.entry.turn == 7 and last.former == due.former
    assert next(iter(standing(ledger, 7))) == "loan_id L1", "the thing touched last comes first"


@given(st.lists(st.text(max_size=30), max_size=5))
def test_any_text_as_an_answer_is_read(answers: list[str]) -> None:
    body = world(*(("get_loan", {"loan_id": "L1"}, answer, False) for answer in answers))
    assert isinstance(standing(entries(body, ()), len(body.turns)), dict)
