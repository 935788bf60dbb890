"""The word diff: nothing of either text is lost, and every change has a sign."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from samples import make_trajectory

from simia_tui.model import Turn
from simia_tui.tui.widgets.diff_lines import changed_lines, changes, diff_lines, word_diff

TEXTS = st.text(st.sampled_from("ab .,\n漢é"), max_size=60)


@given(TEXTS, TEXTS)
def test_both_texts_stand_in_the_diff(before: str, after: str) -> None:
    pieces = word_diff(before, after)
    assert "".join(text for sign, text in pieces if sign != "+") == before
    assert "".join(text for sign, text in pieces if sign != "-") == after


@given(TEXTS, TEXTS, st.integers(20, 60))
def test_lines_fit_and_hold_every_piece(before: str, after: str, width: int) -> None:
    lines = diff_lines(before, after, width)
    shown = "".join(text for line in lines for text, _ in line.parts[1:])
    assert all(sum(cell_len(text) for text, _ in line.parts) <= width + 1 for line in lines)
    whole = "".join(
        {"": "{}", "-": "[-{}-]", "+": "{{+{}+}}"}[sign].format(text) for sign, text in word_diff(before, after)
    )
    assert shown == whole.replace("\n", "")


def test_what_is_the_same_is_folded() -> None:
    before = "\n".join(f"line {n}" for n in range(40))
    lines = diff_lines(before, before.replace("line 20", "row 20"), 60, opened=False)
    texts = ["".join(text for text, _ in line.parts) for line in lines]
    assert texts == [
        "  … 19 lines the same, o opens",
        "  line 19",
        "± [-line-]{+row+} 20",
        "  line 21",
        "  … 18 lines the same, o opens",
    ]


def test_a_long_text_is_compared_by_lines_and_a_longer_one_as_a_whole() -> None:
    before = "".join(f"{n} word\n" for n in range(900))
    after = "".join(f"{n} word\n" if n in (5, 500) else f"{n} other\n" for n in range(900))
    signs = [sign for sign, text in word_diff(before, after) if "500" in text or "5 word" in text]
    assert "" in signs and len(word_diff(before, after)) > 4
    long = [f"{sign * 3} {n}\n" for sign in "ab" for n in range(2000)]
    assert [sign for sign, _ in word_diff("".join(long[:2000]), "".join(long[2000:]))] == ["-", "+"]


def test_every_turn_has_its_original_and_what_is_gone_is_kept() -> None:
    original = make_trajectory()
    turns = original.turns
    new = Turn(role="user", content="Thanks.")
    edited = turns[3].replace(content="Done.")
    found = changes(original, original.with_turns((turns[0], turns[1], edited, new)))
    assert [change.before for change in found] == [turns[0], turns[1], turns[3], None, None]
    assert [change.gone for change in found] == [(), (), (turns[2],), (), ()]
    assert [change.of(turn) for change, turn in zip(found, (turns[0], turns[1], edited, new), strict=False)] == [
        False,
        False,
        True,
        True,
    ]
    lines = changed_lines(found[2], edited, 60, opened=False, thoughts=True)
    assert any("tool turn taken away" in text for line in lines for text, _ in line.parts)


@given(st.lists(st.sampled_from("abc"), max_size=6), st.lists(st.sampled_from("abc"), max_size=6))
def test_no_turn_is_lost(left: list[str], right: list[str]) -> None:
    def body(letters: list[str]) -> tuple[Turn, ...]:
        return tuple(Turn(role="user" if letter == "a" else "assistant", content=letter) for letter in letters)

    base = make_trajectory()
    found = changes(base.with_turns(body(left)), base.with_turns(body(right)))
    assert len(found) == len(right) + 1
    kept = [turn for change in found for turn in (*change.gone, *([change.before] if change.before else []))]
    assert sorted(turn.content or "" for turn in kept) == sorted(left)
