"""Trajectories as they go out: the revision that counts, with the turns that reviewers masked."""

import sqlite3
from collections.abc import Iterable, Iterator

from simia_tui.model import Trajectory
from simia_tui.store import cards, trajectories


def body(db: sqlite3.Connection, pk: int) -> Trajectory:
    """The body of `pk` that counts; a turn that a reviewer masked has `loss` false, whatever the source said."""
    found = trajectories.get(db, pk)
    masked = cards.masked_turns(db, pk)
    if not masked:
        return found
    turns = (t.replace(loss=False) if n in masked else t for n, t in enumerate(found.turns))
    return found.with_turns(tuple(turns))


def bodies(db: sqlite3.Connection, pks: Iterable[int]) -> Iterator[Trajectory]:
    """`body` of each key, one at a time."""
    return (body(db, pk) for pk in pks)
