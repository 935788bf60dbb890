import json
import random
import re
import string
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simia_tui.demo.jsontext import is_json, pieces
from simia_tui.demo.shapes import Days, Rotation, scale
from simia_tui.demo.vary import vary

SEEDS = st.integers(0, 2**32)
DIGITS = st.text("0123456789", min_size=1)
IDS = st.one_of(
    st.from_regex(r"#W[0-9]{7}", fullmatch=True),
    st.from_regex(r"HAT[0-9]{3}", fullmatch=True),
    st.from_regex(r"[A-Z][0-9][A-Z]{4}", fullmatch=True),
    st.from_regex(r"(?:gift_card|certificate)_[1-9][0-9]{6}", fullmatch=True),
    st.from_regex(r"[1-9][0-9]{9}", fullmatch=True).filter(lambda text: text[0] != "1"),
    st.uuids().map(str).filter(lambda text: not text.isdigit() and re.search("[a-f]", text)),
)
DATES = st.dates(date(1930, 1, 1), date(2060, 12, 31))


def shape(text: str) -> str:
    return re.sub("[0-9]", "9", re.sub("[a-z]", "a", re.sub("[A-Z]", "A", text)))


def vary_list(values: list[str], seed: int) -> list[str]:
    """What becomes of each value when all stand in one text."""
    turns = [{"role": "user", "content": " | ".join(values)}]
    return vary(turns, random.Random(seed))[0]["content"].split(" | ")


@given(st.lists(IDS, min_size=1, max_size=12), SEEDS)
def test_identifiers_keep_their_shape_and_stay_distinct(values: list[str], seed: int):
    new = vary_list(values, seed)
    assert [shape(value) for value in new] == [shape(value) for value in values]
    assert len(set(zip(values, new, strict=True))) == len(set(values)) == len(set(new))
    assert all(old != other for old, other in zip(values, new, strict=True))


@given(st.lists(DATES, min_size=1, max_size=12), SEEDS)
def test_dates_move_by_one_number_of_weeks(days: list[date], seed: int):
    new = [date.fromisoformat(text) for text in vary_list([day.isoformat() for day in days], seed)]
    shifts = {other - day for day, other in zip(days, new, strict=True)}
    assert len(shifts) == 1
    shift = shifts.pop()
    assert shift != timedelta(0) and shift.days % 7 == 0


@given(DATES.filter(lambda day: day.year >= 2000), SEEDS)
def test_every_way_to_write_a_day_moves_alike(day: date, seed: int):
    spoken = f"{day:%B} {day.day}, {day.year}"
    short = f"{day.day} {day:%b} {day.year}"
    new = vary_list([day.isoformat(), spoken, short, f"{day:%m/%d/%Y}" if day.day < 13 else "-"], seed)
    moved = date.fromisoformat(new[0])
    assert new[1] == f"{moved:%B} {moved.day}, {moved.year}"
    assert new[2] in (f"{moved.day} {moved:%b} {moved.year}", f"{moved.day} {moved:%B} {moved.year}")
    assert new[3] in (f"{moved:%m/%d/%Y}", "-")


@given(st.lists(st.integers(1, 5_000_000), min_size=1, max_size=8), SEEDS)
def test_amounts_scale_alike(cents: list[int], seed: int):
    new = vary_list([f"${value / 100:,.2f}" for value in cents], seed)
    figures = [round(float(text[1:].replace(",", "")) * 100) for text in new]
    assert all(a * cents[0] == b * figures[0] for a, b in zip(figures, cents, strict=True))
    assert all(re.fullmatch(r"\$[0-9,]+\.[0-9]{2}", text) for text in new)


@given(DIGITS, DIGITS, SEEDS)
def test_a_rotation_is_injective(one: str, two: str, seed: int):
    rotation = Rotation(random.Random(seed))
    assert (rotation.digits(one) == rotation.digits(two)) == (one == two)
    assert len(rotation.digits(one)) == len(one) and (rotation.digits(one)[0] == "0") == (one[0] == "0")


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | IDS | DATES.map(str),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "price", "name", "due", "first_name", "x"]) | st.text(), inner, max_size=4
        )
    ),
    max_leaves=12,
)
TURNS = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "tool"])},
        optional={
            "content": st.text() | JSON_VALUES.map(json.dumps) | JSON_VALUES.map(lambda v: json.dumps(v, indent=1)),
            "tool_calls": st.lists(
                st.fixed_dictionaries(
                    {
                        "name": st.text(string.ascii_lowercase + "_", min_size=1),
                        "arguments": st.dictionaries(st.text(), JSON_VALUES, max_size=3),
                    }
                ),
                max_size=2,
            ),
            "is_error": st.just(True),
        },
    ),
    max_size=6,
)


@given(TURNS, SEEDS)
def test_form_is_kept_whatever_the_exemplar_holds(turns: list[dict[str, Any]], seed: int):
    before = json.dumps(turns)
    new = vary(turns, random.Random(seed))
    assert json.dumps(turns) == before
    assert [(t["role"], t.get("is_error"), set(t)) for t in new] == [
        (t["role"], t.get("is_error"), set(t)) for t in turns
    ]
    for old, varied in zip(turns, new, strict=True):
        if is_json(old.get("content")):
            assert is_json(varied["content"])
        old_calls, calls = old.get("tool_calls", []), varied.get("tool_calls", [])
        assert [(c["name"], list(c["arguments"])) for c in calls] == [
            (c["name"], list(c["arguments"])) for c in old_calls
        ]
    assert new == vary(turns, random.Random(seed))


def test_one_story_with_other_values(exemplar: list[dict[str, Any]]):
    new = vary(exemplar, random.Random(4))
    user, order = json.loads(new[2]["content"]), json.loads(new[3]["content"])
    first, last = user["name"]["first_name"], user["name"]["last_name"]
    assert "Sofia" not in json.dumps(new) and "sofia" not in json.dumps(new) and "1234567" not in json.dumps(new)
    assert re.fullmatch(rf"{first}_{last}_[0-9]{{4}}".lower(), user["user_id"])
    assert user["email"] == f"{first}.{last}7@mail.example".lower()
    assert f"my name is {first} {last}, user id {user['user_id']}." in new[0]["content"]
    assert f"Let me look, {first}." == new[1]["content"]
    assert new[1]["tool_calls"][0]["arguments"]["user_id"] == order["user_id"] == user["user_id"]
    assert new[6]["tool_calls"][0]["arguments"]["order_id"] == order["order_id"]
    assert f"order {order['order_id']}?" in new[0]["content"]
    placed = date.fromisoformat(order["placed"])
    told = f"on {placed:%B} {placed.day}, {placed.year} for ${order['total']:,.2f} and"
    assert told in new[4]["content"]
    assert sum(item["price"] for item in order["items"]) == pytest.approx(order["total"])
    assert f"${user['balance']}" in new[5]["content"] and user["balance"] != 105
    assert new[7] == exemplar[7]


def test_names_of_tools_keys_and_protected_values_stay(exemplar: list[dict[str, Any]]):
    new = vary(exemplar, random.Random(1), {"#W1234567", "W1234567", "pending"})
    assert "#W1234567" in new[0]["content"]
    for old, varied in zip(exemplar, new, strict=True):
        for call, other in zip(old.get("tool_calls", []), varied.get("tool_calls", []), strict=True):
            assert call["name"] == other["name"] and list(call["arguments"]) == list(other["arguments"])
    assert json.loads(new[3]["content"])["status"] == "pending"
    assert new[6]["tool_calls"][0]["arguments"]["reason"] == "no longer needed"


@pytest.mark.parametrize(
    "text",
    [
        "Call me at 16:30, gate B12, 3 bags, 50 %, in 2024, v2.0",
        "May I ask? I will mark it in march.",
        "2024-02-30 and 9999-12-31 and 2024-05",
        "10.0.0.1, 500mg, 1715753412, \x1b[31m[bold]$name{x}%s",
        "日本語 مرحبا 🙂",
        "",
    ],
)
def test_what_is_not_recognised_stays(text: str):
    assert vary([{"role": "user", "content": text}], random.Random(2)) == [{"role": "user", "content": text}]


def test_a_name_that_is_also_a_word_stays():
    text = "My name is Will Frost and I will wait, Will said."
    assert "Will" in vary([{"role": "user", "content": text}], random.Random(2))[0]["content"]


def test_ids_without_digits_are_known_by_their_key():
    call = {"name": "get_trip", "arguments": {"trip_id": "UHDAHF"}}
    turns = [{"role": "assistant", "content": "Trip UHDAHF, PLEASE wait.", "tool_calls": [call]}]
    new = vary(turns, random.Random(3))[0]
    code = new["tool_calls"][0]["arguments"]["trip_id"]
    assert re.fullmatch("[A-Z]{6}", code) and code != "UHDAHF"
    assert new["content"] == f"Trip {code}, PLEASE wait."


def test_days_of_no_year_stay_put_and_ordinals_follow():
    days = Days(random.Random(1), 2024, day_first=False)
    days.shift = timedelta(weeks=1)
    assert days.spoken("May 23rd") == "May 30th"
    assert days.spoken("31st of May, 2024") == "7th of June, 2024"
    assert days.spoken("Feb 31") == "Feb 31"
    assert days.move(9999, 12, 31) is None and days.move(2024, 13, 1) is None


def test_scale_keeps_the_writing():
    from decimal import Decimal

    assert [scale(text, Decimal("1.5")) for text in ("2", "4.50", "1,000.00", "950")] == [
        "3",
        "6.75",
        "1,500.00",
        "1425",
    ]


def test_pieces_of_json_know_their_keys():
    found = pieces('{"a": {"b": [1, "x\\u00e9"]}, "c": -2.5e3}')
    assert [(p.kind, p.text, p.keys) for p in found if p.kind != "key"] == [
        ("number", "1", ("b", "b")),
        ("string", "xé", ("b", "b")),
        ("number", "-2.5e3", ("c", "")),
    ]


def test_real_traces_keep_their_form(real_data: Path):
    def plain(turn: dict[str, Any]) -> dict[str, Any]:
        calls = [call["function"] for call in turn.get("tool_calls") or ()]
        made = [{"name": call["name"], "arguments": json.loads(call["arguments"])} for call in calls]
        return {"role": turn["role"], "content": turn.get("content"), "tool_calls": made}

    rows = json.loads((real_data / "tau_airline_gpt4o.json").read_text())[:30]
    for number, row in enumerate(rows):
        turns = [plain(turn) for turn in row["traj"][1:]]
        new = vary(turns, random.Random(number))
        assert [turn["role"] for turn in new] == [turn["role"] for turn in turns]
        assert [is_json(turn["content"]) for turn in new] == [is_json(turn["content"]) for turn in turns]
        users = set(re.findall(r"\b[a-z]+_[a-z]+_[0-9]{4}\b", json.dumps(turns)))
        assert not any(user in json.dumps(new) for user in users)
