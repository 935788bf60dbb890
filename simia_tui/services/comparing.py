"""Two versions of a prompt on the same seeds with the same variation: what each brought, and whether that is chance."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from simia_tui.checks import similarity
from simia_tui.errors import UsageError
from simia_tui.evaluation.interval import Share
from simia_tui.evaluation.paired import Paired, paired
from simia_tui.model import Job
from simia_tui.services import prompts as versions
from simia_tui.services import synthesis
from simia_tui.settings import Settings
from simia_tui.store import Workspace, jobs, likeness, prompts
from simia_tui.store.prompts import Comparison, Tried
from simia_tui.store.tasks import seeds_of

KIND = "synthesize"
"""The one kind of prompt whose jobs bring episodes by it alone, so that two versions can be held against each other."""


class Arm(NamedTuple):
    """What one version took and brought: `kept` episodes, `findings` on them, how many of them are approved."""

    version: str
    job: Job
    kept: int
    findings: int
    approved: int

    def each(self, n: int) -> int | None:
        """The cost of one of `n` in 1e-9 USD; None where the price is not known, or where there is none."""
        return None if self.job.cost_nano is None or not n else self.job.cost_nano // n


class Measure(NamedTuple):
    """A share that both versions have, compared task by task; `better` says which way is the good one."""

    label: str
    found: Paired
    better: bool

    @property
    def said(self) -> str:
        """Whether the difference is more than chance."""
        if not self.found.a.n or not self.found.b.n:
            return "nothing to compare yet"
        if not self.found.only_a + self.found.only_b:
            return "no difference in any pair"
        if not self.found.differs:
            return f"may be chance (p = {self.found.p:.2f})"
        first = self.found.only_a > self.found.only_b
        return f"{'A' if first is self.better else 'B'} is better by more than chance (p {_p(self.found.p)})"


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


class Result(NamedTuple):
    """A comparison as it stands now."""

    comparison: Comparison
    a: Arm
    b: Arm
    measures: tuple[Measure, ...]

    @property
    def over(self) -> bool:
        return self.a.job.status.ended and self.b.job.status.ended

    @property
    def said(self) -> str:
        """What can be concluded, in a sentence."""
        told = [f"{m.label}: {m.said}" for m in self.measures if m.found.differs]
        pairs = min(self.measures[0].found.a.n, self.measures[0].found.b.n)
        head = f"Over {pairs:,} pairs of tasks" + ("" if self.over else " so far")
        return f"{head}, {'; '.join(told) or 'no difference is more than chance'}."


def start(
    workspace: Workspace,
    db: sqlite3.Connection,
    settings: Settings,
    domain: str,
    kind: str,
    names: tuple[str, str],
    n: int,
    *,
    concurrency: int = 16,
    budget_usd: float | None = None,
    random_seed: int = 0,
    model: str | None = None,
) -> Comparison:
    """Queues two jobs of `n` tasks with the same seeds and random seed, that differ in the version of the prompt alone.

    A task that fails is not replaced, so that tasks stay pairs. `budget_usd` is shared half and half.

    Raises:
        UsageError: the kind cannot be compared, a name means no version, the two are one, or see `synthesis.plan`.
    """
    if kind != KIND:
        raise UsageError(f"Only {KIND} can be compared so far: by no other prompt alone does an episode come about.")
    a, b = (versions.version(workspace, db, kind, domain, name) for name in names)
    if a.version == b.version:
        raise UsageError(f"Both are version {a.version}; give two that differ (`simia prompts versions` lists them).")
    planned = []
    for one in (a, b):
        versions.check(workspace, kind, domain, one.text, whole=False)
        prompts.keep(db, domain, kind, one.version, one.text)
        planned.append(
            synthesis.plan(
                db,
                settings,
                n,
                domain=domain,
                model=model,
                concurrency=concurrency,
                budget_usd=None if budget_usd is None else budget_usd / 2,
                random_seed=random_seed,
                spare=0.0,
                prompts={kind: one.version},
            )
        )
    first, second = (synthesis.queue(workspace, db, plan).id for plan in planned)
    pk = prompts.compare(db, domain, kind, (a.version, b.version), (first, second))
    return prompts.comparison(db, pk)


def result(db: sqlite3.Connection, pk: int) -> Result:
    """What a comparison has shown so far.

    Raises:
        UsageError: there is no such comparison.
    """
    found = prompts.comparison(db, pk)
    tried = prompts.results(db, found.job_a), prompts.results(db, found.job_b)
    copied = copies(db, found.job_a, tried[0]), copies(db, found.job_b, tried[1])
    arms = _arm(db, found.version_a, found.job_a, tried[0]), _arm(db, found.version_b, found.job_b, tried[1])
    a, b = (_outcomes(many, near) for many, near in zip(tried, copied, strict=True))
    measures = tuple(Measure(label, paired(a[label], b[label]), better) for label, better in _LABELS.items())
    return Result(found, *arms, measures)


_LABELS = {
    "kept of asked": True,
    "whole by the rules": True,
    "unreadable replies": False,
    "near-duplicates": False,
    "approved of decided": True,
}
"""The measures, and whether more of it is better."""


def _outcomes(tried: Sequence[Tried], near: frozenset[int]) -> dict[str, dict[int, bool]]:
    """For each measure the outcome of every task that it can be said of."""
    kept = [one for one in tried if one.episode is not None]
    return {
        "kept of asked": {one.ord: one.episode is not None for one in tried},
        "whole by the rules": {one.ord: one.episode is not None and one.whole for one in tried},
        "unreadable replies": {one.ord: one.unreadable for one in tried},
        "near-duplicates": {one.ord: one.ord in near for one in kept},
        "approved of decided": {
            one.ord: one.status == "approved" for one in kept if one.status in ("approved", "rejected")
        },
    }


def table(found: Result, money: Callable[[int | None], str]) -> list[tuple[str, str, str, str]]:
    """The figures side by side as texts: what, A, B, and whether the difference is more than chance."""
    a, b = found.a, found.b

    def plain(label: str, figure: Callable[[Arm], str]) -> tuple[str, str, str, str]:
        return label, figure(a), figure(b), ""

    return [
        *((m.label, _share_text(m.found.a), _share_text(m.found.b), m.said) for m in found.measures),
        plain("findings an episode", lambda arm: f"{arm.findings / arm.kept:.2f}" if arm.kept else ""),
        plain("tokens in, out", lambda arm: f"{arm.job.tokens_in:,}, {arm.job.tokens_out:,}"),
        plain("cost", lambda arm: money(arm.job.cost_nano)),
        plain("cost per kept", lambda arm: money(arm.each(arm.kept)) if arm.kept else ""),
        plain("cost per approved", lambda arm: money(arm.each(arm.approved)) if arm.approved else ""),
        plain("job", lambda arm: f"{arm.job.id} {arm.job.status}, {arm.job.done + arm.job.failed}/{arm.job.target}"),
    ]


def _share_text(share: Share) -> str:
    """`48 of 50: 96 % (87-99)`; the interval is Wilson's at 95 %."""
    if share.value is None:
        return "0 of 0"
    return f"{share.k:,} of {share.n:,}: {share.value:.0%} ({100 * share.low:.0f}-{100 * share.high:.0f})"


def _arm(db: sqlite3.Connection, version: str, job: int, tried: Sequence[Tried]) -> Arm:
    kept = [one for one in tried if one.episode is not None]
    approved = sum(one.status == "approved" for one in kept)
    return Arm(version, jobs.job(db, job), len(kept), sum(one.findings for one in kept), approved)


def copies(db: sqlite3.Connection, job: int, tried: Sequence[Tried]) -> frozenset[int]:
    """The tasks whose episode is nearly a copy of a seed of the job or of an earlier episode of it.

    What other jobs brought does not count: of two jobs on the same seeds, the later one would seem to copy more.
    """
    episodes = [(one.ord, one.episode) for one in tried if one.episode is not None]
    pks = [*seeds_of(db, job), *(pk for _, pk in episodes)]
    known = likeness.stored(db, pks, similarity.VERSION)
    near: set[int] = set()
    seen: dict[int, list[similarity.Signature]] = {}
    ords = {pk: ord_ for ord_, pk in episodes}
    for pk in (pk for pk in pks if pk in known):
        mine = similarity.Signature(*known[pk])
        bands = similarity.bands(mine)
        if pk in ords and any(similarity.estimate(mine, other) >= similarity.THRESHOLD for other in _met(seen, bands)):
            near.add(ords[pk])
        for band in bands:
            seen.setdefault(band, []).append(mine)
    return frozenset(near)


def _met(seen: dict[int, list[similarity.Signature]], bands: Sequence[int]) -> Iterator[similarity.Signature]:
    """Those that share a band."""
    for band in bands:
        yield from seen.get(band, ())
