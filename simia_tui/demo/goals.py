"""What a member may want at the desk. A goal sets the scene, words the request, and is then played out.

`arrange` changes the world before the visit begins and returns the facts of the goal; `ask` is the family of the user's
request; `play` starts when the assistant is to act and ends when the assistant has reported and waits for the user.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from simia_tui.demo.policy import FINE_BLOCK_CENTS, LATE_LIMIT_DAYS, LOAN_DAYS, LOAN_LIMIT, RENEWAL_LIMIT
from simia_tui.demo.scene import Scene, amount
from simia_tui.demo.world import Item, Loan

Facts = dict[str, Any]
PICKUPS = ("main desk", "north branch", "book bus")


class Goal(NamedTuple):
    """One kind of wish. `private` goals need an identified member; `share` weighs the draw."""

    name: str
    ask: str
    arrange: Callable[[Scene], Facts]
    play: Callable[[Scene, Facts], None]
    private: bool = True
    share: int = 2


def _titles(items: list[Item]) -> str:
    return " and ".join(item.title for item in items)


def _item(scene: Scene, loan: Loan) -> Item:
    return scene.world.items[loan.item_id]


def _loans(scene: Scene, count: int, due_in: tuple[int, int], **kind: Any) -> Facts:
    """New loans of the member, as facts; the member's fines stay clear of the block."""
    scene.member.fines = min(scene.member.fines, FINE_BLOCK_CENTS // 2)
    world, renewals = scene.world, kind.pop("renewals", 0)
    items = [world.add_item(**kind) for _ in range(count)]
    loans = [world.add_loan(scene.member, item, scene.rng.randint(*due_in), renewals) for item in items]
    return {"loans": loans, "titles": _titles(items)}


def _list(scene: Scene) -> dict[str, dict[str, Any]]:
    """The assistant lists the open loans; returns them by loan number."""
    answer = scene.act(("list_loans", {"member_id": scene.member.member_id, "status": "open"}))[0]
    return {loan["loan_id"]: loan for loan in answer.value["loans"]}


def _dues(scene: Scene, shown: list[dict[str, Any]]) -> str:
    return " and ".join(dict.fromkeys(scene.day(loan["due_date"]) for loan in shown))


def pay(scene: Scene, due: float, *, whole: bool = True) -> None:
    """The user names sum and means, the assistant books it; a voucher may prove too small. Ends with a report."""
    rng = scene.rng
    part = due if whole or due < 2 else round(due / 2, 2)
    method = rng.choice(("card", "cash", "voucher"))
    for chosen in (method, "card"):
        scene.ask("method", amount=amount(part), method=chosen)
        payment = {"member_id": scene.member.member_id, "amount": part, "method": chosen}
        answer = scene.act(("pay_fine", payment), preface="do")[0]
        if not answer.is_error:
            break
        scene.say("refused", reason=answer.value["message"])
    value = answer.value
    scene.say(
        "paid",
        paid=amount(value["paid"]),
        method=value["method"],
        receipt=value["receipt"],
        amount=amount(value["fines_due"]),
    )


def _arrange_renew(scene: Scene) -> Facts:
    return _loans(scene, scene.rng.choice((1, 2)), (-4, 5), kind="book", renewals=scene.rng.randint(0, 1))


def _arrange_renew_used(scene: Scene) -> Facts:
    kind = scene.rng.choice(("book", "audiobook", "film"))
    return _loans(scene, 1, (-2, 5), kind=kind, renewals=RENEWAL_LIMIT[kind])


def _arrange_renew_waited(scene: Scene) -> Facts:
    facts = _loans(scene, 1, (-2, 5), kind="book", copies=1)
    others = [member for member in scene.world.members.values() if member is not scene.member]
    scene.world.add_hold(scene.rng.choice(others), _item(scene, facts["loans"][0]))
    return facts


def _arrange_renew_late(scene: Scene) -> Facts:
    return _loans(scene, 1, (-LATE_LIMIT_DAYS - 20, -LATE_LIMIT_DAYS - 1), kind="book")


def play_renew(scene: Scene, facts: Facts) -> None:
    listed = _list(scene)
    shown = [listed[loan.loan_id] for loan in facts["loans"]]
    used = next((s for s in shown if s["renewals_used"] >= s["renewals_allowed"]), None)
    if used:
        limits = {"used": used["renewals_used"], "allowed": used["renewals_allowed"]}
        scene.say("renewal limit", titles=used["title"], dues=scene.day(used["due_date"]), **limits)
        return
    scene.say("confirm renew", titles=facts["titles"], dues=_dues(scene, shown))
    scene.ask("yes")
    answers = scene.act(*(("renew_loan", {"loan_id": loan.loan_id}) for loan in facts["loans"]), preface="do")
    refused = next((answer for answer in answers if answer.is_error), None)
    if refused:
        scene.say("refused", reason=refused.value["message"])
    else:
        scene.say("renewed", titles=facts["titles"], dues=_dues(scene, [answer.value for answer in answers]))


def _arrange_borrow(scene: Scene) -> Facts:
    scene.member.fines = min(scene.member.fines, FINE_BLOCK_CENTS // 2)
    kind = scene.rng.choice(("book", "book", "audiobook", "film"))
    item = scene.world.add_item(kind, scene.rng.randint(1, 3))
    return {"item": item, "title": item.title, "author": item.author}


def _arrange_borrow_fined(scene: Scene) -> Facts:
    facts = _arrange_borrow(scene)
    scene.member.fines = FINE_BLOCK_CENTS + 25 * scene.rng.randint(1, 40)
    return facts


def _arrange_borrow_full(scene: Scene) -> Facts:
    facts = _arrange_borrow(scene)
    have = len(scene.world.open_loans(scene.member.member_id))
    for _ in range(LOAN_LIMIT[scene.member.kind] - have):
        scene.world.add_loan(scene.member, scene.world.add_item("book", 2), scene.rng.randint(1, 18))
    return facts


def _arrange_reference(scene: Scene) -> Facts:
    item = scene.world.add_item("reference", 1)
    return {"item": item, "title": item.title, "author": item.author}


def _arrange_out(scene: Scene) -> Facts:
    facts = _arrange_borrow(scene)
    facts["item"].copies = 1
    others = [member for member in scene.world.members.values() if member is not scene.member]
    scene.world.add_loan(scene.rng.choice(others), facts["item"], scene.rng.randint(2, 6))
    return facts


def _find(scene: Scene, item: Item) -> dict[str, Any]:
    """The assistant searches the catalogue for a title, and looks closer now and then: at all titles that are alike."""
    found = scene.act(("search_catalogue", {"query": item.title, "field": "title"}))[0].value
    shown = {result["item_id"]: result for result in found["results"]}
    if item.item_id not in shown or len(shown) > 1 or scene.rng.random() < 0.6:
        answers = scene.act(*(("get_item", {"item_id": item_id}) for item_id in {**shown, item.item_id: None}))
        shown = {answer.value["item_id"]: answer.value for answer in answers}
    return dict(shown[item.item_id])


def play_borrow(scene: Scene, facts: Facts) -> None:
    item, member = facts["item"], scene.member
    if member.fines > FINE_BLOCK_CENTS:
        scene.say("blocked", amount=amount(member.fines / 100), limit=amount(FINE_BLOCK_CENTS / 100))
        pay(scene, member.fines / 100)
        scene.ask("borrow", **facts)
    shown = _find(scene, item)
    if shown["kind"] == "reference":
        scene.say("reference", title=item.title)
        return
    if not shown["available"]:
        _hold(scene, item)
        return
    told = {"item": item.item_id, "available": shown["available"], "year": item.year, "days": LOAN_DAYS[item.kind]}
    scene.say("confirm borrow", title=item.title, author=item.author, **told)
    scene.ask("yes")
    answer = scene.act(("borrow_item", {"member_id": member.member_id, "item_id": item.item_id}), preface="do")[0]
    if answer.is_error:
        scene.say("refused", reason=answer.value["message"])
        return
    scene.say("borrowed", title=item.title, due=scene.day(answer.value["due_date"]), loan=answer.value["loan_id"])


def _hold(scene: Scene, item: Item) -> None:
    scene.say("offer hold", title=item.title, item=item.item_id)
    pickup = scene.rng.choice(PICKUPS)
    scene.ask("pickup", pickup=pickup)
    hold = {"member_id": scene.member.member_id, "item_id": item.item_id, "pickup": pickup}
    answer = scene.act(("place_hold", hold), preface="do")[0]
    if answer.is_error:
        scene.say("refused", reason=answer.value["message"])
        return
    place = answer.value["place_in_queue"]
    scene.say("held", title=item.title, pickup=pickup, hold=answer.value["hold_id"], place=place)


def _arrange_return(scene: Scene) -> Facts:
    return _loans(scene, scene.rng.choice((1, 1, 2)), scene.rng.choice(((1, 9), (-30, -1))), kind="book")


def play_return(scene: Scene, facts: Facts) -> None:
    listed = _list(scene)
    shown = [listed[loan.loan_id] for loan in facts["loans"]]
    scene.say("confirm return", titles=facts["titles"], dues=_dues(scene, shown))
    condition = scene.rng.choice(("good", "good", "good", "worn", "damaged"))
    scene.ask("condition", condition=condition)
    back = {"loan_ids": [loan["loan_id"] for loan in shown], "condition": condition}
    value = scene.act(("return_items", back), preface="do")[0].value
    if not value["fine_charged"]:
        scene.say("returned", titles=facts["titles"])
        return
    charged, due = amount(value["fine_charged"]), value["fines_due"]
    scene.say("returned fined", titles=facts["titles"], charged=charged, amount=amount(due))
    pay(scene, due)


def _arrange_pay(scene: Scene) -> Facts:
    scene.member.fines = scene.rng.choice((0, *range(75, 2000, 25)))
    return {}


def play_pay(scene: Scene, facts: Facts) -> None:
    _list(scene)
    if not scene.member.fines:
        scene.say("nothing due")
        return
    scene.say("confirm pay", amount=amount(scene.member.fines / 100))
    pay(scene, scene.member.fines / 100, whole=scene.rng.random() < 0.7)


def _arrange_waive(scene: Scene) -> Facts:
    scene.member.fines = 25 * scene.rng.randint(4, 60)
    return {}


def play_waive(scene: Scene, facts: Facts) -> None:
    if scene.rng.random() < 0.5:
        _list(scene)
    if not scene.member.fines:
        scene.say("nothing due")
        return
    scene.say("no waiver", amount=amount(scene.member.fines / 100))
    if scene.rng.random() < 0.5:
        pay(scene, scene.member.fines / 100, whole=scene.rng.random() < 0.5)
    else:
        scene.ask("accept")
        scene.say("welcome")


def _arrange_other(scene: Scene) -> Facts:
    others = [member for member in scene.world.members.values() if member is not scene.member]
    return {"other": scene.rng.choice(others).name}


def play_other(scene: Scene, facts: Facts) -> None:
    scene.say("private")
    scene.ask("accept")
    scene.say("welcome")


def _arrange_lookup(scene: Scene) -> Facts:
    item = scene.rng.choice(list(scene.world.items.values()))
    return {"item": item, "author": item.author, "query": item.author, "field": "author", "limit": 5}


def _arrange_subject(scene: Scene) -> Facts:
    item = scene.rng.choice(list(scene.world.items.values()))
    limit = scene.rng.randint(2, 4)
    return {"item": item, "subject": item.subject, "query": item.subject, "field": "subject", "limit": limit}


def play_lookup(scene: Scene, facts: Facts) -> None:
    query = {key: facts[key] for key in ("query", "field", "limit")}
    found = scene.act(("search_catalogue", query))[0].value
    titles = ", ".join(f"{result['title']} ({result['kind']}, {result['year']})" for result in found["results"])
    count = "one title" if found["found"] == 1 else f"{found['found']} titles"
    scene.say("found", count=count, list=titles)
    chosen = scene.rng.sample(found["results"], min(len(found["results"]), scene.rng.choice((1, 2))))
    scene.ask("detail" if len(chosen) == 1 else "details", title=" and ".join(item["title"] for item in chosen))
    answers = scene.act(*(("get_item", {"item_id": item["item_id"]}) for item in chosen))
    if len(answers) > 1:
        states = (
            f"{answer.value['available']} of {answer.value['copies']} for {answer.value['title']}" for answer in answers
        )
        scene.say("details", list=" and ".join(states))
        return
    wanted = ("title", "author", "year", "kind", "available", "copies", "waiting")
    scene.say("detail", item=answers[0].value["item_id"], **{key: answers[0].value[key] for key in wanted})


def _arrange_move(scene: Scene) -> Facts:
    return scene.world.new_address()


def play_move(scene: Scene, facts: Facts) -> None:
    scene.say("confirm move", **facts)
    scene.ask("yes")
    scene.act(("update_contact", {"member_id": scene.member.member_id, "address": dict(facts)}), preface="do")
    scene.say("moved", **facts)


def _arrange_email(scene: Scene) -> Facts:
    name = scene.member.name.lower().replace(" ", scene.rng.choice((".", "_", "-")))
    right = f"{name}{scene.rng.randint(1, 99)}@{scene.rng.choice(('letters.example', 'town.example'))}"
    return {"email": right.rsplit(".", 1)[0] if scene.rng.random() < 0.35 else right, "right": right}


def play_email(scene: Scene, facts: Facts) -> None:
    for email in dict.fromkeys((facts["email"], facts["right"])):
        scene.say("confirm email", email=email, old=scene.member.email)
        scene.ask("yes")
        change = {"member_id": scene.member.member_id, "email": email}
        if not scene.act(("update_contact", change), preface="do")[0].is_error:
            break
        scene.say("bad email", email=email)
        scene.ask("email", email=facts["right"])
    scene.say("emailed", email=email)


GOALS: tuple[Goal, ...] = (
    Goal("renew", "renew", _arrange_renew, play_renew, share=4),
    Goal("renew, used up", "renew", _arrange_renew_used, play_renew),
    Goal("renew, waited for", "renew", _arrange_renew_waited, play_renew),
    Goal("renew, too late", "renew", _arrange_renew_late, play_renew, share=1),
    Goal("borrow", "borrow", _arrange_borrow, play_borrow, share=4),
    Goal("borrow, fines due", "borrow", _arrange_borrow_fined, play_borrow),
    Goal("borrow, too many loans", "borrow", _arrange_borrow_full, play_borrow),
    Goal("borrow, all out", "borrow", _arrange_out, play_borrow),
    Goal("borrow, reference work", "borrow", _arrange_reference, play_borrow, share=1),
    Goal("hold", "hold", _arrange_out, play_borrow),
    Goal("return", "return", _arrange_return, play_return, share=4),
    Goal("pay", "pay", _arrange_pay, play_pay, share=3),
    Goal("waive", "waive", _arrange_waive, play_waive),
    Goal("other member", "other", _arrange_other, play_other, share=1),
    Goal("author", "lookup", _arrange_lookup, play_lookup, private=False),
    Goal("subject", "subject", _arrange_subject, play_lookup, private=False),
    Goal("move", "move", _arrange_move, play_move),
    Goal("email", "email", _arrange_email, play_email),
)
"""Every goal. No two of the same `ask` family are combined in one visit."""
