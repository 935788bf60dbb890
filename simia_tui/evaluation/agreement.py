"""How far reviewers agree beyond chance, with 95 % intervals."""

import random
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from math import sqrt
from typing import NamedTuple

from simia_tui.evaluation.interval import Z_95

REPLICATES = 1000
"""Resamples of a bootstrap interval; more change the third place only."""


class Agreement(NamedTuple):
    """A coefficient (1: always agree, 0: as by chance) over `n` items, with the bounds of its 95 % interval.

    `value` is None where nothing can be said: no item, or only one category was ever used.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    observed: float | None


NOTHING = Agreement(None, None, None, 0, None)


def kappa(left: Sequence[Hashable], right: Sequence[Hashable]) -> Agreement:
    """Cohen's kappa of two reviewers over the same items, in the same order, with its large-sample interval.

    Sources: J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20
    (1960), pages 37-46; for the variance J. L. Fleiss, J. Cohen and B. S. Everitt, "Large sample standard errors of
    kappa and weighted kappa", Psychological Bulletin 72 (1969), pages 323-327, formula 13.

    Raises:
        ValueError: the two are not of one length.
    """
    n = len(left)
    if n != len(right):
        raise ValueError(f"{n} and {len(right)} ratings")
    if n == 0:
        return NOTHING
    shares = {pair: count / n for pair, count in Counter(zip(left, right, strict=True)).items()}
    rows = {name: count / n for name, count in Counter(left).items()}
    columns = {name: count / n for name, count in Counter(right).items()}
    observed = sum(share for (a, b), share in shares.items() if a == b)
    expected = sum(rows[name] * columns.get(name, 0.0) for name in rows)
    if expected >= 1:
        return Agreement(None, None, None, n, observed)
    value = (observed - expected) / (1 - expected)
    half = Z_95 * sqrt(max(0.0, _variance(shares, rows, columns, observed, expected)) / n)
    return Agreement(value, max(-1.0, value - half), min(1.0, value + half), n, observed)


def _variance(
    shares: Mapping[tuple[Hashable, Hashable], float],
    rows: Mapping[Hashable, float],
    columns: Mapping[Hashable, float],
    observed: float,
    expected: float,
) -> float:
    """n times the variance of kappa; `rows` and `columns` are the margins of the first and the second reviewer."""
    rest, doubt = 1 - expected, 1 - observed
    agreed = disagreed = 0.0
    for (a, b), share in shares.items():
        if a == b:
            agreed += share * (rest - (rows[a] + columns[a]) * doubt) ** 2
        else:
            disagreed += share * (columns.get(a, 0.0) + rows.get(b, 0.0)) ** 2
    last = (observed * expected - 2 * expected + observed) ** 2
    return float((agreed + doubt**2 * disagreed - last) / rest**4)


def alpha(units: Sequence[Sequence[Hashable]], random_seed: int = 0) -> Agreement:
    """Krippendorff's alpha for nominal data: any number of reviewers, with gaps. `units` are the ratings of each item.

    Items with fewer than two ratings say nothing and are left out. The interval is the percentile bootstrap over
    items. Sources: K. Krippendorff, "Content Analysis", 2nd edition 2004, section 11.3; for bootstrapping
    A. F. Hayes and K. Krippendorff, "Answering the call for a standard reliability measure for coding data",
    Communication Methods and Measures 1 (2007), pages 77-89 (there with pairs, here with whole items resampled, so
    that the ratings of one item stay together).
    """
    rated = [Counter(unit) for unit in units if len(unit) >= 2]
    value, observed = _alpha(rated)
    if value is None:
        return Agreement(None, None, None, len(rated), observed)
    rng = random.Random(random_seed)
    drawn = (_alpha(rng.choices(rated, k=len(rated)))[0] for _ in range(REPLICATES))
    # A resample in which only one category is left agrees wholly.
    values = sorted(1.0 if one is None else one for one in drawn)
    low, high = values[round(0.025 * (REPLICATES - 1))], values[round(0.975 * (REPLICATES - 1))]
    return Agreement(value, low, high, len(rated), observed)


def _alpha(rated: Sequence[Counter[Hashable]]) -> tuple[float | None, float | None]:
    """1 - (observed disagreement) / (expected disagreement), and the observed agreement, from coincidences."""
    totals: Counter[Hashable] = Counter()
    disagreeing = 0.0
    for unit in rated:
        m = unit.total()
        totals.update(unit)
        disagreeing += (m * m - sum(count * count for count in unit.values())) / (m - 1)
    n = totals.total()
    if n == 0:
        return None, None
    observed = 1 - disagreeing / n
    crossing = n * n - sum(count * count for count in totals.values())
    if crossing == 0:
        return None, observed
    return 1 - (n - 1) * disagreeing / crossing, observed
