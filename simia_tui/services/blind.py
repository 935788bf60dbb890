"""Blind items: on a random share the prefilter's verdict is hidden until a person has decided or asked for it.

Who sees a suggestion tends to follow it, so only what was decided blind tells how often a judge or a rule is overruled.
"""

import sqlite3
from collections import Counter
from typing import NamedTuple

from simia_tui.evaluation import Share, wilson
from simia_tui.model import Kind, Opinion, Status
from simia_tui.store import Query, Row, draws


class Override(NamedTuple):
    """Of the items judged blind on which `who` said `said`, the share that people decided the other way."""

    who: str
    said: str
    share: Share


def drawn(db: sqlite3.Connection, pk: int, share: float) -> bool:
    """Whether an item is one of the blind ones; the same answer every time."""
    return pk > 0 and draws.fraction(draws.seed(db, "blind"), pk) < share


def hides(db: sqlite3.Connection, row: Row, reviewer: str, share: float) -> bool:
    """Whether the prefilter's verdict on a row is to be hidden from the reviewer now."""
    return row.status == Status.PENDING and drawn(db, row.pk, share) and not draws.looked(db, row.pk, reviewer)


def tells(query: Query) -> bool:
    """Whether a filter by itself says what the prefilter found, so that nothing in its queue is judged blind."""
    return query.order == "information" or any(term.name in ("judge", "score") for term in query.terms)


def overrides(db: sqlite3.Connection, kind: Kind) -> list[Override]:
    """How often people overruled each judge and each rule, from blind items only.

    A judge that says pass is overruled by a rejection, one that says fail by an approval. A rule with an error that
    stood is overruled by an approval. Flags overrule nobody and are left out.
    """
    counts: Counter[tuple[str, str, bool]] = Counter()
    for look in draws.looks(db, kind):
        if look.verdict != "flag" and look.asked_by is not None and look.opinion in (Opinion.PASS, Opinion.FAIL):
            overruled = (look.verdict == "reject") == (look.opinion == Opinion.PASS)
            counts[look.asked_by, f"says {look.opinion}", overruled] += 1
    for rule, verdict in draws.fired(db, kind):
        if verdict != "flag":
            counts[rule, "finds an error", verdict == "approve"] += 1
    names = sorted({(who, said) for who, said, _ in counts}, key=lambda name: (name[1] == "finds an error", name))
    return [
        Override(who, said, wilson(counts[who, said, True], counts[who, said, True] + counts[who, said, False]))
        for who, said in names
    ]
