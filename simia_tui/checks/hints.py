"""What a domain tells the rules: the tables of a `pack.toml` that concern them, read once and compiled.

[checks]     reads, writes: tools whose names do not tell; calculators: tools that work out an expression;
             errors_complete: whether [[errors]] holds every way in which the tools refuse
[rules]      off: rules that do not run in this domain
[ids]        name = regular expression of an id of this world
[arguments]  "argument", "outer.inner" or "tool:argument" = a table of prefix, aliases, starts, form, options
[[status]]   of (name of the id), field, order: lists of status values, those of one rank together
[[totals]]   of (name of the id), total, parts ("list.amount"), also (members that are added)
[limits]     rounds, single_line, repeats
[[errors]]   text, tools: how the real tools refuse
evaluation   tasks that must not be trained on: name, text, ids
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from simia_tui.checks.catalogue import Catalogue, Refusal
from simia_tui.checks.contamination import Task, Tasks
from simia_tui.errors import UsageError


@dataclass(frozen=True, slots=True)
class ArgumentRule:
    """What a value must look like beyond its schema. `tool` None means every tool; `path` ends with the name."""

    key: str
    tool: str | None
    path: tuple[str, ...]
    prefix: str = ""
    aliases: tuple[tuple[str, str], ...] = ()
    starts: tuple[str, ...] = ()
    form: re.Pattern[str] | None = None
    options: tuple[str, ...] = ()

    def keeps(self, value: str) -> bool:
        """Whether there is nothing to mend in `value` and nothing to complain of."""
        plain = not self.prefix and not self.aliases
        return self.complaint(value) is None and (plain or self.mended(value) == value)

    def mended(self, value: str) -> str:
        """`value` with the prefix it lacks, or with an alias replaced; itself where there is nothing to mend.

        Mending what was mended changes nothing: no alias is looked for behind the start that one stands for.
        """
        if self.prefix:
            longer = self.prefix + value
            fits = self.form is None or self.form.fullmatch(longer) is not None
            return longer if value.strip() and not value.startswith(self.prefix) and fits else value
        if any([value.startswith(proper) for _, proper in self.aliases]):
            return value
        for alias, proper in self.aliases:
            if value.startswith(alias) and len(value) > len(alias):
                return proper + value[len(alias) :]
        return value

    def complaint(self, value: str) -> str | None:
        """What is wrong with `value`, as the end of a sentence; None where it is right."""
        if self.options and value not in self.options:
            return "is not one of " + ", ".join(f'"{option}"' for option in self.options)
        if self.starts and not any([value.startswith(start) and len(value) > len(start) for start in self.starts]):
            return "does not begin with " + " or ".join(f'"{start}"' for start in self.starts)
        if self.form is not None and self.form.fullmatch(value) is None:
            return f"does not have the form {self.form.pattern}"
        return None


Path = tuple[str | int, ...]
"""Keys and indices that lead from the arguments of a call to a value in them."""


class ArgumentRules:
    """The rules of a domain on arguments, and which of them decides at a place; false where there are none."""

    def __init__(self, rules: Iterable[ArgumentRule] = ()) -> None:
        self._rules = tuple(rules)
        self._known: dict[tuple[str, tuple[str, ...]], ArgumentRule | None] = {}
        self._names = frozenset([rule.path[-1] for rule in self._rules])

    def __bool__(self) -> bool:
        return bool(self._rules)

    def at(self, tool: str, names: tuple[str, ...]) -> ArgumentRule | None:
        """The narrowest rule for the value at `names` in a call of `tool`: one of the tool first, then the longest."""
        try:
            return self._known[tool, names]
        except KeyError:
            fitting = [r for r in self._rules if r.tool in (None, tool) and names[-len(r.path) :] == r.path]
            found = max(fitting, key=lambda rule: (rule.tool is not None, len(rule.path)), default=None)
            if len(self._known) < _MOST_PLACES:
                self._known[tool, names] = found
            return found

    def matches(self, tool: str, arguments: dict[str, Any]) -> Iterator[tuple[Path, ArgumentRule, str]]:
        """The texts among the arguments of a call that a rule decides on, with their places."""
        waiting: list[tuple[Path, tuple[Any, ...], Any]] = [((), (), arguments)]
        while waiting:
            path, names, value = waiting.pop()
            for key, inner in value.items() if type(value) is dict else enumerate(value):
                kind = type(inner)
                if kind is not str and kind is not dict and kind is not list:
                    continue
                place = (*names, key) if type(key) is str else names
                if kind is str:
                    rule = self.at(tool, place) if place and place[-1] in self._names else None
                    if rule is not None:
                        yield (*path, key), rule, inner
                elif len(path) < _DEEPEST:
                    waiting.append(((*path, key), place, inner))


_MOST_PLACES = 4096
_DEEPEST = 50


@dataclass(frozen=True, slots=True)
class StatusOrder:
    """The order in which a status may change: `rank` of each value; a later observation must not show a lower one."""

    of: str
    field: str
    rank: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Total:
    """A member of an object that must equal the sum of the `part` of every entry of `parts`, plus the members `also`.

    `unless` names members of an entry and the values with which it does not count.
    """

    of: str
    total: str
    parts: str
    part: str
    also: tuple[str, ...] = ()
    unless: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a domain's environment; 0 means none. `rounds` counts assistant turns, `repeats` equal calls."""

    rounds: int = 0
    repeats: int = 0
    single_line: bool = False


@dataclass(frozen=True, slots=True)
class Hints:
    """What a domain knows of its tools and data beyond their names and schemas."""

    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    calculators: frozenset[str] = frozenset()
    off: frozenset[str] = frozenset()
    ids: re.Pattern[str] | None = None
    arguments: ArgumentRules = field(default_factory=ArgumentRules)
    orders: tuple[StatusOrder, ...] = ()
    totals: tuple[Total, ...] = ()
    limits: Limits = Limits()
    tasks: Tasks | None = None
    errors: Catalogue | None = None
    """Every error that the real tools give; None where the domain does not know them all."""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Hints":
        """The hints in a pack's data; every table may be absent. The last few answers are remembered.

        Raises:
            UsageError: a table is not as described at the head of this module; the sentence names it.
        """
        for known, hints in _recent:
            if known is data:
                return hints
        hints = _read(data)
        # The data is kept beside its hints, so that an identity can never be that of a later object.
        _recent.insert(0, (data, hints))
        del _recent[_REMEMBERED:]
        return hints


_REMEMBERED = 8
_recent: list[tuple[Mapping[str, Any], Hints]] = []


def _read(data: Mapping[str, Any]) -> Hints:
    checks, limits = _table(data, "checks"), _table(data, "limits")
    return Hints(
        reads=frozenset(_texts(checks, "reads", "[checks]")),
        writes=frozenset(_texts(checks, "writes", "[checks]")),
        calculators=frozenset(_texts(checks, "calculators", "[checks]")),
        off=frozenset(_texts(_table(data, "rules"), "off", "[rules]")),
        ids=_ids(_table(data, "ids")),
        arguments=ArgumentRules(_argument(key, entry) for key, entry in _table(data, "arguments").items()),
        orders=tuple(_order(entry) for entry in _entries(data, "status")),
        totals=tuple(_total(entry) for entry in _entries(data, "totals")),
        limits=Limits(
            rounds=_count(limits, "rounds"),
            repeats=_count(limits, "repeats"),
            single_line=limits.get("single_line") is True,
        ),
        tasks=_tasks(_entries(data, "evaluation")),
        errors=_errors(_entries(data, "errors")) if checks.get("errors_complete") is True else None,
    )


def _wrong(place: str, what: str) -> UsageError:
    return UsageError(f"pack.toml: {place} must be {what}.")


def _table(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = data.get(name, {})
    if not isinstance(value, Mapping):
        raise _wrong(f"[{name}]", "a table")
    return value


def _entries(data: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = data.get(name, [])
    if not isinstance(value, list) or not all(isinstance(entry, Mapping) for entry in value):
        raise _wrong(f"[[{name}]]", "a list of tables")
    return value


def _texts(table: Mapping[str, Any], key: str, place: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(entry, str) and entry for entry in value):
        raise _wrong(f"{key} in {place}", "a list of texts")
    return tuple(value)


def _text(table: Mapping[str, Any], key: str, place: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value:
        raise _wrong(f"{key} in {place}", "a text")
    return value


def _count(table: Mapping[str, Any], key: str) -> int:
    value = table.get(key, 0)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _wrong(f"{key} in [limits]", "a whole number from 0")
    return value


def _pattern(text: Any, place: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except (re.error, TypeError, RecursionError):
        raise _wrong(place, "a regular expression") from None


def _ids(table: Mapping[str, Any]) -> re.Pattern[str] | None:
    """One pattern that matches any of the ids."""
    for name, text in table.items():
        _pattern(text, f"{name} in [ids]")
    return _pattern("|".join(f"(?:{text})" for text in table.values()), "[ids]") if table else None


def _argument(key: str, entry: Any) -> ArgumentRule:
    place = f'[arguments."{key}"]'
    if not isinstance(entry, Mapping):
        raise _wrong(place, "a table")
    tool, _, path = key.rpartition(":")
    aliases = entry.get("aliases", {})
    if not isinstance(aliases, Mapping) or not all(alias and isinstance(aliases[alias], str) for alias in aliases):
        raise _wrong(f"aliases in {place}", "a table of texts")
    if aliases and entry.get("prefix"):
        raise UsageError(f"pack.toml: {place} can have a prefix or aliases, not both.")
    return ArgumentRule(
        key=key,
        tool=tool or None,
        path=tuple(path.split(".")),
        prefix=_text(entry, "prefix", place) if "prefix" in entry else "",
        aliases=tuple(aliases.items()),
        starts=_texts(entry, "starts", place),
        form=_pattern(entry["form"], f"form in {place}") if "form" in entry else None,
        options=_texts(entry, "options", place),
    )


def _order(entry: Mapping[str, Any]) -> StatusOrder:
    order = entry.get("order")
    if not isinstance(order, list) or not all(isinstance(rank, list) for rank in order):
        raise _wrong("order in [[status]]", "a list of lists of texts")
    rank = {str(value).casefold(): number for number, values in enumerate(order) for value in values}
    return StatusOrder(_text(entry, "of", "[[status]]"), _text(entry, "field", "[[status]]"), rank)


def _total(entry: Mapping[str, Any]) -> Total:
    parts, _, part = _text(entry, "parts", "[[totals]]").partition(".")
    if not part:
        raise _wrong("parts in [[totals]]", "a list and a member of its entries, as in items.price")
    unless = _table(entry, "unless")
    return Total(
        of=_text(entry, "of", "[[totals]]"),
        total=_text(entry, "total", "[[totals]]"),
        parts=parts,
        part=part,
        also=_texts(entry, "also", "[[totals]]"),
        unless={key: tuple(value) if isinstance(value, list) else (value,) for key, value in unless.items()},
    )


def _tasks(entries: list[Mapping[str, Any]]) -> Tasks | None:
    place = "[[evaluation]]"
    tasks = [
        Task(_text(entry, "name", place), str(entry.get("text") or ""), _texts(entry, "ids", place))
        for entry in entries
    ]
    return Tasks(tasks) if tasks else None


def _errors(entries: list[Mapping[str, Any]]) -> Catalogue:
    place = "[[errors]]"
    return Catalogue(Refusal(_text(entry, "text", place), _texts(entry, "tools", place)) for entry in entries)
