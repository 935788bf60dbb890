"""Jobs whose replies are held to a schema: what is sent, what is recorded, and an endpoint that does not take it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from simia_tui.jobs import worker
from simia_tui.model import Job, JobStatus
from simia_tui.store import books, jobs


class Going:
    """A process that nobody asks to stop."""

    hurry = False

    def __call__(self) -> bool:
        return False


@pytest.fixture
def run(tmp_path: Path, killing: ModuleType, faultserver: ModuleType) -> Iterator[Callable[..., tuple[Any, Any, Job]]]:
    """Does a job of 12 episodes at a server that answers by the schema; gives the server, the database and the job."""

    def by_schema(ord_: int) -> dict[str, Any]:
        lines = faultserver.episode(ord_)["choices"][0]["message"]["content"].splitlines()
        turns = [{**json.loads(line), "tool_calls": None, "is_error": None} for line in lines[:-1]]
        return {**faultserver.completion(content=json.dumps({"turns": turns})), "id": f"chatcmpl-{ord_}"}

    with faultserver.FaultServer(reply=by_schema) as server:
        workspace = killing.stocked(tmp_path / "w")
        db = workspace.connect()

        def work(takes_formats: bool, level: str) -> tuple[Any, Any, Job]:
            server.takes_formats = takes_formats
            pk = killing.queue(workspace, server.base_url, 12, concurrency=4, structured=level)
            worker.Desk(workspace, db, Going()).do(jobs.job(db, pk))
            assert books.audit(db, pk) == []
            return server, db, jobs.job(db, pk)

        yield work
        db.close()


@pytest.mark.parametrize("level", ["json_schema", "json_object"])
def test_episodes_are_asked_for_by_their_schema(run: Callable[..., tuple[Any, Any, Job]], level: str) -> None:
    server, db, job = run(True, level)
    assert (job.status, job.done, job.failed) == (JobStatus.DONE, 12, 0)
    assert {request.body["response_format"]["type"] for request in server.journal} == {level}
    assert all("JSON schema" in request.body["messages"][0]["content"] for request in server.journal)
    assert {attempt.params.get("structured") for attempt in jobs.attempts(db, job.id)} == {level}


def test_an_endpoint_without_schemas_costs_no_attempt_and_the_log_says_so(
    run: Callable[..., tuple[Any, Any, Job]],
) -> None:
    server, db, job = run(False, "json_schema")
    assert (job.status, job.done, job.failed) == (JobStatus.DONE, 12, 0)
    assert jobs.outcome_counts(db, job.id) == {"ok": 12}
    assert db.execute("SELECT max(tries) FROM tasks").fetchone() == (1,)
    assert {"structured" in attempt.params for attempt in jobs.attempts(db, job.id)} == {False}
    assert len(server.journal) <= 12 + 4, "at most one refusal for each request that was in flight with the first"
    said = [text for _, text in jobs.log(db, job.id) if "does not take json_schema" in text]
    assert len(said) == 1
