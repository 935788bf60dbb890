"""Errands for the simulated environment: a library, a member with a goal, and what must be true when it is served."""

import copy
import json
import random
from typing import Any, NamedTuple

from simia_tui.demo.goals import GOALS, Facts
from simia_tui.demo.ledgers import Document, dump
from simia_tui.demo.policy import POLICY
from simia_tui.demo.scene import Scene
from simia_tui.demo.tools import TOOLS
from simia_tui.demo.words import USER
from simia_tui.demo.world import World, draw
from simia_tui.model import ToolCall, Trajectory, Turn

KINDS = ("renew", "borrow", "return", "pay", "move", "email", "renew, used up")
"""Names of goals that can be judged by the state of the library alone."""

FACTS = "Facts: "
"""What the line of a goal begins with that the demo's own user and judge read: one JSON object."""

Call = tuple[str, dict[str, Any]]


class Errand(NamedTuple):
    """`seed` holds policy, tools and the first words of the user; `calls` are the writes that serve the goal."""

    seed: Trajectory
    goal: str
    ledger: Document
    calls: tuple[Call, ...]
    facts: dict[str, Any]


def errands(n: int, random_seed: int, kinds: tuple[str, ...] = KINDS) -> list[Errand]:
    """`n` errands; the first `k` are the same for every `n >= k`."""
    return [_errand(random.Random(f"errand:{random_seed}:{index}"), index, kinds) for index in range(n)]


def _errand(rng: random.Random, index: int, kinds: tuple[str, ...]) -> Errand:
    world = draw(rng)
    member = world.add_member(rng.choice(("adult", "student")), rng.choice((0, 150, 400)))
    scene = Scene(world, member, rng)
    goal = next(goal for goal in GOALS if goal.name == kinds[index % len(kinds)])
    facts = goal.arrange(scene)
    if goal.name == "pay":
        member.fines = 25 * rng.randint(3, 60)
    if goal.name == "email":
        facts = {**facts, "email": facts["right"]}
    say = {"condition": rng.choice(("good", "worn")), "method": rng.choice(("card", "cash"))}
    calls = () if goal.name == "renew, used up" else _calls(goal.ask, member.member_id, facts, world, say)
    opening = rng.choice(USER[goal.ask]).format(**facts)
    known = {
        "name": member.name,
        "card": member.card_number,
        "birth": member.birth_date.isoformat(),
        **say,
        "expect": _expected(world, calls),
        "writes": len(calls),
    }
    text = f"You are {member.name}, a member of the library. You want this: {opening}\n{FACTS}{json.dumps(known)}"
    turns = (Turn(role="user", content=opening),)
    seed = Trajectory(domain="library", policy=POLICY, tools=TOOLS, turns=turns, meta={"task_id": f"errand-{index}"})
    return Errand(seed, text, dump(world), calls, known)


def _calls(ask: str, member_id: str, facts: Facts, world: World, say: dict[str, str]) -> tuple[Call, ...]:
    """The writes that serve a goal."""
    loans = [loan.loan_id for loan in facts.get("loans", ())]
    if ask == "renew":
        return tuple(("renew_loan", {"loan_id": loan}) for loan in loans)
    if ask == "borrow":
        return (("borrow_item", {"member_id": member_id, "item_id": facts["item"].item_id}),)
    if ask == "return":
        return (("return_items", {"loan_ids": loans, "condition": say["condition"]}),)
    if ask == "pay":
        amount = world.members[member_id].fines / 100
        return (("pay_fine", {"member_id": member_id, "amount": amount, "method": say["method"]}),)
    if ask == "move":
        return (("update_contact", {"member_id": member_id, "address": dict(facts)}),)
    return (("update_contact", {"member_id": member_id, "email": facts["email"]}),)


def _expected(world: World, calls: tuple[Call, ...]) -> list[dict[str, Any]]:
    """What `calls` make true: members of known records with their new values, and new records without their numbers."""
    before, after = dump(world), copy.deepcopy(world)
    for name, arguments in calls:
        after.call(name, arguments)
    found: list[dict[str, Any]] = []
    for kind, held in dump(after).items():
        for own, record in held.items():
            known = before[kind].get(own)
            if known is None:
                fixed = {name: value for name, value in record.items() if name != f"{kind}_id"}
                found.append({"new": kind, "where": fixed})
            else:
                found.extend(
                    {"kind": kind, "id": own, "field": name, "value": value}
                    for name, value in record.items()
                    if known.get(name) != value
                )
    return found


def served(facts: dict[str, Any], ledger: Document, written: int) -> bool:
    """Whether a library is as an errand wants it, after `written` successful writes."""
    return written == facts.get("writes") and all(_holds(ledger, wanted) for wanted in facts.get("expect", ()))


def _holds(ledger: Document, wanted: dict[str, Any]) -> bool:
    if "new" in wanted:
        held = ledger.get(wanted["new"], {})
        return any(wanted["where"].items() <= _plain(record).items() for record in held.values()) if held else False
    record = ledger.get(wanted["kind"], {}).get(wanted["id"], {})
    return bool(record.get(wanted["field"]) == wanted["value"])


def _plain(record: Any) -> dict[str, Any]:
    return {k: v for k, v in record.items() if not isinstance(v, dict | list)} if isinstance(record, dict) else {}


def served_by(errand: Errand, looks: int = 1) -> list[Turn]:
    """The assistant turns of a good visit: identify, look, ask, write, look again, report.

    `looks` items of the catalogue are looked at besides those that the errand is about.
    """
    card = errand.facts["card"]
    own = next(own for own, member in errand.ledger["member"].items() if member["card_number"] == card)
    items = {arguments["item_id"] for _, arguments in errand.calls if "item_id" in arguments}
    items |= {record["where"]["item_id"] for record in errand.facts["expect"] if "new" in record}
    items |= set(list(errand.ledger["item"])[:looks])
    look = [("list_loans", {"member_id": own, "status": "all"}), *(("get_item", {"item_id": i}) for i in sorted(items))]
    return [
        Turn(role="assistant", content="May I have your card number?"),
        _calling([("find_member", {"card_number": card})]),
        _calling(look),
        Turn(role="assistant", content="I can do that for you. Shall I go ahead?"),
        *(_calling([call]) for call in errand.calls),
        _calling(look),
        _calling([("find_member", {"card_number": card})]),
        Turn(role="assistant", content="That is settled. Is there anything else?"),
    ]


def _calling(calls: list[Call]) -> Turn:
    return Turn(role="assistant", tool_calls=tuple(ToolCall(name=name, arguments=args) for name, args in calls))
