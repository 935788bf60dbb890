"""Simia-SFT: one prompt with a seed as exemplar, one reply with a whole new trajectory (arXiv 2511.01824)."""

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from simia_tui.domains import Pack
from simia_tui.model import ToolSpec, Trajectory, Turn, content_hash
from simia_tui.simulate.variation import axes_for


class Prompt(NamedTuple):
    """A request as it is sent: chat messages, the SHA-256 of them, and the version of the template."""

    messages: list[dict[str, str]]
    sha: str
    version: str


HELD = """
The reply is held to a JSON schema. Instead of lines, return one JSON object {"turns": [...]} with the turns in order
and no end line. Leave no member out; what would be left out is null. Arguments of a call are JSON text.
"""
"""Added to the prompt for an endpoint that holds replies to a schema, which lines cannot satisfy."""


class Writer:
    """What the requests with one seed share, put together once. `axes` None: those of the pack.

    `held`: the endpoint holds the reply to the schema of an episode.
    """

    def __init__(
        self,
        pack: Pack,
        seed: Trajectory,
        tools: Sequence[ToolSpec],
        axes: Mapping[str, Sequence[str]] | None = None,
        held: bool = False,
    ) -> None:
        self._held = HELD if held else ""
        self._template = pack.template("synthesize")
        self._axes = pack.axes if axes is None else axes
        self._static = {
            "policy": seed.policy or pack.policy or "(no policy is given; act as a careful assistant would)",
            "tools": "\n".join(_line(tool_line(tool)) for tool in tools),
            "errors": pack.refusals,
            "exemplar": "\n".join(_line(turn_line(turn)) for turn in seed.turns),
            "turns": str(len(seed.turns)),
        }

    def axes(self, ord_: int, random_seed: int) -> dict[str, str]:
        """The variation of task `ord_`, as it is written on its episode."""
        return axes_for(self._axes, ord_, random_seed)

    def prompt(self, ord_: int, random_seed: int, draw: int = 0) -> Prompt:
        """The request for task `ord_` of a job; `draw` counts the replies to it that were of no use.

        What stays the same for all tasks of a seed stands first, so that a provider's prompt cache can serve it. The
        variation that comes last is drawn from `random_seed`, `ord_` and `draw` alone: asked again after a crash, a
        task sends the same text, and after a useless reply another one, so that no cache gives the same reply again.
        """
        nonce = random.Random(f"{random_seed}/{ord_}" + (f"/{draw}" if draw else "")).randrange(1, 2**31)
        axes = "\n".join(f"- {name}: {value}" for name, value in self.axes(ord_, random_seed).items())
        text = self._template.fill({**self._static, "axes": axes, "variation": str(nonce)})
        messages = [{"role": "user", "content": text + self._held}]
        return Prompt(messages, content_hash(messages), self._template.version)


def prompt(
    pack: Pack, seed: Trajectory, tools: Sequence[ToolSpec], ord_: int, random_seed: int, draw: int = 0
) -> Prompt:
    """The request for task `ord_` of a job with the pack's own axes; see `Writer.prompt`."""
    return Writer(pack, seed, tools).prompt(ord_, random_seed, draw)


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
