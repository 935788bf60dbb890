"""Rows for a world model: what the tools answered is learnt instead of what the assistant said.

One row a trajectory: a system message with policy and tools, then each call as a user message and its observation as
the assistant's, so that the loss on the assistant's turns is a loss on observations. The assistant's words and
reasoning are left out: a tool does not hear them (after 2512.18832, where thoughts are hidden from the world model).
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

TASK = "You are the tools below, with the database and the rules behind them. Answer each call with its observation."


def rows(source: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The rows of an export for this target; a trajectory without an answered call gives none."""
    for row in source:
        messages = _exchanges(row["messages"])
        if messages:
            yield {"messages": [_system(row), *messages], "tools": None}


def _system(row: dict[str, Any]) -> dict[str, Any]:
    first = row["messages"][0]
    policy = first["content"] if first["role"] == "system" else "(none)"
    tools = "\n".join(json.dumps(tool.get("function", tool), ensure_ascii=False) for tool in row.get("tools") or ())
    return {"role": "system", "content": f"{TASK}\n\n<policy>\n{policy}\n</policy>\n\n<tools>\n{tools}\n</tools>"}


def _exchanges(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Call and observation in turn; a call without an observation, or an observation without a call, is left out."""
    made: list[dict[str, Any]] = []
    heard: list[str] = []
    waiting: list[dict[str, Any]] = []
    for message in messages:
        if message["role"] == "user":
            heard.append(json.dumps({"user": message.get("content")}, ensure_ascii=False))
        elif message["role"] == "assistant":
            waiting = [call["function"] for call in message.get("tool_calls") or ()]
        elif message["role"] == "tool" and waiting:
            call = waiting.pop(0)
            asked = json.dumps({"call": call["name"], "arguments": call.get("arguments")}, ensure_ascii=False)
            made.append({"role": "user", "content": "\n".join([*heard, asked])})
            made.append(_observation(message))
            heard = []
    return made


def _observation(message: dict[str, Any]) -> dict[str, Any]:
    answer = {"role": "assistant", "content": message.get("content") or ""}
    return {**answer, "loss": False} if message.get("loss") is False else answer
