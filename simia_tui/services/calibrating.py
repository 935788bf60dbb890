"""Simulated against real: the comparison that a deck is drawn on, and how the deck keeps it."""

import random
import sqlite3
from collections import Counter
from collections.abc import Sequence
from typing import Any

from simia_tui.evaluation.calibration import Calibration, calibrate
from simia_tui.services.observations import Found, sampled
from simia_tui.store import cards

MOST_READ = 600
"""Episodes (or seeds) opened for one kind of card; beyond them a random sample stands for all."""


def calibration(db: sqlite3.Connection, domain: str | None = None, random_seed: int = 0) -> list[Calibration]:
    """Simulated against real, for every domain that has episodes (or for one); seeds are the real side.

    Rates count every observation of what was not rejected; templates come from the errors of at most `MOST_READ`
    trajectories a side. Reads bodies: run it in a thread.
    """
    ours, real = cards.rates(db, "episode"), cards.rates(db, "seed")
    rng = random.Random(random_seed)
    return [
        calibrate(
            name,
            ours[name],
            real.get(name, (0, 0)),
            _templates(sampled(db, cards.with_errors(db, "episode", name), MOST_READ, rng)),
            _templates(sampled(db, cards.with_errors(db, "seed", name), MOST_READ, rng)),
        )
        for name in ours
        if domain in (None, name)
    ]


def _templates(found: Sequence[Found]) -> list[str]:
    return [item.template for item in found if item.refused]


def to_report(found: Sequence[Calibration]) -> dict[str, Any]:
    """What a deck keeps of the comparison."""
    return {
        "domains": [
            {
                "domain": c.domain,
                "simulated": [c.rate.simulated.k, c.rate.simulated.n],
                "real": [c.rate.real.k, c.rate.real.n],
                "templates": dict(c.simulated),
                "real_templates": dict(c.real),
            }
            for c in found
        ]
    }


def from_report(report: dict[str, Any]) -> list[Calibration]:
    """The comparison as it stood when the deck was drawn."""
    return [
        calibrate(
            entry["domain"],
            (entry["simulated"][0], entry["simulated"][1]),
            (entry["real"][0], entry["real"][1]),
            list(Counter(entry["templates"]).elements()),
            list(Counter(entry["real_templates"]).elements()),
        )
        for entry in report["domains"]
    ]
