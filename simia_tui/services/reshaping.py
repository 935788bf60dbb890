"""Insert, delete, split and merge turns: whole operations by a person that keep the order of the roles.

What would leave a conversation that no chat template takes is refused with the reason: a call without its
observation, an observation without its call. Two turns of one speaker in a row are allowed, as a change of several
steps passes through them, and `save` tells of them.
"""

import sqlite3
from collections import Counter

from simia_tui import checks
from simia_tui.errors import UsageError
from simia_tui.model import Finding, Role, Trajectory, Turn
from simia_tui.services import reviewing
from simia_tui.store import Workspace, decisions, trajectories

REFUSED = frozenset(("turn.none", "call.unanswered", "observation.orphan"))
"""Rules of which no operation may add a finding."""
TOLD = frozenset(("turn.order", "turn.starts-without-user"))
"""Rules on the order of speakers; what they find is told."""
Reshaped = tuple[Trajectory, int]
"""A body, and the turn at which the cursor belongs."""


def insert(body: Trajectory, after: int | None, role: Role, content: str) -> Reshaped:
    """A turn of `role` after turn `after` (its index; None: at the start).

    Raises:
        UsageError: the text is empty, an observation is asked for, or a call would lose its observation.
    """
    if not content.strip():
        raise UsageError("A turn needs text; write some.")
    if role not in ("user", "assistant"):
        raise UsageError("Only turns of the user and the assistant can be inserted; observations answer a call.")
    place = 0 if after is None else _place(body, after) + 1
    turns = (*body.turns[:place], Turn(role=role, content=content), *body.turns[place:])
    return _whole(body, body.with_turns(turns)), place


def delete(body: Trajectory, index: int) -> Reshaped:
    """Without turn `index`. With a turn that calls go the observations that answer it.

    Raises:
        UsageError: an observation is to go without its call, or no assistant turn would be left.
    """
    turn = body.turns[_place(body, index)]
    if turn.role == "tool":
        raise UsageError("An observation goes with its call: delete the turn that calls, or edit the observation.")
    end = index + 1
    while turn.tool_calls and end < len(body.turns) and body.turns[end].role == "tool":
        end += 1
    turns = (*body.turns[:index], *body.turns[end:])
    return _whole(body, body.with_turns(turns)), max(0, min(index, len(turns) - 1))


def split(body: Trajectory, index: int, second: str) -> Reshaped:
    """Turn `index` in two, where the words `second` begin in its text. Calls go with the second part.

    Raises:
        UsageError: the words are not in the text or nothing stands before them, or the turn is an observation.
    """
    turn = body.turns[_place(body, index)]
    if turn.role not in ("user", "assistant"):
        raise UsageError("Only turns of the user and the assistant can be split.")
    text = turn.content or ""
    offset = text.find(second.strip(), 1) if second.strip() else -1
    if offset < 0 or not text[:offset].strip():
        raise UsageError("The turn has no such words behind its beginning; write the first words of the second part.")
    parts = (
        turn.replace(content=text[:offset].rstrip(), tool_calls=()),
        turn.replace(content=text[offset:], reasoning=None),
    )
    return _whole(body, body.with_turns((*body.turns[:index], *parts, *body.turns[index + 1 :]))), index + 1


def merge(body: Trajectory, index: int) -> Reshaped:
    """Turn `index` and the one behind it, of the same speaker, as one.

    Raises:
        UsageError: the next turn is not of this speaker, or is an observation.
    """
    turn = body.turns[_place(body, index)]
    following = body.turns[index + 1] if index + 1 < len(body.turns) else None
    if following is None or following.role != turn.role or turn.role not in ("user", "assistant"):
        raise UsageError("Only two turns of one speaker in a row can be merged; delete what stands between first.")
    texts = [part for part in (turn.content, following.content) if part]
    thoughts = [part for part in (turn.reasoning, following.reasoning) if part]
    merged = turn.replace(
        content="\n\n".join(texts) or None,
        reasoning="\n\n".join(thoughts) or None,
        tool_calls=(*turn.tool_calls, *following.tool_calls),
    )
    turns = (*body.turns[:index], merged, *body.turns[index + 2 :])
    return _whole(body, body.with_turns(turns)), index


def _place(body: Trajectory, index: int) -> int:
    if not 0 <= index < len(body.turns):
        raise UsageError(f"The trajectory has turns 1 to {len(body.turns)}; there is no turn {index + 1}.")
    return index


def in_order(before: Trajectory, after: Trajectory) -> Trajectory:
    """`after`, unless its speakers take turns less well than those of `before`, or calls and answers fit less.

    Raises:
        UsageError: they do.
    """
    return _whole(before, after, REFUSED | TOLD)


def _whole(before: Trajectory, after: Trajectory, refused: frozenset[str] = REFUSED) -> Trajectory:
    """`after`, unless it breaks a rule of `refused` more often than `before`."""
    had = Counter(finding.rule for finding in checks.run(before)[1])
    for finding in checks.run(after)[1]:
        if finding.rule in refused:
            had[finding.rule] -= 1
            if had[finding.rule] < 0:
                raise UsageError(f"That would break the order of turns: {finding.message}")
    return after


def save(
    workspace: Workspace, db: sqlite3.Connection, pk: int, before: Trajectory, after: Trajectory, reviewer: str
) -> list[Finding]:
    """Makes `after` the revision of `pk` that counts, and returns what the rules find now. One undo takes it back.

    Raises:
        UsageError: the trajectory is not `before` any more.
    """
    if trajectories.get(db, pk).turns != before.turns:
        raise UsageError("The trajectory was changed meanwhile; look at it again.")
    findings = [f.replace(repaired=False) for f in reviewing.check(workspace, after)[1]]
    decisions.edit(db, pk, after, findings, reviewer)
    return findings
