"""What LLaMA-Factory keeps of a row: its alternation rules, restated, applied to rows as they are written.

Source: src/llamafactory/data/converter.py (ShareGPT and OpenAI converters) and the length check of its
supervised processor. A row that breaks a rule is skipped there with no more than a line in the log.
"""

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from simia_tui.formats.base import json_text

Side = Literal["user", "observation", "assistant", "function", "system", "other"]

_SHAREGPT: dict[str, Side] = {
    "human": "user",
    "observation": "observation",
    "gpt": "assistant",
    "function_call": "function",
    "system": "system",
}
_OPENAI: dict[str, Side] = {
    "user": "user",
    "tool": "observation",
    "assistant": "assistant",
    "function": "function",
    "system": "system",
}


class Kept(NamedTuple):
    """The answer for one row: the turns that reach the model as (side, text), or a reason why none does."""

    turns: tuple[tuple[Side, str], ...]
    reason: str | None

    @property
    def kept(self) -> bool:
        return self.reason is None

    def assistant_texts(self) -> list[str]:
        """What the assistant says in words; the text of a function turn is the JSON of calls, no words."""
        return [text for side, text in self.turns if side == "assistant"]


def keeps_sharegpt(row: dict[str, Any]) -> Kept:
    """Applies `formatting: sharegpt` with the usual tags to a row `{conversations, system}`."""
    turns = [(_SHAREGPT.get(turn["from"], "other"), str(turn["value"])) for turn in row["conversations"]]
    return _judge(_without_system(turns))


def keeps_openai(row: dict[str, Any]) -> Kept:
    """Applies `formatting: openai` with the usual tags to a row `{messages, tools}`.

    Calls replace the text beside them. Tool messages are collected until another message comes; those at the
    end are never written out.
    """
    turns: list[tuple[Side, str]] = []
    for message in row["messages"]:
        side, text = _OPENAI.get(message["role"], "other"), str(message.get("content") or "")
        if side in ("assistant", "function") and message.get("tool_calls"):
            side, text = "function", json_text([call["function"] for call in message["tool_calls"]])
        turns.append((side, text))
    return _judge(_gathered(_without_system(turns)))


def _without_system(turns: list[tuple[Side, str]]) -> list[tuple[Side, str]]:
    return turns[1:] if turns and turns[0][0] == "system" else turns


def _gathered(turns: Iterable[tuple[Side, str]]) -> list[tuple[Side, str]]:
    result: list[tuple[Side, str]] = []
    results: list[str] = []
    for side, text in turns:
        if side == "observation":
            results.append(text)
            continue
        if results:
            result.append(("observation", "\n</tool_response>\n<tool_response>\n".join(results)))
            results = []
        result.append((side, text))
    return result


def _judge(turns: list[tuple[Side, str]]) -> Kept:
    sides = (("user", "observation"), ("assistant", "function"))
    if not turns:
        return Kept((), "there is no turn")
    if any(side not in sides[index % 2] for index, (side, _) in enumerate(turns)):
        return Kept((), "the two sides do not take turns")
    if len(turns) % 2:
        return Kept((), "the last turn is not the assistant's")
    return Kept(tuple(turns), None)
