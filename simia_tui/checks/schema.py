"""JSON Schema of one tool: compiled once per content, and its errors told in one sentence each."""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from simia_tui.model import ToolSpec, canonical_json

_MOST_FAULTS = 20
_EXACT_FLOAT = 2.0**53
_OPEN_WORDS = (
    "additionalProperties",
    "patternProperties",
    "unevaluatedProperties",
    "$ref",
    "allOf",
    "anyOf",
    "oneOf",
)


class Fault(NamedTuple):
    """One way in which arguments break a schema; `kind` is missing, unknown or bad."""

    kind: str
    message: str
    lenient: bool = False


class Schema:
    """The parameters of one tool.

    A declared schema that says nothing of additional properties is read as closed, as the functions behind
    such schemas refuse keywords they do not know. An inferred one (`extra["inferred"]`) is open: it has only
    seen some calls, so an unknown argument is worth a warning and no more.
    """

    def __init__(self, spec: ToolSpec) -> None:
        self.raw: dict[str, Any] = spec.parameters or {}
        self.inferred = bool(spec.extra.get("inferred"))
        self.validator = _compiled(spec.parameters)
        self._closed = "properties" in self.raw and not any(word in self.raw for word in _OPEN_WORDS)
        self.has_integers = '"integer"' in _encoded(self.raw)
        self._kinds = {name: _KINDS.get(_only_type(part)) for name, part in self.properties.items()}
        self._needed = frozenset(self.required)
        closed = self.raw.get("additionalProperties", False) is False
        self._simple = self.usable and closed and self.raw.get("type") == "object" and self.raw.keys() <= _SIMPLE

    @property
    def usable(self) -> bool:
        """Whether the schema is valid JSON Schema without references to the outside."""
        return self.validator is not None

    @property
    def properties(self) -> Mapping[str, Any]:
        """The declared arguments by name; empty where the schema has none."""
        value = self.raw.get("properties")
        return value if isinstance(value, dict) else {}

    @property
    def required(self) -> list[str]:
        """Names of the arguments that must be given."""
        value = self.raw.get("required")
        return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []

    def faults(self, arguments: dict[str, Any]) -> list[Fault]:
        """Every fault of `arguments`, at most twenty, in the schema's own order."""
        if self.is_sound(arguments):
            return []
        found = list(self._violations(arguments))
        if not any(fault.kind == "unknown" for fault in found):
            found.extend(self._undeclared(arguments))
        return found[:_MOST_FAULTS]

    def is_sound(self, arguments: dict[str, Any]) -> bool:
        """The quick way to the common answer: valid, and no name that is not declared."""
        if self.is_plain(arguments):
            return True
        if self.validator is None or (self._closed and not arguments.keys() <= self.properties.keys()):
            return False
        try:
            return bool(self.validator.is_valid(arguments))
        except (ValueError, TypeError, RecursionError):
            return False

    def is_plain(self, arguments: dict[str, Any]) -> bool:
        """Whether the schema asks for no more than plain types, and these are they; names and types alone decide."""
        if not self._simple or not self._needed.issubset(arguments):
            return False
        kinds = self._kinds
        return all([kinds.get(name) is type(value) for name, value in arguments.items()])

    def _violations(self, arguments: dict[str, Any]) -> Iterator[Fault]:
        if self.validator is None:
            for name in self.required:
                if name not in arguments:
                    yield _missing(name)
            return
        try:
            errors = list(self.validator.iter_errors(arguments))
        except (ValueError, TypeError, RecursionError):
            yield Fault("bad", "The arguments hold something that is not valid JSON text.")
            return
        for error in errors[:_MOST_FAULTS]:
            yield from _faults_of(error, arguments)

    def _undeclared(self, arguments: dict[str, Any]) -> Iterator[Fault]:
        """Names that the schema does not list, where it does not itself say that others are welcome."""
        if not self._closed:
            return
        for name in arguments:
            if name not in self.properties:
                yield _unknown(name, lenient=self.inferred)


_KINDS: dict[Any, type] = {"string": str, "integer": int, "boolean": bool}
_REMARKS = frozenset(("title", "description", "default", "examples", "type"))
_SIMPLE = frozenset(("type", "title", "description", "properties", "required", "additionalProperties", "$schema"))


def _only_type(part: Any) -> Any:
    """The type that a schema of one argument asks for, where it asks for nothing else."""
    kind = part.get("type") if isinstance(part, dict) and part.keys() <= _REMARKS else None
    return kind if isinstance(kind, str) else None


def _encoded(value: Any) -> str:
    try:
        return canonical_json(value)
    except (ValueError, TypeError, RecursionError):
        return '"integer"'


@lru_cache(maxsize=512)
def _compile(text: str) -> Any:
    import jsonschema_rs

    try:
        # References are never fetched: a schema is data, and data must not reach the network or the disk.
        return jsonschema_rs.validator_for(json.loads(text), retriever=_refuse_reference)
    except (ValueError, TypeError, RecursionError):
        return None


def _compiled(parameters: dict[str, Any] | None) -> Any:
    try:
        return _compile(canonical_json(parameters or {}))
    except (ValueError, TypeError, RecursionError):
        return None


def _refuse_reference(uri: str) -> Any:
    raise ValueError("references to other documents are not followed")


def _missing(name: str) -> Fault:
    return Fault("missing", f"The argument {show(name)} is missing.")


def _unknown(name: str, lenient: bool = False) -> Fault:
    return Fault("unknown", f"The tool has no argument {show(name)}.", lenient)


def _faults_of(error: Any, arguments: dict[str, Any]) -> Iterator[Fault]:
    kind = error.kind.name
    path = list(error.instance_path)
    if kind == "required" and not path:
        yield _missing(str(error.kind.property))
    elif kind == "additionalProperties" and not path:
        for name in error.kind.unexpected:
            yield _unknown(str(name))
    else:
        subject = f"The argument {_place(path)}" if path else "The object of arguments"
        yield Fault("bad", f"{subject} {_complaint(error, kind, _at(arguments, path))}.")


def _at(value: Any, path: list[Any]) -> Any:
    for key in path:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _place(path: list[Any]) -> str:
    first, *rest = path
    inner = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in rest)
    return show(f"{first}{inner}")


def show(value: Any, limit: int = 60) -> str:
    """`value` as JSON text, cut to `limit` characters: how messages quote data."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (ValueError, TypeError, RecursionError):
        text = repr(type(value).__name__)
    return text if len(text) <= limit else text[: limit - 1] + "…"


_BOUNDS = {
    "minimum": "is below the minimum",
    "exclusiveMinimum": "is not above the minimum",
    "maximum": "is above the maximum",
    "exclusiveMaximum": "is not below the maximum",
    "minLength": "is shorter than allowed",
    "maxLength": "is longer than allowed",
    "minItems": "has too few items",
    "maxItems": "has too many items",
    "uniqueItems": "repeats an item",
    "multipleOf": "is not a multiple of what the schema asks for",
    "pattern": "does not have the form that the schema asks for",
    "format": "does not have the format that the schema asks for",
    "falseSchema": "is not allowed here",
}


def _complaint(error: Any, kind: str, value: Any) -> str:
    if kind == "type":
        wanted = " or ".join(str(name) for name in error.kind.types)
        return f"is {_type(value)} where {_article(wanted)} is asked for"
    if kind in ("enum", "const"):
        options = error.kind.options if kind == "enum" else [error.kind.expected_value]
        return f"is {show(value)}, which is not one of {_options(options)}"
    if kind == "required":
        return f"lacks {show(str(error.kind.property))}"
    if kind == "additionalProperties":
        return f"has the unknown member {show(str(next(iter(error.kind.unexpected), '')))}"
    if kind in _BOUNDS:
        return f"({show(value, 40)}) {_BOUNDS[kind]}"
    return f"({show(value, 40)}) fits none of the forms that the schema allows"


def _options(options: Any) -> str:
    listed = options if isinstance(options, list) else [options]
    more = f" and {len(listed) - 6} more" if len(listed) > 6 else ""
    return ", ".join(show(option, 30) for option in listed[:6]) + more


def _type(value: Any) -> str:
    names = {
        bool: "a boolean",
        int: "an integer",
        float: "a number",
        str: "a string",
        list: "an array",
        dict: "an object",
    }
    return names.get(type(value), "null")


def _article(name: str) -> str:
    if name == "null":
        return name
    return f"{'an' if name[:1] in 'aeiou' else 'a'} {name}"


def whole_numbers(value: Any, schema: Any) -> Any:
    """`value` with every float that stands for a whole number made an integer where `schema` wants an integer.

    Follows `properties`, `items` and nothing else. Returns the same object where nothing changes.
    """
    if not isinstance(schema, dict):
        return value
    if isinstance(value, float):
        wanted = schema.get("type")
        names = wanted if isinstance(wanted, list) else [wanted]
        exact = value.is_integer() and abs(value) <= _EXACT_FLOAT
        return int(value) if exact and "integer" in names and "number" not in names else value
    if isinstance(value, dict):
        properties = schema.get("properties")
        parts = properties if isinstance(properties, dict) else {}
        changed = {key: whole_numbers(item, parts.get(key)) for key, item in value.items()}
        return changed if any(changed[key] is not value[key] for key in value) else value
    if isinstance(value, list):
        items = [whole_numbers(item, schema.get("items")) for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value
