"""Jobs that play episodes and judge them: every request has its row and its cost, whatever happens in between."""

import json
import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from simia_tui.demo.server import DemoServer
from simia_tui.jobs import worker
from simia_tui.model import Job, JobStatus, RolloutSpec
from simia_tui.services import rollouts
from simia_tui.settings import EndpointSettings, Price, RoleSettings, Settings
from simia_tui.store import Query, Workspace, books, costs, jobs, judgements, trajectories
from simia_tui.store.judgements import Agreement

PRICE = {"input": 1.0, "cached": 0.1, "output": 10.0}
ROLES = {"agent", "simulator", "user", "judge"}


class Going:
    """A process that nobody asks to stop."""

    hurry = False

    def __call__(self) -> bool:
        return False


class Bench:
    """A workspace with errands of the demo's library, and a demo server that is asked as any endpoint is."""

    def __init__(self, path: Path, server: DemoServer) -> None:
        self.workspace, self.server = Workspace.create(path), server
        self.db: sqlite3.Connection = self.workspace.connect()
        self.seeds = rollouts.demo_seeds(self.db, 0)

    def asked(self, base_url: str | None = None, **fields: Any) -> dict[str, Any]:
        known = {"endpoint": "stub", "model": "stub-1", "price": PRICE}
        return {**known, "base_url": base_url or self.server.base_url, **fields}

    def queue(self, n: int = 4, **fields: Any) -> int:
        spec = RolloutSpec.model_validate(
            {**self.asked(), "demo": False, "concurrency": 3, "max_tokens": 500, **fields}
        )
        return jobs.create(self.db, spec, self.seeds[:n])

    def work(self, job: int) -> Job:
        worker.Desk(self.workspace, self.db, Going()).do(jobs.job(self.db, job))
        assert books.audit(self.db, job) == []
        return jobs.job(self.db, job)

    def one(self, sql: str, *values: object) -> Any:
        return self.db.execute(sql, values).fetchone()[0]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with DemoServer(tmp_path / "truth.jsonl", defect_rate=0.0) as server:
        made = Bench(tmp_path / "w", server)
        yield made
        made.db.close()


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simia_tui.jobs.tasks.backoff", lambda task: 0.0)
    monkeypatch.setattr("simia_tui.simulate.agent.pause", lambda reply, waits: 0.0)
    monkeypatch.setattr("simia_tui.simulate.ask.pause", lambda reply, waits: 0.0)


def test_an_episode_is_played_judged_and_paid_for_request_by_request(bench: Bench) -> None:
    job = bench.work(bench.queue())
    assert (job.status, job.done, job.failed) == (JobStatus.DONE, 4, 0)
    told = costs.costs(bench.db, job.id)
    assert {part.role for part in told.parts} == ROLES
    assert sum(part.cost_nano for part in told.parts) == told.total == job.cost_nano
    assert told.per_attempt is not None
    assert told.per_attempt * told.attempts == pytest.approx(told.total)
    assert job.estimated_nano == 0
    for pk, ord_ in bench.db.execute("SELECT pk, ord FROM trajectories WHERE job = ?", (job.id,)).fetchall():
        episode = trajectories.get(bench.db, pk)
        (row,) = trajectories.rows(bench.db, [pk])
        assert (row.seed, row.status, episode.meta["reward"]) == (bench.seeds[ord_], "pending", 1.0)
        record = judgements.played(bench.db, pk)
        assert record is not None
        assert record["ledger"]["member"]
        assert record["log"]
        (said,) = judgements.judgements(bench.db, pk)
        assert (said.reward, said.by) == (1.0, "stub-1")
        assert said.version
    assert rollouts.rewards(bench.db, job.id) == (4, 0, 0)


def test_rows_stand_before_requests_are_sent(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from simia_tui.llm import Client

    open_rows: list[int] = []
    whole = Client.complete

    async def noted(self: Client, *args: Any, **more: Any) -> Any:
        db = bench.workspace.connect()
        sql = "SELECT count(*) FROM attempts WHERE role IS NOT NULL AND ended IS NULL"
        open_rows.append(db.execute(sql).fetchone()[0])
        db.close()
        return await whole(self, *args, **more)

    monkeypatch.setattr(Client, "complete", noted)
    bench.work(bench.queue(1, concurrency=1))
    assert min(open_rows) >= 1


def test_each_role_may_be_another_endpoint(bench: Bench, tmp_path: Path) -> None:
    with DemoServer(tmp_path / "other.jsonl", defect_rate=0.0) as other:
        parts = {"judge": bench.asked(other.base_url, model="judge-1", price={"input": 0, "output": 0})}
        job = bench.work(bench.queue(2, parts=parts))
    assert job.done == 2
    by_role = {part.role: part for part in costs.costs(bench.db, job.id).parts}
    assert by_role["judge"].cost_nano == 0
    assert by_role["agent"].cost_nano > 0
    assert bench.one("SELECT DISTINCT asked_by FROM judgements") == "judge-1"


def test_the_budget_holds_within_an_episode(bench: Bench) -> None:
    free = bench.work(bench.queue(1))
    assert free.cost_nano is not None
    budget = free.cost_nano * 1.5
    job = bench.work(bench.queue(4, budget_usd=budget / 1e9, concurrency=4))
    assert job.status is JobStatus.PAUSED
    assert "budget" in str(job.reason)
    assert (job.cost_nano or 0) <= budget
    assert job.in_flight == 0
    assert bench.one("SELECT count(*) FROM attempts WHERE ended IS NULL") == 0


def test_a_wrong_key_of_one_role_pauses_the_job_and_names_it(bench: Bench, faultserver: ModuleType) -> None:
    with faultserver.FaultServer() as dead:
        dead.play([], then="http_401")
        job = bench.work(bench.queue(3, parts={"simulator": bench.asked(dead.base_url)}))
    assert job.status is JobStatus.PAUSED
    assert "refused the key" in str(job.reason)
    assert bench.one("SELECT max(tries) FROM tasks") == 0


def _resumed(bench: Bench, pk: int) -> int:
    jobs.set_desired(bench.db, pk, "running")
    return pk


def test_what_was_paid_for_is_not_asked_again_after_an_outage(bench: Bench, faultserver: ModuleType) -> None:
    parts: dict[str, Any] = {}
    with faultserver.FaultServer() as dead:
        dead.play([], then="http_401")
        parts["judge"] = bench.asked(dead.base_url)
        job = bench.work(bench.queue(2, parts=parts))
        assert job.status is JobStatus.PAUSED
    before = bench.one("SELECT count(*) FROM attempts WHERE role = 'agent'")
    spec = {**json.loads(bench.one("SELECT spec FROM jobs WHERE pk = ?", job.id)), "parts": {}}
    bench.db.execute("UPDATE jobs SET spec = ? WHERE pk = ?", (json.dumps(spec), job.id))
    assert bench.work(_resumed(bench, job.id)).done == 2
    assert bench.one("SELECT count(*) FROM attempts WHERE role = 'agent'") == before


def test_an_agent_that_is_cut_off_earns_nothing(bench: Bench, faultserver: ModuleType) -> None:
    with faultserver.FaultServer() as short:
        short.play([], then="length")
        spec = {"base_url": short.base_url, "parts": {name: bench.asked() for name in ("simulator", "user", "judge")}}
        job = bench.work(bench.queue(2, **spec))
    assert (job.status, rollouts.rewards(bench.db, job.id)) == (JobStatus.DONE, (0, 2, 0))
    assert bench.one("SELECT DISTINCT asked_by FROM judgements") == "rule"


def test_nonsense_of_a_simulator_is_no_reward_but_a_failure(bench: Bench, faultserver: ModuleType) -> None:
    with faultserver.FaultServer() as silly:
        job = bench.work(bench.queue(2, spare=0.0, max_tries=2, parts={"judge": bench.asked(silly.base_url)}))
    assert (job.status, job.failed, rollouts.rewards(bench.db, job.id)) == (JobStatus.FAILED, 2, (0, 0, 0))
    assert bench.one("SELECT count(*) FROM trajectories WHERE kind = 'episode'") == 0
    whole = "SELECT count(*) FROM attempts WHERE role IS NULL AND outcome = 'unparsable'"
    assert bench.one(whole) == 4


def test_kill_9_loses_only_what_was_in_flight(tmp_path: Path, killing: ModuleType) -> None:
    workspace = Workspace.create(tmp_path / "w")
    db = workspace.connect()
    planned = rollouts.stocked(db, rollouts.plan_rollouts(db, Settings(), 6, defect_rate=0.0, concurrency=3))
    job = jobs.create(db, planned.spec, planned.chosen)
    answered = "SELECT count(*) FROM attempts WHERE role IS NOT NULL AND outcome = 'ok'"
    with killing.Nursery(workspace) as nursery:
        for goal in (10, 30, 50):
            process = nursery.start()
            while db.execute(answered).fetchone()[0] < goal:
                os.kill(process, 0)
            os.kill(process, signal.SIGKILL)
            assert nursery.ended() == signal.SIGKILL
        nursery.start()
        assert nursery.ended() == 0
    ended = jobs.job(db, job)
    assert (ended.status, ended.done, ended.in_flight) == (JobStatus.DONE, 6, 0)
    assert books.audit(db, job) == []
    twice = db.execute(
        "SELECT count(*) FROM (SELECT 1 FROM attempts WHERE role = 'agent' AND outcome = 'ok'"
        " GROUP BY ord, prompt_sha HAVING count(*) > 1)"
    ).fetchone()[0]
    assert twice == 0, "a turn that was paid for is not asked for again"
    assert jobs.outcome_counts(db, job)["ok"] > 50
    db.close()


def test_episodes_are_judged_anew_and_nothing_is_decided(bench: Bench) -> None:
    played = bench.work(bench.queue(3))
    planned = rollouts.plan_judgements(bench.db, Settings(), Query.parse("episode", f"job:{played.id}"), samples=2)
    assert len(planned.chosen) == 6
    spec = planned.spec.replace(**bench.asked(model="judge-2"), demo=False)
    job = bench.work(jobs.create(bench.db, spec, planned.chosen))
    assert (job.status, job.done, job.kind) == (JobStatus.DONE, 6, "judge")
    assert rollouts.rewards(bench.db, job.id) == (6, 0, 0)
    pk = bench.one("SELECT pk FROM trajectories WHERE job = ? LIMIT 1", played.id)
    assert [said.by for said in judgements.judgements(bench.db, pk)] == ["stub-1", "judge-2", "judge-2"]
    assert trajectories.rows(bench.db, [pk])[0].status == "pending"
    assert bench.one("SELECT count(*) FROM decisions") == 0


def test_a_second_judge_is_heard_on_what_is_played_and_the_two_are_compared(
    bench: Bench, faultserver: ModuleType
) -> None:
    def harsh(ord_: int) -> dict[str, Any]:
        verdict = {"reward": ord_ % 2, "reasoning": "I see it otherwise.", "evidence_turns": []}
        return dict(faultserver.completion(content=json.dumps(verdict)))

    with faultserver.FaultServer(reply=harsh) as other:
        parts = {"judge2": bench.asked(other.base_url, model="judge-2")}
        job = bench.work(bench.queue(4, parts=parts, second_share=1.0))
        assert (job.status, job.done, rollouts.rewards(bench.db, job.id)) == (JobStatus.DONE, 4, (4, 0, 0))
    assert judgements.agreements(bench.db, job.id) == [Agreement("stub-1", "judge-2", 4, 2)]
    assert bench.one("SELECT count(*) FROM attempts WHERE role = 'judge2' AND model = 'stub-1'") == 4
    assert {part.role for part in costs.costs(bench.db, job.id).parts} == ROLES | {"judge2"}


def test_a_second_judge_has_a_job_of_its_own_on_a_share_of_what_is_judged_anew(bench: Bench) -> None:
    played = bench.work(bench.queue(4))
    of = {"stub": EndpointSettings(name="stub", base_url=bench.server.base_url, model="stub-1", price=Price(**PRICE))}
    of |= {"other": of["stub"].replace(name="other", model="judge-2")}
    settings = Settings(endpoint=of, roles=RoleSettings(simulator="stub", judge2="other"))
    query = Query.parse("episode", f"job:{played.id}")
    planned = rollouts.plan_judgements(bench.db, settings, query, share=1.0, samples=3, budget_usd=8.0)
    assert planned.second is not None and planned.second.spec.model == "judge-2"
    assert (planned.spec.budget_usd, planned.second.spec.budget_usd) == (6.0, 2.0)
    assert "12 verdicts on 4 episodes by stub-1, 4 by judge-2" in planned.said
    few = rollouts.plan_judgements(bench.db, settings, query, share=0.5).second
    assert few is not None and set(few.chosen) < set(planned.chosen), "drawn by content"
    for plan in (planned, planned.second):
        assert bench.work(jobs.create(bench.db, plan.spec, plan.chosen)).status is JobStatus.DONE
    assert judgements.agreements(bench.db, played.id + 1) == [Agreement("stub-1", "judge-2", 4, 4)]
    assert judgements.agreements(bench.db, played.id + 2) == [Agreement("judge-2", "stub-1", 4, 4)]


def test_a_verdict_that_cannot_be_read_is_none(bench: Bench, faultserver: ModuleType) -> None:
    played = bench.work(bench.queue(1))
    planned = rollouts.plan_judgements(bench.db, Settings(), Query.parse("episode", f"job:{played.id}"))
    with faultserver.FaultServer() as silly:
        spec = planned.spec.replace(**bench.asked(silly.base_url), demo=False)
        job = bench.work(jobs.create(bench.db, spec, planned.chosen))
    assert (job.status, job.failed) == (JobStatus.FAILED, 1)
    assert rollouts.rewards(bench.db, job.id) == (0, 0, 0)


def test_a_cancel_books_what_was_under_way(
    bench: Bench, faultserver: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simia_tui.jobs.runner.CANCEL_GRACE_S", 0.05)
    with faultserver.FaultServer() as stuck:
        stuck.play([], then="hang")
        pk = bench.queue(2, parts={"judge": bench.asked(stuck.base_url)})

        def cancel() -> None:
            stuck.wait_for(1)
            db = bench.workspace.connect()
            jobs.set_desired(db, pk, "cancelled")
            db.close()

        thread = threading.Thread(target=cancel)
        thread.start()
        job = bench.work(pk)
        thread.join()
    assert (job.status, job.done, job.in_flight) == (JobStatus.CANCELLED, 0, 0)
    assert bench.one("SELECT count(*) FROM attempts WHERE ended IS NULL") == 0
    assert bench.one("SELECT count(*) FROM attempts WHERE role = 'judge' AND outcome = 'cancelled'") >= 1
    assert job.estimated_nano > 0
