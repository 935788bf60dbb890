"""Rules on calls: read and repair the arguments, then hold them against the tool's schema."""

import difflib
import json
from collections.abc import Callable, Iterator
from typing import Any

from simia_tui.checks import traits
from simia_tui.checks.arguments import read_arguments
from simia_tui.checks.context import Context
from simia_tui.checks.rule import Note, Outcome, check, repair
from simia_tui.checks.schema import Schema, show, whole_numbers
from simia_tui.model import Severity, ToolCall, Trajectory, Turn

Fix = tuple[dict[str, Any], str, str]
"""The new arguments, the message, and the text that they replace."""


def fix_calls(trajectory: Trajectory, context: Context, fix: Callable[[ToolCall], Fix | None]) -> Outcome:
    """Applies `fix` to every call; the original text stays in `raw`. The same trajectory where nothing changed."""
    notes: list[Note] = []
    turns: list[Turn] = []
    for index, position, call in context.calls(trajectory):
        fixed = fix(call)
        if fixed is None:
            continue
        turns = turns or list(trajectory.turns)
        arguments, message, before = fixed
        calls = list(turns[index].tool_calls)
        raw = before if call.raw is None else call.raw
        calls[position] = call.replace(arguments=arguments, raw=raw)
        turns[index] = turns[index].replace(tool_calls=tuple(calls))
        notes.append(Note(message, index, position, before=before))
    return (trajectory.with_turns(tuple(turns)), notes) if notes else (trajectory, notes)


@repair(
    "call.arguments-repaired",
    Severity.WARNING,
    "A trainer needs arguments that are a JSON object; where only the punctuation was wrong it is put right.",
    needs=traits.UNREAD,
)
def arguments_repaired(trajectory: Trajectory, context: Context) -> Outcome:
    def fix(call: ToolCall) -> Fix | None:
        if call.arguments is not None or not call.raw or not call.name:
            return None
        value, way = read_arguments(call.raw)
        if value is None or way == "encoded" or not _fits(value, call, context, guessed=way == "tolerant"):
            return None
        return (
            value,
            f"The arguments of {show(call.name)} were not valid JSON and were read as {show(value)}.",
            call.raw,
        )

    return fix_calls(trajectory, context, fix)


def _fits(value: dict[str, Any], call: ToolCall, context: Context, guessed: bool) -> bool:
    """A guess counts only if it leaves no argument missing: else the text was cut and the rest is unknown."""
    if not guessed:
        return True
    faults = context.faults(call.replace(arguments=value))
    return not any(fault.kind == "missing" for fault in faults)


@repair(
    "call.double-encoded",
    Severity.WARNING,
    "Arguments that are JSON text inside a JSON string are one layer too deep for every trainer.",
    needs=traits.UNREAD,
)
def double_encoded(trajectory: Trajectory, context: Context) -> Outcome:
    def fix(call: ToolCall) -> Fix | None:
        if call.arguments is not None or not call.raw or not call.name:
            return None
        value, way = read_arguments(call.raw)
        if value is None or way != "encoded":
            return None
        return value, f"The arguments of {show(call.name)} were JSON text inside a string and were unpacked.", call.raw

    return fix_calls(trajectory, context, fix)


@repair(
    "call.arguments-wrapped",
    Severity.WARNING,
    "Some models put the arguments under `parameters` or `arguments` once more, where no tool looks for them.",
    needs=traits.WRAPPED,
)
def arguments_wrapped(trajectory: Trajectory, context: Context) -> Outcome:
    def fix(call: ToolCall) -> Fix | None:
        inner, key = _unwrap(call, context), ""
        while inner is not None:
            value, key = inner
            call = call.replace(arguments=value)
            inner = _unwrap(call, context)
        if not key or call.arguments is None:
            return None
        return call.arguments, f"The arguments of {show(call.name)} stood under {show(key)} and were taken out.", ""

    def with_before(call: ToolCall) -> Fix | None:
        fixed = fix(call)
        return None if fixed is None else (fixed[0], fixed[1], text_of(call))

    return fix_calls(trajectory, context, with_before)


_WRAPPERS = ("arguments", "parameters")
_WRAPPED = frozenset(("name", *_WRAPPERS))


def _unwrap(call: ToolCall, context: Context) -> tuple[dict[str, Any], str] | None:
    """The arguments inside a wrapper, if the tool does not itself declare an argument of that name."""
    outer = call.arguments
    if not outer or not outer.keys() <= _WRAPPED:
        return None
    keys = [key for key in _WRAPPERS if key in outer]
    schema = context.box[call.name].schema
    if len(keys) != 1 or (schema is not None and keys[0] in schema.properties):
        return None
    names_itself = outer.get("name") == call.name
    # Without a schema only a whole call inside the arguments is beyond doubt.
    if not names_itself and ("name" in outer or schema is None or "properties" not in schema.raw):
        return None
    inner = outer[keys[0]]
    if isinstance(inner, str):
        inner = read_arguments(inner)[0]
    return (inner, keys[0]) if isinstance(inner, dict) else None


@repair(
    "call.arguments-blank",
    Severity.WARNING,
    "A call without arguments is complete where the tool needs none, but must still say so with an empty object.",
    needs=traits.UNREAD,
)
def arguments_blank(trajectory: Trajectory, context: Context) -> Outcome:
    def fix(call: ToolCall) -> Fix | None:
        if call.arguments is not None or (call.raw or "").strip() not in ("", "null"):
            return None
        if call.name not in context.box.declared or _required(context.box[call.name].schema):
            return None
        return {}, f"The call of {show(call.name)} came without arguments, and the tool needs none.", call.raw or ""

    return fix_calls(trajectory, context, fix)


def _required(schema: Schema | None) -> list[str]:
    return schema.required if schema is not None else []


_NEVER_FLOAT = frozenset((str, int, bool, type(None)))


@repair(
    "call.integer-normalised",
    Severity.INFO,
    "JSON Schema takes 100.0 for an integer, but functions and exact comparisons do not.",
    needs=traits.NUMBERS,
)
def integer_normalised(trajectory: Trajectory, context: Context) -> Outcome:
    def fix(call: ToolCall) -> Fix | None:
        schema = context.box[call.name].schema
        if schema is None or not call.arguments or not schema.has_integers:
            return None
        if _NEVER_FLOAT.issuperset(map(type, call.arguments.values())):
            return None
        value = whole_numbers(call.arguments, schema.raw)
        if value is call.arguments:
            return None
        return value, f"Whole numbers in the call of {show(call.name)} were written as integers.", text_of(call)

    return fix_calls(trajectory, context, fix)


def text_of(call: ToolCall) -> str:
    """The arguments of `call` as JSON text, as a repair keeps them."""
    return json.dumps(call.arguments, ensure_ascii=False)


@check(
    "call.lost",
    Severity.INFO,
    "A source that printed no calls leaves blanks in their place, which can be read but not trained on.",
    needs=traits.LOST,
)
def lost(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    places = context.lost(trajectory)
    if places:
        many = "1 call is" if len(places) == 1 else f"{len(places)} calls are"
        yield Note(f"The source did not keep its calls: {many} blank.", *places[0])


@check(
    "call.arguments-unparsable",
    Severity.ERROR,
    "Arguments that cannot be read as an object would teach the model to write calls that no tool accepts.",
    needs=traits.UNREAD,
)
def arguments_unparsable(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    for index, position, call in context.calls(trajectory):
        if call.arguments is None and (index, position) not in context.lost(trajectory):
            held = f": {show(call.raw)}" if (call.raw or "").strip() else ", there are none"
            yield Note(f"The arguments of {show(call.name)} cannot be read as an object{held}.", index, position)


@check(
    "call.unknown-tool",
    Severity.ERROR,
    "A call of a tool that was never declared cannot be answered by anything real.",
    needs=traits.UNDECLARED,
)
def unknown_tool(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    known = context.box.declared
    for index, position, call in context.agent_calls(trajectory) if known else ():
        if call.name not in known and (index, position) not in context.lost(trajectory):
            close = difflib.get_close_matches(call.name[:100], list(known), n=1)
            hint = f"; {show(close[0])} is" if close else ""
            yield Note(f"The tool {show(call.name)} is not declared{hint}.", index, position)


@check(
    "call.no-schema",
    Severity.INFO,
    "Without tool specs neither names nor arguments of the calls can be checked.",
    needs=traits.UNDECLARED,
)
def no_schema(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    first = None if context.box.declared else next(trajectory.calls(), None)
    if first is not None:
        yield Note("The trajectory has calls but declares no tools.", first[0], first[1])


@check(
    "call.bad-schema",
    Severity.WARNING,
    "A tool schema that is not valid JSON Schema checks nothing, and some trainers refuse it.",
    needs=traits.BAD_SCHEMA,
)
def bad_schema(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    seen: set[str] = set()
    for index, position, call in context.agent_calls(trajectory):
        schema = context.box[call.name].schema
        if call.name not in seen and schema is not None and not schema.usable:
            yield Note(f"The schema of {show(call.name)} is not valid, so only names were checked.", index, position)
        seen.add(call.name)


def _schema_notes(trajectory: Trajectory, context: Context, kind: str) -> Iterator[Note]:
    for index, position, call, faults in context.faulty(trajectory):
        for fault in faults:
            if fault.kind == kind:
                severity = Severity.WARNING if fault.lenient else None
                yield Note(f"In the call of {show(call.name)}: {_lower(fault.message)}", index, position, severity)


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


@check(
    "call.missing-argument",
    Severity.ERROR,
    "The tool would refuse the call, so the observation after it cannot be real.",
    needs=traits.FAULTY,
)
def missing_argument(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    return _schema_notes(trajectory, context, "missing")


@check(
    "call.unknown-argument",
    Severity.ERROR,
    "An argument that the tool does not declare is invented.",
    needs=traits.FAULTY,
)
def unknown_argument(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    return _schema_notes(trajectory, context, "unknown")


@check(
    "call.bad-value",
    Severity.ERROR,
    "A value outside the tool's schema would be refused or misread by the real tool.",
    needs=traits.FAULTY,
)
def bad_value(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    return _schema_notes(trajectory, context, "bad")


REPAIRS = (double_encoded, arguments_repaired, arguments_wrapped, arguments_blank, integer_normalised)
RULES = (
    lost,
    arguments_unparsable,
    no_schema,
    unknown_tool,
    bad_schema,
    missing_argument,
    unknown_argument,
    bad_value,
)
