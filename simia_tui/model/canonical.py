"""Canonical JSON and content hashes: the identity of everything that is stored."""

import hashlib
import json
from typing import Any

_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def canonical_json(value: Any) -> str:
    """JSON text with sorted keys, no white space and UTF-8 kept; equal values give equal text.

    Raises:
        ValueError: for NaN and infinities, which JSON does not have.
    """
    return _encode(value)


def content_hash(value: Any) -> str:
    """SHA-256 of the canonical JSON of `value`, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()
