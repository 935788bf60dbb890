import pytest
from hypothesis import given
from hypothesis import strategies as st

from simia_tui.evaluation import wilson


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    # 33 of 51 and 19 of 55 are the paper's OfficeBench scores; 0 of 10 has the closed form z²/(n + z²).
    [(33, 51, 0.51, 0.764), (19, 55, 0.2339, 0.4772), (0, 10, 0.0, 0.27753), (10, 10, 0.72247, 1.0)],
)
def test_known_intervals(k: int, n: int, low: float, high: float) -> None:
    share = wilson(k, n)
    assert share.value == k / n
    assert (share.low, share.high) == (pytest.approx(low, abs=1e-3), pytest.approx(high, abs=1e-3))


def test_of_nothing_nothing_is_known() -> None:
    assert wilson(0, 0) == (0, 0, 0.0, 1.0)
    assert wilson(0, 0).value is None


@pytest.mark.parametrize(("k", "n"), [(-1, 3), (4, 3), (1, 0)])
def test_what_is_no_share_is_refused(k: int, n: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        wilson(k, n)


@given(st.integers(1, 10_000), st.data())
def test_the_interval_holds_the_share_and_mirrors(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    share, mirrored = wilson(k, n), wilson(n - k, n)
    assert 0 <= share.low <= k / n <= share.high <= 1
    assert share.low == pytest.approx(1 - mirrored.high)
