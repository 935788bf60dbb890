"""Error cards: decks of single observations, verdicts on them, what was done with the episodes, masked turns."""

import json
import sqlite3
import time
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

from simia_tui.model import canonical_json
from simia_tui.store import remakes
from simia_tui.store.connection import write

CardKind = Literal["error", "hidden", "control"]
SKIP = "skip"
"""The entry of the log that puts a card at the end of the queue; every other verdict settles the card."""


class Card(NamedTuple):
    """One observation to judge, in the body that counted when the deck was drawn.

    `turn` is the index of the observation, `call_turn` and `call` the place of the call it answers. `near` is the
    nearest real observation as `(trajectory, revision, turn)`.
    """

    n: int
    kind: CardKind
    trajectory: int
    revision: int
    turn: int
    call_turn: int
    call: int
    tool: str
    template: str
    why: str | None = None
    near: tuple[int, int, int] | None = None


class Deck(NamedTuple):
    """A drawn deck; `report` is what was known of simulated and real when it was drawn."""

    pk: int
    at: float
    reviewer: str
    filter: str
    random_seed: int
    report: dict[str, Any]


class Judged(NamedTuple):
    """A card with the verdict that stands; None where it waits."""

    card: Card
    verdict: str | None


class Outcome(NamedTuple):
    """What was done with the episodes of a deck, and stands; `batch` is that of an exclusion.

    With a `job` the masked turns are written anew as well, and all that comes after them.
    """

    pk: int
    action: Literal["exclude", "mask"]
    batch: int | None
    size: int
    job: int | None = None


class Mask(NamedTuple):
    """A turn that is not trained on."""

    trajectory: int
    revision: int
    turn: int
    reason: str


_CARD = (
    "c.n, c.kind, c.trajectory, c.revision, c.turn, c.call_turn, c.call, c.tool, c.template, c.why,"
    " c.near, c.near_revision, c.near_turn"
)
_STANDING = (
    "(SELECT v.verdict FROM card_verdicts v WHERE v.deck = c.deck AND v.card = c.n AND NOT v.undone"
    f" AND v.verdict != '{SKIP}' ORDER BY v.pk DESC LIMIT 1)"
)
_SKIPPED = (
    "(SELECT max(v.pk) FROM card_verdicts v WHERE v.deck = c.deck AND v.card = c.n AND NOT v.undone"
    f" AND v.verdict = '{SKIP}')"
)


def _card(values: Sequence[Any]) -> Card:
    near = (values[10], values[11], values[12]) if values[10] is not None else None
    return Card._make([*values[:10], near])


def add(
    db: sqlite3.Connection,
    reviewer: str,
    line: str,
    random_seed: int,
    report: dict[str, Any],
    cards: Iterable[Card],
) -> int:
    """Stores a deck with its cards, numbered from 0 in the order given; returns its key."""
    with write(db):
        cursor = db.execute(
            "INSERT INTO decks (at, reviewer, filter, random_seed, report) VALUES (?, ?, ?, ?, ?)",
            (time.time(), reviewer, line, random_seed, canonical_json(report)),
        )
        deck = cursor.lastrowid
        assert deck is not None
        db.executemany(
            "INSERT INTO cards VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            ((deck, n, *card[1:10], *(card.near or (None, None, None))) for n, card in enumerate(cards)),
        )
    return deck


def latest(db: sqlite3.Connection, reviewer: str) -> Deck | None:
    """The deck that the reviewer drew last."""
    found = db.execute(
        "SELECT pk, at, reviewer, filter, random_seed, report FROM decks WHERE reviewer = ? ORDER BY pk DESC LIMIT 1",
        (reviewer,),
    ).fetchone()
    return Deck._make([*found[:5], json.loads(found[5])]) if found else None


def cards(db: sqlite3.Connection, deck: int) -> list[Judged]:
    """All cards in the order of the deck, with the verdicts that stand."""
    found = db.execute(f"SELECT {_CARD}, {_STANDING} FROM cards c WHERE c.deck = ? ORDER BY c.n", (deck,)).fetchall()
    return [Judged(_card(values), values[13]) for values in found]


def current(db: sqlite3.Connection, deck: int) -> Card | None:
    """The card to judge now: the first that waits, those that were skipped last; None at the end of the deck."""
    found = db.execute(
        f"SELECT {_CARD} FROM cards c WHERE c.deck = ? AND {_STANDING} IS NULL"
        f" ORDER BY coalesce({_SKIPPED}, 0), c.n LIMIT 1",
        (deck,),
    ).fetchone()
    return _card(found) if found else None


def progress(db: sqlite3.Connection, deck: int) -> tuple[int, int]:
    """How many cards have a verdict, and how many there are."""
    done, total = db.execute(
        f"SELECT sum({_STANDING} IS NOT NULL), count(*) FROM cards c WHERE c.deck = ?", (deck,)
    ).fetchone()
    return int(done or 0), int(total)


def judge(
    db: sqlite3.Connection, deck: int, card: int, reviewer: str, verdict: str, seconds: float | None = None
) -> None:
    """Writes a verdict (or `SKIP`) on one card; it is on disk when this returns."""
    with write(db):
        db.execute(
            "INSERT INTO card_verdicts (deck, card, at, reviewer, verdict, seconds) VALUES (?, ?, ?, ?, ?, ?)",
            (deck, card, time.time(), reviewer, verdict, seconds),
        )


def undo(db: sqlite3.Connection, deck: int, reviewer: str) -> int | None:
    """Takes back the reviewer's latest entry that stands; returns the card, or None where there is none."""
    return _turn_over(
        db,
        "SELECT pk, card FROM card_verdicts WHERE deck = ? AND reviewer = ? AND NOT undone ORDER BY pk DESC LIMIT 1",
        (deck, reviewer),
        undone=True,
    )


def redo(db: sqlite3.Connection, deck: int, reviewer: str) -> int | None:
    """Brings back the entry undone last, unless a later one stands; returns the card, or None."""
    return _turn_over(
        db,
        "SELECT pk, card FROM card_verdicts WHERE deck = ?1 AND reviewer = ?2 AND undone AND pk > coalesce("
        " (SELECT max(pk) FROM card_verdicts WHERE deck = ?1 AND reviewer = ?2 AND NOT undone), 0) ORDER BY pk LIMIT 1",
        (deck, reviewer),
        undone=False,
    )


def _turn_over(db: sqlite3.Connection, sql: str, values: tuple[int, str], undone: bool) -> int | None:
    with write(db):
        found = db.execute(sql, values).fetchone()
        if found is None:
            return None
        db.execute("UPDATE card_verdicts SET undone = ? WHERE pk = ?", (undone, found[0]))
    return int(found[1])


def log(db: sqlite3.Connection, deck: int) -> list[tuple[int, str, str, float, float | None, bool]]:
    """Every entry ever made, oldest first: card, verdict, reviewer, time, seconds in view, taken back or not."""
    found = db.execute(
        "SELECT card, verdict, reviewer, at, seconds, undone FROM card_verdicts WHERE deck = ? ORDER BY pk", (deck,)
    ).fetchall()
    return [(*values[:5], bool(values[5])) for values in found]


def add_outcome(
    db: sqlite3.Connection,
    deck: int,
    reviewer: str,
    action: Literal["exclude", "mask"],
    size: int,
    batch: int | None = None,
    masks: Sequence[Mask] = (),
    job: int | None = None,
) -> int:
    """Records what was done with the episodes of a deck, and writes its `masks`, as one act."""
    with write(db):
        cursor = db.execute(
            "INSERT INTO deck_outcomes (deck, at, reviewer, action, batch, size, job) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (deck, time.time(), reviewer, action, batch, size, job),
        )
        outcome = cursor.lastrowid
        assert outcome is not None
        db.executemany(
            "INSERT INTO masks (trajectory, revision, turn, reason, reviewer, at, outcome)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            ((*mask, reviewer, time.time(), outcome) for mask in masks),
        )
    return outcome


def outcome(db: sqlite3.Connection, deck: int) -> Outcome | None:
    """The latest thing done with the episodes of a deck that stands."""
    found = db.execute(
        "SELECT o.pk, o.action, o.batch, o.size, o.job FROM deck_outcomes o LEFT JOIN batches b ON b.pk = o.batch"
        " WHERE o.deck = ? AND NOT o.undone AND NOT coalesce(b.undone, 0) ORDER BY o.pk DESC LIMIT 1",
        (deck,),
    ).fetchone()
    return Outcome._make(found) if found else None


def undo_outcome(db: sqlite3.Connection, outcome: Outcome) -> None:
    """Marks an outcome as taken back, lifts its masks and withdraws what its job was asked for.

    The batch of an exclusion is undone by `decisions`.
    """
    with write(db):
        db.execute("UPDATE deck_outcomes SET undone = 1 WHERE pk = ?", (outcome.pk,))
        db.execute("UPDATE masks SET lifted = ? WHERE outcome = ? AND lifted IS NULL", (time.time(), outcome.pk))
        if outcome.job is not None:
            remakes.withdraw_within(db, outcome.job)


def latest_batch(db: sqlite3.Connection, reviewer: str) -> int | None:
    """The batch that the reviewer's next undo would take back."""
    (found,) = db.execute(
        "SELECT max(pk) FROM batches WHERE reviewer = ? AND NOT undone AND action NOT IN ('undo', 'redo')", (reviewer,)
    ).fetchone()
    return int(found) if found is not None else None


def masked_turns(db: sqlite3.Connection, pk: int) -> dict[int, str]:
    """The turns of the body that counts which are not to be trained on, each with its reason."""
    return masks(db, [pk]).get(pk, {})


def masks(db: sqlite3.Connection, pks: Sequence[int]) -> dict[int, dict[int, str]]:
    """`masked_turns` of those of `pks` that have any."""
    marks = ",".join("?" * len(pks))
    cursor = db.execute(
        "SELECT m.trajectory, m.turn, m.reason FROM masks m JOIN trajectories t ON t.pk = m.trajectory"
        f" AND t.revision = m.revision WHERE m.trajectory IN ({marks}) AND m.lifted IS NULL ORDER BY m.pk",
        list(pks),
    )
    found: dict[int, dict[int, str]] = {}
    for pk, turn, reason in cursor:
        found.setdefault(pk, {})[turn] = reason
    return found


# -- what a deck is drawn from ------------------------------------------------------------------------------------


def rates(db: sqlite3.Connection, kind: Literal["seed", "episode"]) -> dict[str, tuple[int, int]]:
    """Per domain the error observations and all observations of what was not rejected, from columns alone."""
    found = db.execute(
        "SELECT domain, sum(errors), sum(observations) FROM trajectories"
        " WHERE kind = ? AND status != 'rejected' GROUP BY domain HAVING sum(observations) > 0 ORDER BY domain",
        (kind,),
    ).fetchall()
    return {domain: (errors, observations) for domain, errors, observations in found}


def with_errors(db: sqlite3.Connection, kind: Literal["seed", "episode"], domain: str | None) -> list[int]:
    """What was not rejected and holds an error observation."""
    return _keys(db, "t.errors > 0", kind, domain)


def with_successes(db: sqlite3.Connection, kind: Literal["seed", "episode"], domain: str | None) -> list[int]:
    """What was not rejected and holds an observation that is no error."""
    return _keys(db, "t.observations > t.errors", kind, domain)


def with_suspicion(db: sqlite3.Connection, kind: Literal["seed", "episode"], domain: str | None) -> list[int]:
    """What was not rejected and has, in the body that counts, an error finding on a call or a finding on the state."""
    suspicious = (
        "EXISTS (SELECT 1 FROM findings f WHERE f.trajectory = t.pk AND f.revision = t.revision AND NOT f.repaired"
        " AND ((f.severity = 'error' AND f.call IS NOT NULL) OR f.rule LIKE 'state.%'))"
    )
    return _keys(db, f"t.findings > 0 AND {suspicious}", kind, domain)


def _keys(db: sqlite3.Connection, condition: str, kind: str, domain: str | None) -> list[int]:
    cursor = db.execute(
        f"SELECT t.pk FROM trajectories t WHERE t.kind = ?1 AND t.status != 'rejected' AND {condition}"
        " AND (?2 IS NULL OR t.domain = ?2) ORDER BY t.pk",
        (kind, domain),
    )
    return [pk for (pk,) in cursor]


def using(db: sqlite3.Connection, tool: str, errors_first: bool, limit: int) -> list[int]:
    """Seeds, not rejected, that call `tool`; with `errors_first` those with an error observation lead."""
    order = "t.errors > 0 DESC, t.pk" if errors_first else "t.pk"
    cursor = db.execute(
        "SELECT t.pk FROM trajectory_tools u JOIN trajectories t ON t.pk = u.trajectory"
        f" WHERE u.tool = ? AND t.kind = 'seed' AND t.status != 'rejected' ORDER BY {order} LIMIT ?",
        (tool, limit),
    )
    return [pk for (pk,) in cursor]
