"""Every rule: an input that is clean for it, one that is broken, what it finds, and what it repairs."""

import json
from typing import Any, NamedTuple

import pytest

from simia_tui import checks
from simia_tui.model import Finding, Severity, ToolCall, ToolSpec, Trajectory, Turn

BOOK = ToolSpec(
    name="book_seat",
    parameters={
        "type": "object",
        "properties": {
            "seat": {"type": "string", "enum": ["window", "aisle"]},
            "count": {"type": "integer"},
            "guests": {"type": "array", "items": {"type": "object", "properties": {"age": {"type": "integer"}}}},
        },
        "required": ["seat"],
    },
)
GET = ToolSpec(
    name="get_seat",
    parameters={"type": "object", "properties": {"seat_id": {"type": "string"}}, "additionalProperties": False},
)
PING = ToolSpec(name="ping", parameters={"type": "object", "properties": {}})
ODD = ToolSpec(name="odd", parameters={"type": "dict"})
TOOLS = (BOOK, GET, PING, ODD)


def user(text: str = "Hello.") -> Turn:
    return Turn(role="user", content=text)


def says(text: str | None = "Done.", *calls: ToolCall, reasoning: str | None = None) -> Turn:
    return Turn(role="assistant", content=text, tool_calls=calls, reasoning=reasoning)


def seen(text: str = "ok", error: bool = False, call_id: str | None = None) -> Turn:
    return Turn(role="tool", content=text, is_error=error, call_id=call_id)


def call(name: str = "book_seat", raw: str | None = None, **arguments: Any) -> ToolCall:
    return ToolCall(name=name, arguments=None if raw is not None else arguments, raw=raw)


def visit(*middle: Turn, tools: tuple[ToolSpec, ...] = TOOLS) -> Trajectory:
    return Trajectory(turns=(user(), *middle, says()), tools=tools)


def with_call(made: ToolCall, tools: tuple[ToolSpec, ...] = TOOLS) -> Trajectory:
    return visit(says(None, made), seen(), tools=tools)


def reads(*steps: tuple[str, dict[str, Any], str, bool]) -> Trajectory:
    turns = [
        turn
        for name, arguments, text, error in steps
        for turn in (says(None, ToolCall(name=name, arguments=arguments)), seen(text, error))
    ]
    return visit(*turns, tools=())


class Row(NamedTuple):
    rule: str
    clean: Trajectory
    broken: Trajectory
    turn: int | None
    severity: Severity
    says: str
    repaired: Any = None
    hints: dict[str, Any] = {}


INFO, WARNING, ERROR = Severity.INFO, Severity.WARNING, Severity.ERROR
GOOD = call(seat="window", count=1)
SEAT = {"seat_id": "s1"}
FREE, TAKEN = '{"seat_id": "s1", "state": "free"}', '{"seat_id": "s1", "state": "taken"}'

ROWS = [
    Row(
        "text.think-moved",
        visit(says("Well.", reasoning="why"), user()),
        visit(says("A <think>né</think>b", reasoning="why"), user()),
        1,
        WARNING,
        "<think>",
        says("A b", reasoning="why\n\nné"),
    ),
    Row(
        "text.think-tag",
        visit(says("Write `<think>` first."), user()),
        visit(says("why</think> Yes."), user()),
        1,
        ERROR,
        "</think>",
    ),
    Row(
        "text.tool-markup",
        visit(says("Ask HUMAN: no."), user()),
        visit(says("<tool_call>{}"), user()),
        1,
        ERROR,
        "<tool_call>",
    ),
    Row(
        "text.simulator-leak",
        visit(says("a <request> b"), user()),
        visit(says("So\n</exemplar>\n"), user()),
        1,
        ERROR,
        "</exemplar>",
    ),
    Row(
        "call.text-repaired",
        with_call(GOOD),
        with_call(call("", raw='```json\n{"name": "book_seat", "arguments": {"seat": "aisle"}}\n```')),
        1,
        WARNING,
        'read as "book_seat" with {"seat": "aisle"}',
        {"seat": "aisle"},
    ),
    Row(
        "call.double-encoded",
        with_call(GOOD),
        with_call(call(raw='"{\\"seat\\": \\"aisle\\"}"')),
        1,
        WARNING,
        "inside a string",
        {"seat": "aisle"},
    ),
    Row(
        "call.arguments-repaired",
        with_call(GOOD),
        with_call(call(raw="Sure: {'seat': 'aisle',}")),
        1,
        WARNING,
        "not valid JSON",
        {"seat": "aisle"},
    ),
    Row(
        "call.arguments-wrapped",
        with_call(GOOD),
        with_call(call(parameters={"seat": "aisle"})),
        1,
        WARNING,
        '"parameters"',
        {"seat": "aisle"},
    ),
    Row(
        "call.arguments-blank", with_call(call("ping")), with_call(call("ping", raw=" ")), 1, WARNING, "needs none", {}
    ),
    Row(
        "call.integer-normalised",
        with_call(call(seat="window", guests=[{"age": 3}])),
        with_call(call(seat="window", guests=[{"age": 3.0}])),
        1,
        INFO,
        "integers",
        {"seat": "window", "guests": [{"age": 3}]},
    ),
    Row(
        "call.argument-normalised",
        with_call(GOOD),
        with_call(call(seat="window", guests=[{"age": 1, "card": "cc_7"}]), tools=(BOOK,)),
        1,
        WARNING,
        '"cc_7" became "credit_card_7"',
        {"seat": "window", "guests": [{"age": 1, "card": "credit_card_7"}]},
        {"arguments": {"guests.card": {"aliases": {"cc_": "credit_card_"}}}},
    ),
    Row("call.arguments-unparsable", with_call(GOOD), with_call(call(raw='{"seat": "ai')), 1, ERROR, "cannot be read"),
    Row(
        "call.lost",
        with_call(GOOD).replace(meta={"lost_calls": 0}),
        with_call(ToolCall(name="")).replace(meta={"lost_calls": 1}),
        1,
        INFO,
        "did not keep its calls: 1 call is blank",
    ),
    Row("call.no-schema", visit(tools=()), with_call(GOOD, tools=()), 1, INFO, "declares no tools"),
    Row("call.unknown-tool", with_call(GOOD), with_call(call("book_seats")), 1, ERROR, '"book_seat" is'),
    Row("call.bad-schema", with_call(GOOD), with_call(call("odd")), 1, WARNING, '"odd"'),
    Row("call.missing-argument", with_call(GOOD), with_call(call(count=1)), 1, ERROR, 'argument "seat" is missing'),
    Row("call.unknown-argument", with_call(GOOD), with_call(call(seat="aisle", x=1)), 1, ERROR, 'no argument "x"'),
    Row("call.bad-value", with_call(GOOD), with_call(call(seat="roof")), 1, ERROR, 'one of "window", "aisle"'),
    Row(
        "call.argument-form",
        with_call(GOOD),
        with_call(call(seat="aisle")),
        1,
        ERROR,
        '"seat" ("aisle") is not one of "window"',
        hints={"arguments": {"book_seat:seat": {"options": ["window"]}, "seat": {"options": ["none"]}}},
    ),
    Row("turn.none", visit(), Trajectory(turns=(user(),)), None, ERROR, "no assistant"),
    Row(
        "turn.starts-without-user",
        visit(),
        Trajectory(turns=(says(None, GOOD), seen(), user())),
        0,
        WARNING,
        "begins with the assistant",
    ),
    Row("turn.order", visit(), visit(says()), 2, WARNING, "The assistant follows the assistant"),
    Row("turn.empty", visit(), visit(says("  "), user()), 1, WARNING, "is empty"),
    Row("turn.ends-open", visit(), visit().with_turns((user(), says(), user())), 2, INFO, "ends with the user"),
    Row("call.unanswered", with_call(GOOD), visit(says(None, GOOD), user()), 1, ERROR, "no observation"),
    Row("observation.orphan", with_call(GOOD), visit(seen()), 1, ERROR, "answers no call"),
    Row(
        "state.read-changed",
        reads(("get_seat", SEAT, FREE, False), ("take_seat", {}, "ok", False), ("get_seat", SEAT, TAKEN, False)),
        reads(("get_seat", SEAT, FREE, False), ("get_seat", SEAT, TAKEN, False)),
        4,
        WARNING,
        "turn 2",
    ),
    Row(
        "observation.unlike-error",
        reads(("take_seat", SEAT, "ok", False), ("take_seat", SEAT, "taken", True)),
        reads(("take_seat", SEAT, "busy", True), ("take_seat", SEAT, "ok", False)),
        2,
        WARNING,
        "works in turn 4",
    ),
    Row(
        "observation.denies-known",
        reads(("list_seats", {}, f"[{FREE}]", False), ("get_seat", {"seat_id": "s2"}, "not found", True)),
        reads(("get_seats", SEAT, FREE, False), ("get_seat", SEAT, "seat not found", True)),
        4,
        WARNING,
        "which turn 2 shows",
    ),
    Row(
        "observation.outage",
        reads(("get_seat", SEAT, "Error: seat 503 is in no row", True)),
        reads(("get_seat", SEAT, "Error: service unavailable", True)),
        2,
        WARNING,
        "unavailable",
    ),
    Row(
        "observation.unlisted-error",
        reads(("get_seat", SEAT, "Error: Seat s1 is not for sale", True)),
        reads(("get_seat", SEAT, "Error: The seat is asleep", True)),
        2,
        WARNING,
        "The seat is asleep",
        hints={"checks": {"errors_complete": True}, "errors": [{"text": "Seat {seat_id} is not for sale"}]},
    ),
    Row(
        "state.write-lost",
        reads(("get_seat", SEAT, FREE, False), ("set_seat", {**SEAT, "state": "TAKEN"}, TAKEN, False)),
        reads(("get_seat", SEAT, FREE, False), ("set_seat", {**SEAT, "state": "taken"}, FREE, False)),
        4,
        WARNING,
        '"set_seat" set "state" of seat_id s1 to "taken" and its own answer shows "free"',
    ),
    Row(
        "state.status-back",
        reads(("take_seat", SEAT, FREE, False), ("take_seat", {}, TAKEN, False)),
        reads(("take_seat", SEAT, TAKEN, False), ("free_seat", {}, FREE, False)),
        4,
        WARNING,
        'goes back from "taken" in turn 2 to "free"',
        hints={"status": [{"of": "seat_id", "field": "state", "order": [["free"], ["held", "taken"]]}]},
    ),
    Row(
        "state.total",
        reads(("get_bill", {}, '{"bill_id": "b", "sum": 0.3, "items": [{"price": 0.1}, {"price": 0.2}]}', False)),
        reads(("get_bill", {}, '{"bill_id": "b", "sum": 3, "items": [{"price": 1}, {"price": 2.5}]}', False)),
        2,
        WARNING,
        '"sum" of bill_id b is 3, but its items come to 3.5',
        hints={"totals": [{"of": "bill_id", "total": "sum", "parts": "items.price"}]},
    ),
    Row(
        "observation.wrong-sum",
        reads(("calculate", {"expression": "(404 + 202) * 3 - 1/3"}, "1817.67", False)),
        reads(("calculate", {"expression": "(404 + 202) * 3"}, "1812", False)),
        2,
        WARNING,
        "(404 + 202) * 3 is 1818.0, not 1812",
    ),
    Row(
        "call.unfounded-id",
        visit(user("My seat is W-77 x."), says(None, call("get_seat", seat_id="#w77X")), seen("{}")),
        visit(says("Yours is W-77."), says(None, call("get_seat", seat_id="W-77")), seen("{}")),
        2,
        WARNING,
        'no one gave the id "W-77" of "seat_id"',
    ),
    Row(
        "call.not-announced",
        visit(says("I will call the function `get_seat` now.", call("get_seat")), seen("{}")),
        visit(says(None, call("ping"), reasoning="Need it. I will use the get_seat tool."), seen("{}")),
        1,
        WARNING,
        'announces "get_seat" but calls "ping"',
    ),
    Row(
        "limit.rounds",
        visit(says(), user()),
        visit(says(), user(), says(), user()),
        5,
        WARNING,
        "takes 3 turns, and the environment allows 2",
        hints={"limits": {"rounds": 2}},
    ),
    Row(
        "limit.single-line",
        visit(says("one\ntwo"), user(), says("one line\n", GOOD), seen()),
        visit(says(None, GOOD, reasoning="one\ntwo"), seen()),
        1,
        ERROR,
        "The reasoning beside the action",
        hints={"limits": {"single_line": True}},
    ),
    Row(
        "limit.repeats",
        reads(("ping", {}, "", False), ("ping", {}, "", False), ("ping", {"a": 1}, "", False)),
        reads(("ping", {}, "", False), ("ping", {}, "", False), ("ping", {}, "", False)),
        6,
        WARNING,
        "3 times in a row",
        hints={"limits": {"repeats": 3}},
    ),
    Row(
        "data.secret",
        visit(says("Your key begins with sk- as always."), user()),
        visit(says("Use sk-proj-abcdefghijklmnopqrstuvwx."), user()),
        1,
        ERROR,
        "looks like an api key",
    ),
    Row(
        "data.personal",
        visit(says("Write to ada@example.com, order 4111 1111 1111 1112."), user()),
        visit(says("Card 4539 1488 0343 6467, thanks."), user()),
        1,
        WARNING,
        "payment card number",
    ),
    Row(
        "data.evaluation-task",
        visit(user("You want the window seat in row three")),
        visit(user("You want the window seat in row three of the early train, and you are Ada.")),
        None,
        ERROR,
        "of the evaluation task trains/3",
        hints={
            "evaluation": [
                {"name": "trains/3", "text": "You want the window seat in row three of the early train now."}
            ]
        },
    ),
]


def of(rule: str, findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.rule == rule]


def test_the_table_has_a_row_for_every_rule() -> None:
    assert sorted(row.rule for row in ROWS) == sorted(checks.RULES)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.rule)
def test_clean_input_gives_no_finding(row: Row) -> None:
    result, findings = checks.run(row.clean, hints=checks.Hints.of(row.hints))
    assert of(row.rule, findings) == []
    assert result == row.clean


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.rule)
def test_broken_input_is_found(row: Row) -> None:
    hints = checks.Hints.of(row.hints)
    result, findings = checks.run(row.broken, hints=hints)
    (finding,) = of(row.rule, findings)
    assert (finding.turn, finding.severity) == (row.turn, row.severity)
    assert row.says in finding.message
    assert finding.repaired == (row.repaired is not None) == checks.RULES[row.rule].repairs
    if row.repaired is None:
        assert result == row.broken
    elif isinstance(row.repaired, Turn):
        assert result.turns[1] == row.repaired
        assert finding.before == row.broken.turns[1].content
    else:
        repaired = result.turns[1].tool_calls[0]
        assert repr(repaired.arguments) == repr(row.repaired)
        assert repaired.raw is not None
        again, left = checks.run(result, hints=hints)
        assert again == result
        assert not any(finding.repaired for finding in left)


def test_every_rule_gives_its_reason_in_one_sentence() -> None:
    for rule in checks.RULES.values():
        assert rule.why.endswith(".") and rule.why.count(". ") == 0


def test_a_greeting_before_the_user_speaks_is_worth_a_remark_and_no_more() -> None:
    _, findings = checks.run(Trajectory(turns=(says("How can I help you?"), user(), says())))
    assert [(finding.rule, finding.severity) for finding in findings] == [("turn.starts-without-user", INFO)]


def test_an_empty_rank_stands_for_nothing_so_that_what_was_cancelled_cannot_stand_again() -> None:
    order = {"of": "trip_id", "field": "status", "order": [["", "held"], ["cancelled"]]}
    seat = {"trip_id": "t1"}
    null, void, bare = (
        '{"trip_id": "t1", "status": null}',
        '{"trip_id": "t1", "status": "Cancelled"}',
        '{"trip_id": "t1"}',
    )
    told = reads(
        ("get_trip", seat, bare, False),
        ("get_trip", seat, null, False),
        ("cancel_trip", seat, void, False),
        ("list_trips", {}, f"[{bare}]", False),
    )
    hints = checks.Hints.of({"status": [order]})
    assert of("state.status-back", checks.run(told, hints=hints)[1]) == []
    for again in (null, bare):
        back = reads(
            ("cancel_trip", seat, void, False), ("pay_trip", seat, "ok", False), ("get_trip", seat, again, False)
        )
        (finding,) = of("state.status-back", checks.run(back, hints=hints)[1])
        assert 'goes back from "Cancelled" in turn 2 to null' in finding.message


def test_what_a_write_shows_of_a_thing_is_there_at_the_next_look_down_to_its_lists() -> None:
    def trip(*legs: str) -> str:
        return json.dumps({"trip_id": "t1", "legs": [{"leg": leg} for leg in legs]})

    seat = {"trip_id": "t1"}
    kept = reads(("add_leg", seat, trip("a", "b"), False), ("get_trip", seat, trip("a", "b"), False))
    assert of("state.read-changed", checks.run(kept)[1]) == []
    lost = reads(("add_leg", seat, trip("a", "b"), False), ("get_trip", seat, trip("a"), False))
    (finding,) = of("state.read-changed", checks.run(lost)[1])
    assert '"legs" of trip_id t1 is' in finding.message
    parts = reads(("get_trip", seat, trip("a"), False), ("find_trip", seat, trip("b"), False))
    assert of("state.read-changed", checks.run(parts)[1]) == []


@pytest.mark.parametrize(
    ("said", "id", "founded"),
    [
        ("It is order 9502127.", "#W9502127", True),
        ("It is order 9502127!", "W9502127", True),
        ("My card is gift_card_5634230.", "credit_card_5634230", False),
        ("I am at 1002 Main Street.", "L1002", False),
        ("It is order 19502127.", "#W9502127", False),
    ],
)
def test_an_id_may_be_given_without_the_sign_and_letter_that_all_of_its_kind_begin_with(
    said: str, id: str, founded: bool
) -> None:
    trajectory = visit(user(said), says(None, call("get_seat", seat_id=id)), seen("{}"))
    assert (of("call.unfounded-id", checks.run(trajectory)[1]) == []) is founded


@pytest.mark.parametrize(
    ("text", "outage"),
    [
        ("Command timed out", False),
        ("EXECUTION TIMED OUT", False),
        ("The request timed out", True),
        ("Timeout", True),
    ],
)
def test_a_command_that_runs_too_long_is_no_outage(text: str, outage: bool) -> None:
    _, findings = checks.run(reads(("ping", {}, text, True)))
    assert bool(of("observation.outage", findings)) is outage


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("I will call get_seat now.", True),
        ("First ping, then I will call get_seat.", False),
        ("I will not call get_seat yet.", False),
        ("Before calling get_seat I must know that the line is open.", False),
        ("I don't use get_seat here. I will use the book_seat tool.", True),
    ],
)
def test_a_tool_that_is_named_for_later_or_refused_is_not_announced(text: str, told: bool) -> None:
    _, findings = checks.run(visit(says(text, call("ping")), seen("{}")))
    assert bool(of("call.not-announced", findings)) is told


def test_a_boolean_is_no_integer() -> None:
    _, findings = checks.run(with_call(call(seat="aisle", count=True)))
    assert [finding.rule for finding in findings] == ["call.bad-value"]
    assert 'argument "count" is a boolean where an integer is asked for' in findings[0].message


def test_an_argument_unknown_to_an_inferred_schema_is_a_warning() -> None:
    inferred = BOOK.replace(extra={"inferred": True})
    _, findings = checks.run(with_call(call(seat="aisle", x=1), tools=(inferred,)))
    assert [(finding.rule, finding.severity) for finding in findings] == [("call.unknown-argument", WARNING)]


def test_a_schema_is_never_fetched() -> None:
    outside = ToolSpec(name="book_seat", parameters={"$ref": "file:///etc/hostname"})
    _, findings = checks.run(with_call(GOOD, tools=(outside,)))
    assert [finding.rule for finding in findings] == ["call.bad-schema"]


def test_given_tools_take_the_place_of_the_trajectory_s_own() -> None:
    trajectory = with_call(GOOD)
    assert of("call.unknown-tool", checks.run(trajectory, tools=(GET,))[1])
    assert of("call.no-schema", checks.run(trajectory, tools=())[1])


def test_hints_say_which_tools_write() -> None:
    steps = [("peek", SEAT, FREE, False), ("peek", SEAT, TAKEN, False)]
    rule = "state.read-changed"
    assert not of(rule, checks.run(reads(*steps))[1])
    assert of(rule, checks.run(reads(*steps), hints=checks.Hints.of({"checks": {"reads": ["peek"]}}))[1])


def test_a_field_that_changes_between_two_tools_is_found() -> None:
    trajectory = reads(
        ("list_seats", {}, '[{"seat_id": "s1", "row": 3, "price": 9.5}]', False), ("get_seat", SEAT, TAKEN, False)
    )
    assert not of("state.read-changed", checks.run(trajectory)[1])
    trajectory = reads(
        ("list_seats", {}, '[{"seat_id": "s1", "row": 3, "price": 9.5}]', False),
        ("get_seat", SEAT, '{"seat_id": "s1", "price": 8}', False),
    )
    (finding,) = of("state.read-changed", checks.run(trajectory)[1])
    assert finding.message == '"price" of seat_id s1 is 9.5 in turn 2 and 8 here, with no write between.'


def test_a_read_beside_a_write_is_not_compared() -> None:
    turns = (
        says(None, call("get_seat", **SEAT)),
        seen(FREE),
        says(None, call("get_seat", **SEAT), call("take_seat", **SEAT)),
        seen(TAKEN),
        seen("ok"),
    )
    assert not of("state.read-changed", checks.run(visit(*turns, tools=()))[1])


def test_parallel_calls_pair_by_id_in_any_order() -> None:
    first, second = (GOOD.replace(call_id=key) for key in ("a", "b"))
    swapped = visit(says(None, first, second), seen(call_id="b"), seen(call_id="a"))
    assert checks.run(swapped)[1] == []
    strange = visit(says(None, first), seen(call_id="z"))
    assert [f.rule for f in checks.run(strange)[1]] == ["call.unanswered", "observation.orphan"]


def test_a_simulated_user_may_hold_tools_of_its_own() -> None:
    turns = (
        Turn(role="user", tool_calls=(call("toggle_phone"),)),
        Turn(role="tool", content="on", requestor="user"),
        user("It is on now."),
    )
    trajectory = Trajectory(turns=(*turns, says()), tools=TOOLS)
    assert checks.run(trajectory)[1] == []


@pytest.mark.parametrize("raw", [None, ""])
def test_calls_that_the_source_lost_are_one_piece_of_news_and_no_error(raw: str | None) -> None:
    blank = ToolCall(name="", raw=raw)
    told = says("I will use the tool book_seat.", blank)
    turns = (user(), told, seen(), says("More.", blank, blank), seen(), seen(), says())
    dialogue = Trajectory(turns=turns, tools=TOOLS, meta={"lost_calls": 3})
    findings = checks.run(dialogue)[1]
    assert [(f.rule, f.severity, f.turn, f.call) for f in findings] == [("call.lost", INFO, 1, 0)]
    assert "3 calls are blank" in findings[0].message
    unsaid = checks.run(dialogue.replace(meta={}))[1]
    assert len(of("call.arguments-unparsable", unsaid)) == len(of("call.unknown-tool", unsaid)) == 3
    assert not of("call.lost", unsaid)


def test_a_call_with_a_name_is_judged_also_where_others_were_lost() -> None:
    turns = (user(), says("", ToolCall(name="")), seen(), says("", ToolCall(name="bok_seat")), seen(), says())
    findings = checks.run(Trajectory(turns=turns, tools=TOOLS, meta={"lost_calls": 1}))[1]
    assert [f.turn for f in of("call.unknown-tool", findings)] == [3]
    assert [f.turn for f in of("call.arguments-unparsable", findings)] == [3]


def test_only_the_agent_must_keep_to_the_declared_tools() -> None:
    toggle = call("toggle_data")
    scene = visit(user().replace(tool_calls=(toggle,)), seen().replace(requestor="user"))
    assert not of("call.unknown-tool", checks.run(scene)[1])
    assert of("call.unknown-tool", checks.run(visit(says("", toggle), seen()))[1])


def test_a_call_at_the_very_end_is_only_a_warning() -> None:
    trajectory = Trajectory(turns=(user(), says(None, GOOD)), tools=TOOLS)
    assert [(f.rule, f.severity) for f in checks.run(trajectory)[1]] == [("call.unanswered", WARNING)]


def test_a_rule_that_the_pack_switches_off_does_not_run() -> None:
    broken = visit(says("why</think> Yes."), user())
    off = checks.Hints.of({"rules": {"off": ["text.think-tag"]}})
    assert of("text.think-tag", checks.run(broken)[1])
    assert checks.run(broken, hints=off)[1] == []


def test_a_call_that_the_tool_refused_keeps_its_wrong_value() -> None:
    hints = checks.Hints.of({"arguments": {"seat_id": {"prefix": "#", "form": "#s[0-9]"}}})
    refused = reads(("get_seat", SEAT, "Error: seat not found", True))
    result, findings = checks.run(refused, hints=hints)
    assert result == refused
    assert [(f.rule, f.severity) for f in findings] == [("call.no-schema", INFO), ("call.argument-form", WARNING)]
    taken, findings = checks.run(reads(("get_seat", SEAT, FREE, False)), hints=hints)
    assert [f.rule for f in findings if f.repaired] == ["call.argument-normalised"]
    assert taken.turns[1].tool_calls[0].arguments == {"seat_id": "#s1"}


def test_a_write_is_forgotten_when_another_touches_the_thing() -> None:
    look, change = ("get_seat", SEAT, FREE, False), ("set_seat", {**SEAT, "state": "taken"}, "ok", False)
    rule = "state.write-lost"
    assert of(rule, checks.run(reads(look, change, look))[1])
    assert of(rule, checks.run(reads(look, change, ("note_seat", {"seat_id": "s2"}, "ok", False), look))[1]) == []
    for between in (("free_seat", SEAT, "ok", False), ("free_all", {}, "ok", False)):
        assert not of(rule, checks.run(reads(look, change, between, look))[1])
    refused = ("set_seat", {**SEAT, "state": "taken"}, "no", True)
    assert not of(rule, checks.run(reads(look, refused, look))[1])
    added = ("add_seat", {**SEAT, "state": "taken"}, "ok", False)
    assert not of(rule, checks.run(reads(look, added, look))[1])


@pytest.mark.parametrize("expression", ["2 ** 9", "1e3", "(1", "7 apples", "1,000 + 1", "1/0", "٣+1"])
def test_a_sum_that_cannot_be_worked_out_is_not_judged(expression: str) -> None:
    assert not of("observation.wrong-sum", checks.run(reads(("calculate", {"expression": expression}, "3", False)))[1])
