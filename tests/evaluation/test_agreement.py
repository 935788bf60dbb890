"""Agreement coefficients against published examples and independent arithmetic."""

import random
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simia_tui.evaluation.agreement import alpha, kappa

RATINGS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=40)


def from_table(table: dict[tuple[str, str], int]) -> tuple[list[str], list[str]]:
    pairs = [pair for pair, count in table.items() for _ in range(count)]
    return [a for a, _ in pairs], [b for _, b in pairs]


def test_kappa_of_a_textbook_table() -> None:
    # 50 proposals, both yes 20, both no 15, only the first yes 5, only the second 10: p = 0.7, by chance 0.5.
    found = kappa(*from_table({("y", "y"): 20, ("y", "n"): 5, ("n", "y"): 10, ("n", "n"): 15}))
    assert found.value == pytest.approx(0.4) and found.observed == pytest.approx(0.7) and found.n == 50


def test_the_interval_is_that_of_fleiss_cohen_and_everitt() -> None:
    # A published example of the formula (200 subjects, three categories): kappa .429, standard error .054.
    table = {
        ("1", "1"): 106, ("1", "2"): 10, ("1", "3"): 4,
        ("2", "1"): 22, ("2", "2"): 28, ("2", "3"): 10,
        ("3", "1"): 2, ("3", "2"): 12, ("3", "3"): 6,
    }  # fmt: skip
    found = kappa(*from_table(table))
    assert found.value == pytest.approx(0.429, abs=5e-4)
    assert found.high is not None and found.value is not None
    assert (found.high - found.value) / 1.959964 == pytest.approx(0.054, abs=5e-4)


def test_the_interval_covers_as_often_as_it_says() -> None:
    # Half are good; a judge with true positive rate .9 and false positive rate .3 has kappa .6.
    rng = random.Random(11)
    hits = 0
    for _ in range(300):
        truth = [rng.random() < 0.5 for _ in range(200)]
        judge = [rng.random() < (0.9 if good else 0.3) for good in truth]
        found = kappa(truth, judge)
        assert found.low is not None and found.high is not None
        hits += found.low <= 0.6 <= found.high
    assert 0.91 <= hits / 300 <= 0.99


def test_alpha_of_krippendorffs_example() -> None:
    # "Computing Krippendorff's Alpha-Reliability" (2011), section C: four observers, twelve units, gaps; nominal .743.
    observers = [
        "1 2 3 3 2 1 4 1 2 . . .",
        "1 2 3 3 2 2 4 1 2 5 . 3",
        ". 3 3 3 2 3 4 2 2 5 1 .",
        "1 2 3 3 2 4 4 1 2 5 1 .",
    ]
    units = [
        [value for value in unit if value != "."] for unit in zip(*(row.split() for row in observers), strict=True)
    ]
    found = alpha(units)
    assert found.value == pytest.approx(0.743, abs=5e-4)
    assert found.n == 11
    assert found.low is not None and found.high is not None and found.value is not None
    assert found.low < found.value < found.high <= 1


def test_alpha_of_two_observers_and_no_gaps() -> None:
    # Same source, section A: ten binary units, alpha .095.
    a, b = ["0", "1", "0", "0", "0", "0", "0", "0", "1", "0"], ["1", "1", "1", "0", "0", "1", "0", "0", "0", "0"]
    assert alpha(list(zip(a, b, strict=True))).value == pytest.approx(0.095, abs=5e-4)


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=4), max_size=12))
def test_alpha_from_pairs_of_values(units: list[list[str]]) -> None:
    rated = [unit for unit in units if len(unit) >= 2]
    values = [value for unit in rated for value in unit]
    n = len(values)
    observed = sum(sum(a != b for a, b in permutations(unit, 2)) / (len(unit) - 1) for unit in rated)
    expected = sum(a != b for a, b in permutations(values, 2))
    found = alpha(units)
    if expected == 0:
        assert found.value is None
    else:
        assert found.value == pytest.approx(1 - (observed / n) / (expected / (n * (n - 1))))


@given(RATINGS)
def test_kappa_is_symmetric_and_within_bounds(pairs: list[tuple[str, str]]) -> None:
    a, b = [x for x, _ in pairs], [y for _, y in pairs]
    found, swapped = kappa(a, b), kappa(b, a)
    if found.value is None:
        assert swapped.value is None
        return
    assert found.value == pytest.approx(swapped.value) and found.low is not None and found.high is not None
    assert -1 <= found.low <= found.value + 1e-9 and found.value - 1e-9 <= found.high <= 1
    assert found.low == pytest.approx(swapped.low) and found.high == pytest.approx(swapped.high)


def test_what_cannot_be_said_is_not_said() -> None:
    assert kappa([], []).value is None and alpha([]).value is None and alpha([["a"], ["b"]]).n == 0
    assert kappa(["a", "a"], ["a", "a"])[:4] == (None, None, None, 2)
    assert kappa(["a", "b"], ["a", "b"])[:3] == (1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="ratings"):
        kappa(["a"], [])


def test_the_bootstrap_is_the_same_for_the_same_seed() -> None:
    units = [["a", "a"], ["a", "b"], ["b", "b"], ["a", "a"], ["b", "a"], ["b", "b"]]
    assert alpha(units, 3) == alpha(units, 3)
