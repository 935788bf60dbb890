"""One reviewer's acts, whatever they are about: a decision, one opinion of several, or a verdict on a planted copy.

Every act is on disk when its function returns, and `undo` takes back the latest of them, also after a restart.
"""

import sqlite3
import time
from typing import NamedTuple

from simia_tui.errors import UsageError
from simia_tui.model import Fault, Status
from simia_tui.services import claims as opinions
from simia_tui.store import claims, decisions, planted, trajectories
from simia_tui.store.decisions import Told, Undone, Verb


class Done(NamedTuple):
    """What became of an act: its batch, where it is a decision, and a word for the reviewer that says more."""

    batch: int | None
    said: str = ""


def decide(
    db: sqlite3.Connection,
    pk: int,
    verb: Verb,
    reviewer: str,
    fault: Fault | None = None,
    note: str | None = None,
    seconds: float | None = None,
    overlap: int = 1,
) -> Done:
    """The verdict of a reviewer on one item. Where `overlap` or the item itself asks for several it is an opinion.

    Raises:
        UsageError: another reviewer reads it now, or this one has an opinion on it already.
    """
    if pk < 0:
        planted.judge(db, pk, reviewer, verb, fault, seconds)
        return Done(None, told(db, pk, verb))
    (row,) = trajectories.rows(db, [pk])
    if row.status == Status.PENDING and verb != "reset":
        if overlap > claims.needed(db, pk):
            claims.set_overlap(db, [pk], overlap)
        _require_free(db, pk, reviewer)
        if claims.needed(db, pk) > 1:
            return _opine(db, pk, verb, reviewer, fault, note, seconds)
    # The claim stays until it expires: it means nothing on what is decided.
    return Done(decisions.decide(db, [pk], verb, reviewer, fault, note, seconds))


def _require_free(db: sqlite3.Connection, pk: int, reviewer: str) -> None:
    others = [claim for claim in claims.held(db, pk) if claim.reviewer != reviewer]
    if len(others) + len(claims.opinions(db, pk)) >= claims.needed(db, pk) and others:
        until = time.strftime("%H:%M", time.localtime(others[0].until))
        raise UsageError(f"{others[0].reviewer} reads #{pk} until {until}; go on with the next, or wait.")


def _opine(
    db: sqlite3.Connection,
    pk: int,
    verb: Verb,
    reviewer: str,
    fault: Fault | None,
    note: str | None,
    seconds: float | None,
) -> Done:
    assert verb != "reset"
    if len(claims.opinions(db, pk)) >= claims.needed(db, pk):
        batch = opinions.adjudicate(db, pk, reviewer, verb, fault, note)
        return Done(batch, f"{verb}: the dispute over #{pk} is settled")
    now = opinions.judge(db, pk, reviewer, verb, fault, note, seconds)
    if now.decided:
        return Done(None, f"#{pk}: all {now.needed} agree to {verb}")
    if now.disputed:
        return Done(None, f"#{pk}: the {now.needed} opinions differ; has:dispute shows it")
    return Done(None, f"#{pk}: your opinion, {now.given} of {now.needed}")


def told(db: sqlite3.Connection, pk: int, verb: Verb) -> str:
    """What a reviewer learns after a verdict on a planted copy."""
    copy = planted.copy(db, pk)
    if copy is None or verb == "reset":
        return ""
    what = f"{copy.defect}, turn {copy.turn + 1}"
    return f"{'missed' if verb == 'approve' else 'seen'}: #{-pk} was planted, {what}"


def decide_all(
    db: sqlite3.Connection,
    pks: list[int],
    verb: Verb,
    reviewer: str,
    fault: Fault | None = None,
    note: str | None = None,
    told: Told | None = None,
) -> tuple[int | None, int]:
    """One decision on many, as one batch; what needs several opinions and what was planted is left out.

    `told` learns how far it is. Returns the batch (None where nothing was left) and how many were decided on.
    """
    chosen = [pk for pk in pks if pk > 0]
    if verb != "reset":
        shared = claims.shared(db)
        chosen = [pk for pk in chosen if pk not in shared]
    if not chosen:
        return None, 0
    return decisions.decide(db, chosen, verb, reviewer, fault, note, told=told), len(chosen)


def undo(db: sqlite3.Connection, reviewer: str, told: Told | None = None) -> Undone | None:
    """Takes back the reviewer's latest act that stands; None where there is none.

    Raises:
        UsageError: others have decided with an opinion that would be taken back.
    """
    batch, opinion, judged = decisions.latest(db, reviewer), claims.latest(db, reviewer), planted.latest(db, reviewer)
    when = {
        "decision": batch[1] if batch else 0.0,
        "opinion": opinion.at if opinion else 0.0,
        "planted": judged.at if judged else 0.0,
    }
    newest = max(when, key=lambda name: when[name])
    if newest == "planted" and judged is not None:
        planted.take_back(db, judged.pk)
        return Undone(0, judged.verdict, [judged.planted], 0)
    if opinion is not None and (newest == "opinion" or _completed(db, opinion, batch)):
        pk = opinions.undo(db, reviewer)
        return Undone(0, opinion.verdict, [pk], 0) if pk is not None else None
    return decisions.undo(db, reviewer, told)


def _completed(db: sqlite3.Connection, opinion: claims.Opinion, batch: tuple[int, float] | None) -> bool:
    """Whether the batch is the decision that this opinion was the last one for."""
    made = decisions.history(db, opinion.trajectory)
    agreed = bool(made) and (made[-1].note or "").startswith(opinions.AGREED)
    return batch is not None and agreed and made[-1].batch == batch[0]
