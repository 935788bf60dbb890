"""Import, export, import: what a trajectory holds comes back, whatever its text looks like."""

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from simia_tui import formats
from simia_tui.errors import UsageError
from simia_tui.formats.openai_chat import OpenAIChat
from simia_tui.formats.pairing import Draft, DraftCall, link
from simia_tui.formats.sharegpt_hermes import ShareGPTHermes
from simia_tui.model import ToolSpec, Trajectory

HOSTILE = {
    "terminal escapes": "\x1b[31mred\x1b[0m \x1b]52;c;aGk=\x07 \x9b2J \x08\x08",
    "markup": "[bold red]x[/] [@click=app.quit]quit[/] [link=file:///etc/passwd]y[/link] \\[z]",
    "templates": "{{ 7*7 }} {% raw %} ${HOME} %(x)s {0} $name ../../etc/passwd =1+1",
    "long": "word " * 200_000,
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈 e\u0301",
    "right to left": "\u202eabc\u202c שלום مرحبا \u200f\u2066x\u2069",
    "NUL": "a\x00b",
    "separators": "a\u2028b\u2029c\u0085d\r\ne\x0bf\x0cg\ufeff",
    "blank": "   \n\t",
    "empty": "",
}


def hostile(text):
    return {
        "messages": [
            {"role": "system", "content": f"policy {text}"},
            {"role": "user", "content": text},
            {
                "role": "assistant",
                "content": text,
                "tool_calls": [
                    {"id": "x", "type": "function", "function": {"name": "f", "arguments": json.dumps({"a": text})}},
                    {"id": "x", "type": "function", "function": {"name": "g", "arguments": text}},
                ],
            },
            {"role": "tool", "tool_call_id": "x", "content": text},
            {"role": "tool", "tool_call_id": "x", "content": None},
            {"role": "assistant", "content": None},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "description": text, "parameters": {"title": text}}}],
    }


@pytest.mark.parametrize("kind", list(HOSTILE))
def test_hostile_text_survives_import_export_import(read_one, kind):
    row = hostile(HOSTILE[kind])
    first = read_one(row)
    assert first.policy == row["messages"][0]["content"]
    assert [turn.content for turn in first.turns] == [message["content"] for message in row["messages"][1:]]
    assert first.turns[1].tool_calls[0].arguments == {"a": HOSTILE[kind]}
    assert first.turns[1].tool_calls[1].raw == HOSTILE[kind]
    assert [turn.call_id for turn in first.turns[2:4]] == ["x", "x#2"]
    again = read_one(formats.write_openai(first))
    assert again == first
    assert again.id == first.id


@pytest.mark.parametrize("kind", list(HOSTILE))
def test_hostile_text_stands_unchanged_in_rows_for_trainers(kind):
    text = HOSTILE[kind]
    trajectory = OpenAIChat().read_record(hostile(text))
    trl = json.loads(json.dumps(formats.write_trl(trajectory), ensure_ascii=False))
    assert [message["content"] for message in trl["messages"]] == [f"policy {text}", text, text, text, "", ""]
    assert trl["messages"][2]["tool_calls"][0]["function"]["arguments"] == {"a": text}
    hermes = json.loads(json.dumps(formats.write_sharegpt_hermes(trajectory), ensure_ascii=False))
    assert text in hermes["conversations"][1]["value"]
    assert text in hermes["conversations"][2]["value"]


def test_the_real_file_comes_back_through_openai_rows(real_data, tmp_path):
    before = [row.trajectory for row in formats.read(real_data / "tau_airline_gpt4o.json")]
    out = tmp_path / "rows"
    rows = (json.dumps(formats.write_openai(trajectory), ensure_ascii=False) for trajectory in before)
    out.write_text("\n".join(rows), encoding="utf-8")
    assert [row.trajectory.id for row in formats.read(out)] == [trajectory.id for trajectory in before]


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
ARGUMENTS = st.dictionaries(TEXT, SCALAR | st.lists(SCALAR, max_size=2), max_size=2)
TOOLS = st.lists(
    st.builds(ToolSpec, name=TEXT, description=st.none() | TEXT, parameters=st.none() | ARGUMENTS), max_size=2
).map(tuple)


def not_an_object(text: str) -> bool:
    try:
        return not isinstance(json.loads(text), dict)
    except ValueError:
        return True


@dataclass
class Shape:
    """The text of the parts of a call, drawn for one format."""

    names: Any
    ids: Any


def calls(shape):
    parsed = st.builds(DraftCall, name=shape.names, arguments=ARGUMENTS, call_id=shape.ids)
    broken = st.builds(DraftCall, name=shape.names, raw=TEXT.filter(not_an_object), call_id=shape.ids)
    return st.lists(parsed | broken, max_size=3)


OPEN = Shape(TEXT, st.none() | st.sampled_from(["x", "y", "call_1"]))
MARKS = {"loss": st.none() | st.booleans()}
OPENAI_DRAFTS = st.lists(
    st.one_of(
        st.builds(Draft, role=st.just("user"), content=st.none() | TEXT, **MARKS),
        st.builds(
            Draft,
            role=st.just("assistant"),
            content=st.none() | TEXT,
            reasoning=st.none() | TEXT.filter(bool),
            tool_calls=calls(OPEN),
            **MARKS,
        ),
        st.builds(
            Draft,
            role=st.just("tool"),
            content=st.none() | TEXT,
            call_id=OPEN.ids,
            name=st.none() | TEXT.filter(bool),
            is_error=st.booleans(),
        ),
    ),
    min_size=1,
    max_size=8,
)


@given(policy=st.none() | TEXT, tools=TOOLS, drafts=OPENAI_DRAFTS)
def test_openai_rows_read_back_as_they_were(policy, tools, drafts):
    before = Trajectory(policy=policy, tools=tools, turns=link(drafts))
    row = json.loads(json.dumps(formats.write_openai(before), ensure_ascii=False))
    assert OpenAIChat().read_record(row) == before


PLAIN = TEXT.filter(lambda text: bool(text.strip()) and not re.search("<|\n", text))
NAMED = Shape(TEXT.filter(bool), st.none())


@st.composite
def hermes_drafts(draw):
    """Turns in the order a trainer takes: the user, the assistant, results of its calls or the user again."""
    drafts = [Draft("user", draw(PLAIN))]
    for last in [*[False] * draw(st.integers(0, 3)), True]:
        made = draw(calls(NAMED))
        text = draw(PLAIN if not made else st.none() | PLAIN)
        drafts.append(Draft("assistant", text, reasoning=draw(st.none() | PLAIN), tool_calls=made))
        if not last:
            answers = [Draft("tool", draw(PLAIN | st.just(""))) for _ in made]
            drafts += answers or [Draft("user", draw(PLAIN))]
    return drafts


@given(policy=st.none() | PLAIN, tools=TOOLS, drafts=hermes_drafts())
def test_hermes_rows_read_back_as_they_were(policy, tools, drafts):
    before = Trajectory(policy=policy, tools=tools, turns=link(drafts))
    row = json.loads(json.dumps(formats.write_sharegpt_hermes(before), ensure_ascii=False))
    assert ShareGPTHermes().read_record(row) == before


@given(policy=st.none() | TEXT, tools=TOOLS, drafts=OPENAI_DRAFTS)
def test_hermes_drops_no_row_with_an_assistant_and_loses_no_word(policy, tools, drafts):
    assume(any(draft.role == "assistant" for draft in drafts))
    trajectory = Trajectory(policy=policy, tools=tools, turns=link(drafts))
    found = formats.preflight([trajectory], "sharegpt-hermes")
    assert (found.kept, found.words_lost) == (1, 0)


@given(policy=st.none() | TEXT, tools=TOOLS, drafts=OPENAI_DRAFTS)
def test_every_writer_makes_json_and_every_preflight_adds_up(policy, tools, drafts):
    trajectory = Trajectory(policy=policy, tools=tools, turns=link(drafts))
    for writer in formats.WRITERS.values():
        assert json.loads(json.dumps(writer.write(trajectory), allow_nan=False)) == writer.write(trajectory)
    for target in formats.targets():
        found = formats.preflight([trajectory], target)
        assert found.kept + found.dropped == 1
        assert found.words_lost + found.words_dropped <= found.words


EXCERPTS = ["tau_airline_gpt4o.json", "glaive_toolcall_zh.json"]


@cache
def excerpt(path):
    """The first rows of a real file, as JSON text, so that every example starts from fresh ones."""
    return json.dumps(json.loads(path.read_bytes())[:8])


def check_all(path):
    """Reads a spoilt file to its end; every row is a trajectory or a reason, and every trajectory can be written."""
    try:
        rows = list(formats.read(path))
    except UsageError as error:
        assert str(error)
        return
    for row in rows:
        assert (row.trajectory is None) == (row.reason is not None)
        assert len(row.raw) <= 4_000
        if row.trajectory is not None:
            assert row.trajectory.id
            json.dumps(row.trajectory.dump(), allow_nan=False)
            assert Trajectory.load(row.trajectory.dump()) == row.trajectory
            json.dumps(formats.write_sharegpt_hermes(row.trajectory), ensure_ascii=False).encode()


@pytest.mark.parametrize("name", EXCERPTS)
@settings(max_examples=150)
@given(data=st.data())
def test_spoilt_real_bytes_never_crash(real_data, tmp_path, name, data):
    rows = json.loads(excerpt(real_data / name))[:3]
    lines = data.draw(st.booleans())
    text = "\n".join(json.dumps(row) for row in rows) if lines else json.dumps(rows, ensure_ascii=False)
    spoilt = bytearray(text.encode())
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(spoilt) - 1))
        spoilt[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    path = tmp_path / "spoilt"
    path.write_bytes(spoilt[: data.draw(st.integers(0, len(spoilt)))] if data.draw(st.booleans()) else spoilt)
    check_all(path)


JSON = st.recursive(SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))
PLACES = ["traj", "conversations", "tools", "info", "system", "messages"]
KEYS = ["role", "from", "value", "content", "tool_calls", "tool_call_id", "name", "function_call", "loss", "weight"]


@pytest.mark.parametrize("name", EXCERPTS)
@settings(max_examples=150)
@given(data=st.data())
def test_real_rows_with_other_values_in_them_never_crash(real_data, tmp_path, name, data):
    row = json.loads(excerpt(real_data / name))[data.draw(st.integers(0, 7))]
    turns = row.get("traj", row.get("conversations"))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(["row", "turn", "call"]))
        if place == "row":
            row[data.draw(st.sampled_from(PLACES))] = data.draw(JSON)
        turn = turns[data.draw(st.integers(0, len(turns) - 1))]
        if place == "turn":
            turn[data.draw(st.sampled_from(KEYS))] = data.draw(JSON)
        elif place == "call" and isinstance(turn.get("tool_calls"), list) and turn["tool_calls"]:
            turn["tool_calls"][0] = data.draw(JSON)
    path = tmp_path / "spoilt"
    path.write_text(json.dumps([row]))
    check_all(path)
