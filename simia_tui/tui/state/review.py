"""The queue that a reviewer works through: which trajectories, where, and what was decided."""

import sqlite3
import time
from array import array
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import islice

from simia_tui.errors import SimiaError
from simia_tui.model import Fault, Finding, Kind, Status, Trajectory
from simia_tui.services import acts, blind
from simia_tui.services.acts import Done
from simia_tui.settings import ReviewSettings
from simia_tui.store import Query, Row, claims, data_version, decisions, draws, trajectories
from simia_tui.store.decisions import Told, Undone, Verb
from simia_tui.store.fields import split

CLAIMED = 10
"""Items that are claimed at once: one write for ten of them."""
AHEAD = 128
"""Items looked at by row when the next waiting one is sought; beyond them one query over the index is cheaper."""


class ReviewState:
    """A snapshot of ids in the order of a query, a place in it, and the acts that can be done there.

    The snapshot does not change by itself: what is decided keeps its line until `take` brings a new snapshot, so that
    nothing moves under the cursor. Every act is on disk when its method returns. A state belongs to one thread, that
    of `db`; only `ids_of` may run in another, with that thread's own connection.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        reviewer: str,
        kind: Kind,
        query: Query | None = None,
        policy: ReviewSettings | None = None,
    ) -> None:
        self.db = db
        self.reviewer = reviewer
        self.kind = kind
        self.policy = policy or ReviewSettings()
        self.query = query or Query(kind=kind)
        self.ids: array[int] = array("q")
        self.planted = 0
        """How many of `ids` are planted copies; they are never counted."""
        self._held: dict[int, float] = {}
        self.pk: int | None = None
        self.last_fault: Fault | None = None
        self._loaded: tuple[tuple[object, ...], Trajectory, list[Finding]] | None = None
        self._row: Row | None = None
        self._version = data_version(db)
        self._listeners: list[Callable[[], None]] = []

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after every change of this state; the result ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @staticmethod
    def ids_of(db: sqlite3.Connection, query: Query) -> "array[int]":
        """The snapshot of `query`; run it in a worker, as it reads up to every id there is."""
        return trajectories.ids(db, query)

    def parse(self, line: str) -> Query:
        """The query that `line` means for this kind of trajectory.

        Raises:
            UsageError: a field of the line has a value that it does not know.
        """
        return Query.parse(self.kind, line)

    def take(self, query: Query, ids: "array[int]") -> None:
        """Show `ids` as the answer to `query`. The place stays on its trajectory.

        Where that is gone it stays near, for the same query, and goes to the start for another.
        """
        place = (self.place or 0) if query == self.query else 0
        self.query, self.ids = query, ids
        self.planted = sum(pk < 0 for pk in ids) if ids and min(ids) < 0 else 0
        if self.pk is None or self.pk not in ids:
            self.pk = ids[min(place, len(ids) - 1)] if ids else None
        self.forget()
        self._tell()

    def refresh(self) -> None:
        """`take` the present answer to the present query. For tests and small workspaces; screens use a worker."""
        self.take(self.query, self.ids_of(self.db, self.query))

    @property
    def found(self) -> int:
        """How many trajectories the query matches."""
        return len(self.ids) - self.planted

    @property
    def place(self) -> int | None:
        """Position of the current trajectory in `ids`, from 0."""
        if self.pk is not None:
            with suppress(ValueError):
                return self.ids.index(self.pk)
        return None

    @property
    def row(self) -> Row | None:
        """The listing line of the current trajectory."""
        if self._row is None and self.pk is not None:
            self._row = next(iter(trajectories.rows(self.db, [self.pk])), None)
        return self._row

    @property
    def trajectory(self) -> Trajectory | None:
        """The current trajectory as it counts now, read when it is first asked for."""
        loaded = self._load()
        return loaded[1] if loaded else None

    @property
    def findings(self) -> list[Finding]:
        """What the rules found in the current trajectory."""
        loaded = self._load()
        return loaded[2] if loaded else []

    @property
    def counts(self) -> dict[Status, int]:
        """How many of this kind have each status, in the whole workspace."""
        found = trajectories.counts(self.db)
        return {status: found.get((self.kind, status), 0) for status in Status}

    def rows(self, pks: Sequence[int]) -> list[Row]:
        """Listing lines, as a `RecordTable` asks for them."""
        return trajectories.rows(self.db, pks)

    def changed_elsewhere(self) -> bool:
        """Whether another process or thread wrote to the workspace since this was last asked."""
        version = data_version(self.db)
        changed, self._version = version != self._version, version
        return changed

    def forget(self) -> None:
        """Look when next asked how the current trajectory stands; its body is read anew if another one counts."""
        self._row = None

    def go_to(self, pk: int | None) -> None:
        """Make `pk` the current trajectory."""
        if pk != self.pk:
            self.pk = pk
            self.forget()
            self._tell()

    def step(self, places: int) -> None:
        """Go `places` lines on (or back), without a decision, and stop at the ends."""
        if self.ids:
            self.go_to(self.ids[max(0, min((self.place or 0) + places, len(self.ids) - 1))])

    def advance(self) -> bool:
        """Go to the next trajectory that waits for a decision, starting over at the end; False where none does.

        What waits has the status that the query asks for, or is pending where it asks for none.
        """
        here = self.place
        if here is None:
            return False
        wanted = split(self.query.status or Status.PENDING)
        near = self.ids[here + 1 : here + 1 + AHEAD]
        found = self._mine(row.pk for row in self.rows(near) if row.status in wanted)
        if found is None:
            waiting = {*trajectories.ids(self.db, self.query.but(status=",".join(wanted)))}
            found = self._mine(pk for part in (self.ids[here + 1 :], self.ids[:here]) for pk in part if pk in waiting)
        if found is not None:
            self.go_to(found)
        return found is not None

    def to_waiting(self) -> None:
        """Stay on the current trajectory where it waits for this reviewer, and claim it; else `advance`."""
        row = self.row
        if row is not None and (row.status != Status.PENDING or self._mine([row.pk]) is None):
            self.advance()

    def _mine(self, pks: Iterable[int]) -> int | None:
        """The first of `pks` that is this reviewer's to judge, claimed with some of those that follow it."""
        ahead = iter(pks)
        while part := list(islice(ahead, 2 * CLAIMED)):
            waiting = [row.pk for row in self.rows(part) if row.status == Status.PENDING and row.pk > 0]
            free = {*claims.free(self.db, self.reviewer, waiting, self.policy.overlap)}
            mine = [pk for pk in part if pk in free or pk not in waiting]
            if mine:
                self._claim([pk for pk in mine if pk in free])
                return mine[0]
        return None

    def _claim(self, pks: Sequence[int]) -> None:
        """Takes claims on the next of `pks`, unless the first is held for a while yet."""
        minutes = self.policy.claim_minutes
        if not pks or self._held.get(pks[0], 0.0) > time.time() + minutes * 30:
            return
        # Where another process keeps the database busy, the claim is taken with the next item.
        with suppress(SimiaError):
            taken = claims.claim(self.db, self.reviewer, pks, CLAIMED, overlap=self.policy.overlap, minutes=minutes)
            self._held = dict.fromkeys(taken, time.time() + minutes * 60)

    def skip(self) -> None:
        """Put the current trajectory at the end of the queue, undecided, and go to the next."""
        here = self.place
        if here is None or self.pk is None or here == len(self.ids) - 1:
            return
        following = self.ids[here + 1]
        ids = self.ids[:here] + self.ids[here + 1 :]
        ids.append(self.pk)
        self.ids = ids
        self.go_to(following)

    def decide(
        self,
        action: Verb,
        fault: Fault | None = None,
        note: str | None = None,
        pks: Sequence[int] | None = None,
        seconds: float | None = None,
    ) -> Done | None:
        """Decide on the current trajectory and advance, or on all of `pks` as one act and stay.

        Returns what became of it; None where there was nothing to decide on.

        Raises:
            UsageError: another reviewer reads it, or this one has given an opinion on it.
        """
        if pks is None and self.pk is None:
            return None
        if pks is not None:
            many = self.decide_all(self.db, self.reviewer, action, fault, pks)
            self.decided_all(action, fault)
            return many
        done = self._decide_one(action, fault, note, seconds)
        self._row = None
        self._remember(action, fault)
        if not self.advance():
            self._tell()
        return done

    def _remember(self, action: Verb, fault: Fault | None) -> None:
        if action == "reject" and fault is not None:
            self.last_fault = fault

    def _decide_one(self, action: Verb, fault: Fault | None, note: str | None, seconds: float | None) -> Done:
        assert self.pk is not None
        pk, hidden = self.pk, self.hides_judge
        done = acts.decide(self.db, pk, action, self.reviewer, fault, note, seconds, self.policy.overlap)
        if action != "reset" and blind.drawn(self.db, pk, self.policy.blind):
            draws.look(self.db, pk, self.reviewer, action if hidden else None)
        return done

    @staticmethod
    def decide_all(
        db: sqlite3.Connection,
        reviewer: str,
        action: Verb,
        fault: Fault | None,
        pks: Sequence[int],
        told: Told | None = None,
    ) -> Done:
        """One act on all of `pks`; of very many it belongs into a thread, with that thread's connection."""
        batch, count = acts.decide_all(db, list(pks), action, reviewer, fault, told=told)
        left = sum(pk > 0 for pk in pks) - count
        return Done(batch, f"{count:,}" + (f"; {left:,} need the opinions of several and were left" if left else ""))

    def decided_all(self, action: Verb, fault: Fault | None) -> None:
        """An act on many is done: show what they are now."""
        self._remember(action, fault)
        self.forget()
        self._tell()

    @property
    def hides_judge(self) -> bool:
        """Whether the prefilter's verdict on the current trajectory is hidden until it is decided or asked for."""
        row = self.row
        return (
            row is not None
            and not blind.tells(self.query)
            and blind.hides(self.db, row, self.reviewer, self.policy.blind)
        )

    def reveal(self) -> None:
        """Let the reviewer see the prefilter's verdict on the current trajectory; what follows is not blind."""
        if self.pk is not None:
            draws.look(self.db, self.pk, self.reviewer, None)
            self._tell()

    def edit(self, body: Trajectory, findings: Sequence[Finding], note: str | None = None) -> None:
        """Make `body` the revision of the current trajectory that counts."""
        if self.pk is not None:
            decisions.edit(self.db, self.pk, body, findings, self.reviewer, note)
            self.forget()
            self._tell()

    def undo(self) -> Undone | None:
        """Take back the reviewer's latest act and show what it was about; None where there is none left."""
        return self.replayed(acts.undo(self.db, self.reviewer))

    def redo(self) -> Undone | None:
        """Bring back what was undone last and show it; None where there is nothing."""
        return self.replayed(decisions.redo(self.db, self.reviewer))

    def replayed(self, undone: Undone | None) -> Undone | None:
        """Show what an undo or a redo was about."""
        if undone is None:
            return None
        self.forget()
        first = next(iter(self.rows(undone.pks[:1])), None)
        if first is not None and first.kind == self.kind:
            if first.pk not in self.ids:
                ids = self.ids[:]
                ids.insert(self.place or 0, first.pk)
                self.ids = ids
            self.pk = first.pk
        self._tell()
        return undone

    def _load(self) -> tuple[tuple[object, ...], Trajectory, list[Finding]] | None:
        """Body and findings of the revision that counts. While that is the same they stay the same objects, so that
        a reader's place in the text is not lost to the news of a job."""
        row = self.row
        if row is None:
            return None
        version = (row.pk, row.revision, row.verdict, row.findings)
        if self._loaded is None or self._loaded[0] != version:
            self._loaded = (version, trajectories.get(self.db, row.pk), trajectories.findings(self.db, row.pk))
        return self._loaded

    def _tell(self) -> None:
        for listener in list(self._listeners):
            listener()
