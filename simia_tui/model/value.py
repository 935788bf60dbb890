"""The two bases of all value types: immutable, and strict about unknown fields."""

from enum import Enum
from functools import lru_cache
from typing import Any, Self

import msgspec
from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

_PLAIN = frozenset((str, int, float, bool, type(None)))


class Record(BaseModel):
    """What people write and what tables hold: settings, specs, jobs. Checked whenever it is made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def dump(self) -> dict[str, Any]:
        """A plain dict without the fields that hold their default; the form that is hashed and stored."""
        return self.model_dump(exclude_defaults=True)

    def replace(self, **changes: Any) -> Self:
        """The same with other values in some fields, which are not checked."""
        return self.model_copy(update=changes)


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What trajectories are made of, tens of them in each: plain slots, which take a twentieth of the time to make.

    Fields are only checked by `load`, where data comes in; the type checker answers for the rest.
    """

    @classmethod
    def load(cls, data: Any) -> Self:
        """The value of a plain dict, as `dump` gives it.

        Raises:
            ValueError: a field is unknown, missing or of the wrong type.
        """
        try:
            return msgspec.convert(data, cls)
        except msgspec.ValidationError as error:
            raise ValueError(f"{cls.__name__}: {error}") from error

    def dump(self) -> dict[str, Any]:
        """A plain dict without the fields that hold their default; the form that is hashed and stored."""
        named = ((name, getattr(self, name), default) for name, default in _defaults(type(self)))
        return {name: plain(value) for name, value, default in named if value != default}

    def replace(self, **changes: Any) -> Self:
        """The same with other values in some fields, which are not checked."""
        return msgspec.structs.replace(self, **changes)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """How a field of a `Record` takes and gives one."""
        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else cls.load(value),
            serialization=core_schema.plain_serializer_function_ser_schema(cls.dump),
        )


def plain(value: Any) -> Any:
    """A field's value as JSON knows it: values become dicts, tuples lists."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Value):
        return value.dump()
    if isinstance(value, tuple):
        return [plain(part) for part in value]
    return value.value if isinstance(value, Enum) else msgspec.to_builtins(value)


@lru_cache(maxsize=64)
def _defaults(kind: type[Value]) -> tuple[tuple[str, Any], ...]:
    """The fields of a type, each with its default; `NODEFAULT` equals nothing."""
    return tuple(
        (field.name, field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory())
        for field in msgspec.structs.fields(kind)
    )
