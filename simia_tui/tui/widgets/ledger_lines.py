"""The ledger of the simulated world after a turn, as lines of text for one width."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from simia_tui.tui.text import clip, visible
from simia_tui.tui.widgets.turn_lines import Line

if TYPE_CHECKING:
    from simia_tui.checks.standing import Member

VALUE_CHARS = 400


def ledger_lines(world: "Mapping[str, Mapping[str, Member]]", turn: int, width: int) -> list[Line]:
    """One block a thing. `•` marks what `turn` told or set, `»` a value that only a call has set."""
    if not world:
        return [Line((("no thing with an id is known yet", "muted"),))]
    lines: list[Line] = []
    for owner, members in world.items():
        lines.append(Line(((clip(visible(owner), width), "strong"),)))
        lines += [_member(name, member, turn, width) for name, member in members.items()]
    return lines


def _member(name: str, member: "Member", turn: int, width: int) -> Line:
    entry, former = member
    sign, ink = ("• ", "accent") if entry.turn == turn else ("  ", "")
    tail = f"  was {_value(former.value)} in {former.turn + 1}" if former else ""
    source = "" if entry.told else f"» set in {entry.turn + 1}, not seen since  "
    key = f"{visible(name)}: "
    text = clip(f"{source}{_value(entry.value)}{tail}", width - 2 - len(clip(key, width // 2)))
    return Line(((sign, ink), (clip(key, width // 2), "key"), (text, "warning" if former or source else "")))


def _value(value: Any) -> str:
    return visible(json.dumps(value, ensure_ascii=False)[:VALUE_CHARS])
