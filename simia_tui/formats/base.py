"""What every format shares: the row it yields, the error it raises, and how single fields are read."""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from simia_tui.model import ToolSpec, Trajectory

MAX_DEPTH = 200
"""Deeper nesting is refused: Python's JSON encoder recurses, and rows are encoded again under a deeper stack."""

RAW_CHARS = 4_000
"""How much of a bad row is kept for the quarantine."""

TOOL_CACHE = 16
"""Rows of one file mostly declare the same few tool lists; each is parsed once."""


class Row(NamedTuple):
    """One row of a file, counted from 1 (for JSON Lines: the line number).

    A good row has a trajectory, no reason and an empty `raw`. A bad row has no trajectory, a reason in one
    sentence, and in `raw` the first 4,000 characters of what was read.
    """

    number: int
    trajectory: Trajectory | None
    reason: str | None
    raw: str


class RowError(Exception):
    """A row that cannot be read as a trajectory. The message is one sentence for the user."""


class Format(ABC):
    """Reads the rows of one format. `loses` says what the canonical trajectory does not keep of a row."""

    name: str
    title: str
    loses: tuple[str, ...] = ()

    @abstractmethod
    def detect(self, sample: dict[str, Any]) -> bool:
        """Whether `sample`, one JSON object of a file, has the shape of this format. Never raises."""

    @abstractmethod
    def read_record(self, record: dict[str, Any], domain: str = "generic") -> Trajectory:
        """The trajectory of one JSON object.

        Raises:
            RowError: with the reason, when the object is not a row of this format.
        """


@dataclass(frozen=True)
class Writer:
    """Writes one trajectory as a JSON object. `loses` says what of the trajectory the row does not hold."""

    name: str
    title: str
    write: Callable[[Trajectory], dict[str, Any]]
    loses: tuple[str, ...]


def too_deep(value: Any, limit: int = MAX_DEPTH) -> bool:
    """Whether dicts and lists nest more than `limit` levels in `value`; looks level by level, without recursion."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(limit):
        inner: list[Any] = []
        for box in level:
            for part in box.values() if type(box) is dict else box:
                kind = type(part)
                if kind is dict or kind is list:
                    inner.append(part)
        if not inner:
            return False
        level = inner
    return bool(level)


NOTHING: Any = object()
"""What `quick_json` answers where it leaves the judgement to a slower parser."""


def quick_json(text: str | bytes) -> Any:
    """The value of JSON `text` in half the time; `NOTHING` where it is in doubt what Python's parser would say.

    The parser behind it refuses NaN, numbers out of range, lone surrogates and integers of thousands of digits. Its
    limit of nesting is not ours; that is looked for here.
    """
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return NOTHING
    # A level takes two brackets.
    return NOTHING if len(text) > 2 * MAX_DEPTH and too_deep(value) else value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("the number is too large")
    return number


_STRICT = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)


def strict_json(text: str) -> Any:
    """The value of JSON `text`.

    Raises:
        ValueError: for broken JSON, NaN, infinities, numbers out of range, lone surrogates and nesting too deep,
            none of which could be stored as JSON again.
    """
    value = quick_json(text)
    if value is not NOTHING:
        return value
    try:
        value = _STRICT.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if len(text) > 2 * MAX_DEPTH and too_deep(value):
        raise ValueError("nested too deeply")
    if "\\u" in text:
        json.dumps(value, ensure_ascii=False).encode()
    return value


def messages_of(record: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """The list of messages under `key`, each checked to be an object.

    Raises:
        RowError: when there is no such list, or it is empty, or holds something else.
    """
    messages = record.get(key)
    if not isinstance(messages, list):
        raise RowError(f"The row has no list under “{key}”.")
    if not messages:
        raise RowError(f"The list “{key}” is empty.")
    for index, message in enumerate(messages, 1):
        if not isinstance(message, dict):
            raise RowError(f"Message {index} of “{key}” is not an object.")
    return messages


_MARKS = frozenset(("loss", "train", "weight"))


def loss_of(message: dict[str, Any]) -> bool | None:
    """Whether a message says that it is trained on: `loss` or `train` as a boolean, `weight` as a number."""
    if message.keys().isdisjoint(_MARKS):
        return None
    for key in ("loss", "train"):
        if isinstance(message.get(key), bool):
            return bool(message[key])
    weight = message.get("weight")
    return bool(weight) if isinstance(weight, int | float) else None


def read_tools(value: Any) -> tuple[ToolSpec, ...]:
    """Tool specs from a list of objects, or from a JSON string of one; OpenAI's nested shape and the flat one.

    Raises:
        RowError: when the value is neither, or a tool has no name.
    """
    if value is None or value in ("", []):
        return ()
    if isinstance(value, str):
        return _tools_of_text(value)
    try:
        return _tools_of_text(json_text(value))
    except ValueError:
        return _tools_of_list(value)


@lru_cache(maxsize=TOOL_CACHE)
def _tools_of_text(text: str) -> tuple[ToolSpec, ...]:
    if not text.strip():
        return ()
    try:
        value = strict_json(text)
    except ValueError as error:
        raise RowError("The row's tools are a string that is not JSON.") from error
    return () if value is None else _tools_of_list(value)


def _tools_of_list(value: Any) -> tuple[ToolSpec, ...]:
    if not isinstance(value, list):
        raise RowError("The row's tools are not a list.")
    return tuple(read_tool(tool, index) for index, tool in enumerate(value, 1))


def read_tool(tool: Any, index: int = 1) -> ToolSpec:
    """One tool spec, nested (`{"type": "function", "function": {...}}`) or flat; `parameters` may be JSON text.

    Raises:
        RowError: when it is not an object or has no name.
    """
    if not isinstance(tool, dict):
        raise RowError(f"Tool {index} is not an object.")
    inner = tool.get("function")
    if isinstance(inner, dict):
        fields = {key: value for key, value in tool.items() if key not in ("type", "function")} | inner
    else:
        fields = {key: value for key, value in tool.items() if (key, value) != ("type", "function")}
    name, description, parameters = fields.get("name"), fields.get("description"), _schema(fields.get("parameters"))
    if not isinstance(name, str):
        raise RowError(f"Tool {index} has no name.")
    taken = {"name"}
    if description is None or isinstance(description, str):
        taken.add("description")
    if parameters is None or isinstance(parameters, dict):
        taken.add("parameters")
    return ToolSpec(
        name=name,
        description=description if "description" in taken else None,
        parameters=parameters if "parameters" in taken else None,
        extra={key: value for key, value in fields.items() if key not in taken},
    )


def _schema(value: Any) -> Any:
    """The object that JSON text holds (data sets kept in Arrow must write it so), else the value as it is."""
    if not isinstance(value, str):
        return value
    try:
        parsed = strict_json(value)
    except ValueError:
        return value
    return parsed if isinstance(parsed, dict) else value


def write_tool(tool: ToolSpec) -> dict[str, Any]:
    """A tool spec in OpenAI's nested shape, without the fields that are not known."""
    function: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.parameters is not None:
        function["parameters"] = tool.parameters
    return {"type": "function", "function": function | tool.extra}


_encode = json.JSONEncoder(ensure_ascii=False).encode
_EXPONENT = re.compile(rb"\de-?\d")


def json_text(value: Any) -> str:
    """JSON as trainers' templates print it: UTF-8 kept, keys in their order."""
    try:
        text = msgspec.json.encode(value)
    except UnicodeEncodeError:
        return _encode(value)
    # The quick encoder writes exponents otherwise; what looks like one may stand in a text as well.
    return _encode(value) if _EXPONENT.search(text) else msgspec.json.format(text, indent=0).decode()


def json_row(row: dict[str, Any]) -> bytes:
    """A row of a file as JSON: UTF-8 kept, keys in their order, no white space.

    Raises:
        ValueError: where the row holds half of a surrogate pair, which no file can keep.
    """
    return msgspec.json.encode(row)
