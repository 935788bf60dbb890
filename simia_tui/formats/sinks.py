"""Files that rows are written to: JSON Lines, one JSON array, or Parquet with the format's own schema."""

import hashlib
from collections.abc import Callable
from io import BufferedWriter, FileIO
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Protocol

from simia_tui.formats import parquet, verl
from simia_tui.formats.base import json_row

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_BUFFER = 1 << 20
"""Bytes that are written, and hashed, at a time."""

GROUP = 1_000
"""Rows of one Parquet row group: what is held in memory."""

_FILES = {
    "sharegpt": "sharegpt.json",
    "sharegpt-hermes": "sharegpt_hermes.json",
    "simia-sft": "simia_sft.json",
    "parquet": "trajectories.parquet",
    "verl-sft": "verl_sft.parquet",
    "verl-rl": "verl_rl.parquet",
}
_SCHEMAS: dict[str, Callable[[], Any]] = {
    "parquet": parquet.schema,
    "verl-sft": verl.sft_schema,
    "verl-rl": verl.rl_schema,
}


class Sink(Protocol):
    """Takes rows one by one; leaving the `with` block finishes the file."""

    rows: int

    def __enter__(self) -> "Sink": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def add(self, row: dict[str, Any]) -> None: ...


def file_of(name: str) -> str:
    """The file of a bundle that holds the rows of the format `name`."""
    return _FILES.get(name) or f"{name.replace('-', '_')}.jsonl"


def is_json(name: str) -> bool:
    """Whether rows of the format `name` are written as JSON."""
    return name not in _SCHEMAS


class HashedFile(BufferedWriter):
    """A new file that is written from its start to its end, and hashed on the way."""

    def __init__(self, path: Path) -> None:
        self._hashing = _Hashing(path)
        super().__init__(self._hashing, _BUFFER)

    @property
    def size(self) -> int:
        """The bytes of the file once it is closed."""
        return self._hashing.size

    @property
    def sha256(self) -> str:
        """The hash of the file once it is closed, as 64 hexadecimal digits."""
        return self._hashing.digest.hexdigest()


class _Hashing(FileIO):
    def __init__(self, path: Path) -> None:
        super().__init__(path, "wb")
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, data: "ReadableBuffer") -> int:
        written = super().write(data)
        self.digest.update(memoryview(data)[:written])
        self.size += written
        return written


def open_sink(target: Path | IO[bytes], name: str) -> Sink:
    """A file for rows of the format `name`, in the layout that its readers expect, whatever it is called.

    Raises:
        UsageError: when the format needs pyarrow, which is not installed.
    """
    if name in _SCHEMAS:
        return ParquetSink(target, _SCHEMAS[name]())
    return JsonSink(target, array=file_of(name).endswith(".json"))


class JsonSink:
    """One JSON object a line, as JSON Lines or as one JSON array; a file that is open already is left open."""

    def __init__(self, target: Path | IO[bytes], array: bool = False) -> None:
        self.rows = 0
        self._file = target.open("wb", _BUFFER) if isinstance(target, Path) else target
        self._owned = isinstance(target, Path)
        self._array = array

    def __enter__(self) -> "JsonSink":
        return self

    def add(self, row: dict[str, Any] | bytes) -> None:
        """Takes a row, which may be JSON already (from another process)."""
        before, after = ((b",\n" if self.rows else b"[\n"), b"") if self._array else (b"", b"\n")
        self._file.write(b"".join((before, row if isinstance(row, bytes) else json_row(row), after)))
        self.rows += 1

    def __exit__(self, *_: object) -> None:
        if self._array:
            self._file.write(b"\n]\n" if self.rows else b"[]\n")
        self._file.close() if self._owned else self._file.flush()


class ParquetSink:
    """A Parquet file with a fixed schema, written in groups of rows; a file that is open already is left open."""

    def __init__(self, target: Path | IO[bytes], schema: Any) -> None:
        self.rows = 0
        self._pa = parquet.arrow()
        self._schema = schema
        self._waiting: list[dict[str, Any]] = []
        self._writer = self._pa.parquet.ParquetWriter(target, schema, compression="zstd")

    def __enter__(self) -> "ParquetSink":
        return self

    def add(self, row: dict[str, Any]) -> None:
        self._waiting.append(row)
        self.rows += 1
        if len(self._waiting) >= GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(self._pa.Table.from_pylist(self._waiting, schema=self._schema))
            self._waiting = []

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._writer.close()
