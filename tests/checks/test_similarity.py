import random
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from simia_tui.checks.similarity import BANDS, bands, estimate, masked_text, signature
from simia_tui.model import ToolCall, Trajectory, Turn


def talk(words: list[str], number: int = 7) -> Trajectory:
    call = ToolCall(name="get_order", arguments={"order_id": f"#W{number}"})
    turns = (Turn(role="user", content=" ".join(words)), Turn(role="assistant", tool_calls=(call,)))
    return Trajectory(turns=turns)


def words(count: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    return [rng.choice("abcdefghij") + rng.choice("klmnopqrst") + rng.choice("uvwxyz") for _ in range(count)]


def test_digits_and_observations_do_not_count() -> None:
    one, other = talk(words(40, 1), 1234567), talk(words(40, 1), 7654321)
    other = other.with_turns((*other.turns, Turn(role="tool", content="something else")))
    assert one.id != other.id
    assert signature(one) == signature(other)
    assert "get_order order_id w0000000" in masked_text(one)


def test_the_estimate_follows_the_share_of_common_rows() -> None:
    base = words(600, 2)
    for changed in (0, 60, 150, 300, 600):
        other = [*words(changed, 3), *base[changed:]]
        left, right = talk(base), talk(other)
        rows = [
            {tuple(text[at : at + 3]) for at in range(len(text) - 2)}
            for text in (masked_text(one).split() for one in (left, right))
        ]
        true = len(rows[0] & rows[1]) / len(rows[0] | rows[1])
        assert abs(estimate(signature(left), signature(right)) - true) < 0.15


def test_near_duplicates_meet_in_a_band_and_strangers_do_not() -> None:
    base = words(400, 4)
    near = [*base[:390], *words(10, 5)]
    assert set(bands(signature(talk(base)))) & set(bands(signature(talk(near))))
    strangers = [set(bands(signature(talk(words(200, seed))))) for seed in range(10, 40)]
    assert not any(one & other for one, other in combinations(strangers, 2))


def test_a_short_text_fills_every_bin() -> None:
    short = signature(talk(["hello"]))
    assert len(short.bins) == 128 and min(short.bins) >= 0
    assert estimate(short, signature(talk(["quite", "another", "thing"]))) < 0.6


def test_signatures_are_the_same_on_every_machine() -> None:
    found = signature(talk(["one", "two", "three", "four"]))
    assert found.digest == "a524914cf1385124975ff656068a83c9"
    assert bands(found)[0] == -982240974685508800


@given(st.lists(st.text(max_size=20), max_size=5))
def test_any_text_has_a_signature(texts: list[str]) -> None:
    found = signature(Trajectory(turns=tuple(Turn(role="user", content=text) for text in texts)))
    assert estimate(found, found) == 1.0
    assert len(bands(found)) == BANDS
    assert all(-(2**63) <= band < 2**63 for band in bands(found))
