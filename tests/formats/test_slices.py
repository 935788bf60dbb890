"""A file read in slices gives what it gives in one go, or says that it cannot."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simia_tui.formats.slices import Torn, slices
from simia_tui.formats.stream import items


def pieces(path: Path, size: int) -> list[tuple[int, object, str | None]]:
    found, before = [], 0
    for piece in slices(path, size):
        read, count = piece.items()
        found += [(item.number + before, item.value, item.reason) for item in read]
        before += count
    return found


@settings(deadline=None)
@given(
    rows=st.lists(st.dictionaries(st.text(max_size=3), st.text(max_size=9) | st.none()), min_size=1, max_size=20),
    size=st.integers(1, 200),
    shape=st.sampled_from(["[{}]", "[\n{}\n]\n\n", "{}", "{}\n"]),
    gap=st.sampled_from(["\n", "\r\n", "\n \n\n"]),
)
def test_slices_hold_what_the_file_holds(
    tmp_path_factory: pytest.TempPathFactory, rows: list[object], size: int, shape: str, gap: str
) -> None:
    path = tmp_path_factory.mktemp("slices") / "rows"
    comma = "," if shape.startswith("[") else ""
    body = f"{comma}{gap}".join(json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text(shape.replace("{}", body), encoding="utf-8", newline="")
    assert pieces(path, size) == [(item.number, item.value, item.reason) for item in items(path)]


def test_bad_lines_keep_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_text('{"a": 1}\n\n{"a": \n{"a": 2}\nx\n')
    found = pieces(path, 4)
    assert [number for number, _, _ in found] == [1, 3, 4, 5]
    assert [reason is None for _, _, reason in found] == [True, False, True, False]


def test_what_must_be_read_in_one_go_has_no_slices(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(gzip.compress(b'{"a": 1}\n{"a": 2}\n'))
    assert slices(path) == []
    path.write_text(json.dumps({"a": {"b": 1}}, indent=2))
    assert slices(path) == []
    path.write_text("[" + ", ".join(['{"a": "' + "x" * 5000 + '"}'] * 1000) + "]")
    assert slices(path, 1000) == []


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([{"a": 1, "b": 2}] * 20, indent=2),
        "[\n" + '{"a": 1},\n' * 20 + '{"a": 1} {"a": 2},\n' + '{"a": 1},\n' * 20 + '{"a": 1}\n]',
        "[\n" + '{"a": 1},\n' * 40 + '{"a": \n]',
    ],
)
def test_an_array_that_has_not_one_element_a_line_is_torn(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rows"
    path.write_text(text)
    with pytest.raises(Torn):
        pieces(path, 100)
