import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simia_tui.checks import parse_arguments
from simia_tui.checks.arguments import LONGEST_REPAIR

PLAIN = [
    ('{"a": 1}', {"a": 1}),
    ("{}", {}),
    ('{"a": "café 😀 “hi”"}', {"a": "café 😀 “hi”"}),
]
REPAIRED = [
    ("\ufeff{“a”: “b”}", {"a": "b"}),
    ('```json\n{"a": 1}\n```', {"a": 1}),
    ('Here it is: {"a": 1}', {"a": 1}),
    ('{"a": 1} Let me know.', {"a": 1}),
    ("{'a': \"O'Brien\", 'b': True, 'c': None}", {"a": "O'Brien", "b": True, "c": None}),
    ('{"a": [1, 2,], "b": "x,}",}', {"a": [1, 2], "b": "x,}"}),
    ('{"a": {"b": 1}', {"a": {"b": 1}}),
    ('{"a": "café" "b": 2}', {"a": "café", "b": 2}),
    ('{"a":\u00a01, "b": "\u00a0"}', {"a": 1, "b": "\u00a0"}),
    ('"{\\"a\\": 1}"', {"a": 1}),
    ('{"a": 1}}', {"a": 1}),
    ("{a: 1}", {"a": 1}),
    ("```python\n{'a': 1}\n```\n", {"a": 1}),
]
REFUSED = [
    "",
    "a=1",
    "[1]",
    "7",
    "null",
    '{"a": NaN}',
    '{"a": 1e999}',
    '{"a": "cut o',
    '{"a": 1, "b":',
    '{"a": 1,',
    '{"a": tru',
    '{"a": 1}{"b": 2}',
    '{"a": 1 // one\n}',
    "{'n': 'O'Brien'}",
    '{"a":' * 3000,
]


@pytest.mark.parametrize(("text", "value"), PLAIN)
def test_json_is_read_as_it_stands(text: str, value: dict[str, object]) -> None:
    assert parse_arguments(text) == (value, False)


@pytest.mark.parametrize(("text", "value"), REPAIRED)
def test_wrong_punctuation_is_put_right(text: str, value: dict[str, object]) -> None:
    assert parse_arguments(text) == (value, True)


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:20])
def test_what_would_have_to_be_guessed_is_refused(text: str) -> None:
    assert parse_arguments(text) == (None, False)


def test_long_text_is_not_repaired_but_still_read() -> None:
    long = "x" * LONGEST_REPAIR
    assert parse_arguments(f'{{"a": "{long}" "b": 1}}') == (None, False)
    assert parse_arguments(f'{{"a": "{long}",}}') == ({"a": long}, True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=8), JSON, max_size=4))
def test_every_object_comes_back_untouched(value: dict[str, object]) -> None:
    text = json.dumps(value, ensure_ascii=False)
    found, repaired = parse_arguments(text)
    assert json.dumps(found) == json.dumps(value)
    assert not repaired


@given(st.text(alphabet=st.sampled_from("{}[]\"':,\\ abé1-.“”\n`")) | st.text())
def test_any_text_gives_an_object_or_nothing(text: str) -> None:
    value, repaired = parse_arguments(text)
    assert value is None or isinstance(value, dict)
    assert not (repaired and value is None)


@given(st.dictionaries(st.text(max_size=8), JSON, min_size=1, max_size=3), st.data())
def test_a_text_cut_short_is_never_completed_with_an_invented_value(
    value: dict[str, object], data: st.DataObject
) -> None:
    text = json.dumps(value, ensure_ascii=False)
    cut = text[: data.draw(st.integers(0, len(text) - 2))]
    found, _ = parse_arguments(cut)
    letters = [char for char in json.dumps(found, ensure_ascii=False) if char.isalnum()]
    assert found is None or letters == [char for char in cut if char.isalnum()]
