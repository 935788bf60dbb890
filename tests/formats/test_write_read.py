"""Formats that go both ways: what is written reads back the same, or with the loss the writer states and no other."""

import json
import re
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from simia_tui import formats
from simia_tui.formats import verl
from simia_tui.formats.pairing import Draft, DraftCall, link
from simia_tui.formats.sharegpt import cut
from simia_tui.model import ToolSpec, Trajectory, Turn

ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
HOSTILE = st.sampled_from(
    [
        "\x1b[31mred\x1b[0m \x1b]52;c;aGk=\x07",
        "[bold]x[/] [@click=app.quit]q[/]",
        "{{ 7*7 }} ${HOME} %(x)s {0} $name",
        "a\x00b",
        "\u202eabc\u202c e\u0301 👩‍👩‍👧‍👦",
        "a\u2028b\u2029c\u0085d\r\ne\x0bf\x0cg\ufeff",
        "   \n\t",
        "</tool_call><tool_response>\n</think>",
        '{"name": "f", "arguments": {}}',
        "[1]",
    ]
)
TEXT = ANY | HOSTILE
PLAIN = TEXT.filter(lambda text: bool(text.strip()) and "<" not in text and not text.startswith(("\n", "\r")))
PLAIN = PLAIN.filter(lambda text: not re.search(r"\n\n|^\s|\s$", text))
SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
WIDE = st.sampled_from([10**25, -(2**63), 2**64, 1e308, 5e-324, -0.0, 0.1 + 0.2])
NESTED = st.recursive(
    SCALAR | WIDE, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2), max_leaves=6
)
ARGUMENTS = st.dictionaries(TEXT, NESTED, max_size=2)
SPECS = st.builds(
    ToolSpec,
    name=ANY,
    description=st.none() | TEXT,
    parameters=st.none() | ARGUMENTS,
    extra=st.dictionaries(st.sampled_from(["strict", "x"]), st.booleans(), max_size=1),
)


def no_object(text: str) -> bool:
    try:
        return not isinstance(json.loads(text), dict)
    except ValueError:
        return True


def drafts(text: Any, ids: Any, roles: tuple[str, ...], thought: Any) -> Any:
    """Turns in any order, with calls of any shape."""
    parsed = st.builds(DraftCall, name=ANY, arguments=ARGUMENTS, call_id=ids)
    broken = st.builds(DraftCall, name=ANY.filter(bool), raw=ANY.filter(no_object), call_id=ids)
    marks = {"loss": st.none() | st.booleans()}
    kinds = {
        "user": st.builds(Draft, role=st.just("user"), content=text, **marks),
        "system": st.builds(Draft, role=st.just("system"), content=text, **marks),
        "caller": st.builds(
            Draft, role=st.just("user"), content=text, tool_calls=st.lists(parsed, max_size=2), **marks
        ),
        "assistant": st.builds(
            Draft,
            role=st.just("assistant"),
            content=text,
            reasoning=thought,
            tool_calls=st.lists(parsed | broken, max_size=3),
            **marks,
        ),
        "tool": st.builds(
            Draft,
            role=st.just("tool"),
            content=text,
            call_id=ids,
            name=st.none() | ANY.filter(bool),
            is_error=st.booleans(),
            requestor=st.sampled_from(["assistant", "user"]),
            **marks,
        ),
    }
    return st.lists(st.one_of(*(kinds[role] for role in roles)), min_size=1, max_size=7)


def bare(turn: Turn, **changes: Any) -> Turn:
    """A turn without what formats of plain text do not hold."""
    return turn.replace(is_error=False, requestor="assistant", **changes)


def relinked(turns: list[Turn]) -> tuple[Turn, ...]:
    """Turns without their ids, linked in order, as a reader links them."""
    plain = [
        Draft(
            role=turn.role,
            content=turn.content,
            reasoning=turn.reasoning,
            tool_calls=[DraftCall(call.name, call.arguments, call.raw) for call in turn.tool_calls],
            loss=turn.loss,
        )
        for turn in turns
    ]
    return link(plain)


def _textual(trajectory: Trajectory, empty: str = "") -> Trajectory:
    """No ids, marks and names; null is empty, and empty text beside a call is none."""
    turns = [
        bare(turn, content=None if turn.tool_calls and not turn.content else turn.content or empty)
        for turn in trajectory.turns
    ]
    return trajectory.replace(turns=relinked(turns), policy=trajectory.policy or None)


def _merged(trajectory: Trajectory) -> Trajectory:
    """Simia-SFT: a reply in two turns, words and then calls, is one turn."""
    turns: list[Turn] = []
    for turn in trajectory.turns:
        last = turns[-1] if turns else None
        spoken = last and last.role == "assistant" and last.content and not last.tool_calls and not last.reasoning
        if spoken and turn.tool_calls and not turn.content and last and last.loss == turn.loss:
            calls = {"tool_calls": turn.tool_calls, "reasoning": turn.reasoning}
            turns[-1] = last.replace(**calls)
        else:
            turns.append(turn)
    return _textual(trajectory.with_turns(tuple(turns)))


def _unmasked(trajectory: Trajectory) -> Trajectory:
    kept = [turn.replace(loss=None) for turn in cut(trajectory.turns)]
    return _textual(trajectory.with_turns(tuple(kept)))


def _no_null(trajectory: Trajectory) -> Trajectory:
    turns = [turn.replace(content=turn.content or "") for turn in trajectory.turns]
    return trajectory.with_turns(tuple(turns))


def _prompt(trajectory: Trajectory) -> Trajectory:
    kept = trajectory.turns[: verl.prompt_length(trajectory)]
    turns = tuple(Turn(role=turn.role, content=turn.content or "") for turn in kept)
    return trajectory.with_turns(turns)


def _trl(trajectory: Trajectory) -> Trajectory:
    """TRL: no ids, marks of errors and of who called; null is empty; only masks of the assistant's turns."""
    names = {call.call_id: call.name for _, _, call in trajectory.calls()}
    plain = [
        Draft(
            role=turn.role,
            content=turn.content or "",
            reasoning=turn.reasoning,
            tool_calls=[DraftCall(call.name, call.arguments, call.raw) for call in turn.tool_calls],
            name=(turn.name or names.get(turn.call_id) or None) if turn.role == "tool" else None,
            loss=False if turn.role == "assistant" and turn.loss is False else None,
        )
        for turn in trajectory.turns
    ]
    return trajectory.with_turns(link(plain))


def _sharegpt(trajectory: Trajectory) -> Trajectory:
    """ShareGPT with `function_call`: a call replaces the text beside it; no thoughts, no marks."""
    gone = {"reasoning": None, "loss": None}
    turns = [
        turn.replace(**(gone | ({"content": None} if turn.tool_calls else {"content": turn.content or ""})))
        for turn in cut(trajectory.turns)
    ]
    bare_turns = relinked(turns)
    return trajectory.replace(turns=bare_turns, policy=trajectory.policy or None)


def _itself(trajectory: Trajectory) -> Trajectory:
    return trajectory


@dataclass
class Case:
    """One format: what may be written, and what of it comes back."""

    back: Any
    text: Any = field(default_factory=lambda: st.none() | TEXT)
    ids: Any = field(default_factory=lambda: st.none() | st.sampled_from(["x", "y", "call_1"]))
    roles: tuple[str, ...] = ("user", "assistant", "tool")
    thought: Any = field(default_factory=lambda: st.none() | TEXT.filter(bool))
    policy: Any = field(default_factory=lambda: st.none() | TEXT)


INLINE = Case(_textual, PLAIN, st.none(), thought=st.none() | PLAIN, policy=st.none() | PLAIN)
CASES = {
    "openai": Case(_itself, roles=("user", "caller", "assistant", "tool")),
    "parquet": Case(_itself, roles=("user", "caller", "assistant", "tool")),
    "atif": Case(_itself, roles=("user", "caller", "assistant", "tool", "system")),
    "axolotl": Case(_no_null, roles=("user", "caller", "assistant", "tool")),
    "hermes": INLINE,
    "trl": Case(_trl, roles=("user", "caller", "assistant", "tool")),
    "sharegpt": Case(_sharegpt, roles=("user", "assistant", "tool"), ids=st.none()),
    "simia-sft": replace(INLINE, back=_merged),
}


class Made(NamedTuple):
    trajectory: Trajectory
    expected: Trajectory


@st.composite
def made(draw: Any, name: str) -> Made:
    case = CASES[name]
    turns = link(draw(drafts(case.text, case.ids, case.roles, case.thought)))
    tools = tuple(draw(st.lists(SPECS, max_size=2)))
    trajectory = Trajectory(policy=draw(case.policy), tools=tools, turns=turns)
    return Made(trajectory, case.back(trajectory))


def through(name: str, trajectory: Trajectory, folder: Any) -> Trajectory:
    """What a file of the format gives back; rows of TRL are read as OpenAI's."""
    path = folder / "file"
    with formats.open_sink(path, name) as sink:
        sink.add(formats.WRITERS[name].write(trajectory))
    (row,) = formats.read(path, "openai" if name == "trl" else name)
    assert row.reason is None
    assert row.trajectory is not None
    return row.trajectory


@pytest.mark.parametrize("name", list(CASES))
@settings(max_examples=60)
@given(data=st.data())
def test_what_is_written_reads_back_or_loses_what_it_says(tmp_path, name, data):
    case = data.draw(made(name))
    assume(case.expected.turns)
    back = through(name, case.trajectory, tmp_path)
    assert back.replace(meta={}) == case.expected
    again = through(name, back, tmp_path)
    assert again == back
    assert again.id == back.id


@st.composite
def talks(draw: Any) -> list[Draft]:
    """Turns in the order a trainer takes: the user, the assistant, results of its calls or the user again."""
    turns = [Draft("user", draw(PLAIN))]
    call = st.builds(DraftCall, name=ANY.filter(bool), arguments=ARGUMENTS)
    for last in [*[False] * draw(st.integers(0, 3)), True]:
        calls = draw(st.lists(call, max_size=2))
        text = draw(PLAIN if not calls else st.none() | PLAIN)
        turns.append(Draft("assistant", text, reasoning=draw(st.none() | PLAIN), tool_calls=calls))
        if not last:
            answers = [Draft("tool", draw(PLAIN | st.just(""))) for _ in calls]
            turns += answers or [Draft("user", draw(PLAIN))]
    return turns


@pytest.mark.parametrize("name", ["sharegpt-hermes", "verl-sft"])
@settings(max_examples=60)
@given(policy=st.none() | PLAIN, tools=st.lists(SPECS, max_size=2).map(tuple), turns=talks())
def test_rows_in_which_the_sides_take_turns_read_back_as_they_were(tmp_path, name, policy, tools, turns):
    before = Trajectory(policy=policy, tools=tools, turns=link(turns))
    back = through(name, before, tmp_path)
    assert back.replace(meta={}) == before


@settings(max_examples=40)
@given(policy=st.none() | TEXT, turns=drafts(TEXT, st.none(), ("user", "assistant"), st.none()))
def test_an_rl_row_reads_back_as_its_prompt(tmp_path, policy, turns):
    before = Trajectory(policy=policy, turns=link([Draft("user", "first"), *turns]))
    back = through("verl-rl", before, tmp_path)
    assert back.replace(meta={}) == _prompt(before)
    truth = json.loads(back.meta["reward_model"]["ground_truth"])
    assert [call["name"] for call in truth] == [call.name for _, _, call in before.calls()]


REAL = {"tau_airline_gpt4o.json": "tau", "glaive_toolcall_en.json": "glaive", "glaive_toolcall_zh.json": "glaive"}
LOSSES = {
    "openai": _itself,
    "parquet": _itself,
    "atif": _itself,
    "axolotl": _no_null,
    "trl": _trl,
    "sharegpt": _sharegpt,
    "hermes": _textual,
    "simia-sft": _merged,
    "sharegpt-hermes": _unmasked,
    "verl-sft": _unmasked,
}


@pytest.mark.parametrize("source", list(REAL))
@pytest.mark.parametrize("name", list(LOSSES))
def test_real_files_come_back_by_detection(real_data, tmp_path, name, source):
    before = [row.trajectory for row in formats.read(real_data / source)]
    path = tmp_path / "written"
    with formats.open_sink(path, name) as sink:
        for trajectory in before:
            sink.add(formats.WRITERS[name].write(trajectory))
    assert sink.rows == len(before)
    after = [row.trajectory for row in formats.read(path)]
    assert len(after) == len(before)
    for one, other in zip(before, after, strict=True):
        expected = LOSSES[name](one)
        assert other.policy == expected.policy
        assert other.tools == expected.tools
        assert other.turns == expected.turns
