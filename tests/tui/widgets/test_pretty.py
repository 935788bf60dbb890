import json

from hypothesis import given
from hypothesis import strategies as st

from simia_tui.tui.widgets.pretty import indent_json, json_parts, pretty_arguments

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.lists(values) | st.dictionaries(st.text(), values), st.booleans())
def test_indented_json_means_the_same(value: object, ascii_only: bool) -> None:
    pretty = indent_json(json.dumps(value, ensure_ascii=ascii_only))
    assert pretty is not None and json.loads(pretty) == value


def test_values_stay_as_written() -> None:
    assert indent_json('{"a":1.10,"b":[1e400,"\\u00e9"],"a":{}}') == (
        '{\n  "a": 1.10,\n  "b": [\n    1e400,\n    "\\u00e9"\n  ],\n  "a": {}\n}'
    )


def test_what_is_no_object_or_array_stays_text() -> None:
    for text in ("12", '"x"', "Error: no such user", "{broken", "[" * 100_000, ""):
        assert indent_json(text) is None


@given(st.text())
def test_colouring_keeps_every_character(line: str) -> None:
    assert "".join(text for text, _ in json_parts(line)) == line


def test_keys_and_numbers_have_their_ink() -> None:
    parts = json_parts('  "a": -1.5, "true": true')
    assert ('"a"', "key") in parts and ("-1.5", "accent") in parts and ("true", "accent") in parts


def test_arguments_stand_on_one_line_where_they_fit() -> None:
    assert pretty_arguments({"id": 1}, 20) == '{"id": 1}'
    assert pretty_arguments({"id": 1}, 5) == '{\n  "id": 1\n}'
    assert pretty_arguments({}, 0) == "{}"
