"""Files that rows are written to: what is told of them is what stands on the disk."""

import hashlib

import pytest
from samples import make_trajectory

from simia_tui import formats
from simia_tui.formats.sinks import HashedFile


@pytest.mark.parametrize("name", ["trl", "sharegpt", "parquet"])
@pytest.mark.parametrize("rows", [0, 1, 2500])
def test_a_file_is_hashed_while_it_is_written(tmp_path, name, rows):
    path = tmp_path / "rows"
    row = formats.WRITERS[name].write(make_trajectory())
    with HashedFile(path) as file, formats.open_sink(file, name) as sink:
        for _ in range(rows):
            sink.add(row)
    written = path.read_bytes()
    assert (file.sha256, file.size) == (hashlib.sha256(written).hexdigest(), len(written))
    assert len(written) > 0 or rows == 0


def test_a_sink_leaves_a_file_open_that_it_was_given_open(tmp_path):
    with HashedFile(tmp_path / "rows") as file:
        with formats.open_sink(file, "trl") as sink:
            sink.add({"a": 1})
        assert not file.closed
