"""A ledger of the simulated world: what writes set, what totals must come to, which way a status may go.

Entities are the things with ids in observations. A write that sets a member (`update_x(x_id, status=...)`) is an
entry; the next observation of that thing must show it, unless another write touched the thing in between. Totals
and the order of a status come from the pack (`[[totals]]`, `[[status]]`); a calculator's result is worked out anew.
"""

import ast
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from simia_tui.checks import traits
from simia_tui.checks.context import Context
from simia_tui.checks.hints import Total
from simia_tui.checks.rule import Note, check
from simia_tui.checks.schema import show
from simia_tui.checks.world import Exchange, Thing, exchanges, same, things
from simia_tui.model import Severity, Trajectory

_CENT = 0.011


class _Entry(NamedTuple):
    field: str
    value: Any
    tool: str
    turn: int


@check(
    "state.write-lost",
    Severity.WARNING,
    "What a write set must be there at the next look; one that is forgotten teaches that acts are void.",
    needs=traits.SETS,
)
def write_lost(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    answered = exchanges(trajectory, context)
    if not any(sets_members(exchange) for exchange in answered):
        return
    ledger: dict[str, list[_Entry]] = {}
    members: dict[str, dict[str, Any]] = {}
    for exchange in answered:
        if exchange.observation.is_error:
            continue
        told = things(exchange, trajectory, context)
        if not exchange.tool.reads:
            _forget(exchange, ledger, members)
            if sets_members(exchange) and exchange.before >= 0:
                _enter(exchange, ledger, members)
        for thing in told:
            yield from _compare(thing, exchange, ledger)
            members.setdefault(thing.owner, {}).update(thing.members)


def sets_members(exchange: Exchange) -> bool:
    """Whether a call says what members of a thing become, as `update_x(x_id, status=...)` does, and was not refused."""
    return exchange.tool.sets and not exchange.observation.is_error


def _forget(exchange: Exchange, ledger: dict[str, list[_Entry]], members: dict[str, dict[str, Any]]) -> None:
    """Strikes what a write may have touched: the things it names, and those that are told to hold such a thing."""
    if not ledger:
        return
    text = f"{exchange.call.arguments} {exchange.observation.content}"
    for owner in list(ledger):
        own = owner.partition(" ")[2]
        related = [str(value) for name, value in members[owner].items() if name.endswith("id")]
        if own in text or any(value in text for value in related) or not _names_any(exchange, members):
            del ledger[owner]


def _names_any(exchange: Exchange, members: dict[str, dict[str, Any]]) -> bool:
    values = {str(value) for value in (exchange.call.arguments or {}).values()}
    return any(owner.partition(" ")[2] in values for owner in members)


def _enter(exchange: Exchange, ledger: dict[str, list[_Entry]], members: dict[str, dict[str, Any]]) -> None:
    """Enters the arguments that are members of the thing whose id the call gives, as it was last seen."""
    arguments = exchange.call.arguments or {}
    owners = [f"{name} {value}" for name, value in arguments.items() if f"{name} {value}" in members]
    if len(owners) != 1:
        return
    known = members[owners[0]]
    entries = [
        _Entry(name, value, exchange.call.name, exchange.turn)
        for name, value in arguments.items()
        if name in known and f"{name} {value}" != owners[0] and _plain(value) and _plain(known[name])
    ]
    if entries:
        ledger[owners[0]] = entries


def _plain(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _compare(thing: Thing, exchange: Exchange, ledger: dict[str, list[_Entry]]) -> Iterator[Note]:
    entries = ledger.get(thing.owner)
    for entry in entries or ():
        shown = thing.members.get(entry.field)
        if not _plain(shown) or same(shown, entry.value) or str(shown).casefold() == str(entry.value).casefold():
            continue
        del ledger[thing.owner]
        told = f"{show(entry.tool)} set {show(entry.field)} of {thing.owner} to {show(entry.value)}"
        where = "and its own answer" if entry.turn == exchange.turn else f"in turn {entry.turn}, and this observation"
        yield Note(f"{told} {where} shows {show(shown)}.", exchange.turn)
        return


@check(
    "state.status-back",
    Severity.WARNING,
    "The domain's pack says in which order a status changes, and the real world does not go back.",
    needs=traits.ORDERS,
)
def status_back(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    orders = [(f"{order.of} ", order) for order in context.hints.orders]
    last: dict[tuple[str, str], tuple[int, Any, int]] = {}
    for exchange in exchanges(trajectory, context) if orders else ():
        if exchange.observation.is_error:
            continue
        for thing in things(exchange, trajectory, context):
            owner = thing.owner
            for named, order in orders:
                if not owner.startswith(named):
                    continue
                value = thing.members.get(order.field)
                if (
                    value is None
                    and order.field not in thing.members
                    and thing.members is not context.parsed(exchange.observation.content)
                ):
                    continue
                # Of a tool that says nothing where nothing has happened yet, the pack tells by an empty text.
                told = "" if value is None else value
                rank = order.rank.get(told.casefold()) if isinstance(told, str) else None
                if rank is None:
                    continue
                before = last.get((owner, order.field))
                if before is not None and rank < before[0]:
                    yield Note(
                        f"{show(order.field)} of {owner} goes back from {show(before[1])} in turn {before[2]}"
                        f" to {show(value)}.",
                        exchange.turn,
                    )
                last[owner, order.field] = (rank, value, exchange.turn)


@check(
    "state.total",
    Severity.WARNING,
    "A total that its parts do not add up to shows figures that were made up.",
    needs=traits.TOTALS,
)
def total(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    totals = context.hints.totals
    for exchange in exchanges(trajectory, context) if totals else ():
        if exchange.observation.is_error:
            continue
        for thing in things(exchange, trajectory, context):
            for rule in totals:
                if thing.owner.startswith(f"{rule.of} "):
                    yield from _add_up(thing, rule, exchange.turn)


def _add_up(thing: Thing, rule: Total, turn: int) -> Iterator[Note]:
    stated, entries = _number(thing.members.get(rule.total)), thing.members.get(rule.parts)
    if stated is None or not isinstance(entries, list):
        return
    counted = [entry for entry in entries if isinstance(entry, dict) and not _is_left_out(entry, rule)]
    parts = [_number(entry.get(rule.part)) for entry in counted]
    also = [_number(thing.members[name]) for name in rule.also if name in thing.members]
    figures = [figure for figure in (*parts, *also) if figure is not None]
    if len(figures) < len(parts) + len(also) or not all(isinstance(entry, dict) for entry in entries):
        return
    if abs(sum(figures) - stated) > _CENT:
        message = (
            f"{show(rule.total)} of {thing.owner} is {show(thing.members[rule.total])}, but its {rule.parts} come to"
        )
        yield Note(f"{message} {show(round(sum(figures), 2))}.", turn)


def _is_left_out(entry: dict[str, Any], rule: Total) -> bool:
    return any(entry.get(key) in values for key, values in rule.unless.items())


def _number(value: Any) -> float | None:
    return (
        float(value) if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15 else None
    )


_SUM = re.compile(r"[\d\s.,+*/()-]{3,400}")
_STATED = re.compile(r"-?\d+(?:\.\d+)?")
_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


@check(
    "observation.wrong-sum",
    Severity.WARNING,
    "A calculator that answers wrongly teaches the model to trust wrong sums.",
    needs=traits.CALCULATES,
)
def wrong_sum(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    for exchange in exchanges(trajectory, context):
        if exchange.observation.is_error or not exchange.tool.calculates:
            continue
        expression, answer = (exchange.call.arguments or {}).get("expression"), exchange.observation.content or ""
        if not isinstance(expression, str) or not _SUM.fullmatch(expression) or not _STATED.fullmatch(answer.strip()):
            continue
        true = work_out(expression)
        if true is not None and abs(true - float(answer)) > max(_CENT, abs(true) * 1e-4):
            yield Note(f"{expression.strip()[:60]} is {round(true, 4)}, not {answer.strip()}.", exchange.turn)


def work_out(expression: str) -> float | None:
    """The value of a sum of plain numbers with + - * / and brackets; None where it is something else or has none."""
    try:
        return _value(ast.parse(expression.strip(), mode="eval").body)
    except (SyntaxError, ValueError, ArithmeticError, MemoryError, RecursionError):
        return None


def _value(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        return -_value(node.operand) if isinstance(node.op, ast.USub) else _value(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_value(node.left), _value(node.right))
    raise ValueError("not a sum")


RULES = (write_lost, status_back, total, wrong_sum)
