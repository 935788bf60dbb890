"""Attributes of spans whose keys are paths, such as `llm.input_messages.0.message.role`, put together again."""

from typing import Any

from simia_tui.formats.fields import dict_of

_LEVELS = 24
_MOST = 10_000
"""An index beyond this is no place in a chat."""
_LEAVES = ("arguments", "content", "json_schema", "parameters", "value")
"""Keys whose values are data, in which a dot is a dot."""


def nested(flat: dict[str, Any], level: int = 0) -> dict[str, Any]:
    """An object whose dotted keys became objects in objects; `in_order` makes lists of those keyed by numbers."""
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        *path, last = key.split(".", _LEVELS)
        place = tree
        for name in path:
            inner = place.get(name)
            if not isinstance(inner, dict):
                inner = place[name] = {} if inner is None else {"": inner}
            place = inner
        shaped, held = value if last in _LEAVES else _inside(value, level), place.get(last)
        place[last] = {**held, **shaped} if isinstance(held, dict) and isinstance(shaped, dict) else shaped
    return tree


def _inside(value: Any, level: int) -> Any:
    if level > _LEVELS:
        return value
    if isinstance(value, dict):
        return nested(value, level + 1)
    return [_inside(one, level + 1) for one in value] if isinstance(value, list) else value


def in_order(value: Any) -> list[Any]:
    """The elements of a list, or of an object whose keys are the numbers of elements."""
    if isinstance(value, list):
        return value
    numbered = [(int(key), one) for key, one in dict_of(value).items() if key.isdecimal() and len(key) < 6]
    return [one for number, one in sorted(numbered, key=lambda pair: pair[0]) if number < _MOST]
