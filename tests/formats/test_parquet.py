import json

import pytest
from samples import make_trajectory

from simia_tui import formats
from simia_tui.errors import UsageError
from simia_tui.formats import parquet, sinks

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def read(path):
    return [row.trajectory for row in formats.read(path)]


@pytest.fixture
def written(tmp_path):
    """Our own file, of more rows than one group holds."""
    path = tmp_path / "rows.json"
    sinks.GROUP, kept = 2, sinks.GROUP
    with formats.open_sink(path, "parquet") as sink:
        for number in range(5):
            body = make_trajectory(f"number {number}", meta={"reward": number / 2, "turn_fields": {"0": {"a": [1]}}})
            sink.add(formats.WRITERS["parquet"].write(body))
    sinks.GROUP = kept
    return path


def test_our_file_is_known_by_content_and_keeps_meta(written):
    assert formats.detect(written) == "parquet"
    assert [t.turns[0].content for t in read(written)] == [f"number {n}" for n in range(5)]
    assert [t.meta for t in read(written)] == [{"reward": n / 2, "turn_fields": {"0": {"a": [1]}}} for n in range(5)]
    assert pq.ParquetFile(written).num_row_groups == 3


def test_no_column_depends_on_the_rows(written, tmp_path):
    other = make_trajectory().tools[0].replace(parameters={"properties": {"x": {"enum": [1, "a"]}}})
    path = tmp_path / "other"
    with formats.open_sink(path, "parquet") as sink:
        sink.add(formats.WRITERS["parquet"].write(make_trajectory(tools=(other,))))
    assert pq.read_schema(path) == pq.read_schema(written)
    assert pq.read_table(path).column("tools")[0].as_py() == json.dumps(
        [formats.write_openai(make_trajectory(tools=(other,)))["tools"][0]]
    )


def test_nulls_that_arrow_adds_to_objects_are_left_out(tmp_path):
    rows = [
        {"messages": [{"role": "user", "content": "u"}], "tools": [{"name": "f", "parameters": {"a": {"type": "x"}}}]},
        {"messages": [{"role": "user", "content": "v"}], "tools": [{"name": "g", "parameters": {"b": {"type": "y"}}}]},
    ]
    path = tmp_path / "rows"
    pq.write_table(pa.Table.from_pylist(rows), path)
    assert pq.read_table(path).to_pylist()[0]["tools"][0]["parameters"]["b"] is None
    assert [t.tools[0].parameters for t in read(path)] == [{"a": {"type": "x"}}, {"b": {"type": "y"}}]


@pytest.mark.parametrize("kind", ["parquet", "stream", "file"])
@pytest.mark.parametrize("textual", [False, True])
def test_rows_of_other_formats_and_of_json_text_are_read(tmp_path, kind, textual):
    turns = [{"from": "human", "value": "u"}, {"from": "gpt", "value": "a"}]
    row = {"conversations": json.dumps(turns) if textual else turns, "system": "p", "id": 3}
    table, path = pa.Table.from_pylist([row, row]), tmp_path / "rows"
    if kind == "parquet":
        pq.write_table(table, path)
    else:
        new = pa.ipc.new_stream if kind == "stream" else pa.ipc.new_file
        with new(path, table.schema) as sink:
            sink.write_table(table)
    assert parquet.container(path)
    assert [(t.policy, [turn.content for turn in t.turns], t.meta) for t in read(path)] == [
        ("p", ["u", "a"], {"id": 3})
    ] * 2
    assert [row.reason for row in formats.read(path, "sharegpt")] == [None, None]


def test_rows_of_no_format_and_values_json_cannot_keep_are_bad_rows(tmp_path):
    path = tmp_path / "rows"
    pq.write_table(pa.Table.from_pylist([{"a": 1}, {"a": 2}]), path)
    assert all("no known format" in row.reason for row in formats.read(path))
    pq.write_table(pa.Table.from_pylist([{"messages": [{"role": "user", "content": "u"}], "x": b"\xff"}]), path)
    assert ["JSON cannot keep" in row.reason for row in formats.read(path)] == [True]


@pytest.mark.parametrize("head", [b"PAR1", b"ARROW1\x00\x00", b"\xff\xff\xff\xff"])
def test_a_damaged_file_is_refused_in_one_sentence(tmp_path, head):
    path = tmp_path / "rows"
    path.write_bytes(head + b"rest of it, which is nothing")
    with pytest.raises(UsageError, match="damaged"):
        list(formats.read(path))


def test_a_file_that_breaks_off_keeps_what_came_before(tmp_path):
    path = tmp_path / "rows"
    table = pa.Table.from_pylist([{"messages": [{"role": "user", "content": "u" * 1000}]}] * 3)
    with pa.ipc.new_stream(path, table.schema) as sink:
        for _ in range(4):
            sink.write_table(table)
    path.write_bytes(path.read_bytes()[:-4000])
    rows = list(formats.read(path))
    assert rows[0].trajectory is not None
    assert "damaged" in rows[-1].reason


def test_without_pyarrow_a_sentence_says_what_to_install(written, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"simia-tui\[parquet\]"):
        list(formats.read(written))
