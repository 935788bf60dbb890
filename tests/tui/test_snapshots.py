"""Pictures of every screen, small and large, dark and light; SVG files in `__snapshots__/pictures`.

`pytest tests/tui/test_snapshots.py --snapshot-update` accepts new ones. All pictures of a screen are taken in one run
of the app, which is made larger and changes its colours in between. What could differ between two runs is fixed: dates
are painted over, clocks stand still, ids are hashes of fixed content, nothing blinks or moves.
"""

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import deck_samples
import pytest
from pictures import svg
from samples import make_trajectory
from stage import put
from textual.pilot import Pilot
from textual.screen import Screen

from simia_tui import demo
from simia_tui.model import Fault, Turn
from simia_tui.services import cards, comparing, prompts, resimulation, training
from simia_tui.settings import Settings
from simia_tui.store import New, Query, Workspace, decisions, remakes, trajectories, views
from simia_tui.store import cards as decks
from simia_tui.store.connection import write
from simia_tui.store.remakes import Remade
from simia_tui.tui import screens
from simia_tui.tui.app import Workbench
from simia_tui.tui.screens import home
from simia_tui.tui.screens import jobs as jobs_screen
from simia_tui.tui.state.rates import Rates

PICTURES = Path(__file__).parent / "__snapshots__" / "pictures"
SMALL, LARGE = (80, 24), (160, 48)
THEMES = {"dark": "textual-dark", "light": "textual-light"}
DATE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")
Prepare = Callable[[Workspace], None]


class Shot(NamedTuple):
    """A picture: the class of screen on it, the keys that lead there, and what the workspace holds besides."""

    screen: str
    keys: str = ""
    prepare: Prepare | None = None
    sizes: tuple[tuple[int, int], ...] = (SMALL, LARGE)


def deck(workspace: Workspace) -> None:
    """A deck of error cards."""
    db = workspace.connect()
    deck_samples.fill(db, errors=12, hidden=6, controls=6, real=9)
    cards.draw(db, "tester", 20, random_seed=3)
    db.close()


def judged_deck(workspace: Workspace) -> None:
    """A deck of which every card but the last is judged."""
    deck(workspace)
    db = workspace.connect()
    for n, (card, _) in enumerate(decks.cards(db, 1)[:-1]):
        verdict = cards.CardVerdict.FORMAT if n % 4 == 0 else cards.CardVerdict.PLAUSIBLE
        decks.judge(db, 1, card.n, "tester", verdict, 9.0)
    db.close()


def saved_views(workspace: Workspace) -> None:
    """Two views of the seeds."""
    db = workspace.connect()
    views.save(db, "seed", "waiting", "status:pending", "tester")
    views.save(db, "seed", "loans", "renew my loan", "tester")
    db.close()


def remade(workspace: Workspace) -> None:
    """An episode for which a new end has come."""
    db = workspace.connect()
    (pk, *_) = trajectories.ids(db, Query(kind="episode", status="pending"))
    body = trajectories.get(db, pk)
    planned = resimulation.plan(db, Settings.load(workspace.root), {pk: resimulation.Place(2)})
    (one,) = remakes.of_job(db, remakes.ask(db, planned.spec, planned.wishes, "tester"))
    end = (body.turns[2].replace(content='{"name": "Grace"}'), Turn(role="assistant", content="Done."))
    with write(db):
        remakes.land_within(db, one.job, one.ord, Remade(body.with_turns((*body.turns[:2], *end)), ()))
    db.close()


def clauses(workspace: Workspace) -> None:
    """An episode whose policy has clauses."""
    db = workspace.connect()
    policy = "- A loan is renewed once.\n- A fine is never waived.\n- Ask for the card number before you act."
    put(db, "episode", make_trajectory("Waive my fine", policy=policy))
    db.close()


def library(workspace: Workspace) -> None:
    """Seeds of a domain with prompts, one of them written anew here, and two versions under comparison."""
    db = workspace.connect()
    pks = trajectories.add(db, [New(made, made) for made in demo.seeds(3, 1)]).pks
    decisions.decide(db, pks, "approve", "tester")
    text = prompts.template(workspace, "synthesize", "library").text
    prompts.save(workspace, db, "synthesize", "library", f"Mine.\n{text}")
    comparing.start(workspace, db, Settings.load(workspace.root), "library", "synthesize", ("shipped", "now"), 4)
    db.close()


def opinions(workspace: Workspace) -> None:
    """Decisions of two reviewers."""
    db = workspace.connect()
    pks = trajectories.ids(db, Query(kind="episode"))
    decisions.decide(db, list(pks), "approve", "ann")
    decisions.decide(db, list(pks)[:2], "reject", "bob", Fault.AGENT)
    db.close()


SHOTS: dict[str, Shot] = {
    "home": Shot("HomeScreen"),
    "yield": Shot("YieldScreen", "y"),
    "coverage": Shot("CoverageScreen", "c"),
    "go to": Shot("GoToStrip", "g"),
    "help": Shot("HelpScreen", "g e question_mark"),
    "small": Shot("SmallScreen", sizes=((50, 12),)),
    "import": Shot("ImportDialog", "I"),
    "simulate": Shot("LaunchDialog", "S"),
    "order": Shot("OrderStrip", "g j O"),
    "rollout": Shot("RolloutDialog", "O r"),
    "judge": Shot("JudgeDialog", "O j"),
    "prefilter": Shot("PrefilterDialog", "O p"),
    "train": Shot("TrainDialog", "T"),
    "seeds": Shot("SeedsScreen", "g s"),
    "views": Shot("ViewStrip", "g s V", saved_views),
    "save view": Shot("SaveViewDialog", "g s V s"),
    "view list": Shot("ViewListScreen", "g s V m", saved_views),
    "rename view": Shot("RenameDialog", "g s V m r", saved_views),
    "episodes": Shot("EpisodesScreen", "g e"),
    "finding": Shot("EpisodesScreen", "g e tab right_square_bracket o"),
    "marked": Shot("EpisodesScreen", "g e asterisk"),
    "filter": Shot("EpisodesScreen", "g e slash c a r d"),
    "reject": Shot("ReasonStrip", "g e x"),
    "note": Shot("NoteDialog", "g e x 9"),
    "confirm": Shot("ConfirmStrip", "g e asterisk a"),
    "edit": Shot("EditDialog", "g e tab j e"),
    "turns": Shot("TurnStrip", "g e tab j i"),
    "words": Shot("WordsDialog", "g e tab j i u"),
    "bulk": Shot("BulkDialog", "g e B"),
    "raw reply": Shot("RawScreen", "g e w"),
    "lineage": Shot("LineageScreen", "g e W"),
    "recheck": Shot("SheetScreen", "g e v"),
    "clause": Shot("ClauseScreen", "g e G c", clauses),
    "remade": Shot("RemadeScreen", "g e R", remade),
    "cards": Shot("CardsScreen", "g c"),
    "card": Shot("CardsScreen", "g c", deck),
    "deck end": Shot("CardsScreen", "g c a", judged_deck),
    "outcome": Shot("OutcomeStrip", "g c a enter", judged_deck),
    "jobs": Shot("JobsScreen", "g j"),
    "prompts": Shot("PromptsScreen", "g p", library),
    "prompt": Shot("PromptEditor", "g p e", library),
    "versions": Shot("VersionsScreen", "g p v", library),
    "compare": Shot("CompareDialog", "g p A", library),
    "comparisons": Shot("ComparisonsScreen", "g p C", library),
    "comparison": Shot("ComparisonScreen", "g p C enter", library),
    "exports": Shot("ExportsScreen", "g x"),
    "export": Shot("ExportsScreen", "g x tab"),
    "agreement": Shot("AgreementScreen", "g v", opinions),
}


def classes() -> Iterator[type[Screen[object]]]:
    """Every class of screen that is no base of another."""
    for module in pkgutil.iter_modules(screens.__path__):
        importlib.import_module(f"{screens.__name__}.{module.name}")
    waiting: list[type[Screen[object]]] = [Screen]
    while waiting:
        found = waiting.pop()
        own = [kind for kind in found.__subclasses__() if kind.__module__.startswith("simia_tui.")]
        waiting += found.__subclasses__()
        if not own and found.__module__.startswith("simia_tui."):
            yield found


def test_every_screen_has_its_picture() -> None:
    assert {kind.__name__ for kind in classes()} == {shot.screen for shot in SHOTS.values()}


def frames(name: str) -> Iterator[tuple[str, tuple[int, int], str]]:
    """The file, size and theme of every picture of a shot."""
    for width, height in SHOTS[name].sizes:
        for word, theme in THEMES.items():
            yield f"{name.replace(' ', '-')}-{width}x{height}-{word}.svg", (width, height), theme


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time stands still, and what depends on the machine is fixed."""
    monkeypatch.setattr(training, "missing", lambda: [])
    monkeypatch.setattr(
        training, "forecast", lambda *_: SimpleNamespace(sentence=lambda: "About 2 minutes on the CPU.")
    )
    for module in (home, jobs_screen):
        monkeypatch.setattr(module, "Rates", lambda: Rates(clock=lambda: 0.0))


async def settle(pilot: Pilot[None]) -> None:
    for _ in range(2):
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()


def compare(app: Workbench, file: str, config: pytest.Config) -> list[str]:
    """The picture of `app` against the one that is kept, or in its place with `--snapshot-update`."""
    picture = DATE.sub("2026-01-01 00:00", svg(app))
    path = PICTURES / file
    if config.getoption("update_snapshots"):
        PICTURES.mkdir(parents=True, exist_ok=True)
        path.write_text(picture, encoding="utf-8")
    elif not path.exists() or path.read_text(encoding="utf-8") != picture:
        other = Path(str(config.rootpath)) / "snapshot-differences"
        other.mkdir(exist_ok=True)
        (other / file).write_text(picture, encoding="utf-8")
        return [f"{path} is not what the screen shows, which is in {other / file}"]
    return []


@pytest.mark.parametrize("name", SHOTS)
async def test_screen(filled: Workspace, still: None, pytestconfig: pytest.Config, name: str) -> None:
    shot = SHOTS[name]
    if shot.prepare is not None:
        shot.prepare(filled)
    app = Workbench(filled)
    problems: list[str] = []
    async with app.run_test(size=shot.sizes[0]) as pilot:
        app.animation_level = "none"
        app.theme = THEMES["dark"]
        await settle(pilot)
        for key in shot.keys.split():
            await pilot.press(key)
            await settle(pilot)
        if name == "filter":
            # It is looked up a moment after the last key.
            await pilot.pause(0.2)
            await settle(pilot)
        assert type(app.screen).__name__ == shot.screen
        for file, size, theme in frames(name):
            app.theme = theme
            await pilot.resize_terminal(*size)
            await settle(pilot)
            problems += compare(app, file, pytestconfig)
    assert not problems, "\n".join(problems)


TERMINAL = ("ansi-dark", "ansi-light")


@pytest.mark.parametrize("theme", TERMINAL)
async def test_colours_of_the_terminal(filled: Workspace, still: None, pytestconfig: pytest.Config, theme: str) -> None:
    app = Workbench(filled)
    async with app.run_test(size=SMALL) as pilot:
        app.theme = theme
        await settle(pilot)
        for key in ("g", "e"):
            await pilot.press(key)
            await settle(pilot)
        problems = compare(app, f"{theme}.svg", pytestconfig)
    assert not problems, problems[0]


def test_no_picture_is_of_a_screen_that_is_gone(pytestconfig: pytest.Config) -> None:
    wanted = {file for name in SHOTS for file, *_ in frames(name)} | {f"{theme}.svg" for theme in TERMINAL}
    for path in PICTURES.iterdir():
        if path.name not in wanted and pytestconfig.getoption("update_snapshots"):
            path.unlink()
    assert {path.name for path in PICTURES.iterdir()} <= wanted
