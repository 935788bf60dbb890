"""The room of prompts: seeing, editing, reverting and comparing them."""

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from simia_tui import demo
from simia_tui.services import comparing, prompts
from simia_tui.settings import Settings
from simia_tui.store import New, Workspace, decisions, jobs, trajectories
from simia_tui.store import prompts as store
from simia_tui.tui import editor
from simia_tui.tui.screens.comparing import ComparisonScreen
from simia_tui.tui.screens.prompt_edit import PromptEditor
from simia_tui.tui.screens.versions import VersionsScreen
from simia_tui.tui.widgets.card_sheet import CardSheet
from simia_tui.tui.widgets.plain_area import PlainArea

Opened = Callable[..., Any]
WIDE = (160, 48)


@pytest.fixture
def library(workspace: Workspace, db: sqlite3.Connection) -> Workspace:
    """Three approved seeds of the library, which therefore stands first in the list."""
    pks = trajectories.add(db, [New(made, made) for made in demo.seeds(3, 1)]).pks
    decisions.decide(db, pks, "approve", "tester")
    return workspace


async def to_library(bench: Any) -> str:
    """The room, with the cursor on the library's synthesize prompt."""
    await bench.keys("g", "p")
    screen = bench.app.screen
    (pk,) = [row.pk for row in screen._rows if row.listed[:2] == ("library", "synthesize")]
    screen.query_one("#table").go_to(pk)
    return await bench.keys()


def sheet(bench: Any) -> str:
    return str(bench.app.screen.query_one(CardSheet).text)


async def test_every_prompt_is_listed_with_its_text_and_where_it_comes_from(library: Workspace, opened: Opened) -> None:
    async with opened(library, WIDE) as bench:
        text = await to_library(bench)
        listed = prompts.listed(library)
        assert len(bench.app.screen.query_one("#table").ids) == len(listed)
        version = prompts.template(library, "synthesize", "library").version
        assert f"synthesize for library, version {version}: not used yet" in text
        assert "$policy" in sheet(bench) and "Revert" not in bench.bar and "A/B" in bench.bar


async def test_it_is_shown_as_sent_for_one_seed_and_the_next(library: Workspace, opened: Opened) -> None:
    async with opened(library, WIDE) as bench:
        await to_library(bench)
        first = await bench.keys("p")
        assert "as sent for seed #1" in first and "$policy" not in sheet(bench) and '"role": "user"' in sheet(bench)
        assert "as sent for seed #2" in await bench.keys("n")
        await bench.keys("p")
        assert "$policy" in sheet(bench)


async def test_a_domain_without_seeds_says_so(library: Workspace, opened: Opened) -> None:
    async with opened(library, WIDE) as bench:
        await to_library(bench)
        bench.app.screen.query_one("#table").go_to(len(prompts.listed(library)) - 1)
        await bench.keys("p")
        assert "No seed of the domain" in sheet(bench)


async def test_an_edit_goes_into_the_workspace_and_can_be_reverted(library: Workspace, opened: Opened) -> None:
    before = prompts.template(library, "synthesize", "library")
    async with opened(library, WIDE) as bench:
        await to_library(bench)
        await bench.keys("e")
        assert isinstance(bench.app.screen, PromptEditor)
        await bench.until(lambda: "As sent for seed #1" in sheet(bench))
        bench.app.screen.query_one(PlainArea).text = f"Mine.\n{before.text}"
        await bench.until(lambda: "Mine.\nYou write training data" in sheet(bench))
        await bench.keys("f2")
        now = prompts.template(library, "synthesize", "library")
        assert now.text == f"Mine.\n{before.text}" and now.path.is_relative_to(library.prompts)
        assert f"Version {now.version} of synthesize is in force" in bench.notes
        assert "workspace" in bench.text and "Revert" in bench.bar
        await bench.keys("r", "enter")
        assert prompts.template(library, "synthesize", "library").version == before.version
        assert "Revert" not in bench.bar


async def test_a_text_that_cannot_be_sent_is_not_saved_and_not_lost(library: Workspace, opened: Opened) -> None:
    async with opened(library) as bench:
        await to_library(bench)
        await bench.keys("e")
        area = bench.app.screen.query_one(PlainArea)
        area.text = area.text.replace("$exemplar", "$example")
        assert "The placeholder $example is unknown" in await bench.keys("f2")
        await bench.keys("escape")
        assert "esc once more throws it away" in bench.text and isinstance(bench.app.screen, PromptEditor)
        await bench.keys("escape")
        assert not isinstance(bench.app.screen, PromptEditor) and not list(library.prompts.rglob("*.md"))


async def test_the_user_s_editor_and_the_narrow_preview(
    library: Workspace, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed: list[str] = []

    def hand_over(app: object, text: str, suffix: str) -> str:
        handed.append(suffix)
        return f"From elsewhere.\n{text}"

    monkeypatch.setattr("simia_tui.tui.screens.prompt_edit.hand_over", hand_over)
    assert editor.hand_over is not hand_over
    async with opened(library) as bench:
        await to_library(bench)
        await bench.keys("e", "ctrl+e")
        assert handed == [".md"] and "From elsewhere." in bench.text
        await bench.keys("f4")
        await bench.until(lambda: "As sent for seed #1" in bench.text and "From elsewhere." in sheet(bench))
        assert not bench.app.screen.query_one(PlainArea).display


async def test_versions_show_what_differs_and_an_old_one_can_be_put_in_force(
    library: Workspace, db: sqlite3.Connection, opened: Opened
) -> None:
    old = prompts.template(library, "synthesize", "library")
    one = prompts.save(library, db, "synthesize", "library", f"First of mine.\n{old.text}")
    prompts.save(library, db, "synthesize", "library", f"Second of mine.\n{old.text}")
    async with opened(library) as bench:
        await to_library(bench)
        await bench.keys("v")
        screen = bench.app.screen
        assert isinstance(screen, VersionsScreen) and "Second of mine." in sheet(bench)
        place = next(n for n, version in enumerate(screen._found) if version.version == one.version)
        screen.query_one("#table").go_to(place)
        await bench.keys()
        assert "-First of mine." in sheet(bench) and "+Second of mine." in sheet(bench)
        await bench.keys("d")
        assert sheet(bench).startswith("First of mine.")
        await bench.keys("u", "enter")
        assert prompts.template(library, "synthesize", "library").version == one.version
        assert f"Version {one.version} of synthesize is in force" in bench.notes


async def test_two_versions_are_compared_from_the_room(
    library: Workspace, db: sqlite3.Connection, opened: Opened
) -> None:
    old = prompts.template(library, "synthesize", "library")
    async with opened(library, WIDE) as bench:
        await to_library(bench)
        await bench.keys("A")
        assert "names no version" in await bench.keys("enter")
        await bench.keys("escape")
        prompts.save(library, db, "synthesize", "library", f"Mine.\n{old.text}")
        await bench.keys("A", "enter")
        assert isinstance(bench.app.screen, ComparisonScreen) and len(jobs.jobs(db)) == 2
        (made,) = store.comparisons(db)
        assert (made.version_a, jobs.job(db, made.job_a).target) == (old.version, 50)
        assert f"A {old.version}" in bench.text and "nothing to compare yet" in bench.text
        await bench.keys("escape", "C")
        assert "synthesize for library" in bench.text
        await bench.keys("enter")
        assert isinstance(bench.app.screen, ComparisonScreen)


async def test_a_comparison_follows_its_jobs(library: Workspace, db: sqlite3.Connection, opened: Opened) -> None:
    text = prompts.template(library, "synthesize", "library").text
    prompts.save(library, db, "synthesize", "library", f"Mine.\n{text}")
    made = comparing.start(library, db, Settings.load(library.root), "library", "synthesize", ("shipped", "now"), 4)
    async with opened(library) as bench:
        await bench.keys("g", "p", "C", "enter")
        db.execute("UPDATE tasks SET state = 'failed' WHERE job = ? AND ord = 0", (made.job_a,))
        await bench.until(lambda: "0 of 1" in sheet(bench))
