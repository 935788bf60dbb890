"""What a job cost, and what one request, one result and one approved episode came to."""

import sqlite3
from typing import NamedTuple

from simia_tui.errors import UsageError


class Part(NamedTuple):
    """What the requests of one role to one model cost; `role` None where a job has no roles. Costs in 1e-9 USD.

    `seconds` is what they took, as if one had waited for the other.
    """

    role: str | None
    model: str
    attempts: int
    cost_nano: int
    seconds: float = 0.0


class Costs(NamedTuple):
    """The costs of a job in 1e-9 USD; None where no price was known.

    `total` is all that was booked, `estimated` the part that no vendor has confirmed. `attempts` counts requests that
    ended, `results` tasks that brought something, `approved` its episodes that a reviewer has approved by now.
    """

    total: int | None
    estimated: int
    attempts: int
    results: int
    approved: int
    parts: tuple[Part, ...] = ()

    @property
    def per_attempt(self) -> float | None:
        return self._shared_by(self.attempts)

    @property
    def per_result(self) -> float | None:
        return self._shared_by(self.results)

    @property
    def per_approved(self) -> float | None:
        """What one approved episode came to, with all that was paid for the others."""
        return self._shared_by(self.approved)

    @property
    def seconds_per_result(self) -> float | None:
        """What one result took, with the requests that brought nothing; None where no answer's time was taken."""
        seconds = sum(part.seconds for part in self.parts)
        return seconds / self.results if seconds and self.results else None

    def _shared_by(self, n: int) -> float | None:
        return None if self.total is None or not n else self.total / n


# The row without a role stands for an episode that was played, not for a request.
_REQUESTS = (
    "FROM attempts a WHERE a.job = :job AND a.ended IS NOT NULL AND (a.role IS NOT NULL OR"
    " (SELECT kind FROM jobs WHERE pk = :job) <> 'rollout')"
)


def costs(db: sqlite3.Connection, job: int) -> Costs:
    """What `job` cost so far; read it again when a reviewer has decided.

    Raises:
        UsageError: there is no such job.
    """
    found = db.execute("SELECT cost_nano, estimated_nano, done FROM jobs WHERE pk = ?", (job,)).fetchone()
    if found is None:
        raise UsageError(f"There is no job {job}; `simia jobs list` shows them.")
    parts = db.execute(
        f"SELECT a.role, coalesce(a.model, 'unknown'), count(*), coalesce(sum(a.cost_nano), 0),"
        f" coalesce(sum(a.latency_ms), 0) / 1000.0 {_REQUESTS}"
        " GROUP BY 1, 2 ORDER BY 4 DESC, 1, 2",
        {"job": job},
    ).fetchall()
    (approved,) = db.execute(
        "SELECT count(*) FROM trajectories WHERE job = ? AND kind = 'episode' AND status = 'approved'", (job,)
    ).fetchone()
    total, estimated, results = found
    told = tuple(Part(*row) for row in parts)
    return Costs(total, estimated, sum(part.attempts for part in told), results, int(approved), told)
