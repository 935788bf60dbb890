import json
import random
from datetime import timedelta
from typing import Any

import pytest

from simia_tui.demo import policy
from simia_tui.demo.policy import TODAY
from simia_tui.demo.rules import RULES
from simia_tui.demo.tools import NAMES, READS, TOOLS, schema_errors
from simia_tui.demo.world import Member, World, draw


@pytest.fixture
def world() -> World:
    return World(random.Random(1))


@pytest.fixture
def member(world: World) -> Member:
    return world.add_member()


def ok(world: World, name: str, **arguments: Any) -> dict[str, Any]:
    seen = world.call(name, arguments)
    assert not seen.is_error, seen.text
    return json.loads(seen.text)


def refused(world: World, name: str, **arguments: Any) -> str:
    before = (repr(world.members), repr(world.items), repr(world.loans), repr(world.holds))
    seen = world.call(name, arguments)
    assert seen.is_error, seen.text
    assert before == (repr(world.members), repr(world.items), repr(world.loans), repr(world.holds))
    value = json.loads(seen.text)
    assert value["message"]
    return value["error"]


def test_every_tool_has_a_rule_and_a_schema():
    assert set(RULES) == NAMES == {tool.name for tool in TOOLS}
    assert READS < NAMES
    assert all(set(tool.parameters["required"]) <= set(tool.parameters["properties"]) for tool in TOOLS)


def test_unknown_tools_and_bad_arguments_are_refused(world: World, member: Member):
    assert refused(world, "fly") == "unknown_tool"
    assert refused(world, "find_member") == "invalid_arguments"
    assert refused(world, "list_loans", member_id=member.member_id, status="late") == "invalid_arguments"
    assert refused(world, "search_catalogue", query="ab", field="title", limit=99) == "invalid_arguments"
    with pytest.raises(KeyError):
        schema_errors("fly", {})


def test_find_member(world: World, member: Member):
    assert ok(world, "find_member", card_number=member.card_number)["member_id"] == member.member_id
    born = member.birth_date.isoformat()
    assert ok(world, "find_member_by_name", full_name=member.name.upper(), birth_date=born)["name"] == member.name
    assert refused(world, "find_member_by_name", full_name=member.name, birth_date="1900-01-01") == "member_not_found"
    other = "LC-100000" if member.card_number != "LC-100000" else "LC-100001"
    assert refused(world, "find_member", card_number=other) == "member_not_found"


def test_list_loans_filters_by_status(world: World, member: Member):
    late, fresh = (world.add_loan(member, world.add_item(), due) for due in (-2, 3))
    back = world.add_loan(member, world.add_item(), 1)
    back.returned = True

    def listed(status: str) -> list[str]:
        shown = ok(world, "list_loans", member_id=member.member_id, status=status)["loans"]
        return [loan["loan_id"] for loan in shown]

    assert listed("open") == [late.loan_id, fresh.loan_id]
    assert listed("overdue") == [late.loan_id]
    assert set(listed("all")) == {late.loan_id, fresh.loan_id, back.loan_id}
    assert refused(world, "list_loans", member_id="M-00000", status="all") == "member_not_found"


def test_catalogue(world: World):
    item = world.add_item()
    found = ok(world, "search_catalogue", query=item.title, field="title")
    assert [result["item_id"] for result in found["results"]] == [item.item_id]
    assert ok(world, "search_catalogue", query="zzzz", field="author") == {"found": 0, "results": []}
    assert ok(world, "get_item", item_id=item.item_id)["available"] == item.copies
    assert refused(world, "get_item", item_id="BK-00000") == "item_not_found"


@pytest.mark.parametrize("kind", ["book", "audiobook", "film"])
def test_borrow(world: World, member: Member, kind: str):
    item = world.add_item(kind, 1)
    loan = ok(world, "borrow_item", member_id=member.member_id, item_id=item.item_id)
    assert loan["due_date"] == (TODAY + timedelta(days=policy.LOAN_DAYS[kind])).isoformat()
    assert world.available(item.item_id) == 0
    assert refused(world, "borrow_item", member_id=member.member_id, item_id=item.item_id) == "already_borrowed"


def test_borrow_is_refused(world: World, member: Member):
    item, who = world.add_item(), {"member_id": member.member_id}
    assert refused(world, "borrow_item", member_id="M-00000", item_id=item.item_id) == "member_not_found"
    assert refused(world, "borrow_item", **who, item_id="BK-00000") == "item_not_found"
    reference = world.add_item("reference")
    assert refused(world, "borrow_item", **who, item_id=reference.item_id) == "reference_only"
    member.fines = policy.FINE_BLOCK_CENTS + 1
    assert refused(world, "borrow_item", **who, item_id=item.item_id) == "fines_due"
    member.fines = policy.FINE_BLOCK_CENTS
    member.card_expires = TODAY - timedelta(days=1)
    assert refused(world, "borrow_item", **who, item_id=item.item_id) == "card_expired"
    member.card_expires = TODAY
    gone = world.add_item("book", 1)
    world.add_loan(world.add_member(), gone)
    assert refused(world, "borrow_item", **who, item_id=gone.item_id) == "not_available"
    for _ in range(policy.LOAN_LIMIT[member.kind]):
        world.add_loan(member, world.add_item())
    assert refused(world, "borrow_item", **who, item_id=item.item_id) == "loan_limit"


def test_children_do_not_borrow_items_for_adults(world: World):
    child, item = world.add_member("child"), world.add_item(audience="adult")
    assert refused(world, "borrow_item", member_id=child.member_id, item_id=item.item_id) == "age_limit"


def test_a_copy_kept_for_a_hold_goes_to_who_waits(world: World, member: Member):
    item, other = world.add_item("book", 1), world.add_member()
    world.add_hold(member, item)
    assert refused(world, "borrow_item", member_id=other.member_id, item_id=item.item_id) == "not_available"
    ok(world, "borrow_item", member_id=member.member_id, item_id=item.item_id)
    assert not world.holds


def test_renew_counts_from_today(world: World, member: Member):
    loan = world.add_loan(member, world.add_item("book"), -3)
    shown = ok(world, "renew_loan", loan_id=loan.loan_id)
    assert shown["due_date"] == (TODAY + timedelta(days=21)).isoformat()
    assert shown["renewals_used"] == loan.renewals == 1


def test_renew_is_refused(world: World, member: Member):
    assert refused(world, "renew_loan", loan_id="L-000000") == "loan_not_found"
    film = world.add_loan(member, world.add_item("film"), 2)
    assert refused(world, "renew_loan", loan_id=film.loan_id) == "renewal_limit"
    late = world.add_loan(member, world.add_item(), -policy.LATE_LIMIT_DAYS - 1)
    assert refused(world, "renew_loan", loan_id=late.loan_id) == "too_late"
    wanted = world.add_item()
    loan = world.add_loan(member, wanted, 2)
    world.add_hold(world.add_member(), wanted)
    assert refused(world, "renew_loan", loan_id=loan.loan_id) == "on_hold"
    member.fines = policy.FINE_BLOCK_CENTS + 1
    assert refused(world, "renew_loan", loan_id=loan.loan_id) == "fines_due"


def test_return_books_fines(world: World, member: Member):
    late, capped = world.add_loan(member, world.add_item(), -4), world.add_loan(member, world.add_item(), -90)
    value = ok(world, "return_items", loan_ids=[late.loan_id, capped.loan_id], condition="worn")
    assert value["fine_charged"] == 9.0 == value["fines_due"]
    assert refused(world, "return_items", loan_ids=[late.loan_id], condition="good") == "already_returned"
    assert refused(world, "return_items", loan_ids=["L-000000"], condition="good") == "loan_not_found"
    broken = world.add_loan(member, world.add_item(), 4)
    assert ok(world, "return_items", loan_ids=[broken.loan_id], condition="damaged")["fine_charged"] == 12.0
    mine, other = (world.add_loan(m, world.add_item(), 1) for m in (member, world.add_member()))
    assert refused(world, "return_items", loan_ids=[mine.loan_id, other.loan_id], condition="good") == "several_members"


def test_pay_fine(world: World, member: Member):
    who = {"member_id": member.member_id}
    assert refused(world, "pay_fine", **who, amount=1, method="cash") == "nothing_due"
    member.fines = 975
    assert refused(world, "pay_fine", **who, amount=9.76, method="card") == "amount_too_high"
    assert refused(world, "pay_fine", **who, amount=5.25, method="voucher") == "voucher_limit"
    assert refused(world, "pay_fine", **who, amount=1.005, method="card") == "invalid_amount"
    assert refused(world, "pay_fine", member_id="M-00000", amount=1, method="card") == "member_not_found"
    assert ok(world, "pay_fine", **who, amount=5, method="voucher")["fines_due"] == 4.75
    assert ok(world, "pay_fine", **who, amount=4.75, method="card")["fines_due"] == 0.0


def test_place_hold(world: World, member: Member):
    who = {"member_id": member.member_id, "pickup": "book bus"}
    item = world.add_item("book", 1)
    assert refused(world, "place_hold", **who, item_id=item.item_id) == "on_shelf"
    world.add_loan(world.add_member(), item)
    assert ok(world, "place_hold", **who, item_id=item.item_id)["place_in_queue"] == 1
    assert refused(world, "place_hold", **who, item_id=item.item_id) == "already_on_hold"
    assert refused(world, "place_hold", **who, item_id=world.add_item("reference").item_id) == "reference_only"
    mine = world.add_item("book", 1)
    world.add_loan(member, mine)
    assert refused(world, "place_hold", **who, item_id=mine.item_id) == "already_borrowed"
    for _ in range(policy.HOLD_LIMIT - 1):
        world.add_hold(member, world.add_item())
    assert refused(world, "place_hold", **who, item_id=world.add_item("book", 0).item_id) == "hold_limit"
    member.fines = policy.FINE_BLOCK_CENTS + 1
    assert refused(world, "place_hold", **who, item_id=item.item_id) == "fines_due"


def test_update_contact(world: World, member: Member):
    who = {"member_id": member.member_id}
    address = {"street": "9 Elm Terrace", "city": "Penbrook", "postcode": "12345"}
    assert ok(world, "update_contact", **who, address=address, phone="555-000-1234")["address"] == address
    assert member.address == address and member.phone == "555-000-1234"
    assert refused(world, "update_contact", **who) == "nothing_to_change"
    assert refused(world, "update_contact", **who, email="a@b") == "invalid_email"
    assert refused(world, "update_contact", **who, phone="12") == "invalid_phone"
    assert refused(world, "update_contact", **who, address={"street": "9 Elm Terrace"}) == "invalid_arguments"
    assert ok(world, "update_contact", **who, email="a@b.example")["email"] == "a@b.example"


def test_a_world_is_drawn_from_its_seed():
    one, same, other = (draw(random.Random(seed)) for seed in (5, 5, 6))
    assert repr(one.members) == repr(same.members) != repr(other.members)
    assert all(world.available(item) >= 0 for world in (one, other) for item in world.items)
    assert all(
        len(world.open_loans(m.member_id)) <= policy.LOAN_LIMIT[m.kind]
        for world in (one,)
        for m in world.members.values()
    )
