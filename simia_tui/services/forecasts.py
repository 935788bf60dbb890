"""What a job will cost and take, going by one of its like that has brought something."""

import sqlite3
from typing import NamedTuple

from simia_tui.errors import UsageError
from simia_tui.model import NANO, AskedSpec, Job, JobSpec, RolloutSpec
from simia_tui.store import costs, jobs

BATCH_S = 24 * 3600.0
"""How long a batch may take."""


class Forecast(NamedTuple):
    """What `job` foretells of `n` results: cost in 1e-9 USD (None: price unknown, 0: free) and seconds.

    `yield_` is the share of its requests that brought a result, `cached` the share of prompt tokens from a cache.
    """

    job: int
    n: int
    cost_nano: int | None
    seconds: float
    yield_: float
    cached: float

    @property
    def said(self) -> str:
        """`about $3.10, in about 12 min`."""
        nano = self.cost_nano
        cost = "free" if nano == 0 else "at an unknown price"
        if nano:
            cost = f"about ${nano / NANO:,.{2 if nano >= NANO // 10 else 4}f}"
        return f"{cost}, in about {_duration(self.seconds)}"


def forecast(db: sqlite3.Connection, job: Job, spec: JobSpec, n: int) -> Forecast:
    """What `n` results of a job with `spec` will take, from what `job` took for each of its own.

    Raises:
        UsageError: that job brought nothing to go by.
    """
    told = costs.costs(db, job.id)
    each = told.seconds_per_result
    if not job.done or each is None:
        raise UsageError(f"The preview (job {job.id}) brought no episode; see `simia jobs show {job.id}`.")
    return Forecast(
        job=job.id,
        n=n,
        cost_nano=None if told.per_result is None else round(told.per_result * n * _price(spec) / _price(job.spec)),
        seconds=BATCH_S if spec.batch else each * max(1.0, n / spec.concurrency),
        yield_=job.done / told.attempts,
        cached=job.tokens_cached / job.tokens_in if job.tokens_in else 0.0,
    )


def expected(db: sqlite3.Connection, spec: JobSpec, n: int) -> Forecast | None:
    """The forecast by the latest job of the same kind with the same models; None where none has brought anything."""
    for job in jobs.jobs(db):
        if job.done and _cast(job.spec) == _cast(spec):
            try:
                return forecast(db, job, spec, n)
            except UsageError:
                continue
    return None


def outlook(db: sqlite3.Connection, spec: JobSpec, n: int) -> str:
    """What `n` results will cost and take, as a sentence; where nothing is known of that, how to find out."""
    told = expected(db, spec, n)
    if told is not None:
        return f"Going by job {told.job}: {told.said}."
    if all(one.base_url is None for one in _asked(spec).values()):
        return "It costs nothing."
    return "What one costs is not known before a job like it has brought some: begin with a few."


def _price(spec: JobSpec) -> float:
    """The share of the price that is paid."""
    return 0.5 if spec.batch else 1.0


def _cast(spec: JobSpec) -> tuple[object, ...]:
    """Whom a job of which kind asks."""
    return spec.kind, *((role, one.base_url, one.model) for role, one in sorted(_asked(spec).items()))


def _asked(spec: JobSpec) -> dict[str, AskedSpec]:
    """Whom a job asks, by part; the one without a name is whom the spec itself names."""
    parts = spec.parts.items() if isinstance(spec, RolloutSpec) else ()
    return {"": spec, **{str(name): part for name, part in parts}}


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
