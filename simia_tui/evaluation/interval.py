"""Intervals for shares, so that no score is shown without its uncertainty."""

from math import sqrt
from typing import NamedTuple

Z_95 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""


class Share(NamedTuple):
    """`k` of `n`, with the bounds of the 95 % interval. With n = 0 nothing is known: value None, bounds 0 and 1."""

    k: int
    n: int
    low: float
    high: float

    @property
    def value(self) -> float | None:
        return self.k / self.n if self.n else None


def wilson(k: int, n: int, z: float = Z_95) -> Share:
    """The score interval of a binomial proportion.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of
    the American Statistical Association 22 (1927), pages 209-212. Centre (p + z²/2n) / (1 + z²/n), half
    width z / (1 + z²/n) * sqrt(p(1 - p)/n + z²/4n²). It stays inside [0, 1] and is honest at k = 0 and k = n.

    Raises:
        ValueError: unless 0 <= k <= n.
    """
    if not 0 <= k <= n:
        raise ValueError(f"{k} of {n} is no share")
    if n == 0:
        return Share(0, 0, 0.0, 1.0)
    p = k / n
    scale = 1 + z * z / n
    centre = (p + z * z / (2 * n)) / scale
    half = z / scale * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    # At the ends the bound is exactly 0 or 1; rounding would leave it a hair beside.
    return Share(k, n, 0.0 if k == 0 else max(0.0, centre - half), 1.0 if k == n else min(1.0, centre + half))
