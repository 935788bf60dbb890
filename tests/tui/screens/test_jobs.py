"""The room of jobs: what it tells of the one under the cursor, and where it leads."""

import sqlite3
import time
from collections.abc import Callable
from typing import Any

from simia_tui.model import JobStatus, Opinion, PrefilterSpec, Screening
from simia_tui.store import Workspace, jobs, screenings, tasks
from simia_tui.store.screenings import Screened
from simia_tui.tui.widgets.card_sheet import CardSheet

Opened = Callable[..., Any]


async def test_the_details_tell_what_failed_and_the_story(
    filled: Workspace, db: sqlite3.Connection, opened: Opened
) -> None:
    db.execute("UPDATE tasks SET state = 'failed', why = 'The reply holds no turn.' WHERE job = 1 AND ord IN (4, 9)")
    tasks.write_log(db, 1, ["Something \x1b[31mhappened."])
    async with opened(filled, (160, 48)) as bench:
        text = await bench.keys("g", "j")
        assert "2  The reply holds no turn. (task 4)" in text
        assert "happened." in text and "\x1b" not in bench.app.screen.query_one(CardSheet).text
        assert "1 of 5 approved" in text


async def test_what_comes_in_later_is_shown(filled: Workspace, db: sqlite3.Connection, opened: Opened) -> None:
    async with opened(filled) as bench:
        await bench.keys("g", "j")
        jobs.end(db, 1, JobStatus.PAUSED, "The endpoint is down.", time.time() + 3000)
        text = await bench.until(lambda: "The endpoint is down." in bench.text)
        assert "It goes on by itself at" in text and "‖ paused" in text


async def test_enter_leads_to_what_the_job_brought(filled: Workspace, opened: Opened) -> None:
    async with opened(filled) as bench:
        text = await bench.keys("g", "j", "enter")
        assert bench.app.current_mode == "episodes" and "job:1" in text and "5 found" in text


async def test_the_details_scroll_and_the_keys_of_the_job_stay(filled: Workspace, opened: Opened) -> None:
    async with opened(filled, (80, 15)) as bench:
        await bench.keys("g", "j", "tab")
        sheet = bench.app.screen.query_one(CardSheet)
        assert sheet.has_focus
        await bench.keys("j")
        assert sheet.scroll_offset.y == 1
        await bench.keys("p")
        assert jobs.desired(filled.connect(), 1) == "paused"


async def test_a_job_goes_first_or_later(filled: Workspace, db: sqlite3.Connection, opened: Opened) -> None:
    async with opened(filled) as bench:
        text = await bench.keys("g", "j", "plus", "plus")
        assert jobs.job(db, 1).priority == 2 and "priority 2" in text
        await bench.keys("minus", "minus", "minus")
        assert jobs.job(db, 1).priority == -1
        jobs.end(db, 1, JobStatus.CANCELLED)
        await bench.until(lambda: "First" not in bench.bar)
        await bench.keys("plus")
        assert jobs.job(db, 1).priority == -1


async def test_a_prefilter_job_shows_its_verdicts(filled: Workspace, db: sqlite3.Connection, opened: Opened) -> None:
    jobs.create(db, PrefilterSpec(), [1, 2])
    said = [Screening(opinion=opinion, by="m") for opinion in (Opinion.PASS, Opinion.FAIL)]
    screenings.add(db, [Screened(pk, 0, "", verdict, 2, pk - 1) for pk, verdict in enumerate(said, start=1)])
    async with opened(filled) as bench:
        text = await bench.keys("g", "j", "k")
        assert "verdicts" in text and "pass" in text and "50%" in text
        await bench.keys("enter")
        assert bench.app.current_mode == "seeds"
