import gzip
import json

import pytest

from simia_tui import formats
from simia_tui.errors import UsageError

SAMPLES = {
    "tau-bench": {"task_id": 1, "traj": [{"role": "user", "content": "u"}], "reward": 1.0, "trial": 0, "info": {}},
    "sharegpt": {"conversations": [{"from": "human", "value": "u"}, {"from": "gpt", "value": "a"}]},
    "sharegpt-hermes": {"conversations": [{"from": "gpt", "value": '<tool_call>\n{"name": "f"}\n</tool_call>'}]},
    "openai": {"messages": [{"role": "user", "content": "u"}]},
    "hermes": {
        "conversations": [
            {"from": "system", "value": "<tools>\n</tools>"},
            {"from": "human", "value": "u"},
            {"from": "gpt", "value": "a"},
        ]
    },
    "simia-sft": {"conversations": [{"from": "human", "value": "u"}], "based_on_sample": "x", "domain": "general"},
    "axolotl": {"messages": [{"role": "assistant", "content": "a", "train": False}]},
    "atif": {"schema_version": "ATIF-v1.7", "steps": [{"step_id": 1, "source": "user", "message": "u"}]},
    "verl-sft": {"messages": [{"role": "user", "content": "u"}], "enable_thinking": False},
    "verl-rl": {"prompt": [{"role": "user", "content": "u"}], "reward_model": {"style": "rule", "ground_truth": "1"}},
}


@pytest.mark.parametrize("name", list(SAMPLES))
@pytest.mark.parametrize("shape", ["lines", "array", "object", "gzip"])
def test_formats_are_known_by_content_whatever_the_name_says(tmp_path, name, shape):
    row = SAMPLES[name]
    text = {"lines": f"{json.dumps(row)}\n" * 2, "array": json.dumps([row, row])}.get(shape, json.dumps(row, indent=1))
    path = tmp_path / "openai.csv"
    path.write_bytes(gzip.compress(text.encode()) if shape == "gzip" else text.encode())
    assert formats.detect(path) == name
    rows = list(formats.read(path))
    assert len(rows) == (2 if shape in ("lines", "array") else 1)
    assert [row.reason for row in rows] == [None] * len(rows)


def test_names_are_those_that_detection_answers():
    assert {*SAMPLES, "parquet"} <= set(formats.names())


def test_bad_rows_at_the_start_do_not_hide_the_format(tmp_path):
    path = tmp_path / "rows"
    path.write_text("\n".join(["# a comment", "{}", json.dumps(SAMPLES["openai"])]))
    assert formats.detect(path) == "openai"
    rows = list(formats.read(path, domain="library"))
    assert [row.reason is None for row in rows] == [False, False, True]
    assert [row.raw for row in rows] == ["# a comment", "{}", ""]
    assert rows[-1].trajectory.domain == "library"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("[]", "no rows"),
        ("hello", "not JSON"),
        ('{"a": 1}', "no known format"),
        ("[1]", "no known format"),
    ],
)
def test_files_of_no_format_are_refused_in_one_sentence(tmp_path, text, words):
    path = tmp_path / "rows"
    path.write_text(text)
    with pytest.raises(UsageError, match=words):
        formats.detect(path)
    with pytest.raises(UsageError, match=words):
        list(formats.read(path))


def test_an_unknown_format_is_refused(tmp_path):
    with pytest.raises(UsageError, match="sharegpt-hermes"):
        list(formats.read(tmp_path / "rows", "csv"))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no file"):
        formats.detect(tmp_path / "rows")


def test_a_row_of_another_shape_is_bad_and_the_next_goes_on(tmp_path):
    path = tmp_path / "rows"
    path.write_text(json.dumps([SAMPLES["openai"], SAMPLES["sharegpt"], SAMPLES["openai"]]))
    rows = list(formats.read(path))
    assert [row.reason is None for row in rows] == [True, False, True]
    assert rows[1].number == 2


def test_raw_is_cut(tmp_path):
    path = tmp_path / "rows"
    path.write_text(json.dumps([SAMPLES["openai"], {"messages": "x" * 10_000}]))
    assert len(list(formats.read(path))[1].raw) == 4_000


def test_nesting_that_could_not_be_stored_is_a_bad_row(tmp_path):
    deep = '{"a":' * 400 + "1" + "}" * 400
    path = tmp_path / "rows"
    path.write_text(json.dumps(SAMPLES["openai"]) + "\n" + '{"messages": [{"role": "user"}], "meta": ' + deep + "}")
    rows = list(formats.read(path))
    assert "200 levels" in rows[1].reason


def test_every_writer_states_what_it_loses():
    assert {"trl", "sharegpt-hermes", "openai"} <= set(formats.WRITERS)
    for name, writer in formats.WRITERS.items():
        assert writer.name == name
        assert writer.loses


@pytest.mark.parametrize(
    "text", ["id,question,answer\n1,a,b\n", "\ufeffid;question\n1;a\n", "role\tcontent\nuser\thi\n"]
)
def test_a_table_is_refused_with_what_to_do(tmp_path, text):
    path = tmp_path / "table"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"looks like a table \(CSV\); turn it into JSON Lines"):
        formats.detect(path)
