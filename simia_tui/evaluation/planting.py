"""Defects that are planted in copies of good episodes, to learn whether those who review them see what is wrong.

Every mutator is pure: a trajectory and a source of randomness in, the spoilt copy and the turn to blame out, or None
where it has nothing to spoil. What it leaves is still well formed, so that only reading finds it.
"""

import json
import random
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from simia_tui.model import ToolCall, Trajectory, Turn


class Spoilt(NamedTuple):
    """A copy with one defect, and the turn where it stands."""

    body: Trajectory
    turn: int


Mutator = Callable[[Trajectory, random.Random], Spoilt | None]
_NUMBER = re.compile(r"(?<![\w.])\d{2,}(?:\.\d+)?(?![\w.])")


def wrong_number(body: Trajectory, rng: random.Random) -> Spoilt | None:
    """The assistant tells the user another number than a tool gave."""
    given = {found for turn in body.turns if turn.role == "tool" for found in _NUMBER.findall(turn.content or "")}
    places = [
        (index, found)
        for index, turn in enumerate(body.turns)
        if turn.role == "assistant"
        for found in _NUMBER.finditer(turn.content or "")
        if found.group() in given
    ]
    if not places:
        return None
    index, found = rng.choice(places)
    text = body.turns[index].content or ""
    changed = text[: found.start()] + _other_number(found.group(), rng) + text[found.end() :]
    return _with(body, index, body.turns[index].replace(content=changed))


def _other_number(number: str, rng: random.Random) -> str:
    """As many digits, another first or second one."""
    place = rng.randrange(min(2, len(number.partition(".")[0])))
    digits = [digit for digit in "123456789" if digit != number[place]]
    return number[:place] + rng.choice(digits) + number[place + 1 :]


def other_id(body: Trajectory, rng: random.Random) -> Spoilt | None:
    """A call is about another thing than the talk: an identifier with another last digit, the result unchanged."""
    said = " ".join(turn.content or "" for turn in body.turns)
    places = [
        (index, position, name, value)
        for index, position, call in body.calls()
        for name, value in (call.arguments or {}).items()
        if isinstance(value, str) and value[-1:].isdigit() and value in said
    ]
    if not places:
        return None
    index, position, name, value = rng.choice(places)
    turn = body.turns[index]
    changed = value[:-1] + rng.choice([digit for digit in "0123456789" if digit != value[-1]])
    call = turn.tool_calls[position]
    arguments = {**(call.arguments or {}), name: changed}
    calls = [*turn.tool_calls]
    calls[position] = call.replace(arguments=arguments, raw=None)
    return _with(body, index, turn.replace(tool_calls=tuple(calls)))


def undone_work(body: Trajectory, rng: random.Random) -> Spoilt | None:
    """The assistant reports as done what it never called for: its last call and the result are gone."""
    turns = body.turns
    asked = next((index for index in reversed(range(len(turns))) if turns[index].tool_calls), None)
    if asked is None or not any(turn.tool_calls for turn in turns[:asked]):
        return None
    ids = {call.call_id for call in turns[asked].tool_calls}
    answered = [n for n in range(asked + 1, len(turns)) if turns[n].role == "tool" and turns[n].call_id in ids]
    told = (answered[-1] if answered else asked) + 1
    if told >= len(turns) or turns[told].role != "assistant" or not turns[told].content:
        return None
    kept = tuple(turn for n, turn in enumerate(turns) if n != asked and n not in answered)
    return Spoilt(body.with_turns(kept), asked)


def foreign_result(body: Trajectory, rng: random.Random) -> Spoilt | None:
    """A tool answers with what belongs to another call of the same tool, asked with other arguments."""
    answers: dict[str, list[tuple[int, dict[str, Any] | None]]] = {}
    calls: dict[str | None, ToolCall] = {call.call_id: call for _, _, call in body.calls()}
    for index, turn in enumerate(body.turns):
        if turn.role == "tool" and turn.call_id in calls and not turn.is_error:
            call = calls[turn.call_id]
            answers.setdefault(call.name, []).append((index, call.arguments))
    pairs = [
        (index, other)
        for places in answers.values()
        for index, arguments in places
        for other, others in places
        if others != arguments and body.turns[other].content != body.turns[index].content
    ]
    if not pairs:
        return None
    index, other = rng.choice(pairs)
    return _with(body, index, body.turns[index].replace(content=body.turns[other].content))


def lost_result(body: Trajectory, rng: random.Random) -> Spoilt | None:
    """A tool that answered with a record answers with nothing, and the assistant goes on as if it had."""
    places = [
        index
        for index, turn in enumerate(body.turns)
        if turn.role == "tool" and not turn.is_error and isinstance(_parsed(turn.content), dict | list)
        if _parsed(turn.content) and index + 1 < len(body.turns) and body.turns[index + 1].role == "assistant"
    ]
    if not places:
        return None
    index = rng.choice(places)
    empty = "{}" if isinstance(_parsed(body.turns[index].content), dict) else "[]"
    return _with(body, index, body.turns[index].replace(content=empty))


def _parsed(text: str | None) -> Any:
    try:
        return json.loads(text or "")
    except ValueError:
        return None


def _with(body: Trajectory, index: int, turn: Turn) -> Spoilt:
    return Spoilt(body.with_turns((*body.turns[:index], turn, *body.turns[index + 1 :])), index)


MUTATORS: Mapping[str, Mutator] = {
    "a number that no tool gave": wrong_number,
    "a call about another thing": other_id,
    "work reported that was not done": undone_work,
    "the result of another call": foreign_result,
    "an empty result taken for a full one": lost_result,
}
"""What is planted, as a reviewer is told afterwards."""
