"""Several reviewers: a verdict becomes a decision once all that are needed agree; the rest is adjudicated."""

import sqlite3
from collections import Counter
from itertools import combinations
from typing import NamedTuple

from simia_tui.errors import UsageError
from simia_tui.evaluation.agreement import Agreement, alpha, kappa
from simia_tui.model import Fault, Kind
from simia_tui.store import claims, decisions
from simia_tui.store.claims import Verdict

AGREED = "agreed: "
"""How the note of a decision begins that rests on several opinions."""


class Standing(NamedTuple):
    """What became of a verdict: how many opinions are in, how many are needed, and whether it is decided."""

    given: int
    needed: int
    decided: bool

    @property
    def disputed(self) -> bool:
        return self.given >= self.needed and not self.decided


def judge(
    db: sqlite3.Connection,
    pk: int,
    reviewer: str,
    verdict: Verdict,
    fault: Fault | None = None,
    note: str | None = None,
    seconds: float | None = None,
) -> Standing:
    """Records a reviewer's verdict; the trajectory changes its status once all the opinions it needs agree.

    Raises:
        UsageError: the reviewer has an opinion on it, or it is decided.
    """
    claims.opine(db, pk, reviewer, verdict, fault, note, seconds)
    given, needed = claims.opinions(db, pk), claims.needed(db, pk)
    verdicts = {opinion.verdict for opinion in given}
    settled = len(given) >= needed and len(verdicts) == 1 and (needed == 1 or verdict != "flag")
    if settled:
        told = note if needed == 1 else AGREED + ", ".join(opinion.reviewer for opinion in given)
        decisions.decide(db, [pk], verdict, reviewer, _fault(given), told)
    return Standing(len(given), needed, settled)


def _fault(given: list[claims.Opinion]) -> Fault | None:
    """The fault most name; of equals the one named first."""
    named = Counter(opinion.fault for opinion in given if opinion.fault is not None)
    return named.most_common(1)[0][0] if named else None


def adjudicate(
    db: sqlite3.Connection,
    pk: int,
    reviewer: str,
    verdict: decisions.Verb,
    fault: Fault | None = None,
    note: str | None = None,
) -> int:
    """Decides on what the opinions left open; they stay as they are. Returns the batch.

    Raises:
        UsageError: opinions are missing, or nothing is in dispute.
    """
    given, needed = len(claims.opinions(db, pk)), claims.needed(db, pk)
    if given < needed:
        raise UsageError(f"Trajectory {pk} has {given} of {needed} opinions; wait for the others.")
    told = f"adjudicated{': ' + note if note else ''}"
    return decisions.decide(db, [pk], verdict, reviewer, fault, told)


def undo(db: sqlite3.Connection, reviewer: str) -> int | None:
    """Takes the reviewer's latest opinion back, with the decision that it completed; returns the trajectory, or None.

    Raises:
        UsageError: the decision rests on it but the reviewer has decided on other things since.
    """
    opinion = claims.latest(db, reviewer)
    if opinion is None:
        return None
    made = next((one for one in reversed(decisions.history(db, opinion.trajectory)) if one.at >= opinion.at), None)
    if made is not None and made.action in ("approve", "reject", "flag"):
        if made.reviewer != reviewer or (decisions.latest(db, reviewer) or (None,))[0] != made.batch:
            raise UsageError(f"Trajectory {opinion.trajectory} was decided on with your opinion; undo that first.")
        decisions.undo(db, reviewer)
    claims.take_back(db, opinion.pk)
    return opinion.trajectory


class Report(NamedTuple):
    """Agreement over everything that several reviewers judged: all together, and two by two."""

    together: Agreement
    pairs: tuple[tuple[str, str, Agreement], ...]


def agreement(db: sqlite3.Connection, kind: Kind, random_seed: int = 0) -> Report:
    """Krippendorff's alpha over all reviewers and Cohen's kappa of each two. Runs for seconds: use a thread."""
    ratings = claims.ratings(db, kind)
    reviewers = sorted({reviewer for given in ratings.values() for reviewer in given})
    pairs = []
    for a, b in combinations(reviewers, 2):
        both = [(given[a], given[b]) for given in ratings.values() if a in given and b in given]
        if both:
            pairs.append((a, b, kappa([one for one, _ in both], [other for _, other in both])))
    return Report(alpha([list(given.values()) for given in ratings.values()], random_seed), tuple(pairs))
