"""What a listing asks for, as a value and as the line a user types."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from simia_tui.errors import UsageError
from simia_tui.model import Kind
from simia_tui.store.fields import FIELDS, ORDERS, wrong

_WORD = r"""(?:"[^"]*"|'[^']*'|[^\s"']|["'])"""
TOKEN = re.compile(rf"(?P<minus>-?)(?:(?P<name>[a-z]+):)?(?P<value>{_WORD}*)")
_QUOTED = re.compile(r""""([^"]*)"|'([^']*)'|([^"']+|.)""", re.DOTALL)


class Term(NamedTuple):
    """A condition that a single field of a `Query` cannot say: it must not hold, or is the field's second one."""

    name: str
    value: str
    negated: bool


@dataclass(frozen=True)
class Query:
    """A filter over trajectories; every field that is set must hold, and all of `also`.

    The values are those of `store.fields`, with commas between several of which one must hold. `text` is searched in
    user and assistant text, `sample` is the number of a certificate and stands for the rows drawn for it, `judge` is
    what the prefilter said.
    """

    kind: Kind | None = None
    status: str | None = None
    verdict: str | None = None
    judge: str | None = None
    fault: str | None = None
    domain: str | None = None
    rule: str | None = None
    tool: str | None = None
    reviewer: str | None = None
    model: str | None = None
    score: str | None = None
    length: str | None = None
    turns: str | None = None
    date: str | None = None
    has: str | None = None
    job: int | str | None = None
    run: int | str | None = None
    seed: int | str | None = None
    sample: int | None = None
    text: str | None = None
    also: tuple[Term, ...] = ()
    order: str = "oldest"

    @classmethod
    def parse(cls, kind: Kind | None, line: str) -> "Query":
        """Reads `status:pending -rule:call.unknown-tool length:>800 refund "gift card"`.

        What is no field is searched as text; `-` before a field or a word means that it must not hold.

        Raises:
            UsageError: there is no such field, or it does not know the value; the sentence says what is possible.
        """
        fields: dict[str, Any] = {}
        also: list[Term] = []
        words: list[str] = []
        for minus, name, value in _tokens(line):
            if name is None and not minus:
                words.append(value)
            elif name == "order":
                fields[name] = _order(minus, value)
            elif minus or name in fields:
                also.append(Term(name or "text", value, bool(minus)))
            else:
                fields[str(name)] = int(value) if name in _NUMBERS and value.isdecimal() else value
        found = cls(kind=kind, text=" ".join(words) or None, also=tuple(also), **fields)
        found.source()
        return found

    def line(self) -> str:
        """The line that `parse` reads back."""
        parts = [f"{name}:{in_one_token(str(value))}" for name in FIELDS if (value := getattr(self, name)) is not None]
        parts += [f"{'-' * term.negated}{_written(term)}" for term in self.also]
        if self.order != "oldest":
            parts.append(f"order:{self.order}")
        if self.text is not None:
            parts.append(_written(Term("text", self.text, False)))
        return " ".join(parts)

    def but(self, **changes: Any) -> "Query":
        """The same query with some fields changed."""
        return replace(self, **changes)

    @property
    def terms(self) -> Iterator[Term]:
        """Every condition but that on the kind, as one sequence."""
        for name in (*FIELDS, "text"):
            if (value := getattr(self, name)) is not None:
                yield Term(name, str(value), False)
        yield from self.also

    @property
    def _match(self) -> str:
        return match_expression(self.text or "")

    @property
    def ordering(self) -> str:
        """What stands after ORDER BY, behind `source`. The index of words gives its rows in the order of their keys."""
        return "search.rowid" if self._match and self.order == "oldest" else ORDERS[self.order]

    def source(self) -> tuple[str, list[Any]]:
        """What stands after FROM, with the trajectories as `t`, and its parameters.

        Words are looked up first, and each row that holds them is then asked for the rest: of words that nearly all
        rows hold, a list of the rows would have to be made otherwise, and every row be sought in it.

        Raises:
            UsageError: a field does not know its value.
        """
        match = self._match
        tables = "search CROSS JOIN trajectories t ON t.pk = search.rowid" if match else "trajectories t"
        clauses = ["search MATCH ?"] * bool(match) + ["t.kind = ?"] * (self.kind is not None)
        values: list[Any] = [value for value in (match, self.kind) if value]
        for term in (self.but(text=None) if match else self).terms:
            sql, more = FIELDS[term.name].clause(term.value) if term.name in FIELDS else _search(term.value)
            if sql:
                # A condition over a column that is NULL is neither true nor false.
                clauses.append(f"({sql}) IS NOT TRUE" if term.negated else sql)
                values += more
        return f"{tables} WHERE {' AND '.join(clauses) or '1'}", values


_NUMBERS = ("job", "run", "seed", "sample")


def _search(text: str) -> tuple[str, list[Any]]:
    match = match_expression(text)
    return ("t.pk IN (SELECT rowid FROM search WHERE search MATCH ?)", [match]) if match else ("", [])


def _split(line: str) -> Iterator[tuple[str, str | None, str]]:
    """The minus, the name before a colon and the value of every token that stands in `line`, without its quotes."""
    for found in TOKEN.finditer(line):
        if not found.group():
            continue
        value = "".join(a or b or c for a, b, c in _QUOTED.findall(found["value"]))
        yield found["minus"], found["name"], value


def _tokens(line: str) -> Iterator[tuple[str, str | None, str]]:
    """The tokens of `line`; what only looks like a field (`http://`, `note: `, a lone dash) is a word.

    Raises:
        UsageError: there is no such field, or it has no value.
    """
    for minus, name, value in _split(line):
        if name is not None and name in (*FIELDS, "order"):
            if not value:
                hint = ", ".join(ORDERS) if name == "order" else FIELDS[name].hint
                raise UsageError(f"{name}: wants a value; it knows {hint}.")
            yield minus, name, value
        elif name is not None and value and not value.startswith("/"):
            from difflib import get_close_matches

            names = (*FIELDS, "order")
            meant = get_close_matches(name, names, n=1)
            known = f"did you mean {meant[0]}:?" if meant else f"there are {', '.join(names)}."
            raise UsageError(f"There is no filter {name}:; {known} Quotes around it search for it as text.")
        else:
            word = f"{name}:{value}" if name is not None else value
            yield (minus if value else ""), None, word or minus


def _order(minus: str, value: str) -> str:
    if minus or value not in ORDERS:
        raise wrong("order", minus + value, ", ".join(ORDERS))
    return value


def _written(term: Term) -> str:
    """A condition as `parse` reads it back."""
    if term.name in FIELDS:
        return f"{term.name}:{in_one_token(term.value)}"
    plain = all(not minus and name is None for minus, name, _ in _split(term.value))
    words = not term.negated or " " not in term.value
    return term.value if plain and words and not re.search("[\"']", term.value) else _in_quotes(term.value)


def in_one_token(value: str) -> str:
    """`value` so that it is read as one token: in quotes where it needs them."""
    return value if value and not re.search(r"[\s\"']", value) else _in_quotes(value)


def _in_quotes(value: str) -> str:
    if '"' not in value:
        return f'"{value}"'
    return "".join(f"'{part}'" if '"' in part else f'"{part}"' for part in re.findall(r'"+|[^"]+', value))


def match_expression(text: str) -> str:
    """An FTS5 expression that finds all words of `text` as given, the last one also as a beginning.

    Every word is quoted, so that no character of it is read as query syntax.
    """
    words = re.findall(r"\w+", text)
    if not words:
        return ""
    quoted = [f'"{word}"' for word in words]
    return " ".join(quoted) + ("*" if text[-1].isalnum() else "")
