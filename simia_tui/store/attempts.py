"""Rows of requests: how one ends and is counted, and what a budget leaves for the next."""

import json
import sqlite3

from simia_tui.model import Attempt
from simia_tui.store.codec import pack, to_json

LOG_CHARS = 1_000_000
"""How much of one raw reply is kept."""


def funds_left(db: sqlite3.Connection, pk: int, budget_nano: int) -> int:
    """What a budget leaves once all that is spent and all that is under way, at its worst, are paid."""
    (spent,) = db.execute(
        "SELECT coalesce(j.cost_nano, 0) + (SELECT coalesce(sum(a.reserved_nano), 0) FROM attempts a"
        " WHERE a.job = j.pk AND a.ended IS NULL) FROM jobs j WHERE j.pk = ?",
        (pk,),
    ).fetchone()
    return budget_nano - int(spent)


def end_within(db: sqlite3.Connection, attempt: Attempt) -> bool:
    """Ends an attempt and counts its tokens and its cost, in a transaction that the caller holds.

    False if it had ended before; nothing is written then.
    """
    usage, cost = attempt.usage, attempt.cost_nano
    cursor = db.execute(
        "UPDATE attempts SET outcome = ?, status_code = ?, model = ?, response_id = ?, prompt_sha = ?,"
        " prompt_version = ?, params = ?, tokens = ?, cost_nano = ?, latency_ms = ?, ended = ?, message = ?, raw = ?"
        " WHERE job = ? AND ord = ? AND n = ? AND ended IS NULL",
        (
            *(attempt.outcome, attempt.status_code, attempt.model, attempt.response_id, attempt.prompt_sha),
            *(attempt.prompt_version, json.dumps(attempt.params), to_json(usage), cost, attempt.latency_ms),
            *(attempt.ended, attempt.message),
            pack(attempt.raw[:LOG_CHARS]) if attempt.raw is not None else None,
            *(attempt.job, attempt.ord, attempt.n),
        ),
    )
    if cursor.rowcount != 1:
        return False
    db.execute(
        "UPDATE jobs SET tokens_in = tokens_in + ?, tokens_out = tokens_out + ?, tokens_cached = tokens_cached + ?,"
        " estimated_nano = estimated_nano + ?,"
        " cost_nano = CASE WHEN ? IS NULL THEN cost_nano ELSE coalesce(cost_nano, 0) + ? END WHERE pk = ?",
        (
            *(usage.prompt, usage.completion, usage.cached, (cost or 0) if usage.estimated else 0),
            *(cost, cost, attempt.job),
        ),
    )
    return True
