"""Reading single fields of records that may hold anything."""

from typing import Any

from simia_tui.formats.base import RowError, json_text


def text_of(value: Any) -> str | None:
    """The value where it is a text that is not empty, else None."""
    return value if isinstance(value, str) and value else None


def dict_of(value: Any) -> dict[str, Any]:
    """The value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Any]:
    """The value where it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def shown(value: Any) -> str:
    """A value as text: a string as it is, null as the empty text, anything else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json_text(value)


def need_text(record: dict[str, Any], key: str) -> str:
    """The text under `key`. Raises RowError when there is none."""
    value = record.get(key)
    if not isinstance(value, str):
        raise RowError(f"The row has no text under “{key}”.")
    return value


def without(record: dict[str, Any], *keys: str) -> dict[str, Any]:
    """The record without some of its keys."""
    return {key: value for key, value in record.items() if key not in keys}
