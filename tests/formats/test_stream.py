import gzip
import json
import random
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simia_tui.errors import UsageError
from simia_tui.formats.stream import items

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
).filter(lambda value: "\\ud" not in json.dumps(value).lower() or encodes(value))


def encodes(value):
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


@pytest.fixture
def write(tmp_path):
    def make(content, name="file"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


def values(path, **more):
    return [item.value for item in items(path, **more)]


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(JSON, min_size=1, max_size=6),
    chunk=st.integers(1, 40),
    indent=st.sampled_from([None, 0, 3]),
    ascii_only=st.booleans(),
    bom=st.booleans(),
    packed=st.booleans(),
    blank=st.sampled_from(["", "\n", " \t\r\n"]),
)
def test_an_array_is_read_the_same_whatever_the_size_of_the_reads(
    tmp_path_factory, rows, chunk, indent, ascii_only, bom, packed, blank
):
    path = tmp_path_factory.mktemp("array") / "rows"
    text = blank + json.dumps(rows, indent=indent, ensure_ascii=ascii_only) + blank
    data = text.encode("utf-8-sig" if bom else "utf-8")
    path.write_bytes(gzip.compress(data) if packed else data)
    found = list(items(path, chunk=chunk))
    assert [item.reason for item in found] == [None] * len(rows)
    assert [item.value for item in found] == rows
    assert [item.number for item in found] == list(range(1, len(rows) + 1))


def test_json_lines_split_on_newline_only(write):
    rows = [{"text": "a\u2028b\u0085c\x0bd"}, {"text": "e\u2029f\x00"}]
    path = write("\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n")
    assert values(path) == rows


def test_blank_lines_are_skipped_and_numbers_are_those_of_lines(write):
    path = write('\ufeff{"a": 1}\r\n\r\n  \n{"a": 2}')
    assert [(item.number, item.value) for item in items(path)] == [(1, {"a": 1}), (4, {"a": 2})]


def test_a_bad_line_leaves_the_next_alone(write):
    lines = [
        b'{"a": 1}',
        b'{"a": ',
        b'\xff\xfe{"a"}',
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"a": "\\ud800"}',
        b'{"a": 1} x',
    ]
    lines += [b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}", b'{"a": ' + b"1" * 5000 + b"}", b'{"a": 2}']
    found = list(items(write(b"\n".join(lines))))
    assert [item.number for item in found] == list(range(1, len(lines) + 1))
    assert [item.reason is None for item in found] == [True, *[False] * 8, True]
    assert all(len(item.raw) <= 4000 for item in found)
    reasons = [item.reason for item in found[1:-1]]
    for reason, word in zip(
        reasons, ["not JSON", "UTF-8", "NaN", "range", "surrogate", "more text", "nested", "digits"], strict=True
    ):
        assert word in reason


def test_a_broken_first_line_is_one_bad_row(write):
    path = write('{"a": [\n{"a": 2}\n{"a": 3}\n')
    assert [(item.value, item.reason is None) for item in items(path)] == [
        (None, False),
        ({"a": 2}, True),
        ({"a": 3}, True),
    ]


def test_a_value_that_json_lacks_spoils_only_its_element(write):
    path = write('[{"a": 1}, {"a": Infinity}, {"b": "\\udc00"}, {"a": 1e400}, {"a": 2}]')
    assert values(path) == [{"a": 1}, None, None, None, {"a": 2}]


def test_a_syntax_error_in_an_array_ends_it_with_its_place(write):
    text = '[{"a": 1}, {"a": }, {"a": 3}]'
    good, bad = items(write(text))
    assert good.value == {"a": 1}
    assert bad.reason.startswith(f"The file cannot be read from character {text.index('}, {', 12) + 1} on:")
    assert bad.raw.startswith('{"a": }')


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ('[{"a": 1}, {"a": "unclosed', 1),
        ('[{"a": 1}', 1),
        ('[{"a": 1},', 1),
        ('[{"a": 1} {"a": 2}]', 1),
        ('[{"a": 1}] and more', 1),
        ("[" + "[" * 3000, 0),
        ("[1, 2", 2),
    ],
)
def test_a_truncated_or_torn_array_says_so_after_its_good_elements(write, text, good):
    found = list(items(write(text)))
    assert [item.reason is None for item in found] == [True] * good + [False]


def test_invalid_utf8_in_an_array_ends_it_after_the_good_elements(write):
    first, bad = items(write(b'[{"a": "good"}, {"a": "b\xffd"}]'), chunk=5)
    assert first.value == {"a": "good"}
    assert "UTF-8" in bad.reason


def test_an_early_error_is_told_without_reading_the_rest(write):
    path = write('[{"a": 1}, {"a": x}, ' + '{"a": 2},' * 200_000 + "1]")
    tracemalloc.start()
    found = list(items(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == 2
    assert peak < 1_000_000


@pytest.mark.parametrize("text", ['{"a": 1}', '{\n  "a": 1\n}\n', '\ufeff \n{"a":\n1}'])
def test_a_single_object_is_one_row(write, text):
    assert values(write(text)) == [{"a": 1}]


def test_objects_over_several_lines_follow_each_other(write):
    assert values(write('{\n"a": 1\n}\n{\n"a": 2\n}\n')) == [{"a": 1}, {"a": 2}]


def test_gzip_is_known_by_content_and_damage_is_told(write):
    rows = [{"a": index, "b": random.Random(index).randbytes(40).hex()} for index in range(3000)]
    whole = gzip.compress(json.dumps(rows).encode())
    assert values(write(whole, "plain.json")) == rows
    torn = list(items(write(whole[: len(whole) // 2])))
    assert torn[-1].reason
    assert "file is damaged" in torn[-1].reason
    assert all(item.reason is None for item in torn[:-1])
    lines = gzip.compress("\n".join(json.dumps(row) for row in rows).encode())
    torn = list(items(write(lines[: len(lines) // 2])))
    assert "file is damaged" in torn[-1].reason


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf \n", "is empty"),
        (b"PK\x03\x04rest", "ZIP"),
        (b"PAR1rest", "Parquet"),
        ("[1]".encode("utf-16"), "UTF-16"),
        (b"\x7fELF\x00\x01", "binary"),
        (b"\x1f\x8bjunk", "cannot be read"),
    ],
)
def test_what_is_plainly_no_json_is_refused_in_one_sentence(write, content, words):
    with pytest.raises(UsageError, match=words) as caught:
        list(items(write(content)))
    assert str(caught.value).count("\n") == 0


def test_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(UsageError, match="no file"):
        list(items(tmp_path / "none"))
    with pytest.raises(UsageError, match="folder"):
        list(items(tmp_path))


def test_memory_does_not_grow_with_the_file(tmp_path):
    row = json.dumps({"text": "x" * 20_000})
    path = tmp_path / "large.json"
    path.write_text("[" + ",\n".join([row] * 1_000) + "]")
    tracemalloc.start()
    count = sum(1 for item in items(path) if item.reason is None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 1_000
    assert peak < 2_000_000


def test_an_element_of_megabytes_is_parsed_a_few_times_only(write, monkeypatch):
    parses = []
    real = json.JSONDecoder.raw_decode
    monkeypatch.setattr(
        json.JSONDecoder, "raw_decode", lambda self, text, at=0: (parses.append(1), real(self, text, at))[1]
    )
    path = write(json.dumps([{"text": ["x" * 100] * 80_000}]))
    assert len(values(path)) == 1
    assert len(parses) < 12


@settings(deadline=None)
@given(
    rows=st.lists(JSON, max_size=6),
    gaps=st.lists(st.sampled_from(["\n", ",\n", ",\r\n \n", ", ", " ,\n\n", ",", "", "\n,\n"]), min_size=7, max_size=7),
    bom=st.booleans(),
    ending=st.sampled_from(["", "x", "\n\n"]),
)
def test_an_array_in_lines_is_read_as_any_other(tmp_path_factory, rows, gaps, bom, ending):
    """Gzipped content is never read line by line, so it shows what is right."""
    parts = [part for row, gap in zip(rows, gaps, strict=False) for part in (json.dumps(row, ensure_ascii=False), gap)]
    data = f"[{gaps[-1]}{''.join(parts)}]{ending}".encode("utf-8-sig" if bom else "utf-8")
    folder = tmp_path_factory.mktemp("lines")
    (folder / "plain").write_bytes(data)
    (folder / "packed").write_bytes(gzip.compress(data))
    plain, packed = (list(items(folder / name)) for name in ("plain", "packed"))
    assert [item[:3] for item in plain] == [item[:3] for item in packed]


def test_what_json_lacks_in_a_line_of_an_array_spoils_only_its_element(write):
    lines = ['{"a": 1},', '{"a": NaN},', '{"a": "\\ud800"},', '{"a": "né"},', '{"a": 2}']
    found = list(items(write("[\n" + "\n".join(lines) + "\n]")))
    assert [item.value for item in found] == [{"a": 1}, None, None, {"a": "né"}, {"a": 2}]
    assert [item.number for item in found] == [1, 2, 3, 4, 5]


def test_the_place_of_an_error_after_lines_counts_characters_not_bytes(write):
    text = '[\n{"a": "é😀"},\n{"a": 2},\n{"a": }\n]'
    *good, bad = items(write(text))
    assert [item.value for item in good] == [{"a": "é😀"}, {"a": 2}]
    assert bad.reason.startswith(f"The file cannot be read from character {text.index('}', text.index(': }')) + 1} on:")
    assert bad.number == 3
