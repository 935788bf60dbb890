"""The desk: claims, several reviewers, blind items, planted copies and the time box, key by key."""

from collections.abc import Callable
from typing import Any

import pytest
from samples import debt, make_trajectory

from simia_tui.model import Fault, Opinion, Point, Screening
from simia_tui.services import acts, blind
from simia_tui.store import New, Query, Workspace, claims, decisions, draws, planted, screenings, trajectories
from simia_tui.store.screenings import Screened
from simia_tui.tui.app import Workbench
from simia_tui.tui.lines import minutes_in
from simia_tui.tui.screens.desk import DeskScreen

Opened = Callable[..., Any]


def setting(workspace: Workspace, *lines: str) -> Workspace:
    (workspace.root / "simia.toml").write_text("\n".join(["[review]", *lines, ""]))
    return workspace


@pytest.fixture
def seeds(workspace: Workspace) -> list[int]:
    db = workspace.connect()
    found = trajectories.add(db, [New(t, t) for t in (make_trajectory(f"seed {i}") for i in range(6))]).pks
    db.close()
    return found


@pytest.fixture
def episodes(workspace: Workspace) -> list[int]:
    """20 approved by bob, 40 that wait."""
    db = workspace.connect()
    found = trajectories.add(db, [New(t, t, kind="episode") for t in map(debt, range(60))]).pks
    decisions.decide(db, found[:20], "approve", "bob")
    db.close()
    return found


async def test_what_another_reads_is_passed_over_and_cannot_be_decided(
    workspace: Workspace, seeds: list[int], opened: Opened
) -> None:
    db = workspace.connect()
    claims.claim(db, "bob", seeds, 2)
    async with opened(workspace, (110, 30)) as bench:
        await bench.keys("g", "s")
        state = bench.app.screen.state
        assert state.pk == seeds[2]
        assert {claim.reviewer for claim in claims.held(db, seeds[2])} == {"tester"}
        await bench.keys("a")
        assert state.pk == seeds[3]
        await bench.keys("K", "K", "a")
        assert "bob reads #2" in bench.notes
        assert trajectories.rows(db, [seeds[1]])[0].status == "pending"
    assert {claim.reviewer for claim in claims.held(db)} == {"bob"}, "what is open is given back at the end"


async def test_two_reviewers_give_opinions_blind_and_a_third_settles_what_differs(
    workspace: Workspace, seeds: list[int], opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting(workspace, "overlap = 2")
    db = workspace.connect()
    async with opened(workspace, (130, 30)) as bench:
        shown = await bench.keys("g", "s", "a")
        assert "your opinion, 1 of 2" in shown and bench.app.screen.state.pk == seeds[1]
        await bench.keys("a")
        assert trajectories.counts(db) == {("seed", "pending"): 6}
    monkeypatch.setenv("SIMIA_REVIEWER", "bob")
    async with opened(workspace, (130, 30)) as bench:
        shown = await bench.keys("g", "s")
        assert "opinions 1 of 2" in shown and "tester" not in shown.replace("tester", "", 0).split("opinions 1 of 2")[1]
        shown = await bench.keys("a")
        assert "all 2 agree to approve" in shown
        shown = await bench.keys("x", "1")
        assert "opinions differ" in shown
        assert [row.status for row in trajectories.rows(db, seeds[:2])] == ["approved", "pending"]
    monkeypatch.setenv("SIMIA_REVIEWER", "cec")
    async with opened(workspace, (130, 30)) as bench:
        await bench.keys("g", "s", "slash")
        await bench.type("has:dispute")
        shown = await bench.keys("enter")
        assert "tester ✓ approve" in shown and "bob ✗ reject (agent)" in shown and "1 found" in shown
        await bench.keys("x", "1")
        assert trajectories.rows(db, seeds[1:2])[0].status == "rejected"
        assert (decisions.history(db, seeds[1])[-1].note or "").startswith("adjudicated")
        await bench.keys("u")
        assert claims.disputed(db, "seed") == [seeds[1]]


async def test_an_opinion_is_taken_back_by_undo(workspace: Workspace, seeds: list[int], opened: Opened) -> None:
    setting(workspace, "overlap = 2")
    db = workspace.connect()
    async with opened(workspace, (110, 30)) as bench:
        assert "U cannot bring an opinion back" in await bench.keys("g", "s", "a", "x", "2", "u")
        assert bench.app.screen.state.pk == seeds[1] and claims.opinions(db, seeds[1]) == []
        await bench.keys("u")
        assert claims.opinions(db, seeds[0]) == []
        assert "nothing to undo" in await bench.keys("u")


async def test_an_act_on_all_leaves_what_needs_several_opinions(
    workspace: Workspace, seeds: list[int], opened: Opened
) -> None:
    db = workspace.connect()
    claims.set_overlap(db, seeds[:2], 2)
    async with opened(workspace, (130, 30)) as bench:
        shown = await bench.keys("g", "s", "asterisk", "a")
        assert "Approve 6 marked seeds? Now: 6 pending." in shown
        shown = await bench.keys("enter")
        assert "approved 4; 2 need the opinions of several" in shown
        assert trajectories.counts(db) == {("seed", "pending"): 2, ("seed", "approved"): 4}
        await bench.keys("u")
        assert trajectories.counts(db) == {("seed", "pending"): 6}


async def test_a_blind_item_hides_the_prefilter_until_decided_or_asked_for(
    workspace: Workspace, seeds: list[int], opened: Opened
) -> None:
    setting(workspace, "blind = 1.0")
    db = workspace.connect()
    no = Point(passed=False, reason="nobody would ask so")
    yes = Point(passed=True)
    verdict = Screening(opinion=Opinion.FAIL, completeness=yes, logic=no, format=yes, by="judge-1")
    screenings.add(db, [Screened(pk, 0, "sha", verdict) for pk in seeds])
    async with opened(workspace, (130, 30)) as bench:
        shown = await bench.keys("g", "s")
        assert "hidden until you have decided; b shows it" in shown and "nobody would ask so" not in shown
        shown = await bench.keys("a", "K")
        assert "judge-1: fail" in shown and "nobody would ask so" in shown
        shown = await bench.keys("J", "b")
        assert "nobody would ask so" in shown
        await bench.keys("a", "x", "1")
        (found,) = [one for one in blind.overrides(db, "seed") if one.who == "judge-1"]
        # Approved blind: overruled. Approved after b: does not count. Rejected blind: the judge was followed.
        assert (found.said, found.share.k, found.share.n) == ("says fail", 1, 2)
        await bench.keys("slash")
        await bench.type("judge:fail")
        shown = await bench.keys("enter")
        assert "nobody would ask so" in shown, "the filter says it already"
        await bench.keys("a")
    assert len(draws.looks(db, "seed")) == 2


async def test_a_planted_copy_is_shown_like_any_other_and_told_of_afterwards(
    workspace: Workspace, episodes: list[int], opened: Opened
) -> None:
    setting(workspace, "known_bad = 0.2")
    db = workspace.connect()
    async with opened(workspace, (140, 34)) as bench:
        shown = await bench.keys("g", "e")
        state = bench.app.screen.state
        copies = [pk for pk in state.ids if pk < 0]
        assert copies and f"all {state.found}" not in shown
        for _ in range(80):
            if state.pk < 0:
                break
            shown = await bench.keys("a")
        assert state.pk == copies[0] and f"#{-copies[0]} " in shown and "pending" in shown
        assert f"#{copies[0]}" not in shown
        shown = await bench.keys("a")
        assert "missed: #" in shown
        assert planted.tallies(db) == [("tester", 0, 1)]
        while state.pk > 0:
            await bench.keys("a")
        shown = await bench.keys("e")
        assert "seen:" in shown and planted.tallies(db) == [("tester", 1, 1)]
        await bench.keys("d", "L", "M", "w", "escape", "g", "h")
    db.execute("SELECT 1")
    approved = trajectories.ids(db, Query(kind="episode", status="approved"))
    assert all(pk > 0 for pk in approved)


async def test_a_spam_reviewer_is_warned_within_thirty_items(
    workspace: Workspace, episodes: list[int], opened: Opened
) -> None:
    async with opened(workspace, (160, 34)) as bench:
        await bench.keys("g", "e")
        bench.app.screen._dwell._clock = lambda: 0.0
        bench.app.screen._dwell.look(100)
        caught = None
        for n in range(30):
            shown = await bench.keys("a")
            if "faster than reading" in shown or "was planted" in shown:
                caught = n
                break
        assert caught is not None


async def test_a_time_box_orders_counts_down_and_ends_with_a_summary(
    workspace: Workspace, episodes: list[int], opened: Opened
) -> None:
    setting(workspace, "known_bad = 0")
    async with opened(workspace, (140, 34)) as bench:
        await bench.keys("g", "e")
        screen = bench.app.screen
        now = 0.0
        screen.open_box(20)
        screen._box._clock = lambda: now
        screen._box._end = 20 * 60
        shown = await bench.keys("a", "x", "1")
        assert screen.state.query.order == "information" and screen.state.query.status == "pending"
        screen._tick()
        await bench.pilot.pause()
        assert "20:00" in bench.lines[0]
        now = 12 * 60.0
        screen._tick()
        await bench.pilot.pause()
        assert "8:00" in bench.lines[0]
        now = 20 * 60.0
        screen._tick()
        await bench.until(lambda: "Time is up" in bench.text)
        shown = bench.text
        assert "2 decided (1 approved, 1 rejected)" in shown and "0.1 a minute" in shown
        await bench.keys("escape")
        assert "0:00" not in bench.lines[0]


async def test_the_agreement_room_tells_how_reviewing_goes_and_opens_what_differs(
    workspace: Workspace, seeds: list[int], opened: Opened
) -> None:
    db = workspace.connect()
    for n, pk in enumerate(seeds):
        acts.decide(db, pk, "approve", "ann", overlap=2)
        acts.decide(db, pk, "approve" if n else "flag", "bob", overlap=2)
    async with opened(workspace, (110, 30)) as bench:
        shown = await bench.keys("g", "v")
        assert "How episodes are reviewed" in shown and "nothing judged twice" in shown
        shown = await bench.keys("tab")
        assert "How seeds are reviewed" in shown and "ann and bob, Cohen's kappa" in shown
        assert "alike on 83 %" in shown and "1 item" in shown
        shown = await bench.keys("enter")
        assert "/ has:dispute" in shown and "1 found" in shown and "ann ✓ approve" in shown
        await bench.keys("a")
        assert trajectories.rows(db, seeds[:1])[0].status == "approved"


async def test_a_time_box_is_opened_by_a_line_of_the_palette(
    workspace: Workspace, seeds: list[int], opened: Opened
) -> None:
    async with opened(workspace, (110, 30)) as bench:
        await bench.keys("g", "s", "colon")
        await bench.type("timebox 15")
        await bench.until(lambda: "Review for 15 minutes" in bench.text)
        await bench.keys("enter")
        await bench.until(lambda: bench.app.screen.state.query.order == "information")
        assert bench.lines[0].count(":") == 1


@pytest.mark.parametrize(
    ("line", "minutes"),
    [("timebox 20", 20), ("Time box 7.5 min", 7.5), ("timebox", None), ("timebox 0", None), ("timebox 9999", None)],
)
def test_the_line_of_a_time_box(line: str, minutes: float | None) -> None:
    assert minutes_in(line) == minutes


async def test_the_workbench_opens_with_a_time_box_for_a_reviewer(workspace: Workspace, seeds: list[int]) -> None:
    app = Workbench(workspace, "dora", 5)
    async with app.run_test(size=(110, 30)) as pilot:
        for _ in range(400):
            if isinstance(app.screen, DeskScreen) and app.screen.state.query.order == "information":
                break
            await pilot.pause(0.01)
        assert app.bench.reviewer == "dora" and app.screen.KIND == "seed"
        await pilot.press("a")
    db = workspace.connect()
    assert db.execute("SELECT reviewer, seconds IS NOT NULL FROM batches").fetchall() == [("dora", 1)]


async def test_another_reason_is_put_into_words(workspace: Workspace, seeds: list[int], opened: Opened) -> None:
    db = workspace.connect()
    async with opened(workspace, (110, 30)) as bench:
        shown = await bench.keys("g", "s", "x", "9")
        assert "Rejected for another reason" in shown and trajectories.rows(db, seeds[:1])[0].status == "pending"
        await bench.type("too odd")
        await bench.keys("enter")
        (entry,) = decisions.history(db, seeds[0])
        assert (entry.action, entry.fault, entry.note) == ("reject", Fault.OTHER, "too odd")
        await bench.keys("x", "9", "escape")
        assert trajectories.rows(db, seeds[1:2])[0].status == "pending"


async def test_what_is_decided_goes_back_to_pending_one_or_many(
    workspace: Workspace, seeds: list[int], opened: Opened
) -> None:
    db = workspace.connect()
    decisions.decide(db, seeds, "reject", "bob", Fault.AGENT)
    async with opened(workspace, (110, 30)) as bench:
        await bench.keys("g", "s", "P")
        assert trajectories.counts(db)["seed", "pending"] == 1
        shown = await bench.keys("asterisk", "P")
        assert "Now: 1 pending, 5 rejected." in shown
        await bench.keys("enter")
        assert trajectories.counts(db) == {("seed", "pending"): 6}
        await bench.keys("u", "u")
        assert trajectories.counts(db) == {("seed", "rejected"): 6}
