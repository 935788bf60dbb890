"""Error rates, templates and the alarm, against tables and independent arithmetic."""

from fractions import Fraction
from math import comb, erfc, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simia_tui.evaluation.calibration import calibrate, chi_square_tail, drift, mix, template

REAL = (73, 1164)
"""Refused observations of the tau-bench airline traces: 6.3 %."""


def test_the_alarm_fires_at_fifteen_per_cent_of_five_hundred() -> None:
    found = drift(75, 500, *REAL)
    assert found.alarm and found.p < 1e-6
    assert found.simulated.value == 0.15 and round(found.real.value or 0, 3) == 0.063


@pytest.mark.parametrize("errors", [31, 32])
def test_the_alarm_is_silent_at_the_real_rate(errors: int) -> None:
    found = drift(errors, 500, *REAL)
    assert not found.alarm and found.p > 0.9


def test_a_certain_but_tiny_difference_is_no_drift() -> None:
    found = drift(6_600, 100_000, 6_300, 100_000)
    assert found.p < 0.01 and not found.alarm


def test_nothing_to_compare_with_is_no_drift() -> None:
    assert drift(3, 10, 0, 0) == (*drift(3, 10, 0, 0)[:2], 1.0, False)


def test_few_observations_use_the_exact_test() -> None:
    # R. A. Fisher's tea: 3 of 4 right; 34/70 two-sided.
    assert drift(3, 4, 1, 4).p == pytest.approx(34 / 70)


@given(st.integers(1, 12), st.integers(1, 12), st.data())
def test_the_exact_test_agrees_with_whole_numbers(n: int, m: int, data: st.DataObject) -> None:
    a, b = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    weights = [comb(n, x) * comb(m, a + b - x) for x in range(max(0, a + b - m), min(n, a + b) + 1)]
    mine = comb(n, a) * comb(m, b)
    exact = Fraction(sum(w for w in weights if w <= mine), sum(weights))
    pooled = (a + b) / (n + m)
    if min(pooled, 1 - pooled) * min(n, m) < 5:
        assert drift(a, n, b, m).p == pytest.approx(float(exact), abs=1e-9)


@pytest.mark.parametrize(
    ("statistic", "freedom", "p"),
    # The critical values of the printed tables.
    [(3.841, 1, 0.05), (5.991, 2, 0.05), (18.307, 10, 0.05), (6.635, 1, 0.01), (37.566, 20, 0.01), (2.167, 7, 0.95)],
)
def test_chi_square_agrees_with_the_tables(statistic: float, freedom: int, p: float) -> None:
    assert chi_square_tail(statistic, freedom) == pytest.approx(p, rel=2e-3)


@given(st.floats(0, 400))
def test_chi_square_with_one_and_two_degrees_has_a_closed_form(x: float) -> None:
    from math import exp

    assert chi_square_tail(x, 1) == pytest.approx(erfc(sqrt(x / 2)), abs=1e-12)
    assert chi_square_tail(x, 2) == pytest.approx(exp(-x / 2), abs=1e-12)


def test_a_mix_with_new_templates_raises_the_alarm_and_the_same_mix_does_not() -> None:
    real = {"not found": 40, "too late": 30, "no seats": 20}
    assert not mix({"not found": 41, "too late": 29, "no seats": 20}, real).alarm
    changed = mix({"not found": 10, "invalid json": 60, "no seats": 20}, real)
    assert changed.alarm and changed.freedom == 3


def test_pearsons_statistic_by_hand() -> None:
    # 2 x 2 with (ad - bc)² N / margins.
    found = mix({"a": 30, "b": 20}, {"a": 15, "b": 35})
    assert found.statistic == pytest.approx((30 * 35 - 20 * 15) ** 2 * 100 / (50 * 50 * 45 * 55))


def test_rare_templates_are_pooled() -> None:
    ones = {f"t{i}": 1 for i in range(20)}
    found = mix({**ones, "common": 30}, {"common": 50})
    assert found.freedom == 1
    assert mix({"a": 1}, {"b": 1}).p is None


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Error: user mia_li_3668 not found", "Error: user # not found"),
        ("Error: not enough seats on flight HAT039", "Error: not enough seats on flight #"),
        ("balance is 12.50, due 2024-05-01", "balance is #, due #"),
        ("can't find 'x y' in `db` for the user's order", "can't find # in # for the user's order"),
        ("mail a.b@example.org bounced", "mail # bounced"),
        ('{"error": "gone", "message": "There is no member M12."}', "error: gone; message: There is no member #."),
        ('{"ok": true, "items": [1, 2], "of": {"a": 1}}', "ok: #; items: […]; of: {a}"),
        ("", ""),
    ],
)
def test_templates_mask_what_differs(text: str, masked: str) -> None:
    assert template(text) == masked


def test_templates_mask_the_arguments_of_the_call() -> None:
    said = {template(f"{name} is a reference work", {"title": name}) for name in ("Dune", "Faust Part One")}
    assert said == {"# is a reference work"}


@given(st.text(max_size=300))
def test_templates_of_any_text_are_one_short_line(text: str) -> None:
    masked = template(text, {"a": text})
    assert len(masked) <= 160 and "\n" not in masked


def test_a_domain_is_alarming_by_rate_or_by_mix() -> None:
    calm = calibrate("air", (31, 500), REAL, ["a"] * 30, ["a"] * 70)
    assert not calm.alarm and calm.simulated["a"] == 30
    assert calibrate("air", (75, 500), REAL, ["a"], ["a"]).alarm
    assert calibrate("air", (31, 500), REAL, ["b"] * 30, ["a"] * 70).alarm
