"""One job against a server that misbehaves: what is asked, what is recorded, and what the user is told."""

import json
import os
import signal
import sqlite3
import time
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from jobbench import Bench

from simia_tui import demo
from simia_tui.errors import UsageError
from simia_tui.jobs import breaker, journal, runner, supervisor, worker
from simia_tui.model import NANO, JobStatus
from simia_tui.services import forecasts, synthesis
from simia_tui.settings import EndpointSettings, Settings
from simia_tui.simulate.synthesize import turn_line
from simia_tui.store import books, jobs, tasks, trajectories


def test_waits_do_not_use_up_tries(bench: Bench) -> None:
    bench.server.play(["http_429_ms", "http_429", "http_529"] * 3)
    job = bench.work(bench.queue(20))
    assert (job.status, job.done, job.failed) == (JobStatus.DONE, 20, 0)
    assert bench.outcomes(job.id) == {"ok": 20, "rate limit": 6, "overload": 3}
    assert bench.tries(job.id) == {1}


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("http_401", "refused the key"),
        ("insufficient_quota", "quota"),
        ("http_402", "credit"),
        ("http_403", "refused the key"),
        ("http_404", "model"),
    ],
)
def test_a_dead_account_pauses_the_job_and_wastes_only_what_is_in_flight(bench: Bench, fault: str, says: str) -> None:
    bench.server.play([], then=fault)
    pk = bench.queue(100)
    job = bench.work(pk)
    assert job.status is JobStatus.PAUSED
    assert job.reason is not None
    assert says in job.reason
    assert job.resume_at is None
    assert len(bench.server.journal) <= 8
    assert (job.done, job.failed, job.cost_nano, bench.tries(pk)) == (0, 0, 0, {0})
    assert jobs.next_job(bench.db) is None, "it waits for a person"
    bench.server.play([])
    jobs.set_desired(bench.db, pk, "running")
    assert bench.work(pk).done == 100


def test_an_endpoint_that_is_down_holds_the_job_until_one_request_succeeds(bench: Bench) -> None:
    bench.server.play([], then="http_500")
    pk = bench.queue(60)
    held = bench.work(pk)
    assert held.status is JobStatus.PAUSED
    assert held.reason is not None
    assert "in a row brought nothing" in held.reason
    assert "Internal error" in held.reason
    assert held.resume_at is not None
    assert breaker.LIMIT <= len(bench.server.journal) <= breaker.LIMIT + 8
    assert (held.failed, bench.tries(pk)) == (0, {0}), "an outage uses up no tries"
    before = len(bench.server.journal)
    assert bench.work(pk).status is JobStatus.PAUSED
    assert len(bench.server.journal) == before + 1, "a probe is one request"
    bench.server.play([])
    done = bench.work(pk)
    assert (done.status, done.done, done.failed) == (JobStatus.DONE, 60, 0)
    story = " ".join(text for _, text in jobs.log(bench.db, pk))
    assert "The endpoint answers again" in story


def test_a_task_that_always_fails_ends_and_can_be_retried_alone(bench: Bench) -> None:
    bench.server.play(["http_400"] * 3)
    pk = bench.queue(30, spare=0)
    job = bench.work(pk)
    assert (job.status, job.done, job.failed) == (JobStatus.DONE, 27, 3)
    assert job.reason is not None
    assert "27 of 30" in job.reason
    assert len(bench.server.journal) == 30
    assert jobs.retry_failed(bench.db, pk) == 3
    job = bench.work(pk)
    assert (job.status, job.done, job.failed, job.reason) == (JobStatus.DONE, 30, 0, None)
    assert len(bench.server.journal) == 33


def test_failed_tasks_are_replaced_by_others(bench: Bench) -> None:
    bench.server.play(["http_400"] * 7)
    pk = bench.queue(30)
    job = bench.work(pk)
    assert (job.status, job.done, job.failed) == (JobStatus.DONE, 30, 7)
    assert len(books.results(bench.db, pk)) == 30
    assert job.reason == "7 tasks failed and were replaced."
    assert len(bench.server.journal) == 37


def test_replacing_is_bounded(bench: Bench) -> None:
    bench.server.play(["ok"] * 6 + ["http_400", "ok"] * 4, then="http_400")
    pk = bench.queue(12, spare=0.5, concurrency=1)
    job = bench.work(pk)
    assert (job.status, job.done, job.failed) == (JobStatus.DONE, 10, 8)
    assert job.reason is not None
    assert job.reason.startswith("10 of 12 were reached")
    assert len(bench.server.journal) == 18


def test_episodes_carry_their_axes_and_cover_them_evenly(bench: Bench) -> None:
    pk = bench.queue(100, errors="some", feedback="terse", axes={"goal": ("buy", "sell")})
    bench.work(pk)
    seen: dict[str, Counter[str]] = {}
    for (episode,) in bench.db.execute("SELECT pk FROM trajectories WHERE job = ?", (pk,)).fetchall():
        for name, value in trajectories.get(bench.db, episode).meta["axes"].items():
            seen.setdefault(name, Counter())[value] += 1
    assert seen["goal"] == {"buy": 50, "sell": 50}
    assert seen["tone"].total() == 100
    assert set(seen["tone"].values()) == {20}
    assert sorted(seen["tool errors"].values()) == [20, 40, 40]
    assert len(seen["tool answers"]) == 1
    asked = str(bench.server.journal[0].body["messages"])
    assert "- tool errors: " in asked
    assert "- goal: " in asked


def test_the_cap_on_tries_ends_a_task(bench: Bench) -> None:
    bench.server.play([], then="http_500")
    pk = bench.queue(2, max_tries=3, spare=0)
    job = bench.work(pk)
    assert (job.status, job.failed, len(bench.server.journal)) == (JobStatus.FAILED, 2, 6)


def test_useless_replies_are_paid_for_and_asked_for_anew(bench: Bench) -> None:
    bench.server.play(["length", "refusal", "content_null", "content_filter", "key_in_text"])
    pk = bench.queue(5)
    job = bench.work(pk)
    assert (job.done, job.failed) == (5, 0)
    outcomes = bench.outcomes(pk)
    assert outcomes.pop("ok") == 5
    assert outcomes == {"truncated": 1, "refused": 1, "empty": 1, "content filter": 1, "unparsable": 1}
    assert job.cost_nano == 10 * (176 * 1000 + 1024 * 100 + 300 * 10_000)
    texts = [str(request.body["messages"]) for request in bench.server.journal]
    assert len(set(texts)) == 10, "a cache must not give the same reply again"


def test_a_timeout_is_booked_at_the_most_it_may_cost(bench: Bench) -> None:
    bench.server.play(["hang", "hang_headers", "stall_body"])
    job = bench.work(bench.queue(10, timeout_s=0.5))
    assert job.done == 10
    outcomes = bench.outcomes(job.id)
    assert set(outcomes) == {"ok", "timeout"}
    assert outcomes["ok"] == 10
    assert outcomes["timeout"] >= 3
    assert job.estimated_nano >= outcomes["timeout"] * 500 * 10_000
    assert job.cost_nano == job.estimated_nano + 10 * (176 * 1000 + 1024 * 100 + 300 * 10_000)


def test_the_budget_is_never_passed(bench: Bench) -> None:
    worst = max(bench.desk.work_of(jobs.job(bench.db, pk := bench.queue(1))).reserve.values())
    budget = (worst * 20) / NANO
    bench.server.latency = (0.0, 0.01)
    pk = bench.queue(500, budget_usd=budget)
    job = bench.work(pk)
    assert job.status is JobStatus.PAUSED
    assert job.reason is not None
    assert "budget" in job.reason
    billed = sum(request.billed for request in bench.server.journal)
    assert 20 < billed == job.done
    assert job.cost_nano is not None
    assert budget * NANO - worst < job.cost_nano <= budget * NANO


def test_pause_finishes_what_is_in_flight_and_resume_goes_on(bench: Bench) -> None:
    bench.server.latency = (0.02, 0.05)
    pk = bench.queue(100)
    thread = bench.meanwhile(lambda db: jobs.set_desired(db, pk, "paused"), 30)
    job = bench.work(pk)
    thread.join()
    assert job.status is JobStatus.PAUSED
    assert job.done == len(bench.server.journal) < 100
    jobs.set_desired(bench.db, pk, "running")
    assert bench.work(pk).done == 100 == len(bench.server.journal)


def test_cancel_gives_up_what_hangs_and_books_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "CANCEL_GRACE_S", 0.05)
    bench.server.play(["ok"] * 10, then="hang")
    pk = bench.queue(100)
    thread = bench.meanwhile(lambda db: jobs.set_desired(db, pk, "cancelled"), 18)
    job = bench.work(pk)
    thread.join()
    assert (job.status, job.done, job.in_flight) == (JobStatus.CANCELLED, 10, 0)
    assert bench.outcomes(pk) == {"ok": 10, "cancelled": 8}
    assert job.estimated_nano > 8 * 500 * 10_000


def test_a_long_retry_after_pauses_until_then(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "LONG_WAIT_S", 5.0)
    bench.server.play(["http_429_seconds"])
    before = time.time()
    job = bench.work(bench.queue(1))
    assert job.status is JobStatus.PAUSED
    assert job.resume_at is not None
    assert before + 7 <= job.resume_at <= time.time() + 7
    assert job.reason is not None
    assert "goes on at" in job.reason


def test_results_outlive_a_locked_database(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "BUSY_TIMEOUT_S", 0.02)
    monkeypatch.setattr(journal, "STALL_S", 0.0)
    other = sqlite3.connect(bench.workspace.db_path, isolation_level=None, check_same_thread=False)
    stall, stalls = journal.Journal._stall, []

    async def counted(self: Any, error: Exception) -> None:
        stalls.append(str(error))
        if len(stalls) == 5:
            other.execute("ROLLBACK")
        await stall(self, error)

    monkeypatch.setattr(journal.Journal, "_stall", counted)
    pk = bench.queue(60)

    def lock(_: sqlite3.Connection) -> None:
        other.execute("PRAGMA busy_timeout = 60000")
        other.execute("BEGIN IMMEDIATE")

    thread = bench.meanwhile(lock, 20)
    job = bench.work(pk)
    thread.join()
    other.close()
    assert (job.status, job.done, len(bench.server.journal)) == (JobStatus.DONE, 60, 60)
    assert len(stalls) >= 5
    assert "could not be written" in " ".join(text for _, text in jobs.log(bench.db, pk))


def test_results_outlive_a_full_disk(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "STALL_S", 0.0)
    (pages,) = bench.db.execute("PRAGMA page_count").fetchone()
    enter, stall, stalls = journal.Journal.__enter__, journal.Journal._stall, []

    def small(self: Any) -> Any:
        made = enter(self)
        self.now(lambda db: db.execute(f"PRAGMA max_page_count = {pages + 4}").fetchall())
        return made

    async def relieved(self: Any, error: Exception) -> None:
        stalls.append(str(error))
        if len(stalls) == 3:
            await self.do(lambda db: db.execute("PRAGMA max_page_count = 1000000").fetchall())
        await stall(self, error)

    monkeypatch.setattr(journal.Journal, "__enter__", small)
    monkeypatch.setattr(journal.Journal, "_stall", relieved)
    job = bench.work(bench.queue(60))
    assert (job.status, job.done, len(bench.server.journal)) == (JobStatus.DONE, 60, 60)
    assert "disk is full" in stalls[0]


def test_a_template_that_is_wrong_stops_the_job_before_anything_is_asked(bench: Bench) -> None:
    folder = bench.workspace.prompts / "generic"
    folder.mkdir(parents=True)
    (folder / "pack.toml").write_text('title = "Mine"\n')
    (folder / "synthesize.md").write_text("Write $nonsense.")
    job = bench.work(bench.queue(5))
    assert job.status is JobStatus.PAUSED
    assert job.reason is not None
    assert "nonsense" in job.reason
    assert bench.server.journal == []


def test_a_worker_told_to_go_hands_the_job_over(tmp_path: Path, killing: ModuleType, faultserver: ModuleType) -> None:
    with faultserver.FaultServer(reply=faultserver.episode, latency=0.05) as server:
        workspace = killing.stocked(tmp_path / "w")
        job = killing.queue(workspace, server.base_url, 60, concurrency=8)
        db = workspace.connect()
        with killing.Nursery(workspace) as nursery:
            server.hold_after(10)
            pid = nursery.start()
            server.wait_for(10)
            os.kill(pid, signal.SIGTERM)
            server.release()
            assert nursery.ended() == 0
            stopped = jobs.job(db, job)
            assert stopped.status is JobStatus.QUEUED
            assert stopped.done == len(server.journal) < 60
            nursery.start()
            assert nursery.ended() == 0
        assert jobs.job(db, job).done == 60 == len(server.journal)
        db.close()


def test_a_second_worker_leaves(bench: Bench) -> None:
    with (
        worker.only_worker(bench.workspace, bench.db) as first,
        worker.only_worker(bench.workspace, bench.db) as second,
    ):
        assert (first, second) == (True, False)
        assert bench.workspace.worker_lock.read_text() == str(os.getpid())


def test_a_storm_an_outage_and_a_slow_endpoint_in_one_run(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "FIRST_S", 0.05)
    monkeypatch.setattr(breaker, "CAP_S", 0.1)
    storm, outage = ["http_429_ms"] * 40, ["close_before", "http_502", "http_500"] * 15
    slow = ["hang"] * 3
    bench.server.play(["ok"] * 20 + storm + ["ok"] * 20 + outage + ["ok"] * 20 + slow)
    pk = bench.queue(150, timeout_s=0.5)
    lives = 0
    while not (job := jobs.job(bench.db, pk)).status.ended:
        if jobs.next_job(bench.db) is not None:
            bench.work(pk)
            lives += 1
    assert (job.status, job.done, job.failed) == (JobStatus.DONE, 150, 0)
    assert lives > 1, "the outage paused the job at least once"
    assert bench.outcomes(pk)["ok"] == 150
    story = [text for _, text in jobs.log(bench.db, pk, 1000)]
    assert len(story) < 12, "one line for each thing that happened, however often the endpoint was probed"
    for part in ("asked to slow down", "in a row brought nothing", "answers again", "150 of 150 done"):
        assert any(part in line for line in story), part


def test_a_preview_foretells_the_cost(bench: Bench) -> None:
    spec = jobs.job(bench.db, bench.queue(1)).spec
    planned = synthesis.Plan(spec, [1, 2, 3] * 40)
    small = synthesis.preview(planned)
    assert (len(small.seeds), small.spec.concurrency) == (5, 5)
    sample = bench.work(jobs.create(bench.db, small.spec, small.seeds))
    told = forecasts.forecast(bench.db, sample, planned.spec, len(planned.seeds))
    bench.server.play((["ok"] * 24 + ["length"]) * 5)
    whole = bench.work(jobs.create(bench.db, planned.spec, planned.seeds))
    assert whole.done == told.n == 120
    assert told.cost_nano is not None
    assert whole.cost_nano is not None
    assert abs(told.cost_nano / whole.cost_nano - 1) < 0.2
    assert told.yield_ == 1.0
    assert told.cached == pytest.approx(1024 / 1200)


def test_a_preview_that_brings_nothing_foretells_nothing(bench: Bench) -> None:
    bench.server.play([], then="http_400")
    spec = jobs.job(bench.db, bench.queue(1)).spec
    sample = bench.work(jobs.create(bench.db, spec, [1]))
    with pytest.raises(UsageError, match="no episode"):
        forecasts.forecast(bench.db, sample, spec, 2)


def test_a_budget_without_a_price_is_refused(bench: Bench) -> None:
    endpoint = EndpointSettings(name="stub", base_url=bench.server.base_url, model="unheard-of")
    settings = Settings(endpoint={"stub": endpoint})
    with pytest.raises(UsageError, match="price of unheard-of"):
        synthesis.plan(bench.db, settings, 5, budget_usd=1.0)
    assert synthesis.plan(bench.db, settings, 5).spec.model == "unheard-of"


def test_copies_are_flagged_as_they_land_and_stop_the_job(bench: Bench) -> None:
    pk = bench.queue(300, most_copies=0.8)
    job = bench.work(pk)
    assert job.status is JobStatus.PAUSED
    assert job.reason is not None
    assert "nearly copies" in job.reason
    assert 50 <= job.done < 120
    assert job.done - 3 <= job.copies < job.done, "all but the first say the same but for their numbers"
    flagged = bench.db.execute(
        "SELECT f.message, t.verdict FROM findings f JOIN trajectories t ON t.pk = f.trajectory WHERE f.rule = ?",
        (tasks.NEAR_DUPLICATE,),
    ).fetchall()
    assert len(flagged) == job.copies
    assert all("of its text with episode" in message for message, _ in flagged)
    assert {verdict for _, verdict in flagged} <= {"clean", "warned"}


def test_different_episodes_are_no_copies_but_a_repeated_seed_is(bench: Bench) -> None:
    texts = ["\n".join(json.dumps(turn_line(turn)) for turn in seed.turns) for seed in demo.seeds(60, 77)]
    texts[7] = "\n".join(json.dumps(turn_line(turn)) for turn in trajectories.get(bench.db, 1).turns)
    whole = bench.server.reply(0)

    def reply(ord_: int) -> dict[str, Any]:
        message = {"role": "assistant", "content": texts[ord_] + '\n{"end": true}'}
        return {**whole, "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}

    bench.server.reply = reply
    job = bench.work(bench.queue(60, most_copies=0.8))
    assert (job.status, job.done) == (JobStatus.DONE, 60)
    messages = [
        message
        for (message,) in bench.db.execute("SELECT message FROM findings WHERE rule = ?", (tasks.NEAR_DUPLICATE,))
    ]
    assert job.copies == len(messages) < 15
    assert any("100% of its text with seed" in message for message in messages)


def test_flex_costs_half_where_it_was_given(bench: Bench, faultserver: ModuleType) -> None:
    plain = bench.work(bench.queue(4))
    asked = bench.work(bench.queue(4, service_tier="flex", reasoning_effort="low"))
    assert asked.cost_nano == plain.cost_nano is not None
    bench.server.reply = lambda ord_: {**faultserver.episode(ord_), "service_tier": "flex"}
    bench.server.play(["http_429_flex"] * 3)
    given = bench.work(bench.queue(4, service_tier="flex"))
    assert (given.done, given.failed) == (4, 0)
    assert plain.cost_nano is not None
    assert given.cost_nano == plain.cost_nano // 2
    assert bench.outcomes(given.id) == {"ok": 4, "overload": 3}
    params = {attempt.params.get("service_tier") for attempt in jobs.attempts(bench.db, asked.id)}
    assert params == {"not told"}
