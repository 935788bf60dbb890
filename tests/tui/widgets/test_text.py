import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from simia_tui.tui.text import clip, fit, visible, wrap

SIGNS_WITH_A_SHAPE = {0x600, 0x601, 0x602, 0x603, 0x604, 0x605, 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
"""Unicode calls these format characters, but they are painted (Arabic number signs and the like)."""

nasty = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("\x1b\x00\x07\x9b\u202e\u2066\u200b\u200d\ufe0f\u0301\t\r\n \u2028界👍🏽é"),
        st.characters(codec="ascii"),
    ),
    max_size=200,
)


def is_hidden(character: str) -> bool:
    category = unicodedata.category(character)
    return category in ("Cc", "Cf", "Cs", "Zl", "Zp") and ord(character) not in SIGNS_WITH_A_SHAPE


def test_every_hidden_character_of_unicode_is_replaced() -> None:
    hidden = [chr(code) for code in range(sys.maxunicode + 1) if is_hidden(chr(code))]
    assert len(hidden) > 2000
    assert [c for c in hidden if any(map(is_hidden, visible(f"a{c}b")))] == []


@given(nasty)
def test_visible_text_holds_no_control_and_is_stable(text: str) -> None:
    shown = visible(text)
    assert not any(map(is_hidden, shown))
    assert visible(shown) == shown


@given(nasty)
def test_lines_keep_line_feeds_and_nothing_else(text: str) -> None:
    shown = visible(text, lines=True)
    assert not any(is_hidden(c) for c in shown.replace("\n", ""))
    assert shown.count("\n") == text.count("\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "␛[31mred"),
        ("a\x00b", "a␀b"),
        ("\u202eevil", "⟨U+202E⟩evil"),
        ("a\u200bb", "a⟨ZWSP⟩b"),
        ("a\tb", "a   b"),
        ("⚠\ufe0f ok", "⚠ ok"),
        ("a\ufe0f", "a⟨U+FE0F⟩"),
        ("\ud800", "⟨U+D800⟩"),
        ("one\ntwo", "one␊two"),
        ("[bold]x[/]", "[bold]x[/]"),
        ("שלום", "שלום"),
    ],
)
def test_examples(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(nasty, st.integers(2, 60))
def test_wrap_loses_nothing_and_stays_in_the_width(text: str, width: int) -> None:
    shown = visible(text, lines=True)
    lines = wrap(shown, width)
    assert "".join(lines) == shown.replace("\n", "")
    for line in lines:
        assert cell_len(line.removesuffix(" ")) <= width


def test_wrap_breaks_after_spaces_and_inside_long_words() -> None:
    assert wrap("one two three", 8) == ["one two ", "three"]
    assert wrap("abcdefghij", 4) == ["abcd", "efgh", "ij"]
    assert wrap("界界界", 5) == ["界界", "界"]
    assert wrap("a\n\nb", 10) == ["a", "", "b"]


@pytest.mark.parametrize(
    "text",
    ["x" * 1_000_000, "word " * 200_000, "界" * 500_000, "e\u0301" * 500_000],
    ids=["word", "prose", "wide", "accents"],
)
def test_wrap_takes_a_megabyte_in_one_line(text: str) -> None:
    lines = wrap(text, 76)
    assert len(lines) < 15_000 and "".join(lines) == text


@given(nasty, st.integers(0, 40))
def test_clip_and_fit_measure_cells(text: str, width: int) -> None:
    shown = visible(text)
    assert cell_len(clip(shown, width)) <= width
    assert cell_len(fit(shown, width)) == width == cell_len(fit(shown, width, right=True))
    if cell_len(shown) <= width and len(shown) <= width:
        assert clip(shown, width) == shown


def test_clip_says_that_it_cut() -> None:
    assert clip("approved", 5) == "appr…"
    assert clip("x" * 1_000_000, 4) == "xxx…"
