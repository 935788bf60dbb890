"""One job as lines of text: how it stands, what it costs, what came of it, and what went wrong."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from simia_tui.model import NANO, Job, JobStatus
from simia_tui.services.progress import RESULTS, Standing, agreement_line, rewards_line
from simia_tui.tui.state.rates import Rate
from simia_tui.tui.text import clip, fit, visible, wrap
from simia_tui.tui.widgets.bar import bar, duration, money
from simia_tui.tui.widgets.line_view import Part
from simia_tui.tui.widgets.turn_lines import GAP, Line, plural

LABEL = 11
"""Cells of the words at the left edge."""
BAR = 30
GOOD = ("ok", "pass")


def job_lines(found: Standing, rate: Rate, width: int, now: float, key_of: Callable[[str], str]) -> list[Line]:
    """The lines below the progress bar. `now` is in seconds since 1970, `key_of` gives the key of an act."""
    job = found.job
    lines = [*_why(job, width, now, key_of), *(Line(((clip(text, width), ""),)) for text in _facts(found, rate, now))]
    counted = found.verdicts if job.kind == "prefilter" else found.outcomes
    lines += _bars("verdicts" if job.kind == "prefilter" else "attempts", counted, width)
    if job.kind == "prefilter" and found.outcomes:
        lines += _bars("attempts", found.outcomes, width)
    if found.failures:
        lines += _headed(
            "failed tasks", (f"{n:>6,}  {visible(why)} (task {ord_})" for why, n, ord_ in found.failures), width
        )
    if found.faults:
        faults = (
            f"{n:>6,}  {a.outcome}: {visible(a.message or '')} (task {a.ord}, try {a.n})" for n, a in found.faults
        )
        lines += _headed("latest faults", faults, width)
    return [*lines, *_headed("log", (f"{_clock(at)}  {visible(text)}" for at, text in found.story), width)]


def _why(job: Job, width: int, now: float, key_of: Callable[[str], str]) -> Iterator[Line]:
    """Why it stands still or how it ended, and when it goes on by itself."""
    ink = "error" if job.status is JobStatus.FAILED else "warning" if job.status is JobStatus.PAUSED else "muted"
    texts = [visible(job.reason)] if job.reason else []
    go_on = key_of("jobs.pause")
    if job.status is JobStatus.PAUSED and job.resume_at is not None:
        left = duration(job.resume_at - now)
        texts.append(f"It goes on by itself at {_clock(job.resume_at)}, in {left}; {go_on} lets it go on now.")
    elif job.status is JobStatus.PAUSED:
        end = key_of("jobs.cancel")
        texts.append(f"It waits for you: {go_on} lets it go on, {end} ends it; what came is kept either way.")
    for text in texts:
        yield from (Line(((part.rstrip(), ink),)) for part in wrap(text, width))
    if texts:
        yield GAP


def _facts(found: Standing, rate: Rate, now: float) -> Iterator[str]:
    job = found.job
    if rate.left is not None:
        yield f"{'forecast':<{LABEL}}done at about {_clock(now + rate.left)}{_at_the_end(found)}"
    if found.hit:
        yield f"{'target':<{LABEL}}{visible(found.hit)}"
    if not job.status.ended:
        at_work = f"worker process {found.worker}" if found.worker else "no worker at work"
        yield f"{'in flight':<{LABEL}}{job.in_flight} of {job.spec.concurrency}; {at_work}; priority {job.priority}"
    yield f"{'cost':<{LABEL}}{_cost(found)}"
    if each := _each(found):
        yield " " * LABEL + each
    if parts := _parts(found):
        yield f"{'requests':<{LABEL}}{parts}"
    cached = f" ({job.tokens_cached / job.tokens_in:.0%} cached)" if job.tokens_in else ""
    yield f"{'tokens':<{LABEL}}{job.tokens_in:,} in{cached}, {job.tokens_out:,} out"
    if job.kind == "synthesize" and job.done:
        near = f"{plural(job.copies, 'near-duplicate')} of {job.done:,}"
        yield f"{'diversity':<{LABEL}}{1 - job.copies / job.done:.0%}: {near}"
    if found.rewards:
        yield f"{'rewards':<{LABEL}}{rewards_line(found.rewards)}"
    for agreement in found.agreements:
        yield " " * LABEL + visible(agreement_line(agreement))
    versions = ", ".join(f"{kind} {version}" for kind, version in job.spec.prompts.items())
    asked = f"{visible(job.spec.model)} at {visible(job.spec.endpoint)}"
    yield f"{'model':<{LABEL}}{asked}; random seed {job.spec.random_seed}" + (f"; {versions}" if versions else "")


def _at_the_end(found: Standing) -> str:
    """What the whole job will have cost if it goes on as it does."""
    each = found.costs.per_result
    if found.job.spec.demo or each is None:
        return ""
    return f", at a cost of about {money(each * found.job.target / NANO)}"


def _cost(found: Standing) -> str:
    """What is known, what is estimated or in flight, and what may be spent."""
    job, costs = found.job, found.costs
    if job.spec.demo:
        return "free"
    if costs.total is None:
        return "unknown; no price is set for this model"
    budget = "no budget" if job.spec.budget_usd is None else f"budget {money(job.spec.budget_usd)}"
    known, estimated = (costs.total - costs.estimated) / NANO, costs.estimated / NANO
    return f"{money(known)} known + {money(estimated)} estimated; {budget}"


def _each(found: Standing) -> str:
    """What one result came to, and one that a reviewer approved."""
    costs, total = found.costs, sum(found.statuses.values())
    decided = f"{costs.approved:,} of {total:,} approved" if total else ""
    if found.job.spec.demo or costs.per_result is None:
        return decided
    each = f"{money(costs.per_result / NANO)} per {RESULTS.get(found.job.kind, 'episode')}"
    if costs.per_approved is not None:
        return f"{each}, {money(costs.per_approved / NANO)} per approved one ({decided})"
    return f"{each}; {decided}" if decided else each


def _parts(found: Standing) -> str:
    """What each role's requests came to, where a job has roles."""
    told = (part for part in found.costs.parts if part.role)
    return "; ".join(f"{part.role} {part.attempts:,}, {money(part.cost_nano / NANO)}" for part in told)


def _bars(title: str, counts: Mapping[str, int], width: int) -> list[Line]:
    """Counts as bars, each as a share of all."""
    if not counts:
        return [GAP, Line(((f"{title}: none yet", "muted"),))]
    total = sum(counts.values())
    label = min(16, max(len(name) for name in counts))
    room = max(4, min(BAR, width - label - 18))
    lines = [GAP, Line(((title, "strong"),))]
    for name, n in counts.items():
        ink = "success" if name in GOOD else "accent" if name == "in flight" else "warning"
        parts: tuple[Part, ...] = (
            (f"  {fit(visible(name), label)} {n:>8,} ", ""),
            (bar(n / total, room, " "), ink),
            (f" {n / total:>4.0%}", "muted"),
        )
        lines.append(Line(parts))
    return lines


def _headed(title: str, texts: Iterator[str], width: int) -> list[Line]:
    found: Sequence[str] = list(texts)
    lines = [Line(((clip(f"  {text}", width), ""),)) for text in found]
    return [GAP, Line(((title, "strong"),)), *lines] if lines else []


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))
