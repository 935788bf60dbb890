"""Sampled bulk approval: read a random sample, learn what the rest can hold, approve the rest as one act."""

import random
import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from simia_tui.errors import UsageError
from simia_tui.evaluation.certificate import (
    SAMPLE,
    Method,
    allowed,
    method_for,
    needed,
    statement,
    upper,
)
from simia_tui.store import Query, certificates, decisions, trajectories
from simia_tui.store.certificates import Certificate

SMALL_SHARE = 0.05
"""What the sample of a small batch is sized for where nothing is asked for."""


class Plan(NamedTuple):
    """How large a sample of so many rows is drawn, what it is counted with, and how many bad rows it may hold."""

    size: int
    sample: int
    method: Method
    max_share: float | None
    allowed: int

    @property
    def promise(self) -> str:
        """What can be said if nothing bad is found."""
        return statement(0, self.sample, self.size, self.method)


class Progress(NamedTuple):
    """A certificate as it stands now; `said` states the limit over what was decided so far."""

    certificate: Certificate
    waiting: tuple[int, ...]
    decided: int
    bad: int
    bound: float
    said: str


def plan(size: int, sample: int | None = None, max_share: float | None = None, method: Method | None = None) -> Plan:
    """The sample for a batch of `size` rows.

    Without a wish it is 60 rows (fewer in a small batch) and any bad row refuses. With `max_share`, the highest share
    of bad rows that may be left, it is as large as needed to show that with no bad row, and refuses beyond.

    Raises:
        UsageError: `max_share` is no share, or the sample asked for is too small to show it.
    """
    if max_share is not None and not 0 < max_share < 1:
        raise UsageError("The highest share of bad rows is a number between 0 and 1, like 0.05; give another.")
    if sample is not None and sample < 1:
        raise UsageError("A sample has at least 1 row; give another number.")
    if sample is None:
        drawn, counted = _wanted(size, max_share, method)
    else:
        drawn = min(sample, size)
        counted = method or method_for(drawn, size)
    room = 0 if max_share is None else allowed(max_share, drawn, size, counted)
    if room < 0:
        raise UsageError(
            f"A sample of {drawn} cannot show {100 * (max_share or 0):g} % or fewer bad rows;"
            f" draw {needed(max_share or 0, size, counted):,} or ask for less."
        )
    return Plan(size, drawn, counted, max_share, room)


def _wanted(size: int, max_share: float | None, method: Method | None) -> tuple[int, Method]:
    """The sample that serves where its size is not given, and what it is counted with."""
    if max_share is None:
        counted = method or method_for(SAMPLE, size)
        small = counted == "hypergeometric"
        return min(SAMPLE, size, needed(SMALL_SHARE, size, counted) if small else SAMPLE), counted
    drawn = needed(max_share, size, method or "wilson")
    if method is None and method_for(drawn, size) == "hypergeometric":
        return needed(max_share, size, "hypergeometric"), "hypergeometric"
    return drawn, method or "wilson"


def candidates(db: sqlite3.Connection, query: Query) -> Sequence[int]:
    """What `query` matches and waits for a decision.

    Raises:
        UsageError: the query names no kind, asks for what is decided already, or matches nothing.
    """
    if query.kind is None or query.status not in (None, "pending"):
        raise UsageError("Bulk approval is for seeds or episodes that wait; use a filter with status:pending.")
    pks = trajectories.ids(db, query.but(status="pending"))
    if not pks:
        raise UsageError("Nothing that waits matches the filter; choose another.")
    return pks


def draw(
    db: sqlite3.Connection,
    query: Query,
    reviewer: str,
    *,
    sample: int | None = None,
    max_share: float | None = None,
    method: Method | None = None,
    random_seed: int | None = None,
) -> Certificate:
    """Draws a random sample of what `query` matches and stores it as a certificate in state `sampling`.

    Raises:
        UsageError: see `candidates` and `plan`.
    """
    pks = candidates(db, query)
    planned = plan(len(pks), sample, max_share, method)
    seed = random.SystemRandom().randrange(2**31) if random_seed is None else random_seed
    chosen = random.Random(seed).sample(pks, planned.sample)
    assert query.kind is not None
    pk = certificates.add(
        db,
        reviewer,
        query.kind,
        query.line(),
        seed,
        pks,
        chosen,
        planned.method,
        max_share,
        planned.allowed,
    )
    return certificates.certificate(db, pk)


def progress(db: sqlite3.Connection, pk: int) -> Progress:
    """How far a certificate is; decisions, undos and edits in the sample move it between its states.

    It is refused as soon as more bad rows were found than are allowed, and ready once every row of the sample is
    decided.
    """
    found = certificates.certificate(db, pk)
    tally = certificates.tally(db, pk)
    method: Method = found.method  # type: ignore[assignment]  # the table holds only the three
    bound = upper(tally.bad, tally.decided, found.size, method)
    said = statement(tally.bad, tally.decided, found.size, method) if tally.decided else "nothing decided yet"
    if found.state != "applied":
        state: certificates.State = "sampling"
        if tally.bad > found.allowed:
            state = "refused"
        elif not tally.waiting:
            state = "ready"
        settled = state != "sampling"
        now = (state, tally.bad if settled else None, bound if settled else None)
        if now != (found.state, found.bad, found.bound):
            certificates.note(db, pk, *now)
            found = certificates.certificate(db, pk)
    return Progress(found, tuple(tally.waiting), tally.decided, tally.bad, bound, said)


def apply(db: sqlite3.Connection, pk: int, reviewer: str) -> int:
    """Approves the rest of the batch as one undoable act that carries the certificate; returns how many.

    What somebody decided on or changed since the sample was drawn is left alone.

    Raises:
        UsageError: the certificate is not ready, or nothing is left to approve.
    """
    now = progress(db, pk)
    found = now.certificate
    if found.state == "refused":
        raise UsageError(f"Refused: {now.said}; {found.allowed} allowed. Mend or reject rows, then draw a new sample.")
    if found.state == "applied":
        raise UsageError(f"Certificate {pk} was applied already.")
    if found.state == "sampling":
        raise UsageError(f"Rows of the sample that still wait for a decision: {len(now.waiting)}.")
    rest = certificates.rest(db, pk)
    if not rest:
        raise UsageError("Nothing is left to approve: every row of the batch is decided.")
    batch = decisions.decide(db, rest, "approve", reviewer, note=f"certificate {pk}: {now.said}")
    certificates.note(db, pk, "applied", now.bad, now.bound, batch)
    return len(rest)
