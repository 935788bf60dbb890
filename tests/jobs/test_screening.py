"""A prefilter job: free rules first, one request for what is left, no verdict from what cannot be read."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from simia_tui import demo
from simia_tui.jobs import worker
from simia_tui.model import Finding, Job, JobStatus, Opinion, PrefilterSpec, Severity
from simia_tui.services import prefiltering
from simia_tui.settings import EndpointSettings, Settings
from simia_tui.store import New, Query, Workspace, books, decisions, jobs, screenings, trajectories

ERROR = Finding(rule="call.unknown-tool", severity=Severity.ERROR, message="No such tool.", turn=3)
WARNING = Finding(rule="world.changed", severity=Severity.WARNING, message="A value changed.", turn=5)
PASSES = json.dumps({"completeness": {"pass": True}, "logic": {"pass": True}, "evidence_turns": []})


class Going:
    hurry = False

    def __call__(self) -> bool:
        return False


class Room:
    """A workspace with five seeds: three sound ones, one with a warning, one that a rule fails."""

    def __init__(self, root: Path) -> None:
        self.workspace = Workspace.create(root)
        self.db = self.workspace.connect()
        said: list[tuple[Finding, ...]] = [(), (), (), (WARNING,), (ERROR,)]
        news = [New(seed, seed, findings) for seed, findings in zip(demo.seeds(5, 1), said, strict=True)]
        self.pks = trajectories.add(self.db, news).pks
        self.settings = Settings()

    def plan(self, **options: Any) -> prefiltering.Plan:
        return prefiltering.plan(self.workspace, self.db, self.settings, Query(kind="seed"), **options)

    def work(self, planned: prefiltering.Plan) -> Job:
        job = prefiltering.queue(self.workspace, self.db, planned)
        if job.status is not JobStatus.DONE:
            worker.Desk(self.workspace, self.db, Going()).do(job)
        assert books.audit(self.db, job.id) == []
        return jobs.job(self.db, job.id)

    def opinions(self) -> list[str | None]:
        found = [screenings.latest(self.db, pk) for pk in self.pks]
        return [one.opinion.value if one else None for one in found]

    def having(self, opinion: str) -> list[int]:
        return trajectories.ids(self.db, Query.parse("seed", f"judge:{opinion}")).tolist()


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    monkeypatch.setattr("simia_tui.services.processes.start_worker", lambda workspace: None)
    monkeypatch.setattr("simia_tui.jobs.tasks.backoff", lambda task: 0.0)
    return Room(tmp_path / "w")


def served(room: Room, base_url: str) -> Room:
    endpoint = EndpointSettings(name="stub", base_url=base_url, model="stub-1")
    room.settings = Settings(endpoint={"stub": endpoint})
    return room


def saying(faultserver: Any, text: str) -> Callable[[int], dict[str, Any]]:
    return lambda ord_: faultserver.completion(content=text)


def test_rules_settle_for_nothing_and_the_demo_judges_the_rest(room: Room) -> None:
    planned = room.plan()
    assert (planned.ruled, planned.remembered, planned.seeds) == (1, 0, room.pks[:4])
    job = room.work(planned)
    assert (job.kind, job.status, job.done, job.failed) == ("prefilter", JobStatus.DONE, 4, 0)
    assert isinstance(job.spec, PrefilterSpec)
    assert room.opinions() == ["pass", "pass", "pass", "fail", "fail"]
    assert (room.having("pass"), room.having("fail"), room.having("error")) == (room.pks[:3], room.pks[3:], [])
    warned = screenings.latest(room.db, room.pks[3])
    assert warned is not None and warned.evidence_turns == (5,) and warned.by == "simia-demo"
    assert {row.status for row in trajectories.rows(room.db, room.pks)} == {"pending"}
    assert screenings.counts(room.db, job.id) == {Opinion.PASS: 3, Opinion.FAIL: 1}


def test_the_same_content_is_not_asked_about_twice(room: Room) -> None:
    room.work(room.plan())
    again = room.plan()
    assert (again.ruled, again.remembered, again.seeds, again.settled) == (1, 4, [], [])
    job = room.work(again)
    assert (job.status, job.done, books.attempts_made(room.db, job.id)) == (JobStatus.DONE, 0, 0)
    assert job.reason == "Nobody had to be asked: 1 by rule, 4 judged before."
    assert room.opinions() == ["pass", "pass", "pass", "fail", "fail"]


def test_another_prompt_or_body_is_asked_about_again(room: Room) -> None:
    room.work(room.plan())
    first = room.pks[0]
    body = trajectories.get(room.db, first)
    decisions.edit(room.db, first, body.with_turns(body.turns[:-1]), (), "tester")
    assert screenings.latest(room.db, first) is None
    assert first not in room.having("pass")
    assert room.plan().seeds == [first]
    decisions.undo(room.db, "tester")
    assert room.plan().seeds == []
    own = room.workspace.prompts / "generic"
    own.mkdir(parents=True)
    (own / "prefilter.md").write_text("Judge.\n$policy $tools\n<findings>\n$findings\n</findings>\n$transcript\n")
    assert room.plan().seeds == room.pks[:4]


def test_another_model_is_asked_again_and_its_word_counts(room: Room, faultserver: ModuleType) -> None:
    room.work(room.plan())
    with faultserver.FaultServer(reply=saying(faultserver, PASSES)) as server:
        job = room.work(served(room, server.base_url).plan())
        assert (job.done, len(server.journal)) == (4, 4)
    assert room.opinions() == ["pass", "pass", "pass", "pass", "fail"]
    room.settings = Settings()
    back = room.plan()
    assert (back.seeds, [one.trajectory for one in back.settled]) == ([], room.pks[:4])
    room.work(back)
    assert room.opinions()[3] == "fail"


def test_an_unreadable_verdict_is_an_error_and_asked_again_next_time(room: Room, faultserver: ModuleType) -> None:
    with faultserver.FaultServer(reply=saying(faultserver, "I would keep it.")) as server:
        planned = served(room, server.base_url).plan(concurrency=1)
        job = room.work(planned)
        assert len(server.journal) == 4 * planned.spec.max_tries
        assert len({json.dumps(request.body["messages"]) for request in server.journal}) == len(server.journal)
    assert (job.done, job.failed) == (0, 4)
    assert room.opinions() == ["error"] * 4 + ["fail"]
    verdict = screenings.latest(room.db, room.pks[0])
    assert verdict is not None and verdict.shape()["keep"] is None and "completeness" in verdict.reason
    assert screenings.counts(room.db, job.id) == {Opinion.ERROR: 4}
    with faultserver.FaultServer(reply=saying(faultserver, PASSES)) as server:
        served(room, server.base_url).work(room.plan())
    assert room.opinions() == ["pass"] * 4 + ["fail"]


def test_failures_are_retried_within_the_job(room: Room, faultserver: ModuleType) -> None:
    with faultserver.FaultServer(reply=saying(faultserver, PASSES)) as server:
        server.play(["http_400"])
        job = room.work(served(room, server.base_url).plan(concurrency=1))
        assert (job.done, job.failed) == (3, 1)
        assert room.opinions().count("error") == 1
        assert jobs.retry_failed(room.db, job.id) == 1
        worker.Desk(room.workspace, room.db, Going()).do(jobs.job(room.db, job.id))
    assert books.audit(room.db, job.id) == []
    assert room.opinions() == ["pass"] * 4 + ["fail"]


def test_a_seed_and_its_database_row_say_the_same(room: Room) -> None:
    room.work(room.plan())
    db: sqlite3.Connection = room.db
    (text,) = db.execute("SELECT verdict FROM screenings WHERE opinion = 'fail' ORDER BY pk DESC LIMIT 1").fetchone()
    assert json.loads(text)["logic"]["reason"] == "Remarks: world.changed."
