"""Limits and sample sizes against the published table and against whole-number arithmetic."""

from fractions import Fraction
from math import ceil, comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simia_tui.evaluation.certificate import (
    allowed,
    binomial_cdf,
    exact_upper,
    hypergeometric_cdf,
    hypergeometric_upper,
    method_for,
    needed,
    statement,
    upper,
)
from simia_tui.evaluation.interval import Z_95

MANY = 10**9


@pytest.mark.parametrize(("share", "sample"), [(0.05, 59), (0.02, 149), (0.01, 299)])
def test_samples_that_show_a_bad_row_with_95_per_cent(share: float, sample: int) -> None:
    assert needed(share, MANY, "exact") == sample
    # Independently: the first n with (1 - share)^n <= 0.05.
    assert (1 - share) ** sample <= 0.05 < (1 - share) ** (sample - 1)


@pytest.mark.parametrize(
    ("sample", "wilson", "exact"), [(60, 6.0, 4.9), (100, 3.7, 3.0), (150, 2.5, 2.0), (300, 1.3, 1.0)]
)
def test_limits_with_nothing_found(sample: int, wilson: float, exact: float) -> None:
    assert round(100 * upper(0, sample, MANY, "wilson"), 1) == wilson
    assert round(100 * upper(0, sample, MANY, "exact"), 1) == exact
    # In closed form: z² / (n + z²), and 1 - 0.05^(1/n).
    assert upper(0, sample, MANY, "wilson") == pytest.approx(Z_95**2 / (sample + Z_95**2))
    assert upper(0, sample, MANY, "exact") == pytest.approx(1 - 0.05 ** (1 / sample))


def test_one_bad_row_in_sixty_lifts_wilson_to_8_9_per_cent() -> None:
    assert round(100 * upper(1, 60, MANY, "wilson"), 1) == 8.9


def test_small_batches_need_fewer_rows() -> None:
    assert needed(0.05, 100, "hypergeometric") == 45
    assert Fraction(comb(95, 45), comb(100, 45)) <= Fraction(1, 20) < Fraction(comb(95, 44), comb(100, 44))


def test_limits_with_some_found() -> None:
    # Clopper-Pearson, one-sided 95 %, as printed in tables: 1 of 10 -> 39.4 %, 2 of 20 -> 28.3 %.
    assert round(100 * exact_upper(1, 10), 1) == 39.4
    assert round(100 * exact_upper(2, 20), 1) == 28.3


@given(st.integers(1, 60), st.data())
def test_the_exact_limit_is_where_the_tail_is_five_per_cent(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n - 1))
    p = Fraction(exact_upper(k, n))
    tail = sum(comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1))
    assert float(tail) == pytest.approx(0.05, abs=1e-9)
    assert binomial_cdf(k, n, float(p)) == pytest.approx(0.05, abs=1e-9)


@given(st.integers(1, 60), st.data())
def test_the_hypergeometric_limit_by_counting(batch: int, data: st.DataObject) -> None:
    n = data.draw(st.integers(1, batch))
    k = data.draw(st.integers(0, n))

    def tail(bad: int) -> Fraction:
        return Fraction(sum(comb(bad, i) * comb(batch - bad, n - i) for i in range(k + 1)), comb(batch, n))

    # Between what was seen to be bad and what was seen to be good; every one of them tried.
    possible = [bad for bad in range(k, batch - (n - k) + 1) if bad == k or tail(bad) > Fraction(1, 20)]
    assert hypergeometric_upper(k, n, batch) == max(possible) / batch
    assert hypergeometric_cdf(k, n, k, batch) == pytest.approx(float(tail(k)))


def test_a_batch_that_was_read_whole_has_no_doubt_left() -> None:
    assert hypergeometric_upper(3, 40, 40) == 3 / 40
    assert hypergeometric_upper(0, 40, 40) == 0


@given(st.sampled_from(["wilson", "exact", "hypergeometric"]), st.integers(1, 80), st.integers(0, 60), st.data())
def test_limits_grow_with_bad_rows_and_what_is_allowed_fits(
    method: str, n: int, more: int, data: st.DataObject
) -> None:
    batch = n + more
    limits = [upper(k, n, batch, method) for k in range(n + 1)]  # type: ignore[arg-type]
    assert limits == sorted(limits) and all(
        limit >= k / n - 1e-9 or method != "wilson" for k, limit in enumerate(limits)
    )
    share = data.draw(st.floats(0.01, 0.99))
    most = allowed(share, n, batch, method)  # type: ignore[arg-type]
    assert most == max((k for k, limit in enumerate(limits) if limit <= share), default=-1)


@given(st.floats(0.01, 0.5), st.integers(1, 400), st.sampled_from(["wilson", "exact", "hypergeometric"]))
def test_the_needed_sample_is_the_smallest_that_does(share: float, batch: int, method: str) -> None:
    n = needed(share, batch, method)  # type: ignore[arg-type]
    assert 0 <= n <= batch
    if n < batch:
        assert upper(0, n, batch, method) <= share  # type: ignore[arg-type]
    if n > 0 and method != "hypergeometric":
        assert upper(0, n - 1, batch, method) > share  # type: ignore[arg-type]
    if n > 0 and method == "hypergeometric":
        worst = ceil(share * batch - 1e-9)
        assert Fraction(comb(batch - worst, n - 1), comb(batch, n - 1)) > Fraction(1, 20)


def test_the_method_follows_the_size_of_the_batch() -> None:
    assert method_for(60, 5000) == "wilson" and method_for(60, 600) == "wilson"
    assert method_for(60, 599) == "hypergeometric"


def test_the_statement_names_its_limit() -> None:
    assert statement(0, 60, 10_000, "wilson") == "0 of 60 bad: at most 6.0 % bad (Wilson, two-sided 95 %)"
    assert statement(1, 60, 10_000, "exact") == "1 of 60 bad: at most 7.7 % bad (exact, one-sided 95 %)"


@pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5)])
def test_what_is_no_share_is_refused(k: int, n: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        upper(k, n, 10, "wilson")
    with pytest.raises(ValueError, match="a sample of"):
        hypergeometric_upper(0, 11, 10)
    with pytest.raises(ValueError, match="a share of"):
        needed(0.0, 100)
