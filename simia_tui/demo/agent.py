"""The demo model as the assistant at its library's desk: it serves errands that it knows, now and then carelessly."""

import random
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from simia_tui.demo.errands import Errand, errands, served_by
from simia_tui.model import Turn

KNOWN = 64
"""How many errands the library has for one random seed."""

LOST = Turn(role="assistant", content="I am sorry, I only know the errands of my own library. Is there anything else?")


@lru_cache(maxsize=8)
def _by_opening(random_seed: int) -> Mapping[str, list[Errand]]:
    known: dict[str, list[Errand]] = {}
    for errand in errands(KNOWN, random_seed):
        known.setdefault(str(errand.seed.turns[0].content), []).append(errand)
    return known


def act(messages: Sequence[Mapping[str, Any]], random_seed: int, defect_rate: float) -> Turn:
    """The assistant's next turn in a conversation; the same for the same conversation, seed and rate.

    A share of the errands (0 to 1) is served carelessly: nothing is written, and yet it is called settled.
    """
    heard = [str(message.get("content")) for message in messages if message.get("role") == "user"]
    known = _by_opening(random_seed).get(heard[0], []) if heard else []
    if not known:
        return LOST
    # Several members may come with the same words; the card tells them apart.
    errand = next((one for one in known if any(one.facts["card"] in text for text in heard)), known[0])
    turns = served_by(errand)
    if random.Random(f"agent:{random_seed}:{errand.facts['card']}").random() < defect_rate:
        writes = {name for name, _ in errand.calls}
        turns = [turn for turn in turns if writes.isdisjoint(call.name for call in turn.tool_calls)]
    said = sum(message.get("role") == "assistant" for message in messages)
    turn: Turn = turns[min(said, len(turns) - 1)]
    return turn
