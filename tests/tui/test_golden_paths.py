"""The three jobs of a reviewer, key by key, on a seeded workspace, with the keys counted.

A: choose seeds. B: spot-check simulated tool errors. C: export and train. `docs/record.py` plays the same keys in a
terminal. Where a key differs from what was first drawn up, the test says so.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import deck_samples
import pytest
from samples import make_trajectory
from stage import put

from simia_tui import demo, formats
from simia_tui.model import Finding, Opinion, Point, Screening, Severity
from simia_tui.services import training
from simia_tui.services.cards import BAD
from simia_tui.store import Query, Workspace, cards, certificates, decisions, runs, screenings, trajectories

Opened = Callable[..., Any]
SEEDS = 66
FLAW = Finding(rule="world.changed", severity=Severity.WARNING, message="A value changed.", turn=2)


class Counted:
    """Presses keys and counts them."""

    def __init__(self, bench: Any) -> None:
        self.bench = bench
        self.pressed = 0

    async def __call__(self, *keys: str) -> str:
        self.pressed += len(keys)
        return str(await self.bench.keys(*keys))

    async def count(self, *keys: str) -> int:
        """How many keys that was, by the count."""
        before = self.pressed
        await self(*keys)
        return self.pressed - before


def statuses(db: sqlite3.Connection, query: Query) -> Counter[str]:
    return Counter(str(row.status) for row in trajectories.rows(db, list(trajectories.ids(db, query))))


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    """Seeds of the library desk as a file of OpenAI messages: one of them twice, and a line that is no JSON."""
    rows = [json.dumps(formats.write_openai(seed)) for seed in demo.seeds(SEEDS, 7)]
    path = tmp_path / "traces.jsonl"
    path.write_text("\n".join([*rows, rows[0], "{broken"]) + "\n")
    return path


def prefilter(db: sqlite3.Connection) -> None:
    """What a prefilter job would have written: it passes all but the first three seeds."""
    passed = Screening(opinion=Opinion.PASS, logic=Point(passed=True), by="judge-1")
    failed = Screening(opinion=Opinion.FAIL, logic=Point(passed=False, reason="Turn 3 does not follow."), by="judge-1")
    pks = trajectories.ids(db, Query(kind="seed"))
    found = (
        screenings.Screened(row.pk, row.revision, f"{row.pk:064x}", failed if row.pk in pks[:3] else passed)
        for row in trajectories.rows(db, list(pks))
    )
    screenings.add(db, found)


async def test_job_a_seeds_are_imported_filtered_judged_and_approved_in_bulk(
    workspace: Workspace, db: sqlite3.Connection, opened: Opened, traces: Path
) -> None:
    async with opened(workspace) as bench:
        keys = Counted(bench)
        await keys("g", "s")
        # An import is I and a dialog, not a command line.
        await keys("I")
        await bench.type(str(traces))
        counted = await keys("enter")
        assert f"{SEEDS} new, 1 here already, 1 that cannot be read" in counted.replace("\n", " ")
        assert statuses(db, Query(kind="seed")) == {}
        await keys("enter")
        assert statuses(db, Query(kind="seed")) == {"pending": SEEDS}

        prefilter(db)
        assert await keys.count("a") == 1
        assert statuses(db, Query(kind="seed"))["approved"] == 1
        assert await keys.count("x", "3") == 2
        rejected = trajectories.ids(db, Query(kind="seed", status="rejected"))
        assert [row.fault for row in trajectories.rows(db, list(rejected))] == ["user simulator"]
        assert await keys.count("u") == 1
        assert statuses(db, Query(kind="seed")) == {"approved": 1, "pending": SEEDS - 1}
        await keys("x", "enter")
        assert statuses(db, Query(kind="seed"))["rejected"] == 1

        await bench.keys("slash")
        await bench.type("judge:pass")
        shown = await keys("enter")
        assert f"{SEEDS - 3} found" in shown
        await keys("B", "enter")
        certificate = certificates.unfinished(db, "tester", "seed")
        assert certificate is not None
        # The dialog was opened on what still waits: the verdicts above were on two of the failed seeds.
        assert certificate.size == SEEDS - 3 and certificate.allowed == 0
        assert await keys.count(*["a"] * certificate.sample) == certificate.sample
        shown = await bench.until(lambda: "other 30?" in bench.text)
        assert f"0 of {certificate.sample} bad: at most 4.8 % bad" in shown
        await keys("enter")
        await bench.until(lambda: statuses(db, Query(kind="seed", judge="pass"))["approved"] == SEEDS - 3)
        await keys("u")
        assert statuses(db, Query(kind="seed", judge="pass"))["approved"] == certificate.sample


async def test_job_a_a_flagged_turn_is_reached_with_one_key_and_an_argument_edited(
    workspace: Workspace, db: sqlite3.Connection, opened: Opened
) -> None:
    pk = put(db, "seed", make_trajectory(), (FLAW,))
    put(db, "seed", make_trajectory("another"))
    async with opened(workspace) as bench:
        keys = Counted(bench)
        await keys("g", "s")
        assert await keys.count("right_square_bracket") == 1
        assert "world.changed" in bench.text
        await keys("tab", "k", "e")
        # Saving is f2: enter makes a new line in a field of several lines.
        await keys("tab", "tab", "right")
        await bench.type('"x":1,')
        assert await keys.count("f2", "a") == 2
        (row,) = trajectories.rows(db, [pk])
        assert (row.status, row.revision) == ("approved", 1)
        call = trajectories.get(db, pk).turns[1].tool_calls[0]
        assert call.arguments == {"member_id": "M1", "x": 1}
        assert trajectories.get(db, pk, 0).turns[1].tool_calls[0].arguments == {"member_id": "M1"}


async def test_job_b_a_card_takes_one_key_and_the_end_one_act(
    workspace: Workspace, db: sqlite3.Connection, opened: Opened
) -> None:
    deck_samples.fill(db, errors=60, hidden=30, controls=30, real=60)
    async with opened(workspace) as bench:
        keys = Counted(bench)
        assert "real 33.3 %" in await keys("g", "c")
        await keys("minus", "minus", "enter")
        deck = cards.latest(db, "tester")
        assert deck is not None
        verdicts = {"error": "a1245", "hidden": "a16", "control": "a"}
        given: Counter[str] = Counter()
        for n in range(20):
            card = cards.current(db, deck.pk)
            assert card is not None
            key = verdicts[card.kind][given[card.kind] % len(verdicts[card.kind])]
            given[card.kind] += 1
            assert await keys.count(key) == 1
            assert cards.progress(db, deck.pk)[0] == n + 1
        assert given == {"error": 10, "hidden": 5, "control": 5}
        assert cards.progress(db, deck.pk) == (20, 20)
        # Enter asks what to do with the episodes, and one more key chooses.
        await keys("enter", "x")
        excluded = statuses(db, Query(kind="episode"))["rejected"]
        assert excluded == len({card.card.trajectory for card in cards.cards(db, deck.pk) if card.verdict in BAD})
        await keys("u")
        assert statuses(db, Query(kind="episode"))["rejected"] == 0


async def test_job_b_skip_flag_and_undo_take_one_key_each(
    workspace: Workspace, db: sqlite3.Connection, opened: Opened
) -> None:
    deck_samples.fill(db)
    async with opened(workspace) as bench:
        keys = Counted(bench)
        await keys("g", "c", "enter")
        deck = cards.latest(db, "tester")
        assert deck is not None
        first = cards.current(db, deck.pk)
        assert await keys.count("space") == 1
        second = cards.current(db, deck.pk)
        assert second != first and cards.progress(db, deck.pk)[0] == 0
        assert await keys.count("f") == 1
        assert cards.progress(db, deck.pk)[0] == 1
        assert await keys.count("u") == 1
        assert (cards.current(db, deck.pk), cards.progress(db, deck.pk)[0]) == (second, 0)


async def test_job_c_exports_and_trains_with_two_keys(
    workspace: Workspace,
    db: sqlite3.Connection,
    opened: Opened,
    monkeypatch: pytest.MonkeyPatch,
    started: list[list[str]],
) -> None:
    monkeypatch.setattr(training, "missing", lambda: [])
    pks = [put(db, "episode", make_trajectory(f"Request {number}"), demo=True) for number in range(5)]
    decisions.decide(db, pks, "approve", "tester")
    async with opened(workspace) as bench:
        keys = Counted(bench)
        shown = await keys("T")
        assert "5 episodes" in shown and "trl" in shown
        await keys("enter")
        assert keys.pressed == 2
        await bench.until(lambda: len(runs.runs(db)) == 1)
        (run,) = runs.runs(db)
        (rows, sha) = db.execute("SELECT rows, sha256 FROM exports WHERE pk = ?", (run.export,)).fetchone()
        assert rows == 5 and len(sha) == 64
        assert any("train" in " ".join(command) for command in started)
        # The run is shown in the room of exports and runs; g j shows the jobs.
        assert "[Exports & Runs]" in bench.text or "[Runs" in bench.text
