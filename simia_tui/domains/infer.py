"""Works out tool specs from calls, for sources such as tau-bench that record calls but no schemas."""

from collections.abc import Iterable
from typing import Any

from simia_tui.model import ToolCall, ToolSpec, Trajectory

_TYPES: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    (list, "array"),
    (dict, "object"),
)


class _Seen:
    """What the calls of one tool have shown so far."""

    def __init__(self) -> None:
        self.calls = 0
        self.times: dict[str, int] = {}
        self.types: dict[str, set[str]] = {}
        self.items: dict[str, set[str]] = {}

    def add(self, call: ToolCall) -> None:
        self.calls += 1
        for name, value in (call.arguments or {}).items():
            self.times[name] = self.times.get(name, 0) + 1
            self.types.setdefault(name, set()).add(_type(value))
            if isinstance(value, list):
                self.items.setdefault(name, set()).update(_type(item) for item in value)

    def spec(self, tool: str) -> ToolSpec:
        properties = {name: self._property(name) for name in sorted(self.types)}
        required = [name for name in sorted(self.times) if self.times[name] == self.calls]
        parameters: dict[str, Any] = {"type": "object", "properties": properties}
        if required:
            parameters["required"] = required
        plural = "call" if self.calls == 1 else "calls"
        return ToolSpec(
            name=tool,
            description=f"Schema inferred from {self.calls} recorded {plural}; the source declares none.",
            parameters=parameters,
            extra={"inferred": True, "calls": self.calls},
        )

    def _property(self, name: str) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": _union(self.types[name])}
        if self.items.get(name):
            schema["items"] = {"type": _union(self.items[name])}
        return schema


def infer_tools(trajectories: Iterable[Trajectory]) -> tuple[ToolSpec, ...]:
    """One spec per tool that the assistant calls, by name: the union of argument names and JSON types.

    An argument is `required` when every readable call of the tool gave it. Calls whose arguments could not be
    read count for nothing but the name. `additionalProperties` is left out and `extra` says `{"inferred": true,
    "calls": n}`: the specs know only some calls, so the checks take an argument they do not list as worth a
    warning and not as an error. Items of arrays get their types, members of objects do not.
    """
    seen: dict[str, _Seen] = {}
    for trajectory in trajectories:
        for index, _, call in trajectory.calls():
            if trajectory.turns[index].role == "assistant":
                tool = seen.setdefault(call.name, _Seen())
                if call.arguments is not None:
                    tool.add(call)
    return tuple(seen[name].spec(name) for name in sorted(seen))


def _type(value: Any) -> str:
    return next((name for kind, name in _TYPES if isinstance(value, kind)), "null")


def _union(names: set[str]) -> str | list[str]:
    # A whole number is also a number in JSON Schema, so the wider name covers both.
    wide = names - {"integer"} if "number" in names else names
    return next(iter(wide)) if len(wide) == 1 else sorted(wide)
