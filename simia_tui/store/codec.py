"""Between values and what SQLite holds: zstd blobs for bodies and replies, JSON text for the rest."""

import json
import threading
from collections.abc import Mapping
from math import inf
from typing import Any

import msgspec
import zstandard

from simia_tui.model import Record, Trajectory, Turn, Value, canonical_json

LEVEL = 3
_MAX_BYTES = 1 << 30


class _Zstd(threading.local):
    """What packs and unpacks, made once for a thread: to make one takes as long as to use it."""

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(level=LEVEL)
        self.decompress = zstandard.ZstdDecompressor().decompress

    def compress(self, data: bytes) -> bytes:
        # What it gives holds memory for the worst case for as long as it lives.
        return bytes(memoryview(self._compressor.compress(data)))


_zstd = _Zstd()


def pack(text: str) -> bytes:
    """zstd of UTF-8 text."""
    return _zstd.compress(text.encode("utf-8", "surrogatepass"))


def unpack(blob: bytes) -> str:
    """The text that `pack` was given."""
    return _unpacked(blob).decode("utf-8", "surrogatepass")


def _unpacked(blob: bytes) -> bytes:
    return _zstd.decompress(blob, max_output_size=_MAX_BYTES)


class Body(Value, frozen=True):
    """What is stored once per revision of a trajectory; policy, tools and origin are stored apart."""

    turns: tuple[Turn, ...] = ()
    meta: dict[str, Any] = {}


_decode = msgspec.json.Decoder(Body).decode


def encode_body(trajectory: Trajectory) -> bytes:
    """The body of a trajectory as a blob."""
    body = Body(turns=trajectory.turns, meta=trajectory.meta)
    try:
        return _zstd.compress(msgspec.json.encode(body))
    except UnicodeEncodeError:
        # Half of a surrogate pair, which a text may hold; Python's slower encoder takes it.
        return pack(json.dumps(body.dump()))


def decode_body(blob: bytes) -> Body:
    """The body in a blob."""
    try:
        return _decode(_unpacked(blob))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Body.load(json.loads(unpack(blob)))


def score_of(meta: Mapping[str, Any]) -> float | None:
    """The reward or score that the source gave, where that is a number."""
    told = (meta.get(name) for name in ("reward", "score"))
    return next((float(n) for n in told if isinstance(n, int | float) and abs(n) < inf), None)


def score_in(blob: bytes) -> float | None:
    """`score_of` the body in a blob."""
    return score_of(decode_body(blob).meta)


def to_json(record: Record) -> str:
    """The JSON text of a record without its defaults."""
    return canonical_json(record.model_dump(mode="json", exclude_defaults=True))
