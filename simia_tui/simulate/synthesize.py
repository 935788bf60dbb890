"""Simia-SFT: one prompt with a seed as exemplar, one reply with a whole new trajectory (arXiv 2511.01824)."""

import json
import random
from collections.abc import Sequence
from typing import Any, NamedTuple

from simia_tui.domains import Pack
from simia_tui.model import ToolSpec, Trajectory, Turn, content_hash


class Prompt(NamedTuple):
    """A request as it is sent: chat messages, the SHA-256 of them, and the version of the template."""

    messages: list[dict[str, str]]
    sha: str
    version: str


def prompt(
    pack: Pack, seed: Trajectory, tools: Sequence[ToolSpec], ord_: int, random_seed: int, draw: int = 0
) -> Prompt:
    """The request for task `ord_` of a job; `draw` counts the replies to it that were of no use.

    What stays the same for all tasks of a seed stands first, so that a provider's prompt cache can serve it. The
    variation that comes last is drawn from `random_seed`, `ord_` and `draw` alone: asked again after a crash, a task
    sends the same text, and after a useless reply another one, so that no cache gives the same reply again.
    """
    template = pack.template("synthesize")
    rng = random.Random(f"{random_seed}/{ord_}" + (f"/{draw}" if draw else ""))
    text = template.fill(
        {
            "policy": seed.policy or pack.policy or "(no policy is given; act as a careful assistant would)",
            "tools": "\n".join(_line(tool_line(tool)) for tool in tools),
            "exemplar": "\n".join(_line(turn_line(turn)) for turn in seed.turns),
            "turns": str(len(seed.turns)),
            "axes": _axes(pack, rng),
            "variation": str(rng.randrange(1, 2**31)),
        }
    )
    messages = [{"role": "user", "content": text}]
    return Prompt(messages, content_hash(messages), template.version)


def _axes(pack: Pack, rng: random.Random) -> str:
    """One value per axis of the pack, a line each."""
    return "\n".join(f"- {name}: {rng.choice(values)}" for name, values in pack.axes.items())


def tool_line(tool: ToolSpec) -> dict[str, Any]:
    """A tool as it stands in the prompt, parameter schema included."""
    return {"name": tool.name, "description": tool.description or "", "parameters": tool.parameters or {}}


def turn_line(turn: Turn) -> dict[str, Any]:
    """A turn as it stands in the prompt, and as the reply is asked to write it."""
    line: dict[str, Any] = {"role": turn.role}
    if turn.content:
        line["content"] = turn.content
    if turn.tool_calls:
        line["tool_calls"] = [
            {"name": call.name, "arguments": call.arguments if call.arguments is not None else call.raw}
            for call in turn.tool_calls
        ]
    if turn.is_error:
        line["is_error"] = True
    return line


def _line(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)
