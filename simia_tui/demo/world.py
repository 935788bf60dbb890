"""The library desk: a small world with state, which the tools read and change."""

import json
import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, NamedTuple

from simia_tui.demo import people
from simia_tui.demo.policy import FINE_CAP_CENTS, FINE_CENTS_PER_DAY, LOAN_DAYS, TODAY
from simia_tui.demo.tools import NAMES, schema_errors


class RuleError(Exception):
    """A rule of the library refuses a call. `code` is a short fixed word, the message a sentence for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Member:
    """A member; `fines` in cents."""

    member_id: str
    card_number: str
    name: str
    birth_date: date
    kind: str
    card_expires: date
    email: str
    phone: str
    address: dict[str, str]
    fines: int = 0


@dataclass
class Item:
    """A title with `copies` copies in all. `kind`: book, audiobook, film or reference."""

    item_id: str
    title: str
    author: str
    year: int
    kind: str
    subject: str
    copies: int
    audience: str = "all"


@dataclass
class Loan:
    loan_id: str
    member_id: str
    item_id: str
    due: date
    renewals: int = 0
    returned: bool = False

    @property
    def days_late(self) -> int:
        return max(0, (TODAY - self.due).days)

    @property
    def late_fine(self) -> int:
        """Cents due for lateness if the loan came back today."""
        return min(FINE_CAP_CENTS, self.days_late * FINE_CENTS_PER_DAY)


@dataclass
class Hold:
    hold_id: str
    member_id: str
    item_id: str
    pickup: str


class Observation(NamedTuple):
    """What a tool answered: JSON text, and whether it is a refusal."""

    text: str
    is_error: bool


@dataclass
class World:
    """All state of one library. `call` is the only door for an assistant; the `add_*` methods set the scene."""

    rng: random.Random
    members: dict[str, Member] = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)
    loans: dict[str, Loan] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        """Run tool `name`. A refusal leaves the state as it was and comes back as `{"error", "message"}`."""
        from simia_tui.demo.rules import RULES

        try:
            if name not in NAMES:
                raise RuleError("unknown_tool", f"There is no tool named {name}.")
            if faults := schema_errors(name, arguments):
                raise RuleError("invalid_arguments", f"{name}: {'; '.join(faults)}")
            return Observation(json.dumps(RULES[name](self, **arguments), ensure_ascii=False), False)
        except RuleError as error:
            refusal = {"error": error.code, "message": str(error)}
            return Observation(json.dumps(refusal, ensure_ascii=False), True)

    def open_loans(self, member_id: str) -> list[Loan]:
        return [loan for loan in self.loans.values() if loan.member_id == member_id and not loan.returned]

    def available(self, item_id: str, member_id: str | None = None) -> int:
        """Copies that a member may take now: not on loan, and not kept for those who wait (besides the member)."""
        out = sum(loan.item_id == item_id and not loan.returned for loan in self.loans.values())
        return max(0, self.items[item_id].copies - out - self.waiting(item_id, besides=member_id))

    def waiting(self, item_id: str, besides: str | None = None) -> int:
        """Members who hold the item, not counting member `besides`."""
        return sum(hold.item_id == item_id and hold.member_id != besides for hold in self.holds.values())

    def number(self, prefix: str, digits: int, taken: Any) -> str:
        """A fresh number such as `L-583921` that is not in `taken`."""
        while True:
            number = f"{prefix}-{self.rng.randrange(10 ** (digits - 1), 10**digits)}"
            if number not in taken:
                return number

    def add_member(self, kind: str = "adult", fines: int = 0) -> Member:
        """A new member with a valid card."""
        rng = self.rng
        first, last = rng.choice(people.FIRST_NAMES), rng.choice(people.LAST_NAMES)
        years = {"adult": (24, 75), "student": (18, 27), "child": (8, 14)}[kind]
        member = Member(
            member_id=self.number("M", 5, self.members),
            card_number=self.number("LC", 6, {m.card_number for m in self.members.values()}),
            name=f"{first} {last}",
            birth_date=TODAY - timedelta(days=rng.randint(years[0] * 365, years[1] * 365)),
            kind=kind,
            card_expires=TODAY + timedelta(days=rng.randint(20, 900)),
            email=f"{first}.{last}{rng.randint(10, 99)}@{rng.choice(people.MAIL_HOSTS)}".lower(),
            phone=f"555-{rng.randint(100, 999)}-{rng.randint(1000, 9999)}",
            address=self.new_address(),
            fines=fines,
        )
        self.members[member.member_id] = member
        return member

    def new_address(self) -> dict[str, str]:
        """An address of our own invention."""
        rng = self.rng
        street = f"{rng.randint(1, 240)} {rng.choice(people.STREETS)}"
        return {"street": street, "city": rng.choice(people.CITIES), "postcode": str(rng.randint(10000, 99999))}

    def add_item(self, kind: str = "book", copies: int = 2, audience: str = "all") -> Item:
        """A new title that no other item of this world has."""
        rng, taken = self.rng, {item.title for item in self.items.values()}
        while True:
            adjective, noun = rng.choice(people.TITLE_ADJECTIVES), rng.choice(people.TITLE_NOUNS)
            city = rng.choice(people.CITIES)
            title = rng.choice((f"The {adjective} {noun}", f"{adjective} {noun}", f"The {noun} of {city}"))
            if title not in taken:
                break
        prefix = {"book": "BK", "audiobook": "AU", "film": "FI", "reference": "RF"}[kind]
        item = Item(
            item_id=self.number(prefix, 5, self.items),
            title=title,
            author=f"{rng.choice(people.FIRST_NAMES)} {rng.choice(people.LAST_NAMES)}",
            year=rng.randint(1950, TODAY.year - 1),
            kind=kind,
            subject=rng.choice(people.SUBJECTS),
            copies=copies,
            audience=audience,
        )
        self.items[item.item_id] = item
        return item

    def add_loan(self, member: Member, item: Item, due_in: int | None = None, renewals: int = 0) -> Loan:
        """Lend without asking the rules; due in `due_in` days (negative: late), or after a full loan time."""
        days = LOAN_DAYS[item.kind] if due_in is None else due_in
        loan_id = self.number("L", 6, self.loans)
        loan = Loan(loan_id, member.member_id, item.item_id, TODAY + timedelta(days=days), renewals)
        self.loans[loan_id] = loan
        return loan

    def add_hold(self, member: Member, item: Item, pickup: str = "main desk") -> Hold:
        """Hold without asking the rules."""
        hold = Hold(self.number("H", 5, self.holds), member.member_id, item.item_id, pickup)
        self.holds[hold.hold_id] = hold
        return hold


def draw(rng: random.Random) -> World:
    """A world with twenty titles and five members who have some loans, holds and fines, all drawn from `rng`."""
    world = World(rng)
    for _ in range(20):
        kind = rng.choices(("book", "audiobook", "film", "reference"), (12, 4, 3, 1))[0]
        world.add_item(kind, rng.randint(1, 4), rng.choices(("all", "adult"), (9, 1))[0])
    for kind in ("adult", "adult", "student", "adult", "child"):
        member = world.add_member(kind, rng.choice((0, 0, 50, 125, 475, 1225)))
        for item in rng.sample(list(world.items.values()), rng.randint(0, 2)):
            if item.kind != "reference" and world.available(item.item_id):
                world.add_loan(member, item, rng.randint(-6, 6), rng.randint(0, 1) if item.kind == "book" else 0)
    return world
