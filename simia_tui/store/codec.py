"""Between values and what SQLite holds: zstd blobs for bodies and replies, JSON text for the rest."""

import json
from typing import Any

import msgspec
import zstandard

from simia_tui.model import Record, Trajectory, Turn, Value, canonical_json

LEVEL = 3
_MAX_BYTES = 1 << 30


def pack(text: str) -> bytes:
    """zstd of UTF-8 text."""
    return zstandard.compress(text.encode("utf-8", "surrogatepass"), LEVEL)


def unpack(blob: bytes) -> str:
    """The text that `pack` was given."""
    return zstandard.decompress(blob, max_output_size=_MAX_BYTES).decode("utf-8", "surrogatepass")


class Body(Value, frozen=True):
    """What is stored once per revision of a trajectory; policy, tools and origin are stored apart."""

    turns: tuple[Turn, ...] = ()
    meta: dict[str, Any] = {}


def encode_body(trajectory: Trajectory) -> bytes:
    """The body of a trajectory as a blob."""
    body = Body(turns=trajectory.turns, meta=trajectory.meta)
    try:
        return zstandard.compress(msgspec.json.encode(body), LEVEL)
    except UnicodeEncodeError:
        # Half of a surrogate pair, which a text may hold; Python's slower encoder takes it.
        return pack(json.dumps(body.dump()))


def decode_body(blob: bytes) -> Body:
    """The body in a blob."""
    text = unpack(blob)
    try:
        return msgspec.json.decode(text, type=Body)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return Body.load(json.loads(text))


def to_json(record: Record) -> str:
    """The JSON text of a record without its defaults."""
    return canonical_json(record.model_dump(mode="json", exclude_defaults=True))
