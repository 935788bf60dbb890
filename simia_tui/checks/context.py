"""What the rules of one run share: the tool specs, the hints of the domain, and work done once for all rules."""

from collections.abc import Mapping
from typing import Any

from simia_tui.checks.pairing import Pairing, pair
from simia_tui.checks.schema import Fault, Schema
from simia_tui.model import Record, ToolCall, ToolSpec, Trajectory


class Hints(Record):
    """What a domain knows of its tools beyond their names: which only read, which write."""

    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Hints":
        """The hints in a pack's data: its table `[checks]` with the lists `reads` and `writes`; both may be absent."""
        table = data.get("checks")
        if not isinstance(table, Mapping):
            return cls()
        return cls(reads=_names(table.get("reads")), writes=_names(table.get("writes")))


def _names(value: Any) -> frozenset[str]:
    return frozenset(name for name in value if isinstance(name, str)) if isinstance(value, list) else frozenset()


class Context:
    """One run's shared state. Nothing in it outlives the run but the compiled schemas, which are cached by content."""

    def __init__(self, tools: tuple[ToolSpec, ...], hints: Hints) -> None:
        self.tools = {spec.name: spec for spec in tools}
        self.hints = hints
        self._schemas: dict[str, Schema | None] = {}
        self._faults: dict[int, tuple[ToolCall, list[Fault]]] = {}
        self._pairing: tuple[Trajectory, Pairing] | None = None

    def schema(self, name: str) -> Schema | None:
        """The schema of a tool; None where the tool is unknown or declares none."""
        if name not in self._schemas:
            spec = self.tools.get(name)
            self._schemas[name] = Schema(spec) if spec is not None and spec.parameters is not None else None
        return self._schemas[name]

    def faults(self, call: ToolCall) -> list[Fault]:
        """How the arguments of `call` break the schema of its tool; empty where there is nothing to compare."""
        schema = self.schema(call.name)
        if schema is None or call.arguments is None:
            return []
        known = self._faults.get(id(call))
        if known is None or known[0] is not call:
            # The call is kept beside its faults: an id alone could be reused by a later object.
            known = self._faults[id(call)] = (call, schema.faults(call.arguments))
        return known[1]

    def pairing(self, trajectory: Trajectory) -> Pairing:
        """Which observation answers which call."""
        if self._pairing is None or self._pairing[0] is not trajectory:
            self._pairing = (trajectory, pair(trajectory))
        return self._pairing[1]
