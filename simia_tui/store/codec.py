"""Between values and what SQLite holds: zstd blobs for bodies and replies, JSON text for the rest."""

import json
from typing import Any

import zstandard
from pydantic_core import from_json

from simia_tui.model import Record, Trajectory, canonical_json

LEVEL = 3
_MAX_BYTES = 1 << 30


def pack(text: str) -> bytes:
    """zstd of UTF-8 text."""
    return zstandard.compress(text.encode("utf-8", "surrogatepass"), LEVEL)


def unpack(blob: bytes) -> str:
    """The text that `pack` was given."""
    return zstandard.decompress(blob, max_output_size=_MAX_BYTES).decode("utf-8", "surrogatepass")


def encode_body(trajectory: Trajectory) -> bytes:
    """What is stored once per revision; policy, tools and origin are stored apart."""
    return pack(trajectory.model_dump_json(exclude_defaults=True, include={"turns", "meta"}))


def decode_body(blob: bytes) -> dict[str, Any]:
    """`turns` and `meta` as plain values."""
    text = unpack(blob)
    try:
        body: dict[str, Any] = from_json(text)
    except (ValueError, TypeError):
        # Half of a surrogate pair, which a text may hold; Python's slower parser takes it.
        body = json.loads(text)
    return body


def to_json(record: Record) -> str:
    """The JSON text of a record without its defaults."""
    return canonical_json(record.model_dump(mode="json", exclude_defaults=True))
