"""The fields of a filter: what each of them takes, and the SQL that it stands for."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from math import isfinite
from typing import Any, NamedTuple

from simia_tui.errors import UsageError
from simia_tui.model import Fault, Opinion, Status, Verdict

Clause = tuple[str, list[Any]]
"""A condition over `trajectories t`, and its parameters."""

SCREENED = (
    "(SELECT {} FROM screenings s WHERE s.trajectory = t.pk AND s.revision = t.revision ORDER BY s.pk DESC LIMIT 1)"
)
"""Of the prefilter's latest verdict on the body that counts; one on a former body says nothing of this one."""

_PASSED = "coalesce(json_extract(s.verdict, '$.{}.passed'), 0)"
_SHARE = f"({' + '.join(map(_PASSED.format, ('completeness', 'logic', 'format')))}) / 3.0"
_SCREENED_SCORE = SCREENED.format(f"CASE WHEN s.opinion != 'error' THEN {_SHARE} END")
SCORE = f"coalesce(t.score, {_SCREENED_SCORE})"
"""The reward that it came with, or the share of the prefilter's questions that it passed."""

_GIVEN = "FROM opinions o WHERE o.trajectory = t.pk AND o.revision = t.revision AND NOT o.undone"
DISPUTED = (
    "t.status = 'pending' AND EXISTS (SELECT 1 FROM overlaps v WHERE v.trajectory = t.pk"
    f" AND v.needed <= (SELECT count(*) {_GIVEN}))"
    f" AND (SELECT count(DISTINCT o.verdict) > 1 OR max(o.verdict = 'flag') {_GIVEN})"
)
"""It has all the opinions that it needs, and they differ, or one is a flag."""

_ACTS = "SELECT d.trajectory FROM batches b JOIN decisions d ON d.batch = b.pk"
_STANDING = "b.action NOT IN ('undo', 'redo') AND NOT b.undone"
LANDED = (
    "SELECT x.pk AS trajectory FROM remakes r JOIN trajectories x ON x.pk = r.trajectory"
    " LEFT JOIN batches b ON b.pk = r.batch"
    " WHERE r.proposed != x.revision AND r.withdrawn IS NULL AND coalesce(b.undone, 1)"
)
"""Trajectories with a new end that nobody has decided on."""
HAS: Mapping[str, str] = {
    "edit": f"t.pk IN ({_ACTS} WHERE d.before_revision != d.after_revision AND {_STANDING})",
    "note": f"t.pk IN ({_ACTS} WHERE d.note IS NOT NULL AND {_STANDING})",
    "error": "t.errors > 0",
    "finding": "t.findings > 0",
    "score": f"{SCORE} IS NOT NULL",
    "dispute": DISPUTED,
    "new-end": f"t.pk IN ({LANDED})",
    "demo": "t.demo",
}


_UNSURE = "CASE t.verdict WHEN 'clean' THEN 0.47 WHEN 'repaired' THEN 0.72 WHEN 'warned' THEN 1.0 ELSE 0.61 END"
"""The entropy, in bits, of whether a person will refuse what the rules found clean (1 in 10), repaired (1 in 5), warned
of (1 in 2) or broken (17 in 20)."""
_REMARKED = "0.3 * (t.findings > 0 AND t.verdict = 'clean')"
_ODDS = SCREENED.format(
    "CASE s.opinion WHEN 'error' THEN 0.5 WHEN 'fail' THEN 0.5 * (t.verdict IN ('clean', 'repaired'))"
    " ELSE 0.5 * (t.verdict IN ('warned', 'broken')) END"
)
GLANCE_WORDS = 25
"""What looking at an item and deciding costs beside its words: six seconds of reading."""
_INFORMATION = f"({_UNSURE} + {_REMARKED} + coalesce({_ODDS}, 0)) / (t.words + {GLANCE_WORDS})"
ORDERS: Mapping[str, str] = {
    "oldest": "t.pk",
    # As it was asked for, not as it arrived: the same work gives the same order.
    "source": "t.kind, t.job, t.ord, t.pk",
    "newest": "t.pk DESC",
    "findings": "t.findings DESC, t.pk",
    "errors": "t.errors DESC, t.pk",
    "longest": "t.words DESC, t.pk",
    "shortest": "t.words, t.pk",
    # What a decision would tell, for the time that it takes: unsure of by the rules, nearly a copy of another, or
    # the prefilter and the rules at odds.
    "information": f"{_INFORMATION} DESC, t.pk",
}


class Field(NamedTuple):
    """A field of a filter. `hint` says what it takes; `clause` raises UsageError for what it does not."""

    name: str
    hint: str
    clause: Callable[[str], Clause]


def split(value: str) -> list[str]:
    """The values of a list with commas; a comma with a backslash before it belongs to its value."""
    return [part.replace("\\,", ",") for part in re.split(r"(?<!\\),", value) if part]


def escape(value: str) -> str:
    """`value` as one entry of a list with commas."""
    return value.replace(",", "\\,")


def wrong(name: str, value: str, hint: str) -> UsageError:
    """The sentence for a value that a field does not know."""
    return UsageError(f"{name}: has no value {value!r}; it knows {hint}.")


def _one_of(template: str, values: Sequence[Any]) -> Clause:
    marks = "= ?" if len(values) == 1 else f"IN ({', '.join('?' * len(values))})"
    return template.format(marks), list(values)


def _choice(name: str, template: str, allowed: Mapping[str, str]) -> Field:
    """`allowed` maps a value as it is written to what the column holds."""
    hint = ", ".join(allowed)

    def clause(value: str) -> Clause:
        parts = [part.replace(" ", "-") for part in split(value)]
        for part in parts or [value]:
            if part not in allowed:
                raise wrong(name, part, hint)
        return _one_of(template, [allowed[part] for part in parts])

    return Field(name, hint, clause)


def _has() -> Field:
    hint = ", ".join(HAS)

    def clause(value: str) -> Clause:
        parts = split(value)
        for part in parts or [value]:
            if part not in HAS:
                raise wrong("has", part, hint)
        return f"({' OR '.join(HAS[part] for part in parts)})", []

    return Field("has", hint, clause)


def _name(name: str, template: str, hint: str) -> Field:
    def clause(value: str) -> Clause:
        parts = split(value)
        if not parts:
            raise wrong(name, value, hint)
        return _one_of(template, parts)

    return Field(name, hint, clause)


def _numbered(name: str, template: str, hint: str, several: bool = True) -> Field:
    def clause(value: str) -> Clause:
        parts = split(value) if several else [value]
        for part in parts or [value]:
            if not part.isdecimal() or int(part) > _LARGEST:
                raise wrong(name, part, hint)
        return _one_of(template, [int(part) for part in parts])

    return Field(name, hint, clause)


_LARGEST = 2**63 - 1
"""What a column of SQLite can hold."""
_COMPARED = re.compile(r"(>=|<=|>|<|=)?(.+)")


def _whole(text: str) -> int:
    if abs(value := int(text)) > _LARGEST:
        raise ValueError(text)
    return value


def _share(text: str) -> float:
    if not isfinite(value := float(text)):
        raise ValueError(text)
    return value


def _ranges(name: str, column: str, hint: str, number: Callable[[str], float]) -> Field:
    """Numbers, `>800`, `<=3`, `3..7`, `3..`, and several of these with commas."""

    def one(part: str) -> Clause:
        low, dots, high = part.partition("..")
        try:
            if dots:
                ends = [(f"{column} {sign} ?", number(end)) for sign, end in ((">=", low), ("<=", high)) if end]
                return " AND ".join(sql for sql, _ in ends) or "0", [end for _, end in ends]
            found = _COMPARED.fullmatch(part)
            assert found is not None
            return f"{column} {found[1] or '='} ?", [number(found[2])]
        except ValueError:
            raise wrong(name, part, hint) from None

    def clause(value: str) -> Clause:
        found = [one(part) for part in split(value)]
        if not found or any(sql == "0" for sql, _ in found):
            raise wrong(name, value, hint)
        return f"({' OR '.join(f'({sql})' for sql, _ in found)})", [end for _, ends in found for end in ends]

    return Field(name, hint, clause)


_AGES = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DATES = "today, yesterday, a day like 2026-11-01, 2026-11-01.., 2026-11-01..2026-11-05, or an age: <7d, >2h"


def _day(text: str) -> datetime:
    """The start of a day, in the time zone of this machine."""
    if text in ("today", "yesterday"):
        midnight = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight - timedelta(days=text == "yesterday")
    return datetime.strptime(text, "%Y-%m-%d")


def _date_clause(part: str) -> Clause:
    """Raises ValueError where `part` is neither days nor an age."""
    column = "t.created"
    if age := re.fullmatch(r"([<>])=?(\d+)([mhdw])", part):
        since = time.time() - timedelta(**{_AGES[age[3]]: int(age[2])}).total_seconds()
        return f"{column} {'>' if age[1] == '<' else '<'} ?", [since]
    low, dots, high = part.partition("..")
    if not dots:
        found = _COMPARED.fullmatch(part)
        assert found is not None
        sign, day = found[1], found[2]
        low = high = day
        if sign in (">", ">="):
            high = ""
        elif sign in ("<", "<="):
            low = ""
        if sign == ">":
            low = str((_day(day) + timedelta(days=1)).date())
        elif sign == "<":
            high = str((_day(day) - timedelta(days=1)).date())
    ends = [(f"{column} >= ?", _day(low).timestamp())] if low else []
    ends += [(f"{column} < ?", (_day(high) + timedelta(days=1)).timestamp())] if high else []
    if not ends:
        raise ValueError(part)
    return " AND ".join(sql for sql, _ in ends), [end for _, end in ends]


def _dates() -> Field:
    def clause(value: str) -> Clause:
        found = []
        for part in split(value) or [value]:
            try:
                found.append(_date_clause(part))
            except (ValueError, OverflowError):
                raise wrong("date", part, _DATES) from None
        return f"({' OR '.join(f'({sql})' for sql, _ in found)})", [end for _, ends in found for end in ends]

    return Field("date", _DATES, clause)


def _plain(values: type[Status] | type[Verdict] | type[Opinion] | type[Fault]) -> dict[str, str]:
    return {value.value.replace(" ", "-"): value.value for value in values}


_NUMBERS = "a number, >800, <=200, 100..300, and several of these with commas"
_SAMPLED = "SELECT trajectory FROM certificate_rows WHERE place IS NOT NULL"
_FINDING = "SELECT f.trajectory FROM findings f JOIN trajectories x ON x.pk = f.trajectory AND x.revision = f.revision"
_MADE = "SELECT x.pk FROM attempts a JOIN trajectories x ON x.job = a.job AND x.ord = a.ord"
FIELDS: Mapping[str, Field] = {
    field.name: field
    for field in (
        _choice("status", "t.status {}", _plain(Status)),
        _choice("verdict", "t.verdict {}", _plain(Verdict)),
        _choice("judge", SCREENED.format("s.opinion") + " {}", _plain(Opinion)),
        _choice("fault", "coalesce(t.fault, 'none') {} AND t.status = 'rejected'", {**_plain(Fault), "none": "none"}),
        _name("domain", "t.domain {}", "the name of a domain"),
        _name("rule", f"t.pk IN ({_FINDING} WHERE f.rule {{}})", "the name of a rule, like call.unknown-tool"),
        _name("tool", "t.pk IN (SELECT trajectory FROM trajectory_tools WHERE tool {})", "the name of a tool"),
        _name("reviewer", f"t.pk IN ({_ACTS} WHERE b.reviewer {{}} AND {_STANDING})", "the name of who decided"),
        _name("model", f"t.pk IN ({_MADE} WHERE a.model {{}})", "the name of the model that wrote it"),
        _ranges("score", SCORE, "a number from 0 to 1, >0.5, <=0.3, 0.2..0.8", _share),
        _ranges("length", "t.words", f"words: {_NUMBERS}", _whole),
        _ranges("turns", "t.turns", _NUMBERS, _whole),
        _dates(),
        _has(),
        _numbered("job", "t.job {}", "the number of a job"),
        _numbered("run", "t.pk IN (SELECT trajectory FROM practised WHERE run {})", "the number of a training run"),
        _numbered("seed", "t.seed {}", "the number of a seed"),
        _numbered("sample", f"t.pk IN ({_SAMPLED} AND certificate {{}})", "the number of a certificate", several=False),
    )
}
"""Every field, in the order in which a line names them."""
