"""What each tool of the library does and when it refuses. Every function takes the world and the tool's arguments,
returns what the tool answers, and raises `RuleError` before it has changed anything."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from simia_tui.demo import policy
from simia_tui.demo.policy import TODAY
from simia_tui.demo.world import Hold, Item, Loan, Member, RuleError, World

EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")


def money(cents: int) -> float:
    """Cents as the number that tools show."""
    return cents / 100


def _member(world: World, member_id: str) -> Member:
    if member_id not in world.members:
        raise RuleError("member_not_found", f"There is no member {member_id}.")
    return world.members[member_id]


def _item(world: World, item_id: str) -> Item:
    if item_id not in world.items:
        raise RuleError("item_not_found", f"There is no item {item_id} in the catalogue.")
    return world.items[item_id]


def _loan(world: World, loan_id: str) -> Loan:
    if loan_id not in world.loans:
        raise RuleError("loan_not_found", f"There is no loan {loan_id}.")
    loan = world.loans[loan_id]
    if loan.returned:
        raise RuleError("already_returned", f"Loan {loan_id} has already been returned.")
    return loan


def _not_blocked(member: Member) -> None:
    if member.fines > policy.FINE_BLOCK_CENTS:
        limit = money(policy.FINE_BLOCK_CENTS)
        raise RuleError("fines_due", f"Fines of {money(member.fines):.2f} are due; the limit is {limit:.2f}.")


def _may_have(member: Member, item: Item) -> None:
    if item.kind == "reference":
        raise RuleError("reference_only", f"{item.title} is a reference work and stays in the house.")
    if member.kind == "child" and item.audience == "adult":
        raise RuleError("age_limit", f"{item.title} is not lent to children.")


def _show_member(world: World, member: Member) -> dict[str, Any]:
    return {
        "member_id": member.member_id,
        "card_number": member.card_number,
        "name": member.name,
        "kind": member.kind,
        "card_expires": member.card_expires.isoformat(),
        "email": member.email,
        "phone": member.phone,
        "address": dict(member.address),
        "open_loans": len(world.open_loans(member.member_id)),
        "fines_due": money(member.fines),
    }


def _show_loan(world: World, loan: Loan) -> dict[str, Any]:
    item = world.items[loan.item_id]
    status = "returned" if loan.returned else "overdue" if loan.days_late else "open"
    return {
        "loan_id": loan.loan_id,
        "item_id": item.item_id,
        "title": item.title,
        "kind": item.kind,
        "status": status,
        "due_date": loan.due.isoformat(),
        "renewals_used": loan.renewals,
        "renewals_allowed": policy.RENEWAL_LIMIT[item.kind],
    }


def _show_item(world: World, item: Item) -> dict[str, Any]:
    return {
        "item_id": item.item_id,
        "title": item.title,
        "author": item.author,
        "year": item.year,
        "kind": item.kind,
        "audience": item.audience,
        "copies": item.copies,
        "available": world.available(item.item_id),
    }


def find_member(world: World, card_number: str) -> dict[str, Any]:
    for member in world.members.values():
        if member.card_number == card_number:
            return _show_member(world, member)
    raise RuleError("member_not_found", f"No member has the card number {card_number}.")


def find_member_by_name(world: World, full_name: str, birth_date: str) -> dict[str, Any]:
    for member in world.members.values():
        if member.name.casefold() == full_name.strip().casefold() and member.birth_date.isoformat() == birth_date:
            return _show_member(world, member)
    raise RuleError("member_not_found", f"No member named {full_name} was born on {birth_date}.")


def list_loans(world: World, member_id: str, status: str) -> dict[str, Any]:
    member = _member(world, member_id)
    loans = [loan for loan in world.loans.values() if loan.member_id == member_id]
    if status != "all":
        loans = [loan for loan in loans if not loan.returned and (status == "open" or loan.days_late)]
    shown = [_show_loan(world, loan) for loan in sorted(loans, key=lambda loan: (loan.due, loan.loan_id))]
    return {"member_id": member_id, "fines_due": money(member.fines), "loans": shown}


def search_catalogue(world: World, query: str, field: str, limit: int = 5) -> dict[str, Any]:
    words = query.casefold().split()
    found = [item for item in world.items.values() if all(w in getattr(item, field).casefold() for w in words)]
    return {"found": len(found), "results": [_show_item(world, item) for item in found[:limit]]}


def get_item(world: World, item_id: str) -> dict[str, Any]:
    item = _item(world, item_id)
    return {**_show_item(world, item), "subject": item.subject, "waiting": world.waiting(item_id)}


def borrow_item(world: World, member_id: str, item_id: str) -> dict[str, Any]:
    member, item = _member(world, member_id), _item(world, item_id)
    loans = world.open_loans(member_id)
    if member.card_expires < TODAY:
        raise RuleError("card_expired", f"The card expired on {member.card_expires.isoformat()}.")
    _not_blocked(member)
    _may_have(member, item)
    if any(loan.item_id == item_id for loan in loans):
        raise RuleError("already_borrowed", f"The member already has {item.title} at home.")
    if len(loans) >= policy.LOAN_LIMIT[member.kind]:
        raise RuleError("loan_limit", f"The member has {len(loans)} open loans, the most allowed.")
    mine = [hold for hold in world.holds.values() if hold.member_id == member_id and hold.item_id == item_id]
    if not world.available(item_id, member_id):
        raise RuleError("not_available", f"No copy of {item.title} is on the shelf.")
    for hold in mine:
        del world.holds[hold.hold_id]
    return {**_show_loan(world, world.add_loan(member, item)), "member_id": member_id}


def renew_loan(world: World, loan_id: str) -> dict[str, Any]:
    loan = _loan(world, loan_id)
    item, limit = world.items[loan.item_id], policy.RENEWAL_LIMIT[world.items[loan.item_id].kind]
    _not_blocked(world.members[loan.member_id])
    if loan.renewals >= limit:
        raise RuleError("renewal_limit", f"{item.title} has been renewed {loan.renewals} of {limit} times.")
    if world.waiting(loan.item_id, besides=loan.member_id):
        raise RuleError("on_hold", f"Another member waits for {item.title}.")
    if loan.days_late > policy.LATE_LIMIT_DAYS:
        raise RuleError("too_late", f"{item.title} is {loan.days_late} days late; it has to come back first.")
    loan.renewals += 1
    loan.due = max(loan.due, TODAY + timedelta(days=policy.LOAN_DAYS[item.kind]))
    return _show_loan(world, loan)


def return_items(world: World, loan_ids: list[str], condition: str) -> dict[str, Any]:
    loans = [_loan(world, loan_id) for loan_id in loan_ids]
    if len({loan.member_id for loan in loans}) > 1:
        raise RuleError("several_members", "The loans belong to different members; return them one by one.")
    member, charged = world.members[loans[0].member_id], 0
    for loan in loans:
        charged += loan.late_fine + (policy.DAMAGE_CENTS if condition == "damaged" else 0)
        loan.returned = True
    member.fines += charged
    shown = [
        {"loan_id": loan.loan_id, "title": world.items[loan.item_id].title, "status": "returned"} for loan in loans
    ]
    return {"returned": shown, "fine_charged": money(charged), "fines_due": money(member.fines)}


def pay_fine(world: World, member_id: str, amount: float, method: str) -> dict[str, Any]:
    member, cents = _member(world, member_id), round(amount * 100)
    if abs(amount * 100 - cents) > 1e-6 or cents < 1:
        raise RuleError("invalid_amount", "An amount has at most two decimals.")
    if not member.fines:
        raise RuleError("nothing_due", "The member has no fines to pay.")
    if cents > member.fines:
        raise RuleError("amount_too_high", f"Only {money(member.fines):.2f} is due.")
    if method == "voucher" and cents > policy.VOUCHER_CENTS:
        raise RuleError("voucher_limit", f"A voucher covers at most {money(policy.VOUCHER_CENTS):.2f} a payment.")
    member.fines -= cents
    receipt = world.number("R", 6, ())
    return {
        "receipt": receipt,
        "member_id": member_id,
        "paid": money(cents),
        "method": method,
        "fines_due": money(member.fines),
    }


def place_hold(world: World, member_id: str, item_id: str, pickup: str) -> dict[str, Any]:
    member, item = _member(world, member_id), _item(world, item_id)
    mine = [hold for hold in world.holds.values() if hold.member_id == member_id]
    _not_blocked(member)
    _may_have(member, item)
    if any(hold.item_id == item_id for hold in mine):
        raise RuleError("already_on_hold", f"The member already waits for {item.title}.")
    if any(loan.item_id == item_id for loan in world.open_loans(member_id)):
        raise RuleError("already_borrowed", f"The member already has {item.title} at home.")
    if len(mine) >= policy.HOLD_LIMIT:
        raise RuleError("hold_limit", f"The member has {len(mine)} holds, the most allowed.")
    if world.available(item_id):
        raise RuleError("on_shelf", f"A copy of {item.title} is on the shelf and can be borrowed now.")
    hold: Hold = world.add_hold(member, item, pickup)
    return {
        "hold_id": hold.hold_id,
        "item_id": item_id,
        "title": item.title,
        "pickup": pickup,
        "place_in_queue": world.waiting(item_id),
    }


def update_contact(
    world: World,
    member_id: str,
    email: str | None = None,
    phone: str | None = None,
    address: dict[str, str] | None = None,
) -> dict[str, Any]:
    member = _member(world, member_id)
    if email is None and phone is None and address is None:
        raise RuleError("nothing_to_change", "Give an email, a phone number or an address.")
    if email is not None and not EMAIL.fullmatch(email):
        raise RuleError("invalid_email", f"{email} is not a complete email address.")
    if phone is not None and sum(character.isdigit() for character in phone) < 7:
        raise RuleError("invalid_phone", "A phone number has at least seven digits.")
    member.email, member.phone = email or member.email, phone or member.phone
    member.address = dict(address) if address else member.address
    return {"member_id": member_id, "email": member.email, "phone": member.phone, "address": dict(member.address)}


RULES: dict[str, Callable[..., dict[str, Any]]] = {
    function.__name__: function
    for function in (
        find_member,
        find_member_by_name,
        list_loans,
        search_catalogue,
        get_item,
        borrow_item,
        renew_loan,
        return_items,
        pay_fine,
        place_hold,
        update_contact,
    )
}
