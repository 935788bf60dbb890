"""Error cards: draws decks of simulated observations to judge, and acts on the episodes that fail.

A deck holds both sides: half refusals, a quarter successes that the rules say should have been refused, a quarter
successes at random. A deck of refusals only cannot see a simulator that is too kind.
"""

import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, TypeVar

from simia_tui.errors import SimiaError, UsageError
from simia_tui.evaluation.calibration import Calibration
from simia_tui.evaluation.interval import Share, wilson
from simia_tui.model import Fault
from simia_tui.services import resimulation
from simia_tui.services.calibrating import MOST_READ, calibration, from_report, to_report
from simia_tui.services.observations import CardView, Found, Nearest, sampled, view
from simia_tui.services.resimulation import Place
from simia_tui.settings import Settings
from simia_tui.store import Workspace, cards, decisions, jobs, remakes, trajectories
from simia_tui.store.cards import Card, CardKind, Mask

SIZES = (20, 40, 60, 100, 150)
"""Cards of a deck that can be asked for; three a minute is an honest pace."""
KINDS: tuple[CardKind, ...] = ("error", "hidden", "control")

__all__ = [
    "BAD",
    "KEYS",
    "KINDS",
    "SIZES",
    "CardVerdict",
    "CardView",
    "KindResult",
    "Summary",
    "calibration",
    "draw",
    "exclude",
    "fits",
    "from_report",
    "mask",
    "regenerate",
    "spread",
    "summary",
    "to_report",
    "undo",
    "view",
]

T = TypeVar("T")


class CardVerdict(StrEnum):
    """What a person says of one observation. All but the first and the last are faults of the simulator."""

    PLAUSIBLE = "plausible"
    CONTRADICTS = "contradicts the state"
    FORMAT = "wrong format for this tool"
    NO_RULE = "not a rule of this domain"
    LEAKS = "leaks the simulator"
    SUCCEED = "should have succeeded"
    FAIL = "should have failed"
    FLAG = "flag"


KEYS: dict[str, CardVerdict] = dict(zip(("a", "1", "2", "3", "4", "5", "6", "f"), CardVerdict, strict=True))
"""One key a verdict."""
BAD = frozenset(CardVerdict) - {CardVerdict.PLAUSIBLE, CardVerdict.FLAG}
_OF_REFUSALS = frozenset({CardVerdict.NO_RULE, CardVerdict.SUCCEED})


def fits(verdict: CardVerdict, refused: bool) -> bool:
    """Whether `verdict` can be said of a refusal (or of a success)."""
    return verdict is not CardVerdict.FAIL if refused else verdict not in _OF_REFUSALS


# -- drawing --------------------------------------------------------------------------------------------------------


def draw(
    db: sqlite3.Connection,
    reviewer: str,
    size: int = 60,
    domain: str | None = None,
    random_seed: int | None = None,
    compared: Sequence[Calibration] | None = None,
) -> int:
    """Draws and stores a deck of about `size` cards over the episodes that were not rejected; returns its key.

    Half are refusals, a quarter hidden successes, a quarter controls; where a kind has too few, the deck is smaller.
    Each kind is spread over tools and templates. The deck keeps `compared`, or a fresh comparison. Reads bodies: run
    it in a thread.

    Raises:
        SimiaError: no episode has an observation.
    """
    seed = random.SystemRandom().randrange(2**31) if random_seed is None else random_seed
    rng = random.Random(seed)
    report = to_report(calibration(db, domain, seed) if compared is None else compared)
    quota: dict[CardKind, int] = {"error": size - size // 4 * 2, "hidden": size // 4, "control": size // 4}
    frames = _frames(db, domain, rng)
    chosen = [(kind, item) for kind in KINDS for item in spread(frames[kind], quota[kind], rng, _stratum)]
    if not chosen:
        raise SimiaError("No episode has a tool observation to judge; simulate some episodes first.")
    rng.shuffle(chosen)
    nearest = Nearest(db)
    deck = [_card(kind, item, nearest) for kind, item in chosen]
    return cards.add(db, reviewer, f"domain:{domain}" if domain else "", seed, report, deck)


def _frames(db: sqlite3.Connection, domain: str | None, rng: random.Random) -> dict[CardKind, list[Found]]:
    """What each kind of card is chosen from."""
    refusals = sampled(db, cards.with_errors(db, "episode", domain), MOST_READ, rng)
    suspicious = sampled(db, cards.with_suspicion(db, "episode", domain), MOST_READ, rng)
    successes = sampled(db, cards.with_successes(db, "episode", domain), MOST_READ // 2, rng)
    return {
        "error": [item for item in refusals if item.refused],
        "hidden": [item for item in suspicious if item.why and not item.refused],
        "control": [item for item in successes if not item.why and not item.refused],
    }


def _stratum(item: Found) -> tuple[str, str]:
    return item.tool, item.template if item.refused else ""


def spread(items: Sequence[T], n: int, rng: random.Random, stratum: Callable[[T], tuple[str, str]]) -> list[T]:
    """`n` of `items`, each with the same chance, in numbers proportional to the size of their strata.

    Systematic sampling of a list that is sorted by stratum and shuffled within (W. G. Cochran, "Sampling Techniques",
    3rd edition 1977, chapter 8): a random start, then every len(items) / n-th item.
    """
    if len(items) <= n:
        return list(items)
    ordered = list(items)
    rng.shuffle(ordered)
    ordered.sort(key=stratum)
    step = len(ordered) / n if n else 0.0
    start = rng.random() * step
    return [ordered[min(int(start + i * step), len(ordered) - 1)] for i in range(n)]


def _card(kind: CardKind, item: Found, nearest: Nearest) -> Card:
    return Card(
        0,
        kind,
        item.trajectory,
        item.revision,
        item.turn,
        item.call_turn,
        item.call,
        item.tool,
        item.template,
        item.why,
        nearest.of(item),
    )


# -- the end of a deck ----------------------------------------------------------------------------------------------


class KindResult(NamedTuple):
    """One kind of card: how many were drawn, the bad ones of those judged with their interval, and the verdicts."""

    kind: CardKind
    drawn: int
    bad: Share
    verdicts: Counter[str]


class Summary(NamedTuple):
    """A deck as it stands. `touched` are the episodes with a bad card that are not rejected yet.

    `anew` is where those of them begin to be wrong whose body is still the one that was judged.
    """

    kinds: tuple[KindResult, ...]
    flagged: int
    waiting: int
    touched: tuple[int, ...]
    masks: tuple[Mask, ...]
    outcome: cards.Outcome | None
    anew: dict[int, Place]


def summary(db: sqlite3.Connection, deck: int) -> Summary:
    """The verdicts by kind, each kind with its own limit, and what they touch."""
    judged = cards.cards(db, deck)
    bad = [item.card for item in judged if item.verdict in BAD]
    rows = {row.pk: row for row in trajectories.rows(db, sorted({card.trajectory for card in bad}))}
    masks = (mask for item in judged if item.verdict in BAD for mask in _masks(db, item.card, item.verdict))
    return Summary(
        tuple(_result(kind, [item for item in judged if item.card.kind == kind]) for kind in KINDS),
        sum(item.verdict == CardVerdict.FLAG for item in judged),
        sum(item.verdict is None for item in judged),
        tuple(pk for pk, row in rows.items() if row.status != "rejected"),
        tuple(dict.fromkeys(mask for mask in masks if rows[mask.trajectory].revision == mask.revision)),
        cards.outcome(db, deck),
        _anew(judged, rows),
    )


def _anew(judged: Sequence[cards.Judged], rows: Mapping[int, trajectories.Row]) -> dict[int, Place]:
    """From its first bad observation on, each with what was said of all of them."""
    places: dict[int, Place] = {}
    for card, verdict in sorted(judged, key=lambda item: item.card.turn):
        row = rows.get(card.trajectory)
        if verdict not in BAD or row is None or row.status == "rejected" or row.revision != card.revision:
            continue
        said = f"A reviewer says of the answer of {card.tool} in turn {card.turn + 1}: {verdict}."
        known = places.get(card.trajectory)
        places[card.trajectory] = Place(card.turn, said) if known is None else Place(known.turn, f"{known.why} {said}")
    return places


def _result(kind: CardKind, judged: Sequence[cards.Judged]) -> KindResult:
    verdicts = Counter(item.verdict for item in judged if item.verdict is not None)
    settled = {verdict: n for verdict, n in verdicts.items() if verdict != CardVerdict.FLAG}
    bad = sum(n for verdict, n in settled.items() if verdict in BAD)
    return KindResult(kind, len(judged), wilson(bad, sum(settled.values())), verdicts)


def _masks(db: sqlite3.Connection, card: Card, verdict: str | None) -> list[Mask]:
    """What must not be learned: the agent's answer to a false observation, and a call that was let pass wrongly."""
    turns = trajectories.get(db, card.trajectory, card.revision).turns
    after = next((i for i in range(card.turn + 1, len(turns)) if turns[i].role == "assistant"), None)
    places = [after] if after is not None else []
    if verdict == CardVerdict.FAIL:
        places.append(card.call_turn)
    return [Mask(card.trajectory, card.revision, place, f"error card: {verdict}") for place in places]


def exclude(db: sqlite3.Connection, deck: int, reviewer: str) -> int:
    """Rejects every episode with a bad card as one undoable act, the tool simulator at fault; returns how many.

    Raises:
        UsageError: no card of the deck is bad, or its episodes are all rejected.
    """
    pks = summary(db, deck).touched
    if not pks:
        raise UsageError("No episode is left to exclude: none has a bad card that is not rejected already.")
    batch = decisions.decide(db, pks, "reject", reviewer, Fault.TOOL_SIMULATOR, f"error cards, deck {deck}")
    cards.add_outcome(db, deck, reviewer, "exclude", len(pks), batch)
    return len(pks)


def mask(db: sqlite3.Connection, deck: int, reviewer: str) -> int:
    """Takes the turns that rest on a bad observation out of training, as one undoable act; returns how many.

    Raises:
        UsageError: there is no such turn, or all are masked.
    """
    wanted = [m for m in summary(db, deck).masks if m.turn not in cards.masked_turns(db, m.trajectory)]
    if not wanted:
        raise UsageError("No turn is left to mask: none rests on a bad card, or all are masked already.")
    cards.add_outcome(db, deck, reviewer, "mask", len(wanted), masks=wanted)
    return len(wanted)


def regenerate(workspace: Workspace, db: sqlite3.Connection, settings: Settings, deck: int, reviewer: str) -> int:
    """Has every episode with a bad card written anew from its first bad observation on; returns how many.

    What rests on those observations is masked until a new end is taken. One undo lifts the masks and withdraws all.

    Raises:
        UsageError: no episode is left to write anew, or the settings describe no whole endpoint.
    """
    now = summary(db, deck)
    if not now.anew:
        raise UsageError("No episode is left to write anew: none has a bad card, or all were rejected or changed.")
    planned = resimulation.plan(db, settings, now.anew)
    asked = {wish.trajectory for wish in planned.wishes}
    masks = [m for m in now.masks if m.trajectory in asked and m.turn not in cards.masked_turns(db, m.trajectory)]
    job = resimulation.queue(workspace, db, planned, reviewer)
    cards.add_outcome(db, deck, reviewer, "mask", len(asked), masks=masks, job=job.id)
    return len(asked)


def undo(db: sqlite3.Connection, deck: int, reviewer: str) -> str | None:
    """Takes back the reviewer's latest act on the deck, also one of an earlier session; says what it was, or None.

    Raises:
        UsageError: the act is an exclusion and the reviewer has decided on other things since, or a new end that came
            of it was taken.
    """
    done = cards.outcome(db, deck)
    if done is None:
        return None if cards.undo(db, deck, reviewer) is None else "the last card"
    if done.action == "exclude":
        if cards.latest_batch(db, reviewer) != done.batch:
            raise UsageError("You have decided on other things since the exclusion; undo those in Episodes first.")
        decisions.undo(db, reviewer)
    if done.job is not None:
        _stop(db, done.job)
    cards.undo_outcome(db, done)
    word = "excluding" if done.action == "exclude" else "masking" if done.job is None else "writing anew"
    return f"{word} {done.size:,}"


def _stop(db: sqlite3.Connection, job: int) -> None:
    """Ends the job that writes new ends, unless one of them was taken."""
    taken = [one.trajectory for one in remakes.of_job(db, job) if one.taken is not None]
    if taken:
        raise UsageError(f"New ends were decided on already (#{taken[0]}); undo that in Episodes first.")
    if not jobs.job(db, job).status.ended:
        jobs.set_desired(db, job, "cancelled")
