"""The library as one JSON document, and back: the hidden state that a tool simulator is shown.

Records stand at `/<kind>/<id>`: everything the tools show of them, and what they need besides.
"""

import random
from datetime import date
from typing import Any

from simia_tui.demo.rules import _show_item, _show_loan, _show_member
from simia_tui.demo.world import Hold, Item, Loan, Member, World

Document = dict[str, Any]


def dump(world: World) -> Document:
    """The document of a world; equal worlds give equal documents."""
    members = {
        m.member_id: {**_show_member(world, m), "birth_date": m.birth_date.isoformat()} for m in _of(world.members)
    }
    items = {
        i.item_id: {**_show_item(world, i), "subject": i.subject, "waiting": world.waiting(i.item_id)}
        for i in _of(world.items)
    }
    loans = {x.loan_id: {**_show_loan(world, x), "member_id": x.member_id} for x in _of(world.loans)}
    holds = {
        h.hold_id: {
            "hold_id": h.hold_id,
            "item_id": h.item_id,
            "title": world.items[h.item_id].title,
            "pickup": h.pickup,
            "member_id": h.member_id,
        }
        for h in _of(world.holds)
    }
    return {"member": members, "item": items, "loan": loans, "hold": holds}


def _of(records: dict[str, Any]) -> list[Any]:
    return [records[key] for key in sorted(records)]


def load(document: Document, rng: random.Random) -> World:
    """The world that a document describes; records that lack what the world needs are left out.

    What follows from other records (open loans, copies on the shelf) is worked out anew. Never raises.
    """
    world = World(rng)
    for own, record in _records(document, "member"):
        if (member := _made(_member, own, record)) is not None:
            world.members[own] = member
    for own, record in _records(document, "item"):
        if (item := _made(_item, own, record)) is not None:
            world.items[own] = item
    for own, record in _records(document, "loan"):
        loan = _made(_loan, own, record)
        if loan is not None and loan.member_id in world.members and loan.item_id in world.items:
            world.loans[own] = loan
    for own, record in _records(document, "hold"):
        hold = _made(_hold, own, record)
        if hold is not None and hold.member_id in world.members and hold.item_id in world.items:
            world.holds[own] = hold
    return world


def _records(document: Document, kind: str) -> list[tuple[str, dict[str, Any]]]:
    held = document.get(kind)
    rows = held.items() if isinstance(held, dict) else ()
    return [(own, record) for own, record in rows if isinstance(record, dict)]


def _made(make: Any, own: str, record: dict[str, Any]) -> Any:
    try:
        return make(own, record)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _member(own: str, record: dict[str, Any]) -> Member:
    return Member(
        member_id=own,
        card_number=record["card_number"],
        name=record["name"],
        birth_date=date.fromisoformat(record["birth_date"]),
        kind=record["kind"],
        card_expires=date.fromisoformat(record["card_expires"]),
        email=record["email"],
        phone=record["phone"],
        address=dict(record["address"]),
        fines=round(record["fines_due"] * 100),
    )


def _item(own: str, record: dict[str, Any]) -> Item:
    plain = ("title", "author", "year", "kind", "subject", "copies", "audience")
    return Item(item_id=own, **{name: record[name] for name in plain})


def _loan(own: str, record: dict[str, Any]) -> Loan:
    due = date.fromisoformat(record["due_date"])
    returned = record["status"] == "returned"
    return Loan(own, record["member_id"], record["item_id"], due, int(record["renewals_used"]), returned)


def _hold(own: str, record: dict[str, Any]) -> Hold:
    return Hold(own, record["member_id"], record["item_id"], record["pickup"])
