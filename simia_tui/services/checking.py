"""The rules over a file, without a workspace: rows in, mended rows and a report out, one row at a time."""

import signal
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from multiprocessing import Pool
from pathlib import Path
from threading import Semaphore
from typing import Any, NamedTuple

from simia_tui import checks, collector, domains, formats, resources
from simia_tui.errors import UsageError
from simia_tui.formats import Row, Sink, Slice, Torn
from simia_tui.formats.base import json_row
from simia_tui.model import verdict_of
from simia_tui.settings import Settings

Entry = dict[str, Any]
"""One row of the report: its number, its verdict, and its findings or the reason why it cannot be read."""


class _Done(NamedTuple):
    """What came of a row. `mended` is JSON where the format is written as such."""

    entry: Entry
    mended: Any


_Slice = tuple[list[_Done], int] | None
"""What came of the rows of a slice, numbered from 1, and how many numbers they take; None where it is torn."""


class FileCheck:
    """A file to be checked: how it is read, by what rules, and what its rows are written as.

    `root` is where `simia.toml` and prompts of one's own are looked for; neither need be there.

    Raises:
        UsageError: there is no such file, or format, domain or a rule of the settings is not known.
    """

    def __init__(self, path: Path, format_name: str, domain: str, target: str, root: Path) -> None:
        if not path.exists():
            raise UsageError(f"There is no file {path}; check the path.")
        if target not in formats.WRITERS:
            raise UsageError(f"There is no format {target!r} to write; choose one of {', '.join(formats.WRITERS)}.")
        pack = domains.load(domain, [root / "prompts", resources.prompts()])
        self.path, self.domain, self.target = path, domain, target
        self.format = formats.detect(path) if format_name == "auto" else format_name
        self._tools = pack.tools
        self._as_json = formats.is_json(target)
        self._hints = checks.hints_in(Settings.load(root), pack.name, pack.data)

    def run(self, report: Sink, out: Sink | None = None, workers: int = 1) -> Counter[str]:
        """Puts an entry for each row into `report` and each mended row into `out`; returns the count of each verdict.

        Memory does not grow with the file. With several `workers` rows are checked side by side where the file can be
        cut; the order stays.
        """
        counts: Counter[str] = Counter()
        rows = self._side_by_side(workers, out is not None) if workers > 1 else self._in_turn(0, out is not None)
        with collector.spared():
            for entry, mended in rows:
                counts[entry["verdict"]] += 1
                report.add(entry)
                if out is not None and mended is not None:
                    out.add(mended)
        return counts

    def _in_turn(self, skip: int, writes: bool) -> Iterator[_Done]:
        for row in islice(formats.read(self.path, self.format, self.domain), skip, None):
            yield self._done(row, writes)

    def _side_by_side(self, workers: int, writes: bool) -> Iterator[_Done]:
        before = 0
        for done in self._slices(workers, writes):
            if done is None:
                yield from self._in_turn(before, writes)
                return
            rows, count = done
            for entry, mended in rows:
                yield _Done({**entry, "row": entry["row"] + before}, mended)
            before += count

    def _slices(self, workers: int, writes: bool) -> Iterator[_Slice]:
        """What comes of each slice in order; None where the rest must be read in one go."""
        pieces = formats.sliced(self.path, self.format)
        if not pieces:
            yield None
            return
        # No more slices are under way than a few for each process, so that results never pile up.
        free = Semaphore(2 * workers)
        with Pool(workers, _begin, (self, writes)) as pool:
            try:
                for done in pool.imap(_slice, (piece for piece in pieces if free.acquire())):
                    free.release()
                    yield done
            finally:
                free.release(len(pieces))

    def slice(self, piece: Slice, writes: bool) -> _Slice:
        """Checks the rows of one slice."""
        try:
            rows, count = formats.read_slice(piece, self.format, self.domain)
        except Torn:
            return None
        return [self._done(row, writes) for row in rows], count

    def _done(self, row: Row, writes: bool) -> _Done:
        if row.trajectory is None:
            return _Done({"row": row.number, "verdict": "unreadable", "reason": row.reason}, None)
        checked, findings = checks.run(row.trajectory, row.trajectory.tools or self._tools, self._hints)
        listed = [finding.dump() for finding in findings]
        entry = {"row": row.number, "verdict": verdict_of(findings).value, "findings": listed}
        if not writes:
            return _Done(entry, None)
        made = formats.WRITERS[self.target].write(checked)
        return _Done(entry, json_row(made) if self._as_json else made)


_task: list[tuple[FileCheck, bool]] = []
"""What this process checks, where it is one of several."""


def _begin(check: FileCheck, writes: bool) -> None:
    # The first process is told of Ctrl+C as well, and ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _task.append((check, writes))


def _slice(piece: Slice) -> _Slice:
    check, writes = _task[-1]
    with collector.spared():
        return check.slice(piece, writes)
