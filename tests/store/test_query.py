"""Filter lines: what each field finds, what a wrong one is told, and lines that read back as they were written."""

import sqlite3
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import make_trajectory

from simia_tui.errors import UsageError
from simia_tui.model import Fault, Finding, Opinion, Point, Screening, Severity, Turn
from simia_tui.store import New, Query, decisions, screenings, trajectories
from simia_tui.store.fields import FIELDS, ORDERS, escape, split
from simia_tui.store.query import Term
from simia_tui.store.screenings import Screened

DAY = 86_400


@pytest.fixture
def five(db: sqlite3.Connection) -> list[int]:
    """Seeds that differ in all that can be filtered by."""
    warned = Finding(rule="text.stale", severity=Severity.WARNING, message="m")
    long = make_trajectory("long").with_turns(tuple(Turn(role="user", content="word " * 500) for _ in range(3)))
    news = [
        New(t := make_trajectory("first", meta={"reward": 1}), t),
        New(t := make_trajectory("second", meta={"score": 0.25}), t, [warned]),
        New(t := long, t),
        New(t := make_trajectory("fourth"), t),
        New(t := make_trajectory("fifth", domain="a,b c"), t),
    ]
    pks = trajectories.add(db, news).pks
    decisions.decide(db, pks[:1], "reject", "ann", Fault.TOOL_SIMULATOR, "why")
    decisions.decide(db, pks[1:2], "reject", "bob")
    decisions.decide(db, pks[2:3], "approve", "bob")
    body = trajectories.get(db, pks[3])
    decisions.edit(db, pks[3], body.with_turns((*body.turns, Turn(role="user", content="x"))), [], "ann")
    db.execute("UPDATE trajectories SET created = ? WHERE pk = ?", (time.time() - 10 * DAY, pks[4]))
    return pks


@pytest.mark.parametrize(
    ("line", "places"),
    [
        ("fault:tool-simulator", [0]),
        ('fault:"tool simulator",agent', [0]),
        ("fault:none", [1]),
        ("-fault:none", [0, 2, 3, 4]),
        ("status:rejected -fault:tool-simulator", [1]),
        ("status:approved,pending", [2, 3, 4]),
        ("status:pending status:approved", []),
        ("-status:pending -status:approved", [0, 1]),
        ("rule:text.stale,other", [1]),
        ("-rule:text.stale", [0, 2, 3, 4]),
        ("reviewer:ann", [0, 3]),
        ("reviewer:bob -has:finding", [2]),
        ("has:edit", [3]),
        ("has:edit,note", [0, 3]),
        ("-has:edit -has:note", [1, 2, 4]),
        ("score:1", [0]),
        ("score:>0.2", [0, 1]),
        ("score:..0.5", [1]),
        ("-has:score", [2, 3, 4]),
        ("length:>800", [2]),
        ("length:<=800,1500", [0, 1, 2, 3, 4]),
        ("turns:3", [2]),
        ("turns:4..5", [0, 1, 3, 4]),
        ("turns:4,5.. -first", [1, 3, 4]),
        ("date:today", [0, 1, 2, 3]),
        ("date:>7d", [4]),
        ("date:<1w fourth", [3]),
        ("date:..yesterday", [4]),
        ("domain:'a\\,b c'", [4]),
        ("-domain:library", [4]),
        ("model:gpt", []),
        ("-first -second", [2, 3, 4]),
        ("fault:none order:newest", [1]),
    ],
)
def test_each_field_finds_what_it_says(db: sqlite3.Connection, five: list[int], line: str, places: list[int]) -> None:
    query = Query.parse("seed", line)
    assert list(trajectories.ids(db, query)) == [five[place] for place in places]
    assert trajectories.count(db, query) == len(places)
    assert list(trajectories.ids(db, Query.parse("seed", query.line()))) == list(trajectories.ids(db, query))


def test_a_seed_scores_as_many_questions_as_it_passed(db: sqlite3.Connection, five: list[int]) -> None:
    yes, no = Point(passed=True), Point(passed=False)
    verdicts = {
        2: Screening(opinion=Opinion.FAIL, completeness=yes, logic=no, format=yes),
        3: Screening(opinion=Opinion.ERROR),
        4: Screening(opinion=Opinion.PASS, completeness=yes, logic=yes, format=yes),
    }
    for place, verdict in verdicts.items():
        (row,) = trajectories.rows(db, [five[place]])
        screenings.add(db, [Screened(five[place], row.revision, "sha", verdict)])
    found = {line: list(trajectories.ids(db, Query.parse("seed", line))) for line in ("score:0.6..0.7", "score:1")}
    assert found == {"score:0.6..0.7": [five[2]], "score:1": [five[0], five[4]]}
    assert five[3] not in trajectories.ids(db, Query.parse("seed", "score:>=0"))


def test_what_tells_most_for_its_words_comes_first(db: sqlite3.Connection, five: list[int]) -> None:
    order = list(trajectories.ids(db, Query(kind="seed", order="information")))
    assert order[0] == five[1], "the rules warn of it, and it is short"
    assert order[-1] == five[2], "nothing is to be learnt, in 1,500 words"
    (row,) = trajectories.rows(db, [five[4]])
    screenings.add(db, [Screened(five[4], row.revision, "sha", Screening(opinion=Opinion.FAIL))])
    assert list(trajectories.ids(db, Query(kind="seed", order="information")))[:2] in (
        [five[1], five[4]],
        [five[4], five[1]],
    )


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("status:done", "status: has no value 'done'; it knows pending, approved, rejected, flagged"),
        ("-status:pending,done", "'done'"),
        ("fault:me", "tool-simulator"),
        ("length:long", ">800"),
        ("length:..", "100..300"),
        ("score:nan", "from 0 to 1"),
        ("date:soon", "2026-11-01.."),
        ("date:2026-13-01", "yesterday"),
        ("date:<99999999999d", "an age"),
        ("has:wings", "edit, note"),
        ("job:x", "number of a job"),
        ("sample:1,2", "number of a certificate"),
        ("order:random", "information"),
        ("-order:newest", "order"),
        ("job:99999999999999999999", "number of a job"),
        ("length:>99999999999999999999", ">800"),
        ("turns:3..99999999999999999999", "100..300"),
        ("ruel:call.json", "There is no filter ruel:; did you mean rule:? Quotes"),
        ("colour:red", "There is no filter colour:; there are status,"),
        ("tool:", "tool: wants a value; it knows the name of a tool"),
        ("rule:,", "rule"),
    ],
)
def test_a_wrong_line_is_one_sentence_that_names_what_is_possible(line: str, told: str) -> None:
    with pytest.raises(UsageError) as problem:
        Query.parse("seed", line)
    assert told in str(problem.value) and "\n" not in str(problem.value)


@pytest.mark.parametrize(
    "line", ["12:30", "http://example.org/a:b", "note: done", "a - b", '"colour:red"', "-", "it's"]
)
def test_words_that_only_look_like_fields_are_searched(line: str) -> None:
    query = Query.parse("seed", line)
    assert query.text and not query.also and Query.parse("seed", query.line()) == query


_NAMES = st.text(alphabet="ab:-,'\" \\.>", min_size=1, max_size=8).filter(lambda text: text.strip(",") != "")
_TERMS = st.builds(Term, st.sampled_from(["rule", "tool", "domain", "model", "reviewer"]), _NAMES, st.booleans())


@given(text=st.text(max_size=40), status=st.sampled_from([None, "pending", "approved,flagged"]), terms=st.lists(_TERMS))
def test_a_line_reads_back_as_the_query_it_was_written_from(text: str, status: str | None, terms: list[Term]) -> None:
    # A line without control characters: the field of a terminal takes no others.
    words = " ".join("".join(c for c in text if c.isprintable()).split()) or None
    query = Query(kind="seed", status=status, text=words)
    for term in terms:
        if getattr(query, term.name) is None and not term.negated and not query.also:
            query = query.but(**{term.name: term.value})
        else:
            query = query.but(also=(*query.also, term._replace(negated=True)))
    again = Query.parse("seed", query.line())
    assert again == query or (again.source() == query.source() and again.text == query.text)


@given(st.lists(st.text(min_size=1, max_size=6).filter(lambda text: "\\" not in text), min_size=1))
def test_a_list_with_commas_gives_back_its_values(values: list[str]) -> None:
    assert split(",".join(map(escape, values))) == values


@given(st.text(max_size=60))
def test_no_line_breaks_the_parser(line: str) -> None:
    try:
        query = Query.parse(None, line)
    except UsageError:
        return
    assert query.order in ORDERS


@pytest.mark.parametrize("line", ["length:>800", "turns:5", "date:<7d", "fault:agent", "score:>0.5 length:<9", ""])
def test_figures_are_read_from_one_narrow_index(db: sqlite3.Connection, line: str) -> None:
    source, values = Query.parse("episode", line).source()
    plan = str(db.execute(f"EXPLAIN QUERY PLAN SELECT t.pk FROM {source}", values).fetchall())
    assert "INDEX trajectories_by_" in plan and "SCAN t" not in plan


def test_every_field_is_one_of_the_query(db: sqlite3.Connection) -> None:
    assert set(FIELDS) <= set(Query.__dataclass_fields__)


@pytest.mark.parametrize("order", ORDERS)
def test_words_give_the_same_rows_in_every_order(db: sqlite3.Connection, order: str) -> None:
    texts = ("a refund please", "a loan", "refund the refund", "no refund")
    pks = trajectories.add(db, [New(body := make_trajectory(text), body) for text in texts]).pks
    decisions.decide(db, [pks[3]], "approve", "ann")
    query = Query(kind="seed", order=order, status="pending")
    found = trajectories.ids(db, query.but(text="refund"))
    assert list(found) == [pk for pk in trajectories.ids(db, query) if pk in (pks[0], pks[2])]
    assert trajectories.count(db, query.but(text="refund")) == 2
