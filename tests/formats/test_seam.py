"""The quick ways of reading say what the slow ones say, or nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simia_tui.formats.base import MAX_DEPTH, NOTHING, json_row, quick_json
from simia_tui.formats.buffer import Buffer
from simia_tui.formats.packed import CHUNK
from simia_tui.formats.stream import items

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(PLAIN, st.booleans())
def test_quick_json_says_what_python_says(value: Any, ascii: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii)
    quick = quick_json(text)
    slow = json.loads(text)
    assert quick is NOTHING or (quick == slow and repr(quick) == repr(slow))


@pytest.mark.parametrize(
    "text",
    [
        "1e999",
        '{"a": [-1e400]}',
        "1" * 310 + ".5",
        "NaN",
        "[Infinity]",
        "9" * 5000,
        '"\\ud800"',
        '"\\udc00\\ud800"',
        '"\ud800"',
        "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
        '{"a":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1),
        "[1] x",
        "\ufeff[1]",
        "",
    ],
)
def test_quick_json_leaves_what_is_in_doubt(text: str) -> None:
    assert quick_json(text) is NOTHING


@pytest.mark.parametrize("text", ["-0", "-0.0", "1E+5", "123456789012345678901234567890", '{"a":1,"b":2,"a":3}'])
def test_quick_json_keeps_numbers_and_the_last_of_equal_names(text: str) -> None:
    assert repr(quick_json(text)) == repr(json.loads(text))


def test_quick_json_takes_what_is_just_deep_enough() -> None:
    assert quick_json("[" * MAX_DEPTH + "]" * MAX_DEPTH) is not NOTHING


@given(PLAIN)
def test_json_row_is_json_of_the_row(value: Any) -> None:
    row = {"value": value}
    assert json.loads(json_row(row)) == row


def test_json_row_of_what_nests_beyond_its_limit() -> None:
    value: Any = 1
    for _ in range(600):
        value = [value]
    assert json.loads(json_row({"value": value})) == {"value": value}


def test_json_row_refuses_half_a_surrogate_pair() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        json_row({"value": "\ud800"})


LAYOUTS: list[dict[str, Any]] = [{}, {"indent": 2}, {"separators": (",", ":")}, {"indent": 0}]

TRICKY = [
    {"id": 1, "inner": [{"id": 2}, {"id": 3}], "text": '}, {"id": 4'},
    {"id": 5, "inner": [{"id": 6, "more": {}}, {"id": 7}], "text": '},\n  {\n    "id":'},
    {"id": 8, "wide": "é" * 50},
    {"other": 9},
    {"id": 10},
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("chunk", [1, 7, 64, 1 << 16])
def test_records_are_found_whatever_stands_between_them(tmp_path: Path, layout: dict[str, Any], chunk: int) -> None:
    rows = TRICKY * 12
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows, **layout), encoding="utf-8")
    found = list(items(path, chunk))
    assert [item.value for item in found] == rows
    assert [item.number for item in found] == list(range(1, len(rows) + 1))
    assert all(item.reason is None for item in found)


def test_a_bad_record_behind_good_ones_is_told_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    good = '{"id": 1, "text": "a"}'
    path.write_text(f'[{", ".join([good] * 5)}, {{"id": oops}}, {good}]', encoding="utf-8")
    *fine, bad = items(path)
    assert [item.value for item in fine] == [json.loads(good)] * 5
    assert bad.reason is not None
    assert f"character {path.read_text().index('oops') + 1}" in bad.reason


@pytest.mark.parametrize("bad", ['{"id": 1, "x": NaN}', '{"id": 1, "x": 1e999}', '{"id": 1, "x": "\\ud800"}'])
def test_what_json_cannot_keep_is_refused_also_behind_a_known_seam(tmp_path: Path, bad: str) -> None:
    path = tmp_path / "rows.json"
    rows = ['{"id": 1}'] * 4 + [bad, '{"id": 2}']
    path.write_text(f"[{', '.join(rows)}]", encoding="utf-8")
    found = list(items(path))
    assert [item.reason is None for item in found] == [True, True, True, True, False, True]


def test_a_seam_that_does_not_come_again_costs_neither_time_nor_memory(tmp_path: Path) -> None:
    """What stands between the first objects stands nowhere else: the window must not grow to the whole file."""
    path = tmp_path / "file"
    odd = [json.dumps({"odd": n}) for n in range(3)]
    rows = [json.dumps({f"k{n}": "x" * 5_000}) for n in range(2_000)]
    path.write_text(f"[{', '.join(odd)},{' ,'.join(rows)}]")
    with path.open("rb") as file:
        buffer = Buffer(file, CHUNK)
        assert buffer.peek() == "["
        buffer.take()
        widest = 0
        for number in range(1, len(odd) + len(rows) + 1):
            buffer.peek()
            assert buffer.value(number).reason is None
            widest = max(widest, len(buffer._text))
            buffer.peek()
            buffer.take()
    assert widest < 16 * CHUNK
