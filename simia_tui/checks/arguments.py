"""Reads the arguments of a call from text, strictly first, then step by step more tolerantly.

The order and the limits follow what was measured on model output: a strict parser reads all but a few
calls; json_repair is strong on punctuation but invents and drops content, so its answer counts only if it
changed nothing but punctuation, and a text that was cut off is a truncation, not something to repair.
"""

import ast
import json
import re
from collections.abc import Callable
from typing import Any, Literal, NoReturn

LONGEST_REPAIR = 20_000
"""Characters; json_repair needs tens of milliseconds beyond this, so longer text is left as it is."""

_DEEPEST_ENCODING = 5
_MOST_BRACKETS = 500
"""Opening brackets in a text to repair: thousands of them keep json_repair busy for many seconds."""
_INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060"
_SMART = str.maketrans({"“": '"', "”": '"', "„": '"', "‟": '"', "‘": "'", "’": "'"})
_LITERALS = ("true", "false", "null", "none")

Way = Literal["strict", "encoded", "tolerant"]


def parse_arguments(text: str) -> tuple[dict[str, Any] | None, bool]:
    """The object that `text` holds, and whether reading it took more than a strict JSON parser.

    `(None, False)` where no object can be read with confidence. Never raises.
    """
    value, way = read_arguments(text)
    return value, value is not None and way != "strict"


def read_arguments(text: str) -> tuple[dict[str, Any] | None, Way]:
    """Like `parse_arguments`, but says which way led to the object; "encoded" is JSON text inside a JSON string."""
    value = _strict(text)
    encoded = False
    for _ in range(_DEEPEST_ENCODING):
        if not isinstance(value, str):
            break
        text, encoded, value = value, True, _strict(value)
    if isinstance(value, dict):
        return value, "encoded" if encoded else "strict"
    if value is not _NOTHING:
        # Valid JSON that is no object (a list, a number): there is nothing to repair and nothing to guess.
        return None, "strict"
    return _tolerant(text), "tolerant"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_NOTHING: Any = object()


def _strict(text: str) -> Any:
    """The value of a JSON text, or `_NOTHING`; NaN, infinities and numbers beyond a float are refused."""
    try:
        return _finite(json.loads(text, parse_constant=_refuse_constant))
    except (ValueError, RecursionError):
        return _NOTHING


def _finite(value: Any) -> Any:
    json.dumps(value, allow_nan=False)
    return value


def _tolerant(text: str) -> dict[str, Any] | None:
    """Tries the ways in order of how much they presume; each answer must be an object."""
    body = tidy(text)
    start = body.find("{")
    if start < 0:
        return None
    body = body[start:]
    ways: list[Callable[[str], Any]] = [_first_object, _literal, _straightened, _repaired]
    for way in ways:
        value = way(body)
        if isinstance(value, dict):
            return value
    return None


def tidy(text: str) -> str:
    """`text` without invisible characters and without commas before a closing bracket, strings left untouched."""
    out: list[str] = []
    inside = escaped = False
    for char in text:
        if inside:
            out.append(char)
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                inside = False
        elif char == '"':
            inside = True
            out.append(char)
        elif char == "\u00a0":
            out.append(" ")
        elif char not in _INVISIBLE:
            if char in "}]":
                _drop_comma(out)
            out.append(char)
    return "".join(out)


def _drop_comma(out: list[str]) -> None:
    last = len(out) - 1
    while last >= 0 and out[last].isspace():
        last -= 1
    if last >= 0 and out[last] == ",":
        del out[last]


def _first_object(text: str) -> Any:
    """The object at the start of `text`; what follows may be prose but not the start of another object."""
    try:
        value, end = json.JSONDecoder(parse_constant=_refuse_constant).raw_decode(text)
        return _finite(value) if "{" not in text[end:] else None
    except (ValueError, RecursionError):
        return None


def _literal(text: str) -> Any:
    """A Python dict literal (single quotes, True, None), if what it holds can be said in JSON."""
    if len(text) > LONGEST_REPAIR:
        return None
    try:
        value = ast.literal_eval(text[: text.rfind("}") + 1])
        return json.loads(json.dumps(value, allow_nan=False)) if _has_text_keys(value) else None
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _has_text_keys(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _has_text_keys(item) for key, item in value.items())
    return all(_has_text_keys(item) for item in value) if isinstance(value, list | tuple) else True


def _straightened(text: str) -> Any:
    """Smart quotes made straight, where they stand in the place of the quotes of JSON."""
    if text[1:].lstrip()[:1] not in ("“", "”", "„", "‟", "‘", "’"):
        return None
    straight = tidy(text.translate(_SMART))
    value = _first_object(straight)
    return value if isinstance(value, dict) else _literal(straight)


def _repaired(text: str) -> Any:
    """What json_repair makes of `text`, if it only put punctuation right."""
    if len(text) > LONGEST_REPAIR or text.count("{") + text.count("[") > _MOST_BRACKETS or _is_cut(text):
        return None
    import json_repair

    try:
        value = json_repair.loads(text)
        if not isinstance(value, dict) or _has_stray_quote(value):
            return None
        _finite(value)
        same = any(_letters(json.dumps(value, ensure_ascii=ascii)) == _letters(text) for ascii in (False, True))
        return value if same else None
    except (ValueError, TypeError, RecursionError):
        return None


def _is_cut(text: str) -> bool:
    """Whether `text` ends inside a string, before a value, or in the middle of a word: then the rest is unknown."""
    inside = escaped = False
    for char in text:
        if inside and escaped:
            escaped = False
        elif inside and char == "\\":
            escaped = True
        elif char == '"':
            inside = not inside
    end = text.rstrip()
    if inside or end.endswith((",", ":")):
        return True
    word = re.search(r"[A-Za-z_]+$", end[-20:])
    return word is not None and word.group().casefold() not in _LITERALS


def _has_stray_quote(value: Any) -> bool:
    """Whether a text in `value` begins or ends with a quote mark, the trace of a string that was split wrongly."""
    if isinstance(value, str):
        return bool(value) and (value[0] in "'\"" or value[-1] in "'\"")
    if isinstance(value, dict):
        return any(_has_stray_quote(key) or _has_stray_quote(item) for key, item in value.items())
    return isinstance(value, list) and any(_has_stray_quote(item) for item in value)


def _letters(text: str) -> str:
    return "".join(char for char in text if char.isalnum()).casefold()
