"""Dialogs: import, simulate, export, train, go to, help, and the palette that holds every act."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from samples import make_trajectory
from stage import put_episodes, put_seeds
from textual.command import CommandPalette
from textual.widgets import Static

from simia_tui import formats
from simia_tui.model import RolloutSpec
from simia_tui.services import rollouts, training
from simia_tui.settings import Settings
from simia_tui.store import Query, Workspace, decisions, exports, jobs, runs, trajectories
from simia_tui.tui.screens.exports import ExportsScreen
from simia_tui.tui.screens.help import HelpScreen
from simia_tui.tui.screens.home import HomeScreen
from simia_tui.tui.screens.jobs import JobsScreen
from simia_tui.tui.screens.train import TrainDialog

Opened = Callable[..., Any]


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    """A file of two good rows and one bad one."""
    path = tmp_path / "traces.jsonl"
    good = [json.dumps(formats.write_openai(make_trajectory(text))) for text in ("One", "Two")]
    path.write_text("\n".join([*good, '{"messages": 3}', ""]))
    return path


@pytest.fixture
def approved(workspace: Workspace, db: sqlite3.Connection) -> Workspace:
    """Five episodes, of which four are approved."""
    put_seeds(db)
    pks = put_episodes(db)
    decisions.decide(db, [pks[0], *pks[2:]], "approve", "tester")
    return workspace


async def test_import_counts_first_and_writes_on_the_second_enter(
    workspace: Workspace, opened: Opened, traces: Path
) -> None:
    db = workspace.connect()
    async with opened(workspace) as bench:
        await bench.keys("I")
        bench.app.focused.value = str(traces)
        text = " ".join((await bench.keys("enter")).split())
        assert "2 new, 0 here already, 1 that cannot be read" in text and "enter imports" in text
        assert trajectories.counts(db) == {}
        await bench.keys("enter")
        assert sum(trajectories.counts(db).values()) == 2
        assert isinstance(bench.app.screen, HomeScreen) and "2 seeds wait" in bench.text
        assert "1 rows in quarantine" in bench.text


@pytest.mark.parametrize(("path", "says"), [("", "Write the path"), ("nowhere.json", "There is no file")])
async def test_import_of_nothing_is_one_sentence(workspace: Workspace, opened: Opened, path: str, says: str) -> None:
    async with opened(workspace) as bench:
        await bench.keys("I")
        bench.app.focused.value = path
        text = await bench.keys("enter")
        assert says in " ".join(text.split())
        assert isinstance(await bench.keys("escape"), str) and isinstance(bench.app.screen, HomeScreen)


async def test_import_of_a_folder_takes_its_files(workspace: Workspace, opened: Opened, traces: Path) -> None:
    (traces.parent / "folder").mkdir()
    for number, text in enumerate(("Three", "Four")):
        line = json.dumps(formats.write_openai(make_trajectory(text)))
        (traces.parent / "folder" / f"{number}.jsonl").write_text(line + "\n")
    async with opened(workspace) as bench:
        await bench.keys("I")
        bench.app.focused.value = str(traces.parent / "folder")
        assert "2 files" in await bench.keys("enter")
        await bench.keys("enter")
    assert sum(trajectories.counts(workspace.connect()).values()) == 2


async def test_simulate_queues_a_job_and_shows_it(
    approved: Workspace, opened: Opened, started: list[list[str]]
) -> None:
    decisions.decide(approved.connect(), [1], "approve", "tester")
    async with opened(approved) as bench:
        text = await bench.keys("S")
        assert "1 approved seed." in text and "offline demo model" in text
        assert report(bench) == "100 episodes from 1 seed. It costs nothing."
        bench.app.focused.value = "12"
        await bench.keys("enter")
        (job,) = jobs.jobs(approved.connect())
        assert job.target == 12 and job.spec.demo and isinstance(bench.app.screen, JobsScreen)
        assert any("simia_tui.jobs.worker" in command for command in started)


async def test_simulate_without_an_approved_seed_or_with_a_wrong_number_is_one_sentence(
    approved: Workspace, opened: Opened
) -> None:
    async with opened(approved) as bench:
        assert "No seed is approved yet" in " ".join((await bench.keys("S", "enter")).split())
        bench.app.focused.value = "many"
        assert "write a whole number" in await bench.keys("enter")
        assert jobs.jobs(approved.connect()) == []


@pytest.fixture
def endpoints(workspace: Workspace) -> Workspace:
    """An agent of one endpoint, all others of another one."""
    tables = ["[endpoint.big]", 'base_url = "https://big.example/v1"', 'model = "big-1"', "[endpoint.small]"]
    tables += ['base_url = "http://127.0.0.1:1/v1"', 'model = "small-1"', "price = {input = 1.0, output = 2.0}"]
    roles = ["[roles]", 'simulator = "small"', 'agent = "big"']
    (workspace.root / "simia.toml").write_text("\n".join([*tables, *roles, ""]))
    return workspace


def report(bench: Any) -> str:
    """What a dialog says would happen."""
    return str(bench.app.screen.query_one("#report", Static).content)


async def test_a_rollout_job_is_looked_at_and_queued(
    approved: Workspace, endpoints: Workspace, opened: Opened, started: list[list[str]]
) -> None:
    db = approved.connect()
    decisions.decide(db, [1, 2], "approve", "tester")
    async with opened(approved, (120, 30)) as bench:
        assert "rollout: an agent plays" in await bench.keys("O")
        text = " ".join((await bench.keys("r")).split())
        assert "Agent: big-1 at big; simulator, user, judge: small-1 at small" in text
        assert "20 episodes from 2 seeds, played by big-1 with small-1 as simulator" in text
        assert "begin with a few" in text
        bench.app.focused.value = "6"
        await bench.until(lambda: "6 episodes from 2 seeds" in bench.text)
        bench.app.screen.query_one("#field-priority").value = "-2"
        bench.app.screen.query_one("#field-max_steps").value = "9"
        await bench.keys("enter")
        (job,) = jobs.jobs(db)
        assert isinstance(bench.app.screen, JobsScreen) and "Job 1: 6 episodes" in bench.notes
    assert (job.kind, job.target, job.priority, job.spec.model) == ("rollout", 6, -2, "big-1")
    assert isinstance(job.spec, RolloutSpec)
    assert (job.spec.max_steps, job.spec.parts["judge"].model) == (9, "small-1")
    assert any("simia_tui.jobs.worker" in command for command in started)


async def test_a_look_at_the_demo_writes_nothing(workspace: Workspace, opened: Opened) -> None:
    db = workspace.connect()
    async with opened(workspace) as bench:
        await bench.keys("O", "r")
        assert "errands of the demo's library" in report(bench) and "It costs nothing." in report(bench)
        assert trajectories.counts(db) == {}
        await bench.keys("enter")
        assert jobs.jobs(db)[0].target == 20 and trajectories.counts(db)["seed", "pending"] > 0


async def test_episodes_are_judged_by_the_filter_in_view_and_what_it_costs_is_known_from_before(
    approved: Workspace, endpoints: Workspace, opened: Opened
) -> None:
    db = approved.connect()
    settings = Settings.load(approved.root)
    before = rollouts.plan_judgements(db, settings, Query.parse("episode", "")).spec
    old = jobs.create(db, before, [1, 1])
    db.execute("UPDATE jobs SET status = 'done', done = 2, cost_nano = 40000000 WHERE pk = ?", (old,))
    db.execute(
        "INSERT INTO attempts (job, ord, n, outcome, model, cost_nano, latency_ms, started, ended)"
        " VALUES (?, 0, 1, 'ok', 'small-1', 40000000, 32000, 1, 2)",
        (old,),
    )
    async with opened(approved, (120, 30)) as bench:
        await bench.keys("g", "e", "slash")
        bench.app.focused.value = "status:approved"
        await bench.until(lambda: "4 found" in bench.text)
        await bench.keys("enter", "O", "j")
        assert bench.field("where") == "status:approved"
        assert "4 verdicts on 4 episodes by small-1. Going by job 1: about $0.0800, in about 16 s." in report(bench)
        bench.app.screen.query_one("#field-samples").value = "three"
        await bench.until(lambda: "write a whole number" in bench.text)
        bench.app.screen.query_one("#field-samples").value = "2"
        bench.app.screen.query_one("#field-budget").value = "nan"
        assert "write an amount" in await bench.keys("enter")
        bench.app.screen.query_one("#field-budget").value = "1.5"
        await bench.keys("enter")
        job = jobs.jobs(db)[0]
    assert (job.kind, job.target, job.spec.budget_usd) == ("judge", 8, 1.5)


async def test_seeds_are_screened_from_the_workbench(approved: Workspace, opened: Opened) -> None:
    db = approved.connect()
    async with opened(approved) as bench:
        await bench.keys("O", "p")
        said = "3 seeds to be screened by simia-demo; 0 fail by rule, 0 were judged before. It costs nothing."
        assert report(bench) == said
        await bench.keys("enter")
        assert [(job.kind, job.target) for job in jobs.jobs(db)] == [("prefilter", 3)]


async def test_train_shows_the_preflight_then_freezes_and_starts(
    approved: Workspace, opened: Opened, started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "missing", lambda: [])
    async with opened(approved) as bench:
        text = await bench.keys("T")
        assert "4 episodes" in text and "4 of them made by the demo model" in text
        (line,) = [line for line in text.splitlines() if "sharegpt-hermes" in line and "4" in line]
        assert line.split()[1:5] == ["sharegpt-hermes", "4", "0", "0"]
        await bench.keys("enter")
        db = approved.connect()
        (export,) = exports.exports(db)
        (run,) = runs.runs(db)
        assert (export.rows, export.demo, run.export) == (4, True, export.id)
        assert (approved.root / export.path / "manifest.json").is_file()
        assert any("simia_tui.training.sft" in command for command in started)
        assert isinstance(bench.app.screen, ExportsScreen) and "queued" in bench.text


async def test_export_without_training(approved: Workspace, opened: Opened, started: list[list[str]]) -> None:
    async with opened(approved) as bench:
        text = await bench.keys("E")
        assert "profile" not in text
        bench.app.focused.value = "my set"
        assert "choose another" in " ".join((await bench.keys("enter")).split())
        bench.app.focused.value = "my-set"
        await bench.keys("enter")
        (export,) = exports.exports(approved.connect())
        assert export.name == "my-set" and runs.runs(approved.connect()) == [] and started == []


async def test_training_that_is_not_installed_is_said_before_and_after(
    approved: Workspace, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "missing", lambda: ["torch"])
    async with opened(approved) as bench:
        assert "simia-tui[train]" in await bench.keys("T")
        await bench.keys("enter")
        assert isinstance(bench.app.screen, TrainDialog) and exports.exports(approved.connect()) == []


async def test_nothing_approved_is_said_at_once(workspace: Workspace, opened: Opened) -> None:
    async with opened(workspace) as bench:
        assert "approve some episodes" in " ".join((await bench.keys("T")).split())


@pytest.mark.parametrize(
    ("letter", "room"),
    [("h", "home"), ("s", "seeds"), ("e", "episodes"), ("j", "jobs"), ("x", "exports"), ("t", "exports")],
)
async def test_go_to(workspace: Workspace, opened: Opened, letter: str, room: str) -> None:
    async with opened(workspace) as bench:
        assert "esc leave" in await bench.keys("g")
        await bench.keys(letter)
        assert bench.app.current_mode == room


@pytest.mark.parametrize("room", ["h", "s", "e", "j", "x"])
async def test_help_lists_every_key_of_the_room(filled: Workspace, opened: Opened, room: str) -> None:
    async with opened(filled, (100, 70)) as bench:
        await bench.keys("g", room)
        screen = bench.app.screen
        shown = {
            bench.app.get_key_display(active.binding): active.tooltip
            for active in screen.active_bindings.values()
            if active.binding.id
        }
        text = await bench.keys("question_mark")
        assert isinstance(bench.app.screen, HelpScreen) and len(shown) >= 8
        for key, what in shown.items():
            assert any(key in line.split() and what[:30] in line for line in text.splitlines()), (key, what)
        await bench.keys("escape")
        assert bench.app.screen is screen


async def test_help_can_be_read_at_80_by_24(filled: Workspace, opened: Opened) -> None:
    async with opened(filled) as bench:
        text = await bench.keys("g", "e", "question_mark")
        assert "Approve, and go to the next" in text and "On this screen" in text
        text = await bench.keys(*["j"] * 60)
        assert "takes back any decision" in " ".join(text.split())


@pytest.mark.parametrize("room", ["h", "s", "e", "j", "x"])
async def test_the_palette_holds_every_act_that_a_key_does(filled: Workspace, opened: Opened, room: str) -> None:
    async with opened(filled) as bench:
        await bench.keys("g", room)
        screen = bench.app.screen
        titles = {command.title for command in bench.app.get_system_commands(screen)}
        bindings = [active.binding for active in screen.active_bindings.values() if active.enabled]
        ids = {binding.id for binding in bindings if binding.id and binding.id not in ("app.command", "app.go")}
        named = {binding.id for binding in bindings for title in titles if title.startswith(f"{binding.description} (")}
        assert ids <= named
        assert {"Go to seeds", "Go to episodes", "Go to jobs", "Go to exports & runs"} <= titles


async def test_a_command_of_the_palette_acts(filled: Workspace, opened: Opened) -> None:
    async with opened(filled) as bench:
        await bench.keys("g", "e")
        pk = bench.app.screen.state.pk
        await bench.keys("colon")
        assert isinstance(bench.app.screen, CommandPalette)
        await bench.type("flag")
        await bench.until(lambda: "Flag for a second opinion" in bench.text)
        await bench.keys("enter")
        await bench.until(lambda: not isinstance(bench.app.screen, CommandPalette))
        await bench.until(lambda: trajectories.rows(filled.connect(), [pk])[0].status == "flagged")


async def test_a_question_mark_can_be_typed_into_a_field(workspace: Workspace, opened: Opened) -> None:
    async with opened(workspace) as bench:
        await bench.keys("I", "question_mark", "colon", "q", "g", "T")
        assert bench.field("path") == "?:qgT"
