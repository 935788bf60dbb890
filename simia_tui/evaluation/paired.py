"""Two ways tried on the same cases: is the difference between them more than chance?"""

from collections.abc import Mapping
from typing import NamedTuple

from simia_tui.evaluation.certificate import binomial_cdf
from simia_tui.evaluation.interval import Share, wilson

LEVEL = 0.05
"""Below this a difference is called more than chance; one comparison in twenty is where there is none."""


class Paired(NamedTuple):
    """How often each way succeeded, the cases in which only one did, and how often chance parts them so far."""

    a: Share
    b: Share
    only_a: int
    only_b: int
    p: float

    @property
    def differs(self) -> bool:
        return self.p < LEVEL


def paired(a: Mapping[int, bool], b: Mapping[int, bool]) -> Paired:
    """Compares the outcomes of two ways, by case; a case that only one has counts in its share and not in the test.

    McNemar's test in its exact form: of the cases in which the two differ, each way wins half by chance (Q. McNemar,
    "Note on the sampling error of the difference between correlated proportions or percentages", Psychometrika 12
    (1947), pages 153-157), two-sided.
    """
    both = a.keys() & b.keys()
    only_a = sum(a[case] and not b[case] for case in both)
    only_b = sum(b[case] and not a[case] for case in both)
    apart = only_a + only_b
    p = min(1.0, 2 * binomial_cdf(min(only_a, only_b), apart, 0.5)) if apart else 1.0
    return Paired(wilson(sum(a.values()), len(a)), wilson(sum(b.values()), len(b)), only_a, only_b, p)
