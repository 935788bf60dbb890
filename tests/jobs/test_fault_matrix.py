"""The fault matrix of a job: each row by its name, where it is tested, and every fault of the server in a whole job.

`ROWS` is the table. What needs no process of its own is tested below; the rows of signals, clocks and memory stand in
`test_setbacks`. In each job here nothing is lost, nothing counted twice, and at least what a vendor bills is booked.
"""

import json
import re
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from jobbench import Bench

from simia_tui.checks import similarity
from simia_tui.jobs import breaker
from simia_tui.llm import retry_rule
from simia_tui.model import NANO, JobStatus, Outcome
from simia_tui.settings import Settings
from simia_tui.simulate.synthesize import turn_line
from simia_tui.store import books, jobs, likeness, trajectories
from simia_tui.store.codec import unpack

TESTS = Path(__file__).parents[1]
KEY = "sk-test-0123456789abcdef"


class Row(NamedTuple):
    """A row of the matrix: its number, the fault, and the tests that show what happens (or why it cannot)."""

    n: int
    fault: str
    tests: str


ROWS = (
    Row(1, "kill -9, any moment", "jobs/test_kill.py::test_twenty_kills_leave_the_books_right"),
    Row(2, "SIGTERM, Ctrl-C, SIGHUP", "jobs/test_setbacks.py::test_a_signal_drains_and_a_second_one_gives_up"),
    Row(3, "power loss, OS crash", "jobs/test_setbacks.py::test_a_copy_of_the_files_at_any_moment_is_whole"),
    Row(4, "TUI crash or SSH drop", "jobs/test_setbacks.py::test_the_worker_outlives_who_started_it"),
    Row(5, "second worker", "jobs/test_worker.py::test_a_second_worker_leaves"),
    Row(6, "disk full, read-only, quota", "jobs/test_worker.py::test_results_outlive_a_full_disk"),
    Row(7, "database locked by a foreign writer", "jobs/test_worker.py::test_results_outlive_a_locked_database"),
    Row(8, "corrupt or foreign file, newer schema", "cli/test_bad_input.py::test_a_database_of_a_newer_version"),
    Row(9, "a row that cannot be stored", "jobs/test_fault_matrix.py::test_text_that_no_database_takes_fails_alone"),
    Row(10, "out of memory", "jobs/test_setbacks.py::test_memory_does_not_grow_with_what_was_answered"),
    Row(11, "429 with seconds, ms, date, none, 900 s", "jobs/test_fault_matrix.py::test_a_task_waits_as_it_was_told"),
    Row(12, "true RPM / TPM limit", "llm/test_pacing.py::test_a_limit_on_tokens_that_is_told_is_kept"),
    Row(13, "stray 429s (2 %)", "llm/test_pacing.py::test_stray_refusals_slow_nothing_down"),
    Row(14, "quota, 401, 403, 404", "jobs/test_worker.py::test_a_dead_account_pauses_the_job_and_wastes"),
    Row(
        15,
        "400 context, policy, 413, 422",
        "jobs/test_fault_matrix.py::test_a_refused_request_fails_its_task_at_once",
    ),
    Row(16, "408 409 500 502 503 504 529", "jobs/test_fault_matrix.py::test_every_fault_in_a_whole_job"),
    Row(17, "the same request fails for ever", "jobs/test_worker.py::test_the_cap_on_tries_ends_a_task"),
    Row(18, "everything fails", "jobs/test_worker.py::test_an_endpoint_that_is_down_holds_the_job_until_one"),
    Row(19, "hang, stall, slow drip, late answer", "jobs/test_fault_matrix.py::test_every_fault_in_a_whole_job"),
    Row(20, "reset or close, before or mid body", "jobs/test_fault_matrix.py::test_every_fault_in_a_whole_job"),
    Row(21, "truncated JSON, HTML, error with 200", "jobs/test_fault_matrix.py::test_what_cannot_be_read_is_kept"),
    Row(22, "empty choices, null or empty content", "jobs/test_fault_matrix.py::test_every_fault_in_a_whole_job"),
    Row(
        23,
        "length, content filter, refusal",
        "jobs/test_worker.py::test_useless_replies_are_paid_for_and_asked_for",
    ),
    Row(
        24,
        "bad tool JSON, extra fields",
        "jobs/test_fault_matrix.py::test_a_malformed_call_is_stored_and_flagged",
    ),
    Row(25, "no usage, zero usage, absurd usage", "jobs/test_fault_matrix.py::test_usage_that_cannot_be_is_estimated"),
    Row(26, "deep nesting, huge answer", "jobs/test_setbacks.py::test_memory_does_not_grow_with_what_was_answered"),
    Row(27, "redirect, DNS, TLS, proxy login", "jobs/test_fault_matrix.py::test_an_endpoint_out_of_reach_is_named"),
    Row(28, "stream cut, stalled, error event, no [DONE]", "jobs/test_fault_matrix.py::test_nothing_is_ever_streamed"),
    Row(29, "pause, resume, cancel at random", "jobs/test_fault_matrix.py::test_pause_and_resume_again_and_again"),
    Row(30, "clock jumps, suspend", "jobs/test_setbacks.py::test_a_suspended_worker_goes_on_where_it_was"),
    Row(31, "key in logs, database, exports", "jobs/test_setbacks.py::test_no_fault_writes_the_key_anywhere"),
    Row(32, "price unknown, changed, wrong", "store/test_costs.py::test_an_unknown_price_is_not_nothing"),
    Row(33, "budget reached", "jobs/test_worker.py::test_the_budget_is_never_passed"),
    Row(34, "config changed between runs", "jobs/test_fault_matrix.py::test_a_job_keeps_the_endpoint_it_was_made_with"),
    Row(35, "batch API", "jobs/test_batch.py::test_what_is_done_of_an_expired_batch_is_kept_and_only_the_rest"),
    Row(36, "post-processing meets any malformation", "checks/test_properties.py::test_any_trajectory_is_checked_and"),
    Row(37, "post-processing killed half-way", "checks/test_properties.py::test_any_trajectory_is_checked_and"),
    Row(38, "1000 in flight, all ending together", "llm/test_pacing.py::test_a_crowd_gathers_by_doubling"),
    Row(39, "near-duplicate index lost", "jobs/test_fault_matrix.py::test_a_lost_index_of_copies_is_made_anew"),
    Row(40, "WAL grows (forgotten reader)", "store/test_guard.py::test_the_log_stays_small_and_a_reader_delays_that"),
)
"""36 and 37: checks are pure and run twice change nothing, so there is no half-way. 38 is timed in `benchmarks`."""


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.n}: {row.fault}" for row in ROWS])
def test_each_row_has_its_test(row: Row) -> None:
    path, _, name = row.tests.partition("::")
    assert re.search(rf"^def {name}", (TESTS / path).read_text(), re.MULTILINE), row.tests


def test_no_row_is_left_out() -> None:
    assert [row.n for row in ROWS] == list(range(1, 41))


SLOW = ("hang", "hang_headers", "stall_body", "slow_drip")
WAITS = {"http_429_ms": 0.25, "http_429_seconds": 7.0, "http_503": 3.0, "http_429_date": None, "http_429_long": None}
SOUND = """
    ok http_429 http_429_flex insufficient_quota http_400 http_400_context http_400_policy http_400_key http_401
    http_401_masked http_402 http_403 http_404 http_407 http_408 http_409 http_413 http_422 http_500 http_500_text
    http_502 http_504 http_529 redirect reset_before close_before reset_body close_body not_http truncated_json
    empty_body html_200 error_200 error_200_code error_200_quota error_200_text string_200 list_200 other_200
    deep_nest huge event_stream bom bad_utf8 lone_surrogate wrong_type choices_null choices_empty choices_string
    choice_string message_string content_null content_blank content_number content_parts length content_filter
    refusal finish_error finish_null extra_fields no_usage zero_usage negative_usage absurd_usage text_usage
    key_in_text gzip deflate gzip_bomb deflate_bomb gzip_garbage unasked_encoding
""".split()
USAGES = ("no_usage", "zero_usage", "negative_usage", "absurd_usage", "text_usage")
EACH = 176 * 1000 + 1024 * 100 + 300 * 10_000
"""What the server's usual usage costs, in 1e-9 USD."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, killing: ModuleType, faultserver: ModuleType) -> Iterator[Bench]:
    """One workspace and one server for many short jobs."""
    with faultserver.FaultServer(reply=faultserver.episode) as server:
        made = Bench(tmp_path_factory.mktemp("house") / "w", server, killing)
        yield made
        made.db.close()


@pytest.fixture(autouse=True)
def _no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUB_KEY", KEY)
    monkeypatch.setattr("simia_tui.jobs.tasks.backoff", lambda task: 0.0)


def test_every_fault_of_the_server_is_played(faultserver: ModuleType) -> None:
    assert {*SOUND, *SLOW, *WAITS} == set(faultserver.FAULTS)


@pytest.mark.parametrize("fault", [*SOUND, *SLOW])
def test_every_fault_in_a_whole_job(house: Bench, fault: str) -> None:
    """Whatever a request meets, in the end the job is whole, each request has its row, and what is billed is booked."""
    before = len(house.server.journal)
    house.server.play([fault] * (1 if fault in SLOW else 2))
    timeout = 1.0 if fault in SLOW else 60.0
    pk = house.queue(3, concurrency=1, key_env="STUB_KEY", timeout_s=timeout, max_tries=20, spare=5.0)
    job = house.work(pk)
    if job.status is JobStatus.PAUSED:
        assert job.reason
        house.server.play([])
        jobs.set_desired(house.db, pk, "running")
        job = house.work(pk)
    assert (job.status, job.done, job.in_flight) == (JobStatus.DONE, 3, 0)
    asked = house.server.journal[before:]
    assert len(asked) == books.attempts_made(house.db, pk)
    ended = {attempt.outcome for attempt in jobs.attempts(house.db, pk)} - {Outcome.OK}
    assert len(ended) == (fault != "ok")
    assert job.cost_nano is not None
    assert job.cost_nano >= sum(request.billed and request.fault not in USAGES for request in asked) * EACH
    if ended and retry_rule(*ended) == "fail task":
        assert (job.failed, job.cost_nano) == (2, 3 * EACH)
    else:
        assert job.failed == 0
    assert all(KEY not in (attempt.message or "") for attempt in jobs.attempts(house.db, pk))


@pytest.mark.parametrize("fault", WAITS)
def test_a_task_waits_as_it_was_told(bench: Bench, fault: str) -> None:
    bench.server.play([fault])
    pk = bench.queue(1)
    if fault == "http_429_long":
        before = time.time()
        job = bench.work(pk)
        assert job.resume_at is not None
        assert before + 900 <= job.resume_at <= time.time() + 900
        return
    # The answer comes when the job is already paused, so that nothing is asked again.
    thread = bench.meanwhile(lambda db: jobs.set_desired(db, pk, "paused"), 1)
    assert bench.work(pk).status is JobStatus.PAUSED
    thread.join()
    (attempt,) = jobs.attempts(bench.db, pk)
    state, tries, next_at = bench.db.execute("SELECT state, tries, next_at FROM tasks WHERE job = ?", (pk,)).fetchone()
    assert (state, tries) == ("pending", 0)
    assert attempt.ended is not None
    if WAITS[fault] is None:
        assert next_at - attempt.ended <= 60
    else:
        assert next_at - attempt.ended == pytest.approx(WAITS[fault], abs=1e-3)


@pytest.mark.parametrize("fault", ["http_400_context", "http_400_policy", "http_413", "http_422"])
def test_a_refused_request_fails_its_task_at_once(bench: Bench, fault: str) -> None:
    bench.server.play([fault])
    job = bench.work(bench.queue(4, spare=0))
    assert (job.status, job.done, job.failed, job.cost_nano) == (JobStatus.DONE, 3, 1, 3 * EACH)
    assert len(bench.server.journal) == 4


@pytest.mark.parametrize("fault", ["truncated_json", "html_200", "error_200", "event_stream", "deep_nest"])
def test_what_cannot_be_read_is_kept(bench: Bench, fault: str) -> None:
    bench.server.play([fault])
    pk = bench.queue(2)
    assert bench.work(pk).done == 2
    (raw,) = bench.db.execute("SELECT raw FROM attempts WHERE job = ? AND outcome = 'bad reply'", (pk,)).fetchone()
    sent = sys.modules["faultserver"].FAULTS[fault]().body.decode()
    assert 0 < len(unpack(raw)) <= 4000
    assert sent.startswith(unpack(raw))


def written(turns: list[dict[str, Any]]) -> str:
    return "\n".join(json.dumps(turn) for turn in [*turns, {"end": True}])


def test_a_malformed_call_is_stored_and_flagged(bench: Bench, faultserver: ModuleType) -> None:
    broken = {"name": "no_such_tool", "arguments": '{"card": '}
    turns = [
        {"role": "user", "content": "Is the desk open?", "mood": "fine"},
        {"role": "assistant", "content": "Let me see.", "tool_calls": [broken]},
        {"role": "tool", "name": "no_such_tool", "content": "[]"},
        {"role": "assistant", "content": "It is."},
    ]
    bench.server.reply = lambda ord_: {**faultserver.completion(content=written(turns)), "novel": 1}
    pk = bench.queue(2)
    job = bench.work(pk)
    assert (job.done, job.failed) == (2, 0)
    assert "no_such_tool" in (jobs.raw_reply(bench.db, pk, 0) or "")
    (flagged,) = bench.db.execute(
        "SELECT count(DISTINCT f.trajectory) FROM findings f JOIN trajectories t ON t.pk = f.trajectory"
        " WHERE t.job = ? AND f.severity = 'error'",
        (pk,),
    ).fetchone()
    assert flagged == 2


@pytest.mark.parametrize("fault", USAGES)
def test_usage_that_cannot_be_is_estimated(bench: Bench, faultserver: ModuleType, fault: str) -> None:
    told = json.loads(faultserver.FAULTS[fault]().body).get("usage")
    bench.server.reply = lambda ord_: {**faultserver.episode(ord_), "usage": told}
    pk = bench.queue(2)
    job = bench.work(pk)
    assert job.done == 2
    for attempt in jobs.attempts(bench.db, pk):
        assert attempt.usage.estimated
        assert min(attempt.usage.prompt, attempt.usage.completion) > 0
        assert attempt.cost_nano is not None
        assert 0 < attempt.cost_nano < NANO
    assert job.estimated_nano == job.cost_nano


def test_text_that_no_database_takes_fails_alone(bench: Bench, faultserver: ModuleType) -> None:
    whole = faultserver.episode

    def reply(ord_: int) -> dict[str, Any]:
        said = [{"role": "user", "content": "a\x00b \ud83d c"}, {"role": "assistant", "content": "\udfff"}]
        return whole(ord_) if ord_ != 1 else faultserver.completion(content=written(said))

    bench.server.reply = reply
    job = bench.work(bench.queue(6))
    assert (job.status, job.done) == (JobStatus.DONE, 6)


@pytest.mark.parametrize("fault", ["redirect", "http_407", "refused"])
def test_an_endpoint_out_of_reach_is_named(bench: Bench, fault: str) -> None:
    where: dict[str, Any] = {}
    if fault == "refused":
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            where["base_url"] = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
    else:
        bench.server.play([], then=fault)
    job = bench.work(bench.queue(100, **where))
    assert job.status is JobStatus.PAUSED
    assert job.reason is not None
    assert "127.0.0.1" in job.reason
    assert job.resume_at is not None
    assert (job.done, job.failed, bench.tries(job.id)) == (0, 0, {0})
    assert books.attempts_made(bench.db, job.id) <= breaker.LIMIT + 8
    assert all(request.path == "/v1/chat/completions" for request in bench.server.journal), "no redirect is followed"


def test_nothing_is_ever_streamed(bench: Bench) -> None:
    """So no stream can be cut or stall; an endpoint that streams unasked is played by the fault `event_stream`."""
    bench.work(bench.queue(5))
    for request in bench.server.journal:
        assert not {"stream", "stream_options"} & request.body.keys()
        assert "event-stream" not in request.headers.get("accept", "")


def test_pause_and_resume_again_and_again(bench: Bench) -> None:
    pk = bench.queue(80, concurrency=4)
    for _ in range(12):
        thread = bench.meanwhile(lambda db: jobs.set_desired(db, pk, "paused"), len(bench.server.journal) + 4)
        job = bench.work(pk)
        thread.join()
        assert (job.status, job.in_flight, job.done) == (JobStatus.PAUSED, 0, len(bench.server.journal))
        jobs.set_desired(bench.db, pk, "running")
    assert bench.work(pk).done == 80 == len(bench.server.journal)


def test_a_pause_taken_back_before_the_last_answer_is_no_pause(bench: Bench) -> None:
    pk = bench.queue(40)

    def waver(db: Any) -> None:
        for wanted in ("paused", "running") * 5:
            jobs.set_desired(db, pk, wanted)

    thread = bench.meanwhile(waver, 10)
    bench.work_all(pk)
    thread.join()
    assert (jobs.job(bench.db, pk).status, len(bench.server.journal)) == (JobStatus.DONE, 40)


def test_a_job_keeps_the_endpoint_it_was_made_with(bench: Bench) -> None:
    pk = bench.queue(10)
    before = jobs.job(bench.db, pk).spec
    (bench.workspace.root / "simia.toml").write_text(
        '[endpoint.stub]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "another"\n'
    )
    assert Settings.load(bench.workspace.root).endpoint["stub"].model == "another"
    job = bench.work(pk)
    assert (job.done, job.spec) == (10, before)
    assert {request.body["model"] for request in bench.server.journal} == {"stub-1"}


def test_a_lost_index_of_copies_is_made_anew(bench: Bench) -> None:
    bench.work(bench.queue(1))
    bench.db.execute("DELETE FROM bands")
    bench.db.execute("DELETE FROM signatures")
    seeds = [pk for (pk,) in bench.db.execute("SELECT pk FROM trajectories WHERE kind = 'seed'").fetchall()]
    assert likeness.without(bench.db, seeds, similarity.VERSION) == seeds
    text = written([turn_line(turn) for turn in trajectories.get(bench.db, seeds[0]).turns])
    bench.server.reply = lambda ord_: sys.modules["faultserver"].completion(content=text)
    job = bench.work(bench.queue(3, most_copies=None))
    assert likeness.without(bench.db, seeds, similarity.VERSION) == []
    assert (job.done, job.copies) == (3, 3)
