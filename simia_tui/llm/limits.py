"""Reads the rate-limit headers of an answer: how much an endpoint allows, and how much of it is left."""

import re
from collections.abc import Mapping

from simia_tui.model import Record

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")


class Allowance(Record):
    """One limit: `limit` per minute, `remaining` of it, whole again in `reset` seconds (None where not told)."""

    limit: float
    remaining: float | None = None
    reset: float | None = None


class Limits(Record):
    """What one answer says of the limits on requests and on tokens."""

    requests: Allowance | None = None
    tokens: Allowance | None = None


def limits(headers: Mapping[str, str]) -> Limits | None:
    """The limits in the `x-ratelimit-{limit,remaining,reset}-{requests,tokens}` headers; None when there are none."""
    requests, tokens = _allowance(headers, "requests"), _allowance(headers, "tokens")
    return Limits(requests=requests, tokens=tokens) if requests or tokens else None


def _allowance(headers: Mapping[str, str], what: str) -> Allowance | None:
    limit = _count(headers.get(f"x-ratelimit-limit-{what}"))
    if not limit:
        return None
    remaining = _count(headers.get(f"x-ratelimit-remaining-{what}"))
    return Allowance(limit=limit, remaining=remaining, reset=seconds(headers.get(f"x-ratelimit-reset-{what}")))


def seconds(text: str | None) -> float | None:
    """A duration as vendors write it: `6m0s`, `1.5s`, `20ms`, or plain seconds; None for anything else."""
    if text is None:
        return None
    if (plain := _count(text)) is not None:
        return plain
    found = _DURATION.fullmatch(text.strip())
    if not text.strip() or found is None:
        return None
    days, hours, minutes, rest, millis = (float(part or 0) for part in found.groups())
    return days * 86400 + hours * 3600 + minutes * 60 + rest + millis / 1000


def _count(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else -1.0
    except ValueError:
        return None
    return value if 0 <= value < 1e15 else None
