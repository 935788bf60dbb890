"""Jobs by the Batch API: every row ends in one state, what is paid is kept, nothing is paid twice, whatever happens."""

import contextlib
import json
import os
import signal
import sqlite3
from collections import Counter, deque
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from jobbench import Going

from simia_tui.errors import UsageError
from simia_tui.jobs import batches, worker
from simia_tui.model import Job, JobStatus
from simia_tui.services import prefiltering, synthesis
from simia_tui.settings import EndpointSettings, Settings
from simia_tui.store import Query, Workspace, books, jobs, screenings, submissions

N = 12


class Bench:
    """A workspace, a server of batches and a worker in this process."""

    def __init__(self, path: Path, server: Any, killing: Any) -> None:
        self.server, self._killing = server, killing
        self.workspace: Workspace = killing.stocked(path)
        self.db: sqlite3.Connection = self.workspace.connect()
        self.stop = Going()

    def queue(self, n: int = N, **fields: Any) -> int:
        base_url = fields.pop("base_url", self.server.base_url)
        job: int = self._killing.queue(self.workspace, base_url, n, **{"batch": True, **fields})
        return job

    def work(self, job: int) -> Job:
        worker.Desk(self.workspace, self.db, self.stop).do(jobs.job(self.db, job))
        return self.audited(job)

    def audited(self, job: int) -> Job:
        assert books.audit(self.db, job) == []
        return jobs.job(self.db, job)

    def paid_once(self, job: int) -> bool:
        """Whether no request was answered, and charged for, more often than there are attempts at it."""
        paid = sum(self.server.billed.values())
        (booked,) = self.db.execute(
            "SELECT count(*) FROM attempts WHERE job = ? AND (cost_nano > 0 OR ended IS NULL)", (job,)
        ).fetchone()
        return bool(paid <= booked) and set(self.server.billed.values()) <= {1}

    def story(self, job: int) -> str:
        return " ".join(text for _, text in jobs.log(self.db, job))


@pytest.fixture
def bench(
    tmp_path: Path,
    killing: ModuleType,
    faultserver: ModuleType,
    batchserver: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Bench]:
    for name in ("TICK_S", "POLL_S", "SETTLE_S", "LOOK_AGAIN_S"):
        monkeypatch.setattr(batches, name, 0.001)
    with batchserver.BatchServer(faultserver.episode) as server:
        made = Bench(tmp_path / "w", server, killing)
        yield made
        made.db.close()


def test_a_job_is_one_file_one_batch_and_half_the_price(bench: Bench) -> None:
    job = bench.work(bench.queue())
    assert (job.status, job.done, job.failed) == (JobStatus.DONE, N, 0)
    assert (len(bench.server.batches), bench.server.asked) == (1, N)
    # 1,200 tokens in, 1,024 of them cached, and 300 out, at 1, 0.1 and 10 USD a million; and half of that.
    assert job.cost_nano == N * (176 * 1000 + 1024 * 100 + 300 * 10_000) // 2
    assert job.estimated_nano == 0
    assert {attempt.params["batch"] for attempt in jobs.attempts(bench.db, job.id)} == {True}
    assert "was handed over" in bench.story(job.id)


def test_the_batch_carries_our_mark_and_the_requests_their_names(bench: Bench) -> None:
    job = bench.queue()
    bench.work(job)
    (mark,) = bench.db.execute("SELECT mark FROM submissions WHERE job = ?", (job,)).fetchone()
    (batch,) = bench.server.batches.values()
    assert batch.metadata == {"simia": mark}
    assert {row["custom_id"] for row in batch.answered} == {f"{mark}-{ord_}-1" for ord_ in range(N)}


def test_a_file_of_requests_is_deleted_once_its_batch_is_over(bench: Bench) -> None:
    bench.server.ends.append("expired")
    pk = bench.queue()
    bench.work(pk)
    assert bench.server.deleted == [batch.file for batch in bench.server.batches.values()]
    assert submissions.left_behind(bench.db, pk) == []


def test_a_file_that_cannot_be_deleted_is_said_and_tried_again_by_the_next_job(bench: Bench) -> None:
    bench.server.refuse["delete"] = deque([503] * 20)
    pk = bench.queue()
    job = bench.work(pk)
    assert (job.status, job.done, bench.server.deleted) == (JobStatus.DONE, N, [])
    assert "file-0 could not be deleted" in bench.story(pk)
    assert [left.file for left in submissions.left_behind(bench.db, pk)] == ["file-0"]
    bench.server.refuse.clear()
    bench.work(bench.queue(2))
    assert len(bench.server.deleted) == 2 and bench.server.deleted[0] == "file-0"


def test_a_refused_or_cancelled_batch_leaves_no_file(bench: Bench) -> None:
    bench.server.ends.append("failed")
    pk = bench.queue()
    bench.work(pk)
    assert bench.server.deleted == ["file-0"]
    jobs.set_desired(bench.db, pk, "running")
    bench.server.on["made"] = lambda: _set(bench.workspace, pk, "cancelled")
    assert bench.work(pk).status is JobStatus.CANCELLED
    assert bench.server.deleted == ["file-0", "file-1"]


def test_a_file_that_is_gone_counts_as_deleted(bench: Bench) -> None:
    bench.server.deleted = ["file-0"]
    pk = bench.queue()
    bench.work(pk)
    assert submissions.left_behind(bench.db, pk) == []
    assert "could not be deleted" not in bench.story(pk)


def test_rows_that_are_refused_for_their_schema_are_asked_again_without(bench: Bench) -> None:
    bench.server.takes_formats = False
    job = bench.work(bench.queue(structured="json_schema"))
    assert (job.status, job.done, job.failed) == (JobStatus.DONE, N, 0)
    assert jobs.outcome_counts(bench.db, job.id) == {"ok": N, "bad request": N}
    assert "does not take json_schema" in bench.story(job.id)
    assert bench.paid_once(job.id)


def test_a_row_that_is_refused_for_another_reason_fails_and_the_others_keep_their_schema(bench: Bench) -> None:
    wrong = (400, {"error": {"message": "The prompt is too odd.", "type": "invalid_request_error"}})
    bench.server.row_faults = {3: wrong, N: wrong}
    job = bench.work(bench.queue(structured="json_schema", spare=0.0))
    assert (job.status, job.done, job.failed) == (JobStatus.DONE, N - 1, 1)
    assert "does not take" not in bench.story(job.id)
    held = Counter(str(attempt.params.get("structured")) for attempt in jobs.attempts(bench.db, job.id))
    assert held["json_schema"] == N - 1


def test_failed_rows_are_asked_again_in_another_batch(bench: Bench) -> None:
    bench.server.row_faults = {1: (500, {"error": {"message": "Internal error"}}), 4: (200, {"choices": []})}
    job = bench.work(bench.queue())
    assert (job.status, job.done, job.failed) == (JobStatus.DONE, N, 0)
    assert len(bench.server.batches) == 2
    assert jobs.outcome_counts(bench.db, job.id) == {"ok": N, "bad reply": 1, "empty": 1}


def test_what_is_done_of_an_expired_batch_is_kept_and_only_the_rest_is_asked_again(bench: Bench) -> None:
    bench.server.ends.append("expired")
    job = bench.work(bench.queue())
    assert (job.status, job.done) == (JobStatus.DONE, N)
    first, second = bench.server.batches.values()
    assert (len(first.answered), len(second.answered)) == (N // 2, N // 2)
    assert f"{N // 2} of {N} requests have an answer" in bench.story(job.id)
    assert jobs.outcome_counts(bench.db, job.id) == {"ok": N, "timeout": N // 2}
    assert bench.paid_once(job.id)


def test_a_batch_that_always_expires_ends_the_job_at_the_cap(bench: Bench) -> None:
    bench.server.share = 0.0
    bench.server.ends.extend(["expired"] * 10)
    job = bench.work(bench.queue(4, spare=0.0, max_tries=2))
    assert (job.status, job.done, job.failed, job.cost_nano) == (JobStatus.FAILED, 0, 4, 0)
    assert len(bench.server.batches) == 2


def test_rows_that_no_file_mentions_are_booked_as_paid_and_asked_again(bench: Bench) -> None:
    def forget() -> None:
        (batch, *_) = bench.server.batches.values()
        name = batch.output
        bench.server.files[name] = b"\n".join(bench.server.files[name].splitlines()[:-2]) + b"\nno json\n"
        bench.server.on.clear()

    bench.server.on["fetch"] = forget
    job = bench.work(bench.queue())
    assert (job.status, job.done) == (JobStatus.DONE, N)
    assert jobs.outcome_counts(bench.db, job.id) == {"ok": N, "lost": 2}
    assert job.estimated_nano > 0


def test_a_refused_batch_pauses_the_job_and_uses_up_nothing(bench: Bench) -> None:
    bench.server.ends.append("failed")
    pk = bench.queue()
    job = bench.work(pk)
    assert job.status is JobStatus.PAUSED
    assert "Line 1 is wrong" in str(job.reason)
    assert (job.in_flight, job.cost_nano or 0, books.attempts_made(bench.db, pk)) == (0, 0, 0)
    jobs.set_desired(bench.db, pk, "running")
    assert bench.work(pk).done == N


def test_an_endpoint_without_batches_says_so(bench: Bench) -> None:
    bench.server.refuse["file"] = bench.server.refuse["making"] = deque([404])
    job = bench.work(bench.queue())
    assert job.status is JobStatus.PAUSED
    assert "Batch API" in str(job.reason)


def test_calls_that_fail_are_made_again(bench: Bench) -> None:
    bench.server.refuse = {name: deque([503, 500, 429]) for name in ("file", "making", "look", "fetch")}
    job = bench.work(bench.queue())
    assert (job.status, job.done) == (JobStatus.DONE, N)
    assert (len(bench.server.batches), bench.server.asked) == (1, N)


def test_an_answer_that_is_lost_does_not_make_the_batch_twice(bench: Bench) -> None:
    bench.server.refuse = {"made": deque([502])}
    job = bench.work(bench.queue())
    assert (job.status, job.done) == (JobStatus.DONE, N)
    assert len(bench.server.batches) == 1
    assert "was found again" in bench.story(job.id)


def test_an_endpoint_that_lists_late_is_given_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "SETTLE_S", 3600.0)
    bench.server.refuse, bench.server.hidden = {"made": deque([502])}, 3
    job = bench.work(bench.queue())
    assert (job.status, job.done, len(bench.server.batches)) == (JobStatus.DONE, N, 1)


def test_a_budget_is_kept_before_anything_is_handed_over(bench: Bench) -> None:
    worst = next(iter(worst_costs(bench).values()))
    pk = bench.queue(60, budget_usd=worst * 5.5 / 1e9)
    job = bench.work(pk)
    (first, *_) = bench.server.batches.values()
    assert len(first.answered) == 5
    assert job.status is JobStatus.PAUSED
    assert "budget" in str(job.reason)
    assert 5 <= job.done < 60
    assert (job.cost_nano or 0) <= worst * 5.5


def worst_costs(bench: Bench) -> dict[int, int]:
    job = jobs.job(bench.db, bench.queue())
    return dict(worker.Desk(bench.workspace, bench.db, bench.stop).work_of(job).reserve)


def test_a_pause_leaves_the_batch_at_the_endpoint_and_resuming_fetches_it(bench: Bench) -> None:
    pk = bench.queue()
    bench.server.on["look"] = lambda: _set(bench.workspace, pk, "paused")
    job = bench.work(pk)
    assert (job.status, job.in_flight) == (JobStatus.PAUSED, N)
    assert "stay at the endpoint" in str(job.reason)
    bench.server.on.clear()
    jobs.set_desired(bench.db, pk, "running")
    job = bench.work(pk)
    assert (job.status, job.done, len(bench.server.batches)) == (JobStatus.DONE, N, 1)


def test_a_cancel_calls_the_batch_off_and_keeps_what_is_done(bench: Bench) -> None:
    pk = bench.queue()
    bench.server.on["made"] = lambda: _set(bench.workspace, pk, "cancelled")
    job = bench.work(pk)
    assert (job.status, job.done, job.in_flight) == (JobStatus.CANCELLED, N // 2, 0)
    assert bench.paid_once(pk)
    assert any(path.endswith("/cancel") for path in bench.server.paths)


def test_a_cancel_without_a_worker_waits_for_one(bench: Bench) -> None:
    pk = bench.queue()
    bench.server.on["look"] = lambda: _set(bench.workspace, pk, "paused")
    bench.work(pk)
    bench.server.on.clear()
    assert jobs.set_desired(bench.db, pk, "cancelled").status is JobStatus.QUEUED
    waiting = jobs.next_job(bench.db)
    assert waiting is not None
    assert waiting.id == pk
    job = bench.work(pk)
    assert (job.status, job.in_flight, jobs.next_job(bench.db)) == (JobStatus.CANCELLED, 0, None)
    assert job.done == N // 2


def _set(workspace: Workspace, pk: int, wanted: Any) -> None:
    db = workspace.connect()
    jobs.set_desired(db, pk, wanted)
    db.close()


class Killer:
    """Starts workers; the first `kills` of them die by SIGKILL at their first `event`, before its answer is sent.

    A batch that is about to be made is not made when its worker dies.
    """

    def __init__(self, bench: Bench, nursery: Any, event: str, kills: int) -> None:
        self._nursery, self._event, self._left = nursery, event, kills
        self._worker = 0
        self.killed = 0
        bench.server.on[event] = self._strike

    def _strike(self) -> object:
        if not self._left:
            return None
        self._left -= 1
        self.killed += 1
        os.kill(self._worker, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            while True:  # until the nursery has taken note of its end
                os.kill(self._worker, 0)
        return (500, b"{}") if self._event == "making" else None

    def run(self) -> None:
        """One life of a worker."""
        self._worker = self._nursery.start()
        self._nursery.ended()


@pytest.mark.parametrize(
    ("event", "kills"),
    [("file", 2), ("making", 2), ("made", 1), ("look", 2), ("fetch", 2), ("delete", 1)],
)
def test_kill_9_loses_no_batch_and_pays_for_none_twice(
    bench: Bench, killing: ModuleType, event: str, kills: int
) -> None:
    pk = bench.queue()
    with killing.Nursery(bench.workspace) as nursery:
        killer = Killer(bench, nursery, event, kills)
        for _ in range(kills + 1):
            killer.run()
            bench.audited(pk)
    job = bench.audited(pk)
    assert killer.killed == kills
    assert (job.status, job.done, job.failed, job.in_flight) == (JobStatus.DONE, N, 0, 0)
    assert (len(bench.server.batches), bench.server.asked) == (1, N)
    assert bench.paid_once(pk)
    assert submissions.left_behind(bench.db, pk) == []
    assert jobs.outcome_counts(bench.db, pk) == {"ok": N}
    assert job.estimated_nano == 0


def test_kill_9_between_two_commits_of_a_collection_keeps_each_row_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "CHUNK", 3)
    pk = bench.queue()
    written: Counter[str] = Counter()
    whole: Callable[..., Any] = batches.BatchRunner._turn

    async def die(self: Any, results: Any = (), **rest: Any) -> Any:
        turn = await whole(self, results=results, **rest)
        written["results"] += len(results)
        if written["results"] == 6:
            written["results"] += 1
            raise KeyboardInterrupt
        return turn

    monkeypatch.setattr(batches.BatchRunner, "_turn", die)
    with pytest.raises(KeyboardInterrupt):
        bench.work(pk)
    assert bench.audited(pk).done == 6
    assert len(submissions.under_way(bench.db, pk)) == 1
    job = bench.work(pk)
    assert (job.status, job.done, len(bench.server.batches)) == (JobStatus.DONE, N, 1)
    assert bench.paid_once(pk)


def test_azure_has_a_path_of_its_own_for_batches(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUB_KEY", "sk-test-0123456789abcdef")
    pk = bench.queue(base_url=bench.server.root, api="azure", api_version="2024-10-21", key_env="STUB_KEY")
    assert bench.work(pk).done == N
    assert "POST /openai/batches?api-version=2024-10-21" in bench.server.paths
    assert {headers.get("api-key") for headers in bench.server.headers} == {"sk-test-0123456789abcdef"}
    assert json.loads(bench.server.files["file-0"].splitlines()[0])["url"] == "/chat/completions"


def test_seeds_are_screened_by_batch_and_an_unreadable_verdict_is_asked_again(bench: Bench) -> None:
    point = {"reason": "All is there.", "pass": True}
    verdict = json.dumps({"completeness": point, "logic": point, "evidence_turns": []})
    whole = bench.server.reply

    def judged(ord_: int) -> dict[str, Any]:
        answer = whole(ord_)
        answer["choices"][0]["message"]["content"] = "I cannot say." if ord_ == 1 else verdict
        return answer

    bench.server.reply = judged
    endpoint = EndpointSettings(name="stub", base_url=bench.server.base_url, model="stub-1")
    settings = Settings(endpoint={"stub": endpoint})
    planned = prefiltering.plan(bench.workspace, bench.db, settings, Query.parse("seed", "status:approved"), batch=True)
    job = bench.work(jobs.create(bench.db, planned.spec, planned.seeds))
    assert (job.status, job.done, len(bench.server.batches)) == (JobStatus.DONE, 3, 2)
    assert screenings.counts(bench.db, job.id) == {"pass": 3}


def test_the_demo_takes_no_batch(bench: Bench) -> None:
    with pytest.raises(UsageError, match="takes no batches"):
        synthesis.plan(bench.db, Settings(), 5, batch=True)
