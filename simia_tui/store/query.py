"""What a listing asks for, as a value and as the line a user types."""

import re
import shlex
from dataclasses import dataclass, replace
from typing import Any

from simia_tui.errors import UsageError
from simia_tui.model import Kind, Opinion, Status, Verdict

ORDERS = {
    "oldest": "t.pk",
    # As it was asked for, not as it arrived: the same work gives the same order.
    "source": "t.kind, t.job, t.ord, t.pk",
    "newest": "t.pk DESC",
    "findings": "t.findings DESC, t.pk",
    "errors": "t.errors DESC, t.pk",
    "longest": "t.words DESC, t.pk",
    "shortest": "t.words, t.pk",
}
FIELDS = ("status", "verdict", "judge", "domain", "rule", "tool", "job", "seed", "sample", "order")


@dataclass(frozen=True)
class Query:
    """A filter over trajectories; every field that is set must hold. `text` is searched in user and assistant text,
    `sample` is the number of a certificate and stands for the rows drawn for it, `judge` is what the prefilter said.
    """

    kind: Kind | None = None
    status: str | None = None
    verdict: str | None = None
    domain: str | None = None
    rule: str | None = None
    tool: str | None = None
    job: int | None = None
    seed: int | None = None
    sample: int | None = None
    text: str | None = None
    judge: str | None = None
    order: str = "oldest"

    @classmethod
    def parse(cls, kind: Kind | None, line: str) -> "Query":
        """Reads `status:pending rule:call.unknown-tool refund "gift card"`; what is no field is searched as text.

        Raises:
            UsageError: a value that the field does not know.
        """
        try:
            parts = shlex.split(line)
        except ValueError:
            parts = line.replace('"', " ").replace("'", " ").split()
        fields: dict[str, Any] = {}
        words = []
        for part in parts:
            name, colon, value = part.partition(":")
            if colon and name in FIELDS and value:
                fields[name] = _value(name, value)
            else:
                words.append(part)
        return cls(kind=kind, text=" ".join(words) or None, **fields)

    def line(self) -> str:
        """The line that `parse` reads back."""
        parts = [
            f"{name}:{shlex.quote(str(value))}"
            for name in FIELDS
            if (value := getattr(self, name)) is not None and not (name == "order" and value == "oldest")
        ]
        return " ".join([*parts, *([self.text] if self.text else [])])

    def but(self, **changes: Any) -> "Query":
        """The same query with some fields changed."""
        return replace(self, **changes)

    def where(self) -> tuple[str, list[Any]]:
        """The SQL condition over `trajectories t` and its parameters."""
        clauses: list[str] = []
        values: list[Any] = []
        for column in ("kind", "status", "verdict", "domain", "job", "seed"):
            value = getattr(self, column)
            if value is not None:
                clauses.append(f"t.{column} = ?")
                values.append(value)
        if self.tool is not None:
            clauses.append("t.pk IN (SELECT trajectory FROM trajectory_tools WHERE tool = ?)")
            values.append(self.tool)
        if self.rule is not None:
            clauses.append(
                "EXISTS (SELECT 1 FROM findings f WHERE f.rule = ? AND f.trajectory = t.pk AND f.revision = t.revision)"
            )
            values.append(self.rule)
        if self.judge is not None:
            # The latest verdict on the body that counts; one on a former body says nothing of this one.
            clauses.append(
                "(SELECT s.opinion FROM screenings s WHERE s.trajectory = t.pk AND s.revision = t.revision"
                " ORDER BY s.pk DESC LIMIT 1) = ?"
            )
            values.append(self.judge)
        if self.sample is not None:
            clauses.append(
                "t.pk IN (SELECT trajectory FROM certificate_rows WHERE certificate = ? AND place IS NOT NULL)"
            )
            values.append(self.sample)
        if self.text and (match := match_expression(self.text)):
            clauses.append("t.pk IN (SELECT rowid FROM search WHERE search MATCH ?)")
            values.append(match)
        return " AND ".join(clauses) or "1", values


def _value(name: str, value: str) -> str | int:
    allowed: tuple[str, ...] | None = {
        "status": tuple(Status),
        "verdict": tuple(Verdict),
        "judge": tuple(Opinion),
        "order": tuple(ORDERS),
    }.get(name)
    if allowed and value not in allowed:
        raise UsageError(f"{name}: has no value {value!r}; it knows {', '.join(allowed)}.")
    if name in ("job", "seed", "sample"):
        if not value.isdigit():
            raise UsageError(f"{name}: wants a number, not {value!r}.")
        return int(value)
    return value


def match_expression(text: str) -> str:
    """An FTS5 expression that finds all words of `text` as given, the last one also as a beginning.

    Every word is quoted, so that no character of it is read as query syntax.
    """
    words = re.findall(r"\w+", text)
    if not words:
        return ""
    quoted = [f'"{word}"' for word in words]
    return " ".join(quoted) + ("*" if text[-1].isalnum() else "")
