"""Axes are covered evenly, reproducibly and independently of each other."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from simia_tui.simulate.variation import ERRORS, axes_for, chi_square, with_controls

AXES = {"goal": ("a", "b", "c", "d", "e"), "tone": ("x", "y", "z"), "one": ("only",)}
DISTINCT = st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=8, unique=True).map(tuple)


@given(st.dictionaries(st.text(min_size=1, max_size=5), DISTINCT, max_size=4), st.integers(0, 500), st.integers())
def test_every_value_comes_up_equally_often(axes: dict[str, tuple[str, ...]], n: int, seed: int) -> None:
    drawn = [axes_for(axes, ord_, seed) for ord_ in range(n)]
    assert drawn == [axes_for(axes, ord_, seed) for ord_ in range(n)]
    for name, values in axes.items():
        counts = Counter(one[name] for one in drawn)
        assert max((counts[value] for value in values), default=0) - min(counts[value] for value in values) <= 1


def test_pairs_of_axes_are_spread_too() -> None:
    pairs = Counter(tuple(axes_for(AXES, ord_, 4).values()) for ord_ in range(3000))
    assert len(pairs) == 15
    # 14 degrees of freedom: 36 is passed once in a thousand times by chance alone.
    assert chi_square(list(pairs.values())) < 36


def test_another_seed_draws_another_order() -> None:
    def first(seed: int) -> list[str]:
        return [axes_for(AXES, ord_, seed)["goal"] for ord_ in range(10)]

    assert len({tuple(first(seed)) for seed in range(20)}) > 15


def test_controls_join_the_axes() -> None:
    axes = with_controls(AXES, {"tone": ("loud",)}, "few", "binary")
    assert axes["tone"] == ("loud",)
    assert axes["goal"] == AXES["goal"]
    assert axes["tool errors"] == ERRORS["few"]
    assert len(axes["tool answers"]) == 1
    assert with_controls(AXES, {}, None, None) == AXES
    assert "kind of error, if any" not in with_controls({}, {}, "none", None)


def test_chi_square_of_even_counts_is_zero() -> None:
    assert chi_square([4, 4, 4]) == 0
    assert chi_square([8, 0]) == 8
    assert chi_square([]) == 0
