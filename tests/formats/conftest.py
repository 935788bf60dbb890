import json

import pytest

from simia_tui import formats


@pytest.fixture
def read_rows(tmp_path):
    """Writes rows as JSON Lines and reads them back as canonical rows."""

    def read(*rows, format="auto", domain="generic"):
        path = tmp_path / "rows"
        path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
        return list(formats.read(path, format, domain))

    return read


@pytest.fixture
def read_one(read_rows):
    """The trajectory of one row; the reason fails the test."""

    def read(row, format="auto"):
        (found,) = read_rows(row, format=format)
        assert found.reason is None
        return found.trajectory

    return read
