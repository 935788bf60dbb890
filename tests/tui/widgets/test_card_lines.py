"""What the room of the error cards writes, for any width."""

import sqlite3

import pytest
from deck_samples import fill, loan
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from simia_tui.evaluation.calibration import calibrate
from simia_tui.evaluation.interval import wilson
from simia_tui.model import ToolCall, Turn
from simia_tui.services import cards as service
from simia_tui.services.cards import CardVerdict, CardView
from simia_tui.services.observations import arguments_of
from simia_tui.store import cards
from simia_tui.store.cards import Card
from simia_tui.tui.widgets import card_lines
from simia_tui.tui.widgets.turn_lines import Line

WILD = st.text(max_size=80) | st.sampled_from(["[red]x[/]", "\x1b[2J\u202e", "好" * 60, "a\nb\tc", "word " * 300])


def text(lines: list[Line]) -> str:
    return "\n".join("".join(part for part, _ in line.parts).rstrip() for line in lines)


def view(user: str = "renew", observation: str = "Error: no", **changes: object) -> CardView:
    body = loan(user, observation, refused=True)
    call = body.turns[1].tool_calls[0]
    card = Card(0, "error", 1, 0, 2, 1, 0, "renew_loan", "Error: no", None, (2, 0, 2))
    made = CardView(
        card, body.turns[0], call, arguments_of(body, call), body.turns[2], body.turns[3], body.turns[2], call
    )
    return made._replace(**changes)


@given(WILD, WILD, WILD, st.integers(30, 200), st.booleans())
def test_no_line_is_wider_than_the_sheet_or_holds_what_a_terminal_obeys(
    user: str, observation: str, name: str, width: int, opened: bool
) -> None:
    call = ToolCall(name=name, arguments={name: observation})
    body = loan(user, observation).with_turns((Turn(role="assistant", tool_calls=(call,)),))
    shown = view(user, observation, call=call, arguments=arguments_of(body, call))
    for line in card_lines.card_lines(shown, width, opened, True):
        written = "".join(part for part, _ in line.parts)
        # One space may hang over where a line is broken after it.
        assert cell_len(written.rstrip()) <= width and "\x1b" not in written and "\n" not in written


def test_long_parts_are_folded_until_opened() -> None:
    long = view(observation="word " * 2000)
    assert "o opens" in text(card_lines.card_lines(long, 80, False, False))
    opened = text(card_lines.card_lines(long, 80, True, False))
    assert "o opens" not in opened and opened.count("word") == 4000


def test_json_observations_are_set_out_over_lines() -> None:
    found = '{"loan_id": "L7", "title": "' + "x" * 80 + '"}'
    lines = card_lines.card_lines(view(observation=found, near=None), 80, False, False)
    assert any(line.json for line in lines) and '"loan_id": "L7",' in text(lines)


def test_a_card_without_a_real_observation_or_readable_arguments_says_so() -> None:
    bare = view()._replace(card=view().card._replace(near=None), near=None, move=None, user=None)
    shown = text(card_lines.card_lines(bare, 80, False, True))
    assert "no seed has called this tool" in shown and "(nothing)" in shown and "find nothing" in shown
    odd = view(call=ToolCall(name="renew_loan", raw="{oops"), arguments=())
    assert "arguments that are no object: {oops" in text(card_lines.card_lines(odd, 80, False, False))


def test_rates_fit_any_line_and_keep_the_alarm() -> None:
    alarming = calibrate("a-domain-with-a-long-name", (75, 500), (73, 1164), [], [])
    for width in range(40, 200, 7):
        parts = card_lines.rate_parts(alarming, width)
        assert sum(cell_len(part) for part, _ in parts) <= width
        assert parts[-1] == ("  ▲ drift", "error")
    calm = calibrate("air", (31, 500), (0, 0), [], [])
    shown = "".join(part for part, _ in card_lines.rate_parts(calm, 120))
    assert shown == "air  refused: simulated 6.2 % (4.4–8.7), real none imported"


def test_the_comparison_names_the_test_behind_each_alarm() -> None:
    both = calibrate("air", (75, 500), (73, 1164), ["new"] * 40, ["old"] * 70)
    shown = text(card_lines.compare_lines([both], 60, 120, str.upper))
    assert "two proportions" in shown and "chi-square" in shown and "100.0 % (91.2–100.0)" in shown
    many = calibrate("air", (1, 5), (1, 5), [f"t {n}x" for n in "abcdefghijk"], [])
    assert "3 other templates" in text(card_lines.compare_lines([many], 60, 120, str.upper))
    assert "Comparing" in text(card_lines.compare_lines(None, 60, 80, str.upper))


def test_the_end_states_three_limits(db: sqlite3.Connection) -> None:
    fill(db, errors=60, hidden=20, controls=20)
    deck = service.draw(db, "ann", 40, random_seed=1)
    for item in cards.cards(db, deck):
        verdict = CardVerdict.LEAKS if item.card.n == 0 else CardVerdict.PLAUSIBLE
        cards.judge(db, deck, item.card.n, "ann", verdict)
    shown = text(card_lines.end_lines(service.summary(db, deck), 80, str.upper))
    bounds = {f"{100 * wilson(k, n).high:.1f} %" for k, n in ((0, 10), (0, 20), (1, 20), (1, 10))}
    assert sum(bound in shown for bound in bounds) >= 2 and "27.8 %" in shown
    assert "leaks the simulator" in shown and "decides on 1 episode" in shown


@pytest.mark.parametrize("width", [30, 60, 80, 160])
def test_keys_stay_with_their_words(width: int) -> None:
    choices = [(key, str(verdict)) for key, verdict in service.KEYS.items()]
    lines = text(card_lines.choice_lines(choices, width)).split("\n")
    assert all(cell_len(line) <= width for line in lines)
    assert [key for line in lines for key, word in choices if f"{key} {word}" in line] == [key for key, _ in choices]
