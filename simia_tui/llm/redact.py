"""Takes secrets out of text that is about to be kept or shown."""

import json
import re
from urllib.parse import quote

from simia_tui.settings import KEY_SHAPE

MASK = "[key hidden]"
_MESSAGE_CHARS = 300
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")


def redact(text: str, key: str | None = None) -> str:
    """`text` with the configured `key` (as it is, JSON-escaped and URL-quoted) and whatever looks like a key masked."""
    return KEY_SHAPE.sub(MASK, _without(text, key, 4))


def redact_reply(text: str, key: str | None) -> str:
    """A model's own words with only the configured `key` masked.

    Shapes are left alone, since an episode may well speak of keys, and so are short keys: local servers are given
    placeholders such as "ollama" or "EMPTY", which are words that a reply may use.
    """
    return _without(text, key, 12)


def _without(text: str, key: str | None, least: int) -> str:
    if not key or len(key) < least:
        return text
    # The longest form first: the others may be parts of it.
    for form in sorted({key, json.dumps(key)[1:-1], quote(key, safe="")}, key=lambda form: (-len(form), form)):
        text = text.replace(form, MASK)
    return text


def one_line(text: str, limit: int = _MESSAGE_CHARS) -> str:
    """`text` as one printable line of at most `limit` characters: a vendor's words are never interpreted."""
    line = " ".join(_INVISIBLE.sub(" ", text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def storable(text: str) -> str:
    """`text` with lone surrogates, which JSON can carry and UTF-8 cannot, replaced by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
