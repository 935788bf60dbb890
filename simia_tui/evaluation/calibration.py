"""Simulated against real: how often tools refuse, in which words, and whether the two have drifted apart."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from math import erfc, exp, lgamma, log, sqrt
from typing import Any, NamedTuple

from simia_tui.evaluation.interval import Share, wilson

ALARM_P = 0.01
"""A difference that chance brings less often than this is called drift, if it also matters."""
ALARM_DIFFERENCE = 0.02
"""Two points of the error rate. With 100,000 observations a tenth of a point is certain and means nothing."""
LEAST_EXPECTED = 5.0
"""W. G. Cochran, "Some methods for strengthening the common chi-square tests", Biometrics 10 (1954), pages
417-451: classes that expect fewer than five are pooled."""
TEMPLATE_CHARS = 160
_READ_CHARS = 4000

_QUOTED = re.compile(r"\"[^\"\n]{1,200}\"|(?<!\w)'[^'\n]{1,200}'(?!\w)|`[^`\n]{1,200}`")
_ADDRESS = re.compile(r"[^\s@]{1,64}@[\w.-]{1,80}")
_WITH_DIGIT = re.compile(r"(?<!\w)(?=[\w-]*\d)[\w]+(?:[-.:/]\w+)*")


def template(text: str, arguments: Mapping[str, Any] | None = None) -> str:
    """The wording of an observation with what differs from case to case masked: two equal errors give equal text.

    Numbers, identifiers (any word with a digit), addresses, quoted strings and the values of the call's `arguments`
    become `#`. Of a JSON object the members stay, as `name: wording`.
    """
    start = text[:_READ_CHARS].strip()
    words = _leaves(start) or start
    for value in _values(arguments):
        words = words.replace(value, "#")
    for pattern in (_QUOTED, _ADDRESS, _WITH_DIGIT):
        words = pattern.sub("#", words)
    return " ".join(words.split())[:TEMPLATE_CHARS]


def _leaves(text: str) -> str | None:
    if text[:1] not in ("{", "[", '"'):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        value = value[0] if value and isinstance(value[0], dict) else {"": value}
    return "; ".join(f"{name}: {_leaf(member)}" for name, member in value.items()) if isinstance(value, dict) else None


def _leaf(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "{" + ", ".join(value) + "}"
    return "[…]" if isinstance(value, list) else "#" if isinstance(value, int | float) else "null"


def _values(arguments: Mapping[str, Any] | None) -> list[str]:
    """The plain text values, longest first, so that a name is not masked inside a longer one."""
    plain = [value for value in (arguments or {}).values() if isinstance(value, str) and 3 <= len(value) <= 200]
    return sorted(plain, key=len, reverse=True)


class Drift(NamedTuple):
    """Two error rates: `p` is how often chance alone parts them so far. `alarm` also asks that it matters."""

    simulated: Share
    real: Share
    p: float
    alarm: bool


class Mix(NamedTuple):
    """Two sets of templates: Pearson's statistic, its degrees of freedom and p; None where there is too little."""

    statistic: float | None
    freedom: int
    p: float | None
    alarm: bool


def drift(errors: int, n: int, real_errors: int, real_n: int) -> Drift:
    """Compares the error rate of `n` simulated observations with that of `real_n` real ones.

    The pooled two-proportion test: z = (p1 - p2) / sqrt(p(1 - p)(1/n1 + 1/n2)) with p = (k1 + k2)/(n1 + n2),
    two-sided (J. L. Fleiss, "Statistical Methods for Rates and Proportions", 2nd edition 1981, section 2.1); where a
    cell expects fewer than five, Fisher's exact test takes its place.

    Raises:
        ValueError: unless 0 <= errors <= n on both sides.
    """
    simulated, real = wilson(errors, n), wilson(real_errors, real_n)
    if not n or not real_n:
        return Drift(simulated, real, 1.0, False)
    pooled = (errors + real_errors) / (n + real_n)
    least = min(pooled, 1 - pooled) * min(n, real_n)
    if least < LEAST_EXPECTED:
        p = _fisher(errors, n, real_errors, real_n)
    else:
        z = (errors / n - real_errors / real_n) / sqrt(pooled * (1 - pooled) * (1 / n + 1 / real_n))
        p = erfc(abs(z) / sqrt(2))
    apart = abs(errors / n - real_errors / real_n)
    return Drift(simulated, real, p, p < ALARM_P and apart >= ALARM_DIFFERENCE)


def _fisher(k1: int, n1: int, k2: int, n2: int) -> float:
    """Two-sided: the tables with the same margins that are no likelier than this one (R. A. Fisher 1935)."""
    k = k1 + k2

    def weight(x: int) -> float:
        return exp(_log_choose(n1, x) + _log_choose(n2, k - x) - _log_choose(n1 + n2, k))

    here = weight(k1) * (1 + 1e-9)
    every = (weight(x) for x in range(max(0, k - n2), min(k, n1) + 1))
    return min(1.0, sum(w for w in every if w <= here))


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def mix(simulated: Mapping[str, int], real: Mapping[str, int]) -> Mix:
    """Compares how often each template occurs on both sides, with Pearson's chi-square of homogeneity.

    The sum over both rows and all classes of (observed - expected)² / expected, with k - 1 degrees of freedom
    (K. Pearson, Philosophical Magazine 50 (1900), pages 157-175). Classes that expect fewer than five on a side
    are pooled.
    """
    n, m = sum(simulated.values()), sum(real.values())
    if not n or not m:
        return Mix(None, 0, None, False)
    classes = _pooled(simulated, real, n, m)
    if len(classes) < 2:
        return Mix(None, 0, None, False)
    statistic = 0.0
    for a, b in classes:
        for seen, total in ((a, n), (b, m)):
            expected = (a + b) * total / (n + m)
            statistic += (seen - expected) ** 2 / expected
    p = chi_square_tail(statistic, len(classes) - 1)
    return Mix(statistic, len(classes) - 1, p, p < ALARM_P)


def _pooled(simulated: Mapping[str, int], real: Mapping[str, int], n: int, m: int) -> list[tuple[int, int]]:
    """Counts by class; what is rare goes into one class, which joins the smallest other one if it stays rare."""

    def rare(pair: tuple[int, int]) -> bool:
        return sum(pair) * min(n, m) / (n + m) < LEAST_EXPECTED

    pairs = [(simulated.get(name, 0), real.get(name, 0)) for name in sorted({*simulated, *real})]
    common = sorted((pair for pair in pairs if not rare(pair)), key=sum)
    rest = [pair for pair in pairs if rare(pair)]
    other = (sum(a for a, _ in rest), sum(b for _, b in rest))
    if rest and rare(other) and common:
        common[0] = (common[0][0] + other[0], common[0][1] + other[1])
    elif rest:
        common.append(other)
    return common


def chi_square_tail(statistic: float, freedom: int) -> float:
    """P(X >= statistic) of the chi-square distribution: the regularised upper incomplete gamma Q(freedom/2, x/2).

    Source: M. Abramowitz and I. A. Stegun, "Handbook of Mathematical Functions" (1964): the series 6.5.29 below
    a + 1, the continued fraction 6.5.31 above (evaluated from the front, after W. J. Lentz).

    Raises:
        ValueError: unless freedom is positive and statistic not negative.
    """
    if freedom < 1 or statistic < 0:
        raise ValueError(f"chi-square of {statistic} with {freedom} degrees of freedom")
    a, x = freedom / 2, statistic / 2
    if x == 0:
        return 1.0
    front = exp(a * log(x) - x - lgamma(a))
    if x < a + 1:
        return max(0.0, 1.0 - front * _gamma_series(a, x))
    return min(1.0, front * _gamma_fraction(a, x))


def _gamma_series(a: float, x: float) -> float:
    term = total = 1 / a
    step = a
    while abs(term) > abs(total) * 1e-16:
        step += 1
        term *= x / step
        total += term
    return total


def _gamma_fraction(a: float, x: float) -> float:
    b = x + 1 - a
    c = 1e300
    d = 1 / b
    value = d
    for i in range(1, 10_000):
        part = -i * (i - a)
        b += 2
        d = 1 / (part * d + b)
        c = b + part / c
        value *= d * c
        if abs(d * c - 1) < 1e-15:
            break
    return value


class Calibration(NamedTuple):
    """One domain: the rates, the templates of both sides with their counts, and the test of their mix."""

    domain: str
    rate: Drift
    simulated: Counter[str]
    real: Counter[str]
    mix: Mix

    @property
    def alarm(self) -> bool:
        return self.rate.alarm or self.mix.alarm


def calibrate(
    domain: str, counts: tuple[int, int], real_counts: tuple[int, int], templates: Sequence[str], real: Sequence[str]
) -> Calibration:
    """`counts` are (errors, observations); `templates` those of a sample of the errors of each side."""
    ours, theirs = Counter(templates), Counter(real)
    return Calibration(domain, drift(*counts, *real_counts), ours, theirs, mix(ours, theirs))
