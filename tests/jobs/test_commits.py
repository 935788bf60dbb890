"""What goes into one commit, and what becomes of it when a row cannot be stored."""

from collections.abc import Iterable
from typing import Any

import pytest
from jobbench import Bench

from simia_tui.model import JobStatus
from simia_tui.store import New, books, trajectories


def test_a_row_that_cannot_be_stored_takes_no_neighbour_along(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    add = trajectories.add_within

    def refusing(db: Any, news: Iterable[New]) -> Any:
        if any(new.trajectory.origin is not None and new.trajectory.origin.ord == 3 for new in news):
            add(db, news)
            raise ValueError("no database takes this")
        return add(db, news)

    monkeypatch.setattr(trajectories, "add_within", refusing)
    # Nothing is answered before all are asked, so that the results come together.
    thread = bench.meanwhile(lambda _: None, 8)
    job = bench.work(bench.queue(8, spare=0.0))
    thread.join()
    assert (job.status, job.done, job.failed) == (JobStatus.DONE, 7, 1)
    assert set(books.results(bench.db, job.id)) == {0, 1, 2, 4, 5, 6, 7}
    assert bench.outcomes(job.id) == {"ok": 7, "bad reply": 1}


def test_a_slot_asks_on_until_nothing_is_left(bench: Bench) -> None:
    job = bench.work(bench.queue(30, concurrency=1))
    assert (job.status, job.done, bench.server.most_at_once) == (JobStatus.DONE, 30, 1)
