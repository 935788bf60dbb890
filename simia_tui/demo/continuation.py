"""The demo model goes on with a conversation: the former end told with other details, right where it went wrong.

Whatever the beginning names keeps its name, so that the new end is about the same people, things and days.
"""

import random
from collections.abc import Collection, Sequence
from typing import Any

from simia_tui.demo.vary import TOKEN, Turn, vary

_CLOSINGS = ("Have a good day.", "Thank you for your patience.", "Do come back any time.", "Take care.")
_DONE = '{"status": "done"}'


def go_on(
    kept: Sequence[Turn], former: Sequence[Turn], exemplar: Sequence[Turn], rng: random.Random, words: Collection[str]
) -> list[Turn]:
    """The turns after `kept`. `former` went on from there before, `words` must not be renamed."""
    told = {*words, *_tokens(kept)}
    tail = [dict(turn) for turn in vary(list(former), rng, told)]
    waiting = _waiting(kept)
    answered = next((n for n, turn in enumerate(tail) if turn["role"] != "tool"), len(tail))
    answers = [_answer(call, turn, [*kept, *exemplar]) for call, turn in _paired(waiting, tail[:answered])]
    tail = [*answers, *tail[answered:]]
    if not any(turn["role"] == "assistant" for turn in tail):
        tail += _farewell(kept, tail)
    return _closed(tail, rng)


def _tokens(turns: Sequence[Turn]) -> set[str]:
    """Everything in `turns` that a variation would put something else for."""
    return {found[0] for turn in turns for text in _texts(turn) for found in TOKEN.finditer(text)}


def _texts(turn: Turn) -> list[str]:
    values: list[Any] = [turn.get("content")]
    for call in turn.get("tool_calls") or ():
        arguments = call.get("arguments")
        values += arguments.values() if isinstance(arguments, dict) else [arguments]
    return [str(value) for value in values if value is not None]


def _waiting(kept: Sequence[Turn]) -> list[Turn]:
    """The calls at the end of `kept` that have no answer yet."""
    for answers, turn in enumerate(reversed(kept)):
        if turn["role"] != "tool":
            return list(turn.get("tool_calls") or ())[answers:]
    return []


def _paired(waiting: Sequence[Turn], tail: Sequence[Turn]) -> list[tuple[Turn, Turn | None]]:
    return [(call, tail[n] if n < len(tail) else None) for n, call in enumerate(waiting)]


def _answer(call: Turn, former: Turn | None, seen: Sequence[Turn]) -> Turn:
    """What the tool answers now: what it has answered to the same call before, the former answer if that was no
    refusal, or what it answered elsewhere."""
    answers = _answers(seen)
    same = next((turn for other, turn in reversed(answers) if other == call and not turn.get("is_error")), None)
    if same is None and former is not None and not former.get("is_error"):
        same = former
    like = (turn for other, turn in answers if other.get("name") == call.get("name") and not turn.get("is_error"))
    chosen = same or next(like, None) or {"content": _DONE}
    return {"role": "tool", "content": chosen.get("content")}


def _answers(turns: Sequence[Turn]) -> list[tuple[Turn, Turn]]:
    """Every call with its answer."""
    pairs: list[tuple[Turn, Turn]] = []
    waiting: list[Turn] = []
    for turn in turns:
        if turn["role"] != "tool":
            waiting = list(turn.get("tool_calls") or ())
        elif waiting:
            pairs.append((waiting.pop(0), turn))
    return pairs


def _farewell(kept: Sequence[Turn], tail: Sequence[Turn]) -> list[Turn]:
    last = [*kept, *tail][-1]
    said = {"role": "assistant", "content": "That is done. Is there anything else?"}
    if last["role"] == "assistant":
        return [{"role": "user", "content": "No, thank you."}, {"role": "assistant", "content": "Goodbye."}]
    return [said]


def _closed(tail: list[Turn], rng: random.Random) -> list[Turn]:
    """The last words of the assistant with a sentence of their own."""
    for turn in reversed(tail):
        if turn["role"] == "assistant" and turn.get("content"):
            turn["content"] = f"{turn['content']} {rng.choice(_CLOSINGS)}"
            break
    return tail
