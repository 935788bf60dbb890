"""Writes the end of an episode anew from a turn on; what stands before stays as it is, byte by byte."""

import random
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from simia_tui import checks
from simia_tui.domains import Pack
from simia_tui.model import Finding, Severity, ToolSpec, Trajectory, Turn, canonical_json, content_hash
from simia_tui.simulate import reply
from simia_tui.simulate.ask import Unreadable, lines
from simia_tui.simulate.synthesize import Prompt, tool_line, turn_line

_RULES = re.compile(r"^How to write it$\n(.*?)^What you return$", re.MULTILINE | re.DOTALL)
_SPEAKERS = frozenset(("turn.order", "observation.orphan"))
_OPEN = "call.unanswered"


class Ending(NamedTuple):
    """A body with its new end, and what the rules find in it."""

    body: Trajectory
    findings: list[Finding]


class Writer:
    """The request for the end of `episode` from `turn` on, put together once.

    Args:
        seed: the example of the manner; the episode itself where it has no seed.
        said: what is wrong with the former end, a line each.
    """

    def __init__(
        self,
        pack: Pack,
        seed: Trajectory,
        episode: Trajectory,
        turn: int,
        tools: Sequence[ToolSpec],
        said: Sequence[str] = (),
    ) -> None:
        self._template = pack.template("resimulate")
        former = episode.turns[turn:]
        self._static = {
            "rules": rules_of(pack),
            "policy": episode.policy or pack.policy or "(no policy is given; act as a careful assistant would)",
            "tools": lines([tool_line(tool) for tool in tools]),
            "errors": pack.refusals,
            "exemplar": lines([turn_line(one) for one in seed.turns]),
            "kept": lines([turn_line(one) for one in episode.turns[:turn]]),
            "former": lines([turn_line(one) for one in former]),
            "turns": str(max(len(former), 2)),
            "remarks": "\n".join(said) or "(none)",
        }

    def prompt(self, ord_: int, random_seed: int, draw: int = 0) -> Prompt:
        """The request for task `ord_` of a job; `draw` counts the replies to it that were of no use."""
        nonce = random.Random(f"{random_seed}/{ord_}" + (f"/{draw}" if draw else "")).randrange(1, 2**31)
        text = self._template.fill({**self._static, "variation": str(nonce)})
        messages = [{"role": "user", "content": text}]
        return Prompt(messages, content_hash(messages), self._template.version)


def rules_of(pack: Pack) -> str:
    """The rules by which the pack has whole conversations written; they hold for an end of one as well."""
    found = _RULES.search(pack.template("synthesize").text)
    return found[1].strip("\n") if found else "(none)"


def remarks(findings: Iterable[Finding], turn: int) -> list[str]:
    """What the rules hold against the turns from `turn` on, a JSON object each: warnings and errors that stand."""
    standing = (f for f in findings if f.severity is not Severity.INFO and not f.repaired)
    return [
        canonical_json({"rule": f.rule, "message": f.message})
        for f in standing
        if f.turn is not None and f.turn >= turn
    ]


def read_ending(text: str, episode: Trajectory, turn: int, tools: tuple[ToolSpec, ...], hints: checks.Hints) -> Ending:
    """The end in a reply, behind the first `turn` turns of `episode`, with repairs in the new turns only.

    Raises:
        Unreadable: there is no assistant turn in it, or it does not go on where the beginning ends.
    """
    kept = episode.turns[:turn]
    tail, said = reply.continuation(text, kept)
    if not any(one.role == "assistant" for one in tail):
        raise Unreadable("The reply holds no assistant turn that could be read.")
    came = episode.with_turns((*kept, *tail))
    checked, found = checks.run(came, tools, hints)
    problem = seam(kept, found)
    if problem is not None:
        raise Unreadable(f"The reply does not go on where the beginning ends. {problem}")
    return _joined(came, checked, turn, [*said, *found])


def seam(kept: Sequence[Turn], findings: Iterable[Finding]) -> str | None:
    """What is wrong between the last turn of `kept` and the turns behind it; None where they fit."""
    place = len(kept)
    caller = max((index for index, one in enumerate(kept) if one.role == "assistant"), default=-1)
    for found in findings:
        if (found.rule in _SPEAKERS and found.turn == place) or (found.rule == _OPEN and found.turn == caller >= 0):
            return found.message
    return None


def _joined(came: Trajectory, checked: Trajectory, turn: int, findings: list[Finding]) -> Ending:
    """The kept turns as they were, the others as the rules left them; a repair that was not made is none."""
    in_place = len(checked.turns) == len(came.turns)
    body = came.with_turns((*came.turns[:turn], *checked.turns[turn:])) if in_place else came

    def made(finding: Finding) -> bool:
        return in_place and finding.turn is not None and finding.turn >= turn

    return Ending(body, [f if made(f) else f.replace(repaired=False) for f in findings])
