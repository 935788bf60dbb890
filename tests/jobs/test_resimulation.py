"""A resimulate job: new ends as proposals that leave the episode as it is until somebody decides."""

import json
import os
import signal
import sqlite3
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from simia_tui import demo
from simia_tui.jobs import worker
from simia_tui.model import Job, JobStatus, ResimulateSpec, SynthesizeSpec, Turn
from simia_tui.services import resimulation
from simia_tui.services.resimulation import Place
from simia_tui.settings import EndpointSettings, Settings
from simia_tui.store import New, Workspace, books, decisions, jobs, provenance, remakes, trajectories
from simia_tui.store.remakes import Stage

ANSWER = '{"role": "assistant", "content": "I see to it."}\n{"end": true}'


class Going:
    hurry = False

    def __call__(self) -> bool:
        return False


class Room:
    """A workspace with one seed and some episodes made from it."""

    def __init__(self, root: Path, n: int = 3) -> None:
        self.workspace = Workspace.create(root)
        self.db = self.workspace.connect()
        seed, *made = demo.seeds(n + 1, 1)
        (self.seed,) = trajectories.add(self.db, [New(seed, seed)]).pks
        news = [New(one, one, kind="episode", source="synthetic", seed=self.seed) for one in made]
        self.pks = trajectories.add(self.db, news).pks
        self.settings = Settings()

    def plan(self, places: dict[int, Place], **options: Any) -> resimulation.Plan:
        return resimulation.plan(self.db, self.settings, places, **options)

    def work(self, places: dict[int, Place], **options: Any) -> Job:
        job = resimulation.queue(self.workspace, self.db, self.plan(places, **options), "tester")
        worker.Desk(self.workspace, self.db, Going()).do(job)
        assert books.audit(self.db, job.id) == []
        return jobs.job(self.db, job.id)


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    monkeypatch.setattr("simia_tui.services.processes.start_worker", lambda workspace: None)
    monkeypatch.setattr("simia_tui.jobs.tasks.backoff", lambda task: 0.0)
    return Room(tmp_path / "w")


def served(room: Room, base_url: str) -> Room:
    room.settings = Settings(endpoint={"stub": EndpointSettings(name="stub", base_url=base_url, model="stub-1")})
    return room


def bodies(db: sqlite3.Connection, pk: int) -> list[bytes]:
    return [blob for (blob,) in db.execute("SELECT data FROM bodies WHERE trajectory = ? ORDER BY revision", (pk,))]


def texts(turns: tuple[Turn, ...]) -> list[str]:
    return [repr(turn) for turn in turns]


def test_the_demo_writes_new_ends_and_every_beginning_stays_byte_by_byte(room: Room) -> None:
    before = {pk: (trajectories.get(room.db, pk), bodies(room.db, pk)) for pk in room.pks}
    job = room.work({pk: Place(turn) for pk, turn in zip(room.pks, (1, 4, 7), strict=True)})
    assert (job.kind, job.status, job.done, job.failed) == ("resimulate", JobStatus.DONE, 3, 0)
    assert isinstance(job.spec, ResimulateSpec)
    for pk, turn in zip(room.pks, (1, 4, 7), strict=True):
        old, stored = before[pk]
        assert trajectories.get(room.db, pk) == old and bodies(room.db, pk)[: len(stored)] == stored
        one = remakes.current(room.db, pk)
        assert one is not None and (one.stage, one.turn, one.job) == (Stage.LANDED, turn, job.id)
        _, new = resimulation.bodies(room.db, one)
        assert texts(new.turns[:turn]) == texts(old.turns[:turn]) and new.turns[turn:] != old.turns[turn:]
        assert (new.policy, new.tools, new.domain, new.meta) == (old.policy, old.tools, old.domain, old.meta)
    assert remakes.landed(room.db) == room.pks
    assert {row.status for row in trajectories.rows(room.db, room.pks)} == {"pending"}
    resimulation.settle(room.workspace, room.db, remakes.of_job(room.db, job.id)[:2], "new", "tester")
    resimulation.settle(room.workspace, room.db, remakes.of_job(room.db, job.id)[2:], "old", "tester")
    assert provenance.summary(room.db, room.pks)["new_ends"] == {f"simia-demo, job {job.id}": 2}
    attempt = jobs.attempts(room.db, job.id)[0]
    assert attempt.outcome == "ok" and attempt.prompt_version


def test_the_body_of_the_wish_is_kept_even_if_somebody_edits_meanwhile(room: Room) -> None:
    pk = room.pks[0]
    old = trajectories.get(room.db, pk)
    job = resimulation.queue(room.workspace, room.db, room.plan({pk: Place(3)}), "tester")
    first = old.turns[0].replace(content="Something else.")
    decisions.edit(room.db, pk, old.with_turns((first, *old.turns[1:])), (), "other")
    worker.Desk(room.workspace, room.db, Going()).do(job)
    one = remakes.current(room.db, pk)
    assert one is not None and resimulation.edited_since(room.db, one)
    assert resimulation.bodies(room.db, one)[1].turns[:3] == old.turns[:3]


def test_an_answer_that_does_not_fit_is_asked_for_again_and_then_given_up(room: Room, faultserver: ModuleType) -> None:
    pk = room.pks[0]
    replies = ['{"role": "user", "content": "Well?"}\n' + ANSWER, ANSWER]

    def reply(ord_: int) -> dict[str, Any]:
        return dict(faultserver.completion(content=replies.pop(0) if len(replies) > 1 else replies[0]))

    with faultserver.FaultServer(reply=reply) as server:
        served(room, server.base_url)
        job = room.work({pk: Place(1)})
        assert (job.done, jobs.outcome_counts(room.db, job.id)) == (1, {"ok": 1, "unparsable": 1})
        other = room.work({room.pks[1]: Place(2)})
    assert (other.status, other.failed) == (JobStatus.FAILED, 1)
    one = remakes.current(room.db, room.pks[1])
    assert one is not None and one.stage is Stage.FAILED and "does not go on" in str(one.problem)
    assert room.plan({room.pks[1]: Place(2)}).wishes, "after a failure it can be asked for again"


def test_kill_9_leaves_each_episode_with_one_new_end(
    tmp_path: Path, killing: ModuleType, faultserver: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simia_tui.services.processes.start_worker", lambda workspace: None)
    room = Room(tmp_path / "w", 40)
    before = {pk: (trajectories.get(room.db, pk), bodies(room.db, pk)) for pk in room.pks}
    with faultserver.FaultServer(reply=lambda ord_: faultserver.completion(content=ANSWER)) as server:
        planned = served(room, server.base_url).plan({pk: Place(1) for pk in room.pks}, concurrency=8)
        job = resimulation.queue(room.workspace, room.db, planned, "tester").id
        server.hold_after(20)
        with killing.Nursery(room.workspace) as nursery:
            process = nursery.start()
            while jobs.job(room.db, job).done < 12:
                os.kill(process, 0)
            os.kill(process, signal.SIGKILL)
            assert nursery.ended() == signal.SIGKILL
            server.release()
            in_flight = jobs.job(room.db, job).in_flight
            landed = {one.trajectory: one.proposed for one in remakes.of_job(room.db, job) if one.proposed is not None}
            assert in_flight > 0 and 12 <= len(landed) <= 20
            nursery.start()
            assert nursery.ended() == 0
    ended = jobs.job(room.db, job)
    assert (ended.status, ended.done, ended.failed, ended.in_flight) == (JobStatus.DONE, 40, 0, 0)
    assert jobs.outcome_counts(room.db, job) == {"ok": 40, "lost": in_flight}
    assert books.audit(room.db, job) == []
    made = remakes.of_job(room.db, job)
    assert sorted(one.trajectory for one in made) == sorted(room.pks)
    assert all(one.stage is Stage.LANDED for one in made)
    assert landed.items() <= {one.trajectory: one.proposed for one in made}.items()
    for pk, (body, stored) in before.items():
        assert trajectories.get(room.db, pk) == body
        assert bodies(room.db, pk)[: len(stored)] == stored and len(bodies(room.db, pk)) == len(stored) + 1


@pytest.mark.parametrize(("fault", "stage"), [("http_400", Stage.FAILED), ("http_401", Stage.ASKED)])
def test_faults_of_the_endpoint_leave_the_episode_alone(
    room: Room, faultserver: ModuleType, fault: str, stage: Stage
) -> None:
    pk = room.pks[0]
    before = bodies(room.db, pk)
    with faultserver.FaultServer() as server:
        server.play([], then=fault)
        job = served(room, server.base_url).work({pk: Place(1)})
    assert job.done == 0 and bodies(room.db, pk) == before
    one = remakes.current(room.db, pk)
    assert one is not None and one.stage is stage and one.proposed is None


def test_fresh_episodes_come_from_the_same_seeds_and_know_whom_they_stand_in_for(room: Room) -> None:
    decisions.decide(room.db, room.pks[:2], "reject", "tester")
    job = room.work({pk: Place(None) for pk in room.pks[:2]})
    assert isinstance(job.spec, SynthesizeSpec) and job.spec.spare == 0.0
    for pk in room.pks[:2]:
        (wish,) = remakes.of(room.db, pk)
        assert wish.made is not None and wish.stage is Stage.SETTLED
        (row,) = trajectories.rows(room.db, [wish.made])
        assert (row.seed, row.status, row.job) == (room.seed, "pending", job.id)
        made = remakes.made_from(room.db, wish.made)
        assert made is not None and made.trajectory == pk
    assert remakes.current(room.db, room.pks[0]) is None


def test_asked_twice_a_place_gets_another_prompt(room: Room) -> None:
    first, second = (room.plan({room.pks[0]: Place(3)}).spec.random_seed for _ in range(2))
    assert first != second


def test_what_was_wrong_is_told_to_the_simulator(room: Room, faultserver: ModuleType) -> None:
    with faultserver.FaultServer(reply=lambda ord_: faultserver.completion(content=ANSWER)) as server:
        served(room, server.base_url)
        room.work({room.pks[0]: Place(1, "turn 4: contradicts the state")})
        (request,) = server.journal
    assert "turn 4: contradicts the state" in json.dumps(request.body)
