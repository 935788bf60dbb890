"""Two ways on the same cases."""

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simia_tui.evaluation.paired import paired

OUTCOMES = st.dictionaries(st.integers(0, 60), st.booleans(), max_size=40)


@given(OUTCOMES, OUTCOMES)
def test_p_is_the_share_of_coin_tosses_at_least_as_uneven(a: dict[int, bool], b: dict[int, bool]) -> None:
    found = paired(a, b)
    both = a.keys() & b.keys()
    apart = [case for case in both if a[case] != b[case]]
    n, wins = len(apart), sum(a[case] for case in apart)
    assert (found.only_a, found.only_b) == (wins, n - wins)
    uneven = sum(comb(n, k) for k in range(n + 1) if abs(2 * k - n) >= abs(2 * wins - n))
    assert found.p == pytest.approx(uneven / 2**n)
    assert (found.a.k, found.a.n, found.b.k, found.b.n) == (sum(a.values()), len(a), sum(b.values()), len(b))


@given(OUTCOMES, OUTCOMES)
def test_who_comes_first_does_not_matter(a: dict[int, bool], b: dict[int, bool]) -> None:
    one, other = paired(a, b), paired(b, a)
    assert one.p == pytest.approx(other.p)
    assert one.differs == other.differs


def test_eight_against_none_is_more_than_chance_and_five_is_not() -> None:
    wins = dict.fromkeys(range(8), True)
    losses = dict.fromkeys(range(8), False)
    assert paired(wins, losses).differs
    assert not paired({n: wins[n] for n in range(5)}, losses).differs
