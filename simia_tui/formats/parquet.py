"""Parquet and Arrow files, as Hugging Face data sets are kept: a container of rows of any format, and our own rows.

Arrow gives all objects at one place of a column the same keys, with null where a row had none: fifteen tools of
different parameters come back with hundreds of null keys. So we write schemas and arguments as JSON text, and of
other people's files we leave every null of an object out.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from simia_tui.errors import UsageError
from simia_tui.formats.base import RAW_CHARS, Format, RowError, Writer, json_text
from simia_tui.formats.openai_chat import write_openai
from simia_tui.formats.source import Source
from simia_tui.formats.stream import Item
from simia_tui.model import Trajectory, canonical_json

BATCH = 64
"""Rows that are turned into Python values at a time."""

_MAGIC = {b"PAR1": "parquet", b"ARROW1": "arrow", b"\xff\xff\xff\xff": "stream"}
_TEXTUAL = ("messages", "conversations", "traj", "steps", "prompt")
_MARK = "simia_meta"
"""The column that tells our own rows: `meta` as JSON text."""


class Parquet(Source):
    """Reads Parquet and Arrow files; each row is read as the format it has the shape of.

    Args:
        formats: gives the formats a row may have, by name, in the order in which they are asked.
    """

    name = "parquet"
    title = "Parquet and Arrow files (Hugging Face data sets) with rows of any format"
    loses = ("nulls inside objects, which Arrow adds and nobody can tell from those of the source",)

    def __init__(self, formats: Callable[[], dict[str, Format]]) -> None:
        self._formats = formats

    def sniff(self, head: bytes) -> bool:
        return any(head.startswith(magic) for magic in _MAGIC)

    def detect(self, sample: dict[str, Any]) -> bool:
        return False

    def records(self, path: Path) -> Iterator[Item]:
        return rows(path)

    def read_record(self, record: dict[str, Any], domain: str = "generic") -> Trajectory:
        for reader in self._formats().values():
            if reader.detect(record):
                return reader.read_record(record, domain)
        raise RowError(f"The row is in no known format; its columns are: {', '.join(record)[:200]}.")


def arrow() -> Any:
    """The module `pyarrow`.

    Raises:
        UsageError: when it is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError("Parquet needs pyarrow, which is not installed: pip install 'simia-tui[parquet]'.") from error
    assert pyarrow.parquet
    return pa


def container(path: Path) -> str | None:
    """Which kind of Arrow file `path` is by its first bytes: "parquet", "arrow", "stream", or None."""
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError:
        return None
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)


def rows(path: Path) -> Iterator[Item]:
    """The rows of an Arrow file, numbered from 1, as JSON values; memory is bounded by a batch.

    Raises:
        UsageError: when pyarrow is missing or the file is damaged from the start.
    """
    pa = arrow()
    number = 0
    try:
        for batch in _batches(pa, path):
            for start in range(0, batch.num_rows, BATCH):
                for row in batch.slice(start, BATCH).to_pylist():
                    number += 1
                    yield _item(number, row)
    except (pa.ArrowException, OSError, ValueError) as error:
        if not number:
            kind = {"parquet": "Parquet"}.get(container(path) or "", "Arrow")
            raise UsageError(f"{path} is a damaged {kind} file; fetch it again.") from error
        yield Item(number + 1, None, "The file is damaged here; the rest cannot be read.", "")


def _batches(pa: Any, path: Path) -> Iterator[Any]:
    kind = container(path)
    if kind == "parquet":
        with closing(pa.parquet.ParquetFile(path)) as file:
            yield from file.iter_batches(batch_size=BATCH)
    elif kind == "arrow":
        with pa.ipc.open_file(path) as reader:
            yield from (reader.get_batch(n) for n in range(reader.num_record_batches))
    else:
        with path.open("rb") as source, pa.ipc.open_stream(source) as reader:
            yield from reader


def _item(number: int, row: dict[str, Any]) -> Item:
    value = {key: _decoded(key, item) for key, item in _without_nulls(row).items()}
    meta = value.pop(_MARK, None)
    if isinstance(meta, str):
        value = {**_object(meta), **{key: item for key, item in value.items() if key not in ("id", "domain")}}
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (TypeError, ValueError):
        return Item(number, None, "It holds a value that JSON cannot keep.", str(row)[:RAW_CHARS])
    return Item(number, value, None, text[:RAW_CHARS])


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _decoded(key: str, value: Any) -> Any:
    """The list that a column of JSON text holds."""
    if key not in _TEXTUAL or not isinstance(value, str) or not value.startswith("["):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def write_parquet(trajectory: Trajectory) -> dict[str, Any]:
    """A row `{id, domain, messages, tools, simia_meta}` for the schema `schema()`; `tools` is JSON text or null."""
    row = write_openai(trajectory)
    return {
        "id": trajectory.id,
        "domain": trajectory.domain,
        "messages": row["messages"],
        "tools": json_text(row["tools"]) if trajectory.tools else None,
        _MARK: canonical_json(trajectory.meta),
    }


def schema() -> Any:
    """The Arrow schema of `write_parquet`: fixed, so that no key depends on which rows are in the file."""
    pa = arrow()
    text = pa.string()
    function = pa.struct([("name", text), ("arguments", text)])
    message = pa.struct(
        [
            ("role", text),
            ("content", text),
            ("reasoning_content", text),
            ("tool_calls", pa.list_(pa.struct([("id", text), ("type", text), ("function", function)]))),
            ("tool_call_id", text),
            ("name", text),
            ("is_error", pa.bool_()),
            ("weight", pa.int8()),
            ("requestor", text),
        ]
    )
    columns = [("id", text), ("domain", text), ("messages", pa.list_(message)), ("tools", text), (_MARK, text)]
    return pa.schema(columns)


PARQUET = Writer(
    name="parquet",
    title="Parquet (Hugging Face data sets), OpenAI messages",
    write=write_parquet,
    loses=("the original text of arguments that were repaired", "domain and origin"),
)
