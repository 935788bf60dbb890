"""What can be said of a tool before any call: worked out once for all trajectories that share their tools."""

import json
import re
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from simia_tui.checks import traits
from simia_tui.checks.hints import ArgumentRule, Hints
from simia_tui.checks.schema import Schema
from simia_tui.model import ToolSpec

_READ_VERBS = re.compile(
    r"get|list|search|find|check|lookup|look|calculate|read|view|show|fetch|query|count|think|verify|describe|compare"
    r"|browse|retrieve"
)
_MOVING = re.compile(r"now|time|clock|random|weather|joke|quote|news|fact|trivia")
"""Words in the name of a tool whose answer may change by itself."""

_SETS = frozenset(("update", "set", "change", "modify", "edit", "rename", "assign"))
"""First words of tools that make a member what the argument of the same name says; `add` or `pay` would not."""

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_MOST_BOXES = 64
_MOST_TOOLS = 4096
_MOST_SHAPES = 256
_FLAT = frozenset((str, int, bool, type(None)))
_WRAPPERS = frozenset(("arguments", "parameters"))


def is_read(name: str, hints: Hints) -> bool:
    """Whether a tool only reads: by the domain's hints, else by the verb that its name begins with."""
    if name in hints.reads or name in hints.writes:
        return name not in hints.writes
    return _reads_by_name(name)


@lru_cache(maxsize=_MOST_TOOLS)
def _reads_by_name(name: str) -> bool:
    found = _words(name)
    return bool(found) and _READ_VERBS.fullmatch(found[0]) is not None


def _words(name: str) -> list[str]:
    """The words of a tool's name in lower case, without the part before a dot."""
    return [word.casefold() for word in _WORDS.findall(name.rpartition(".")[2])]


@lru_cache(maxsize=_MOST_TOOLS)
def moves(name: str) -> bool:
    """Whether the answer of a tool may change by itself, as that of a clock does."""
    return any(_MOVING.fullmatch(word.casefold()) for word in _WORDS.findall(name))


class Tool:
    """One name that is called, declared or not. `schema` is None where the tool is unknown or declares none."""

    __slots__ = ("_hints", "_shapes", "calculates", "moves", "name", "reads", "schema", "sets", "traits")

    def __init__(self, name: str, spec: ToolSpec | None, hints: Hints) -> None:
        first = "".join(_words(name)[:1])
        self.name = name
        self.schema = Schema(spec) if spec is not None and spec.parameters is not None else None
        self.reads = is_read(name, hints)
        self.moves = moves(name)
        self.sets = not self.reads and first in _SETS
        """Whether a call says what members of a thing become, as `update_x(x_id, status=...)` does."""
        self.calculates = name in hints.calculators or first == "calculate"
        self.traits = (
            traits.CALLS
            | (spec is None) * traits.UNDECLARED
            | (self.schema is not None and not self.schema.usable) * traits.BAD_SCHEMA
            | self.sets * traits.SETS
            | self.calculates * traits.CALCULATES
        )
        """Those that any call of the tool gives to a trajectory."""
        self._hints = hints
        self._shapes: dict[tuple[Any, ...], Shape] = {}

    def shape(self, arguments: dict[str, Any]) -> "Shape":
        """The shape of `arguments`, worked out once for all calls that are alike in it."""
        key = (*arguments, *map(type, arguments.values()))
        known = self._shapes.get(key)
        if known is None:
            known = self._shape(arguments)
            if len(self._shapes) < _MOST_SHAPES:
                self._shapes[key] = known
        return known

    def _shape(self, arguments: dict[str, Any]) -> "Shape":
        nested = not _FLAT.issuperset(map(type, arguments.values()))
        seen = self.traits | (not _WRAPPERS.isdisjoint(arguments)) * traits.WRAPPED
        if nested and self.schema is not None and self.schema.has_integers:
            seen |= traits.NUMBERS
        rules = [(name, self._hints.arguments.at(self.name, (name,))) for name in arguments]
        ruled = tuple([(name, rule) for name, rule in rules if rule is not None and type(arguments[name]) is str])
        return Shape(seen, nested, ruled, self.schema is None or self.schema.is_plain(arguments))

    def keeps(self, arguments: dict[str, Any], shape: "Shape") -> bool:
        """Whether no rule of the domain has anything to mend in `arguments` or to complain of."""
        if shape.nested:
            return all([rule.keeps(value) for _, rule, value in self._hints.arguments.matches(self.name, arguments)])
        return all([rule.keeps(arguments[name]) for name, rule in shape.ruled])


class Shape(NamedTuple):
    """What the names of arguments and the types of their values tell.

    `ruled` are the names that a rule of the domain decides on, where nothing is `nested`. `sound`: the schema is kept
    whatever the values are.
    """

    traits: int
    nested: bool
    ruled: tuple[tuple[str, ArgumentRule], ...]
    sound: bool


class Toolbox(dict[str, Tool]):
    """The tools of a trajectory by name; one that is not declared is made up when it is first asked for."""

    def __init__(self, specs: tuple[ToolSpec, ...], hints: Hints) -> None:
        self.specs = specs
        self.hints = hints
        self.declared = {spec.name: spec for spec in specs}

    @classmethod
    def of(cls, specs: tuple[ToolSpec, ...], hints: Hints) -> "Toolbox":
        """The box of `specs`, made once for as long as the same specs come row after row."""
        latest = _latest.get((id(specs), id(hints)))
        if latest is not None:
            return latest
        key = (hints.reads, hints.writes, hints.calculators, id(hints.arguments), *map(id, specs))
        box = _boxes.get(key)
        if box is None:
            if len(_boxes) >= _MOST_BOXES:
                _boxes.clear()
                _latest.clear()
            # The box keeps specs and hints: an id alone could be reused by a later object.
            box = _boxes[key] = cls(specs, hints)
            _latest[id(specs), id(hints)] = box
        return box

    def __missing__(self, name: str) -> Tool:
        tool = Tool(name, self.declared.get(name), self.hints)
        if len(self) < _MOST_TOOLS:
            self[name] = tool
        return tool

    @cached_property
    def definitions(self) -> str:
        """Descriptions and schemas of all tools as one text without regard to case."""
        specs = [[spec.description, spec.parameters] for spec in self.specs]
        try:
            return json.dumps(specs, ensure_ascii=False).casefold()
        except (ValueError, TypeError, RecursionError):
            return ""


_boxes: dict[tuple[Any, ...], Toolbox] = {}
_latest: dict[tuple[int, int], Toolbox] = {}
"""Boxes by the very tuple and hints that they were made of, which they keep."""
