"""Two versions of a prompt on the same seeds."""

import sqlite3
import time

import pytest
from samples import make_trajectory
from stage import put, put_seeds

from simia_tui.errors import UsageError
from simia_tui.jobs.tasks import Synthesis, likeness_of
from simia_tui.model import Finding, Origin, Severity, SynthesizeSpec
from simia_tui.services import comparing, processes, prompts
from simia_tui.settings import Settings
from simia_tui.store import Workspace, decisions, jobs, likeness, tasks, trajectories
from simia_tui.store.prompts import Comparison
from simia_tui.store.tasks import Task

N = 12
BROKEN = Finding(rule="call.unknown-tool", severity=Severity.ERROR, message="There is no such tool.", turn=1)


@pytest.fixture
def started(workspace: Workspace, db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> Comparison:
    monkeypatch.setattr(processes, "start", lambda arguments, log: 1 << 22)
    decisions.decide(db, put_seeds(db), "approve", "tester")
    text = prompts.template(workspace, "synthesize", "library").text
    prompts.save(workspace, db, "synthesize", "library", f"Mine.\n{text}")
    settings = Settings.load(workspace.root)
    return comparing.start(workspace, db, settings, "library", "synthesize", ("shipped", "now"), N, random_seed=3)


def end(
    db: sqlite3.Connection, job: int, ord_: int, text: str | None, unreadable: bool = False, *findings: Finding
) -> int:
    """Ends a task: with an episode of this text, or without one. The key of the episode, or 0."""
    db.execute("UPDATE tasks SET state = ? WHERE job = ? AND ord = ?", ("done" if text else "failed", job, ord_))
    for n, outcome in enumerate([*(["unparsable"] * unreadable), *(["ok"] * bool(text))], start=1):
        db.execute(
            "INSERT INTO attempts (job, ord, n, outcome, started, ended) VALUES (?, ?, ?, ?, ?, ?)",
            (job, ord_, n, outcome, time.time(), time.time()),
        )
    if text is None:
        return 0
    trajectory = make_trajectory(text, origin=Origin(job=job, ord=ord_))
    pk = put(db, "episode", trajectory, findings, source="synthetic")
    likeness.put_all(db, [(pk, likeness_of(trajectory))])
    return pk


def measures(db: sqlite3.Connection, started: Comparison) -> dict[str, comparing.Measure]:
    return {measure.label: measure for measure in comparing.result(db, started.pk).measures}


def test_the_two_jobs_differ_in_the_prompt_alone(
    workspace: Workspace, db: sqlite3.Connection, started: Comparison
) -> None:
    a, b = jobs.job(db, started.job_a), jobs.job(db, started.job_b)
    assert isinstance(a.spec, SynthesizeSpec) and isinstance(b.spec, SynthesizeSpec)
    assert a.spec.replace(prompts=b.spec.prompts) == b.spec
    assert (a.target, b.target, a.spec.spare) == (N, N, 0.0)
    seeds = [db.execute("SELECT seed FROM tasks WHERE job = ? ORDER BY ord", (pk,)).fetchall() for pk in (a.id, b.id)]
    assert seeds[0] == seeds[1]
    works = [Synthesis(workspace, db, job.spec, tasks.seeds_of(db, job.id)) for job in (a, b)]  # type: ignore[arg-type]
    for ord_, (seed,) in enumerate(seeds[0]):
        first, second = (work.prompt(Task(0, ord_, seed, 0, 1)) for work in works)
        assert (first.version, second.version) == (started.version_a, started.version_b)
        assert second.messages[0]["content"] == f"Mine.\n{first.messages[0]['content']}"


def test_a_difference_in_most_pairs_is_said_to_be_more_than_chance(db: sqlite3.Connection, started: Comparison) -> None:
    for ord_ in range(N):
        end(db, started.job_a, ord_, f"the question number {'x' * ord_} about the atlas")
        end(db, started.job_b, ord_, None if ord_ < 9 else "another question about a fine", ord_ < 9)
    found = measures(db, started)
    kept = found["kept of asked"]
    assert (kept.found.a.k, kept.found.b.k, kept.found.only_a, kept.found.only_b) == (N, 3, 9, 0)
    assert kept.said.startswith("A is better by more than chance")
    assert found["unreadable replies"].said.startswith("A is better")
    said = comparing.result(db, started.pk).said
    assert said.startswith(f"Over {N} pairs of tasks so far, kept of asked: A is better")


def test_what_reviewers_decide_counts_for_the_version(db: sqlite3.Connection, started: Comparison) -> None:
    good = [end(db, started.job_a, n, f"I would like {word} on loan") for n, word in enumerate(("one", "two"))]
    bad = [end(db, started.job_b, n, f"Please renew {title}", False, BROKEN) for n, title in enumerate(("ab", "cd"))]
    assert measures(db, started)["approved of decided"].said == "nothing to compare yet"
    decisions.decide(db, good, "approve", "tester")
    decisions.decide(db, bad[:1], "reject", "tester")
    found = comparing.result(db, started.pk)
    shares = {m.label: (m.found.a[:2], m.found.b[:2]) for m in found.measures}
    assert shares["approved of decided"] == ((2, 2), (0, 1))
    assert shares["whole by the rules"] == ((2, 2), (0, 2))
    assert (found.a.approved, found.b.findings) == (2, 2)
    assert not found.over


def test_copies_are_counted_within_a_version_and_against_seeds(db: sqlite3.Connection, started: Comparison) -> None:
    seeds = tasks.seeds_of(db, started.job_a)
    likeness.put_all(db, [(pk, likeness_of(trajectories.get(db, pk))) for pk in seeds])
    texts = ["Could you find the novel about the quiet harbour for my aunt please"] * 2
    texts.append("My branch closes early on Friday so where may I hand my three loans back")
    for n, text in enumerate(texts):
        end(db, started.job_a, n, text)
        end(db, started.job_b, n, text)
    found = measures(db, started)["near-duplicates"].found
    assert found.a[:2] == found.b[:2] == (1, 3)


def test_cost_per_approved_is_not_shown_before_there_is_one(db: sqlite3.Connection, started: Comparison) -> None:
    pk = end(db, started.job_a, 0, "Is the reading room open")
    db.execute("UPDATE jobs SET cost_nano = 6000000000 WHERE pk = ?", (started.job_a,))
    rows = {row[0]: row[1:3] for row in comparing.table(comparing.result(db, started.pk), str)}
    assert rows["cost per kept"] == ("6000000000", "") and rows["cost per approved"] == ("", "")
    decisions.decide(db, [pk], "approve", "tester")
    rows = {row[0]: row[1:3] for row in comparing.table(comparing.result(db, started.pk), str)}
    assert rows["cost per approved"] == ("6000000000", "")


def test_only_what_can_be_compared_is_started(workspace: Workspace, db: sqlite3.Connection) -> None:
    settings = Settings.load(workspace.root)
    for kind, names, says in (
        ("judge", ("now", "shipped"), "Only synthesize"),
        ("synthesize", ("now", "shipped"), "two that differ"),
    ):
        with pytest.raises(UsageError, match=says):
            comparing.start(workspace, db, settings, "library", kind, names, 3)
    assert jobs.jobs(db) == []
