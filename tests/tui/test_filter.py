"""The filter line in the app: completion, the count, and the sentence for a wrong line."""

from array import array
from collections.abc import Callable
from typing import Any

from simia_tui.model import Fault
from simia_tui.store import Query, Workspace, decisions
from simia_tui.tui.screens.queue import Found
from simia_tui.tui.widgets.filter_field import Completions, FilterInput

Opened = Callable[..., Any]


async def test_fields_and_values_are_completed_with_their_counts(filled: Workspace, opened: Opened) -> None:
    async with opened(filled, (100, 30)) as bench:
        shown = await bench.keys("g", "e", "slash")
        assert "5 found" in shown and "status:" in shown
        shown = await bench.type("sta")
        assert "verdict:" not in shown
        shown = await bench.keys("tab")
        assert "pending 4" in shown and "approved 1" in shown
        await bench.keys("down", "tab")
        field = bench.app.screen.query_one(FilterInput)
        assert field.value == "status:approved "
        shown = await bench.keys("enter")
        assert "/ status:approved" in shown and "1 found" in shown
        assert not bench.app.screen.query_one(Completions).display


async def test_the_count_follows_what_is_typed_and_a_wrong_line_says_what_is_possible(
    filled: Workspace, opened: Opened
) -> None:
    async with opened(filled, (120, 30)) as bench:
        await bench.keys("g", "e", "slash")
        shown = await bench.type("verdict:broken")
        await bench.until(lambda: "1 found" in bench.text)
        shown = await bench.type(" fault:me")
        await bench.until(lambda: "'me'" in bench.bar)
        shown = await bench.keys("enter")
        assert bench.app.screen.query_one(FilterInput).display, "a wrong line stays open"
        await bench.keys("escape")
        shown = await bench.keys("slash")
        assert "5 found" in shown


async def test_a_tab_that_completes_nothing_leaves_the_line(filled: Workspace, opened: Opened) -> None:
    async with opened(filled, (100, 30)) as bench:
        await bench.keys("g", "e", "slash")
        await bench.type("atlas")
        await bench.keys("tab")
        assert bench.app.focused is not bench.app.screen.query_one(FilterInput)


async def test_enter_on_a_reason_of_the_yield_opens_its_rows(filled: Workspace, opened: Opened) -> None:
    db = filled.connect()
    decisions.decide(db, [4], "reject", "ann", Fault.TOOL_SIMULATOR)
    decisions.decide(db, [5], "reject", "ann")
    db.close()
    async with opened(filled, (100, 30)) as bench:
        shown = await bench.keys("y")
        assert "rejected: tool simulator" in shown and "rejected: no reason given" in shown
        place = [bar.label for bar in bench.app.screen._rows].index("rejected: tool simulator")
        shown = await bench.keys(*["j"] * place, "enter")
        assert "/ fault:" in shown and "tool simulator" in shown and "1 found" in shown


async def test_an_answer_that_another_line_has_overtaken_is_not_shown(filled: Workspace, opened: Opened) -> None:
    async with opened(filled, (100, 30)) as bench:
        await bench.keys("g", "e")
        screen = bench.app.screen
        screen.open("verdict:broken")
        screen.post_message(Found(Query(kind="episode", text="late"), array("q"), True))
        await bench.keys("J")
        assert screen.state.query.verdict == "broken" and screen.state.found == 1


async def test_what_is_typed_on_a_filter_is_one_more_condition_and_no_word_of_it_stays(
    filled: Workspace, opened: Opened
) -> None:
    async with opened(filled, (80, 24)) as bench:
        await bench.keys("g", "e", "slash")
        await bench.type("status:pending")
        await bench.keys("enter", "slash")
        shown = await bench.type("-zebra")
        assert bench.app.screen.query_one(FilterInput).value == "status:pending -zebra"
        assert "decisions rest while you type; enter keeps the filter, esc drops it" in shown
        await bench.keys("escape")
        assert "decisions rest" not in bench.bar and "of 5" in bench.bar


async def test_a_filter_that_finds_nothing_says_how_to_see_all(filled: Workspace, opened: Opened) -> None:
    async with opened(filled, (80, 24)) as bench:
        await bench.keys("g", "e", "slash")
        await bench.type("zebra")
        shown = await bench.keys("enter")
        assert "No episode matches the filter: esc shows all." in shown and "simulate some" not in shown


async def test_the_cursor_comes_back_to_its_row_when_the_line_matches_it_again(
    filled: Workspace, opened: Opened
) -> None:
    async with opened(filled, (120, 30)) as bench:
        await bench.keys("g", "e", "J")
        state = bench.app.screen.state
        here = state.pk
        others = [pk for pk in state.ids if pk != here]
        await bench.keys("slash")
        await bench.type("fine")
        await bench.until(lambda: state.found == 1 and state.pk in others)
        await bench.keys("ctrl+u")
        await bench.type("status:pending")
        await bench.until(lambda: state.found == 4)
        assert state.pk == here
        await bench.keys("enter", "J")
        moved = state.pk
        assert moved != here
        await bench.keys("full_stop")
        assert state.pk == moved
