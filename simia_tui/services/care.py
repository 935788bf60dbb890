"""How well the reviewing itself is done: agreement, overruled judges and rules, planted copies, pace."""

import sqlite3
from typing import Any, NamedTuple

from simia_tui.evaluation import Share, wilson
from simia_tui.evaluation.agreement import Agreement
from simia_tui.model import Kind
from simia_tui.services import blind, claims
from simia_tui.services.blind import Override
from simia_tui.store import claims as opinions
from simia_tui.store import decisions, planted

WORDS_PER_MINUTE = 238
"""Silent reading of English non-fiction by adults (M. Brysbaert, "How many words do we read per minute?", Journal of
Memory and Language 109 (2019), 104047)."""
FLOOR = 0.4
"""The share of the reading time below which a decision cannot rest on reading."""


class Reviewer(NamedTuple):
    """One reviewer: the planted copies that were seen, of those met; the hasty decisions, of those that were timed."""

    name: str
    caught: Share
    hasty: Share
    seconds: float


class Care(NamedTuple):
    """The state of the reviewing of one kind. `disputed` are the items on which the opinions differ."""

    kind: Kind
    together: Agreement
    pairs: tuple[tuple[str, str, Agreement], ...]
    disputed: int
    overrides: tuple[Override, ...]
    reviewers: tuple[Reviewer, ...]

    def shape(self) -> dict[str, Any]:
        """As plain JSON."""
        return {
            "kind": self.kind,
            "krippendorff_alpha": self.together._asdict(),
            "cohen_kappa": [{"reviewers": [a, b], **found._asdict()} for a, b, found in self.pairs],
            "disputed": self.disputed,
            "overrides": [{"who": one.who, "said": one.said, **_share(one.share)} for one in self.overrides],
            "reviewers": [
                {
                    "name": one.name,
                    "planted_seen": _share(one.caught),
                    "faster_than_reading": _share(one.hasty),
                    "seconds": one.seconds,
                }
                for one in self.reviewers
            ],
        }


def _share(share: Share) -> dict[str, Any]:
    return {**share._asdict(), "value": share.value}


def care(db: sqlite3.Connection, kind: Kind, random_seed: int = 0) -> Care:
    """Everything that is known of how `kind` is reviewed. Runs for seconds: use a thread."""
    report = claims.agreement(db, kind, random_seed)
    return Care(
        kind,
        report.together,
        report.pairs,
        len(opinions.disputed(db, kind)),
        tuple(blind.overrides(db, kind)),
        tuple(_reviewers(db, kind)),
    )


def _reviewers(db: sqlite3.Connection, kind: Kind) -> list[Reviewer]:
    paces = {pace.reviewer: pace for pace in decisions.paces(db, kind, FLOOR * 60 / WORDS_PER_MINUTE)}
    tallies = {tally.reviewer: tally for tally in planted.tallies(db)} if kind == "episode" else {}
    found = []
    for name in sorted({*paces, *tallies}):
        pace, tally = paces.get(name), tallies.get(name)
        caught = wilson(tally.caught, tally.caught + tally.missed) if tally else wilson(0, 0)
        hasty = wilson(pace.hasty, pace.decided) if pace else wilson(0, 0)
        found.append(Reviewer(name, caught, hasty, pace.seconds if pace else 0.0))
    return found
