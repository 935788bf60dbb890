"""Trajectories as they go out: the revision that counts, with the turns that reviewers masked."""

import sqlite3
from collections.abc import Collection, Sequence

from simia_tui.model import Trajectory
from simia_tui.store import cards, trajectories


def body(db: sqlite3.Connection, pk: int) -> Trajectory:
    """The body of `pk` that counts; a turn that a reviewer masked has `loss` false, whatever the source said."""
    return _masked(trajectories.get(db, pk), cards.masked_turns(db, pk))


def bodies(db: sqlite3.Connection, pks: Sequence[int]) -> list[Trajectory]:
    """`body` of keys that are there, in their order; all are held at a time."""
    masks = cards.masks(db, pks)
    return [_masked(found, masks.get(pk, ())) for pk, found in zip(pks, trajectories.several(db, pks), strict=True)]


def _masked(trajectory: Trajectory, masked: Collection[int]) -> Trajectory:
    if not masked:
        return trajectory
    turns = (t.replace(loss=False) if n in masked else t for n, t in enumerate(trajectory.turns))
    return trajectory.with_turns(tuple(turns))
