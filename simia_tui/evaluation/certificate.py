"""What a random sample says of a batch: the highest share of bad rows that it leaves room for, at 95 %."""

from collections.abc import Callable
from math import ceil, exp, lgamma, log, log1p
from typing import Literal, get_args

from simia_tui.evaluation.interval import wilson

Method = Literal["wilson", "exact", "hypergeometric"]
METHODS: tuple[Method, ...] = get_args(Method)
NAMES: dict[Method, str] = {
    "wilson": "Wilson, two-sided 95 %",
    "exact": "exact, one-sided 95 %",
    "hypergeometric": "hypergeometric, one-sided 95 %",
}
"""How each limit is called wherever it is shown."""

ALPHA = 0.05
"""One minus the confidence of the one-sided limits."""
_TIE = 1 + 1e-9
"""A chance of just 5 % is refuted; logarithms of factorials would leave it a hair above."""
SMALL_BATCH = 10
"""A sample that is more than a tenth of its batch is counted without replacement. (W. G. Cochran, "Sampling
Techniques", 3rd edition 1977, section 2.6: below 5 to 10 % the correction can be left out.)"""
SAMPLE = 60
"""The sample that is drawn where nothing else is asked for: about 90 minutes of reading."""


def binomial_cdf(k: int, n: int, p: float) -> float:
    """P(X <= k) for n draws that are bad with chance p."""
    if p <= 0 or k >= n:
        return 1.0
    if p >= 1:
        return 0.0
    return min(1.0, sum(exp(_log_choose(n, i) + i * log(p) + (n - i) * log1p(-p)) for i in range(k + 1)))


def hypergeometric_cdf(k: int, n: int, bad: int, batch: int) -> float:
    """P(X <= k) for n draws without replacement from `batch` rows of which `bad` are bad."""
    total = _log_choose(batch, n)
    lowest, highest = max(0, n - (batch - bad)), min(k, n, bad)
    terms = (_log_choose(bad, i) + _log_choose(batch - bad, n - i) - total for i in range(lowest, highest + 1))
    return min(1.0, sum(map(exp, terms)))


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def exact_upper(k: int, n: int) -> float:
    """The one-sided upper limit: the share at which k bad rows of n or fewer have a chance of 5 %.

    Source: C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the
    binomial", Biometrika 26 (1934), pages 404-413; found by bisection on the binomial distribution.

    Raises:
        ValueError: unless 0 <= k <= n.
    """
    _checked(k, n)
    if k == n:
        return 1.0
    low, high = k / n, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if binomial_cdf(k, n, middle) > ALPHA:
            low = middle
        else:
            high = middle
    return high


def hypergeometric_upper(k: int, n: int, batch: int) -> float:
    """The one-sided upper limit for a sample of n out of a batch that is not much larger.

    The largest number of bad rows in the batch under which k of n or fewer are more likely than 5 %, as a share of
    the batch (W. G. Cochran, "Sampling Techniques", 3rd edition 1977, section 3.6).

    Raises:
        ValueError: unless 0 <= k <= n <= batch.
    """
    _checked(k, n)
    if n > batch:
        raise ValueError(f"a sample of {n} from {batch} rows")
    if not n:
        return 1.0
    low, high = k, batch - (n - k)
    while low < high:
        middle = (low + high + 1) // 2
        if hypergeometric_cdf(k, n, middle, batch) > ALPHA * _TIE:
            low = middle
        else:
            high = middle - 1
    return low / batch


def _checked(k: int, n: int) -> None:
    if not 0 <= k <= n:
        raise ValueError(f"{k} of {n} is no share")


def upper(k: int, n: int, batch: int, method: Method) -> float:
    """The highest share of bad rows that k bad ones in a sample of n from `batch` rows leave room for.

    Raises:
        ValueError: unless 0 <= k <= n <= batch.
    """
    _checked(k, n)
    if n == 0:
        return 1.0
    if method == "hypergeometric":
        return hypergeometric_upper(k, n, batch)
    return exact_upper(k, n) if method == "exact" else wilson(k, n).high


def method_for(sample: int, batch: int) -> Method:
    """Hypergeometric where the sample is a good part of the batch, else Wilson."""
    return "hypergeometric" if sample * SMALL_BATCH > batch else "wilson"


def needed(share: float, batch: int, method: Method = "exact", bad: int = 0) -> int:
    """The smallest sample that refutes `share` with `bad` bad rows found; the whole batch where none does.

    For the one-sided limits: a batch of which that share is bad shows more bad rows with a chance of 95 %.

    Raises:
        ValueError: unless 0 < share < 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"a share of {share}")
    worst = min(batch, max(1, ceil(share * batch - 1e-9)))

    def refutes(n: int) -> bool:
        if method == "hypergeometric":
            return hypergeometric_cdf(bad, n, worst, batch) <= ALPHA * _TIE
        return upper(bad, n, batch, method) <= share

    return _first(refutes, bad, batch)


def allowed(share: float, sample: int, batch: int, method: Method) -> int:
    """How many bad rows in the sample still keep its limit at or below `share`; -1 where not even none does."""
    return _first(lambda k: upper(k, sample, batch, method) > share, 0, sample + 1, end=sample) - 1


def _first(holds: Callable[[int], bool], low: int, high: int, end: int | None = None) -> int:
    """The first number from `low` for which `holds`, which stays true from there on; `high` where it never does."""
    while low < high:
        middle = (low + high) // 2
        if (end is not None and middle > end) or holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def statement(bad: int, sample: int, batch: int, method: Method) -> str:
    """`0 of 60 bad: at most 6.0 % bad (Wilson, two-sided 95 %)`."""
    limit = upper(bad, sample, batch, method)
    return f"{bad:,} of {sample:,} bad: at most {100 * limit:.1f} % bad ({NAMES[method]})"
