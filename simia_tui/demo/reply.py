"""The demo model itself: a prompt in, a reply and the truth about it out. No clock, no I/O, no state."""

import hashlib
import random
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from simia_tui.demo import play, roles, tools
from simia_tui.demo.continuation import go_on
from simia_tui.demo.defects import Spoiled, is_defective, line, spoil
from simia_tui.demo.prompt import Ask
from simia_tui.demo.truth import Truth
from simia_tui.demo.vary import vary
from simia_tui.model import Turn

END = '{"end": true}'
HELLO = (
    "I am the offline demo model of Simia TUI. I write whole tool-agent trajectories when a prompt holds the blocks "
    "<policy>, <tools>, <exemplar> and <request>, and I play tools, user and judge of my library; nothing else."
)
CHARS_PER_TOKEN = 4

_AIM = re.compile(r"^- must occur, .*: the assistant calls ([^,\n]+)(?:, and the (tool refuses|call succeeds))?", re.M)
_REFUSED = {"tool refuses": True, "call succeeds": False}


class Reply(NamedTuple):
    """A finished reply. `cut` says that it was longer than allowed and ends in the middle."""

    text: str
    cut: bool
    truth: Truth


def tokens(text: str) -> int:
    """Tokens of `text`, at four characters each."""
    return -(-len(text) // CHARS_PER_TOKEN)


def answer(ask: Ask, random_seed: int, defect_rate: float, max_tokens: int | None = None) -> Reply:
    """The reply to a prompt: the same for the same prompt, seed, rate and limit, on every machine.

    `response_id` differs where any of the four differs. Of a reply that was cut only those defects are recorded whose
    line is whole.
    """
    spoiled = _compose(ask, random_seed, defect_rate) if ask.known else _play(ask, random_seed, defect_rate)
    text = "\n".join([*spoiled.lines, END] if ask.known else spoiled.lines)
    limit = None if max_tokens is None else max_tokens * CHARS_PER_TOKEN
    cut = limit is not None and len(text) > limit
    defects = spoiled.defects
    if cut:
        text = text[:limit]
        ends = [end for end in _ends(spoiled.lines) if end <= len(text)]
        defects = tuple(defect for defect in defects if defect.turn < len(ends))
    key = f"{random_seed}:{defect_rate!r}:{max_tokens if cut else ''}:{ask.sha}"
    response_id = "chatcmpl-demo-" + hashlib.sha256(key.encode()).hexdigest()[:24]
    return Reply(text, cut, Truth(response_id=response_id, prompt_sha=ask.sha, defects=defects))


def _play(ask: Ask, random_seed: int, defect_rate: float) -> Spoiled:
    """The reply to a prompt that asks for a part in a simulation of the library, or for nothing that is known here."""
    played = roles.play(ask.text, ask.sha, random_seed, defect_rate)
    return Spoiled([HELLO], ()) if played is None else Spoiled([played.text], played.defects)


def _compose(ask: Ask, random_seed: int, defect_rate: float) -> Spoiled:
    rng = random.Random(f"{random_seed}:{ask.sha}")
    if (parts := roles.blocks(ask.text, "exemplar", "kept", "former", "request")) is not None:
        kept, former = list(roles.objects(parts["kept"])), list(roles.objects(parts["former"]))
        written = go_on(kept, former, ask.exemplar, rng, _words(ask))
    elif {tool.name for tool in ask.tools} == tools.NAMES:
        aim = _AIM.search(ask.text)
        turns = play.aimed(rng, aim[1], _REFUSED.get(aim[2])) if aim else play.visit(rng)[0]
        written = [_plain(turn) for turn in turns]
    else:
        written = vary(list(ask.exemplar), rng, _words(ask))
    if is_defective(ask.sha, random_seed, defect_rate):
        return spoil(written, ask.tools, rng)
    return Spoiled([line(turn) for turn in written], ())


def _plain(turn: Turn) -> dict[str, Any]:
    """A turn in the form of the reply; tool turns answer the calls before them in order, so call ids are left out."""
    calls = [{"name": call.name, "arguments": call.arguments} for call in turn.tool_calls]
    return {"role": turn.role, "content": turn.content, "tool_calls": calls, "is_error": turn.is_error}


def _words(ask: Ask) -> set[str]:
    """What must not be renamed: names of tools and parameters, and the values that a schema allows."""
    kept = {tool.name for tool in ask.tools}
    stack: list[Any] = [tool.parameters for tool in ask.tools]
    while stack:
        schema = stack.pop()
        if isinstance(schema, dict):
            if isinstance(properties := schema.get("properties"), dict):
                kept.update(map(str, properties))
            values = (
                [*(schema.get("enum") or ()), schema.get("const")] if isinstance(schema.get("enum", []), list) else []
            )
            kept.update(str(value) for value in values if isinstance(value, str | int))
            stack.extend(schema.values())
        elif isinstance(schema, list):
            stack.extend(schema)
    return kept


def _ends(lines: list[str]) -> Iterator[int]:
    """Where each line ends in the reply, its line break included."""
    at = 0
    for text in lines:
        at += len(text) + 1
        yield at
