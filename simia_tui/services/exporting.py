"""Freezing a curated set: preflight, files, manifest, card. What was frozen is never changed.

A set is judged and written in one pass over its rows, to a folder that nobody looks into. It becomes an export when
that folder is given its name, and is gone when the judgement is not accepted.
"""

import fcntl
import json
import os
import re
import shutil
import sqlite3
import time
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from simia_tui import __version__, collector, formats
from simia_tui.errors import SimiaError, UsageError
from simia_tui.formats import Preflight
from simia_tui.model import Export, Trajectory, canonical_json, content_hash
from simia_tui.services import bundle, decided
from simia_tui.services.bodies import bodies
from simia_tui.services.bundle import TARGETS, Bundle
from simia_tui.store import Query, Workspace, cards, certificates, exports, provenance, remakes, snapshot, trajectories

__all__ = ["TARGETS", "Draft", "Preview", "draft", "freeze", "preview"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

_PORTION = 250
"""Rows that are read at a time."""

_ABANDONED_S = 60.0
"""Age from which a draft that no process holds is what a killed one left behind."""


@dataclass(frozen=True)
class Preview:
    """What an export would hold and what each target would drop or lose.

    `selected` is what the query matches, `pks` what of it goes out; `undecided` of these have a new end that nobody has
    decided on, and go out with the old one.
    """

    query: Query
    selected: Sequence[int]
    pks: list[int]
    demo: int
    broken: int
    reports: dict[str, Preflight]
    left_out: dict[str, int] = field(default_factory=dict)
    undecided: int = 0

    @property
    def losses(self) -> list[str]:
        """What any target would drop or lose, one sentence each; empty for a set that survives whole.

        Rows without a turn of the assistant are not among them: no file holds them, and `left_out` counts them.
        Nor are masks, where another file of the bundle keeps them.
        """
        told = {*self.left_out, *({formats.MASKED} if formats.KEEPS_MASKS & set(self.reports) else ())}
        return [
            f"{target}: {issue.reason} ({issue.count} rows)"
            for target, report in self.reports.items()
            for issue in report.issues
            if issue.severity != "note" and issue.reason not in told
        ]

    @property
    def written(self) -> dict[str, str]:
        """The formats that the export will hold, and the file of each; other targets are only looked at."""
        return bundle.written(self.reports)


def preview(db: sqlite3.Connection, query: Query, targets: Sequence[str] = tuple(TARGETS)) -> Preview:
    """Applies each target's own rules to what `query` selects, without writing anything.

    Raises:
        UsageError: the query selects nothing, or nothing with a turn of the assistant; a target is not known.
    """
    return _Pass(db, query, _known(targets), None).run(_selected(db, query))


class Draft(NamedTuple):
    """A set that is judged and written, but not yet an export.

    `revisions` are those of the rows of `preview.pks`; `files` is what the manifest says of each file.
    """

    workspace: Workspace
    db: sqlite3.Connection
    name: str
    folder: Path
    preview: Preview
    revisions: Sequence[int]
    files: dict[str, dict[str, Any]]

    def freeze(self, *, accept_losses: bool = False) -> Export:
        """Makes it an immutable folder and records it; the same set under the same name is kept once.

        Raises:
            SimiaError: something would be lost and that was not accepted, or the disk refuses.
        """
        _agree(self.preview, accept_losses)
        sha = content_hash({file: entry["sha256"] for file, entry in self.files.items()})
        path = self.workspace.exports / f"{self.name}-{sha[:8]}"
        manifest = self._manifest(sha)
        with _disk(self.workspace):
            (self.folder / "manifest.json").write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
            (self.folder / "README.md").write_text(bundle.card(manifest))
            if path.exists():
                known = [e for e in exports.exports(self.db) if e.sha256 == sha and e.name == self.name]
                if known:
                    return known[0]
                shutil.rmtree(path)
            self.folder.rename(path)
        rows = zip(self.preview.pks, self.revisions, strict=True)
        place = str(path.relative_to(self.workspace.root))
        pk = exports.add(self.db, self.name, place, sha, rows, self.preview.demo > 0, manifest)
        return exports.export(self.db, pk)

    def _manifest(self, sha: str) -> dict[str, Any]:
        told = self.preview
        return {
            "name": self.name,
            "sha256": sha,
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "simia": __version__,
            "demo": told.demo > 0,
            "demo_rows": told.demo,
            "rows": len(told.pks),
            "filter": _describe(told.query),
            "left_out": told.left_out,
            "formats": told.written,
            "files": self.files,
            "preflight": {target: _preflight_entry(report) for target, report in told.reports.items()},
            "certificates": certificates.of(self.db, told.pks),
            **provenance.summary(self.db, told.pks),
        }


@contextmanager
def draft(
    workspace: Workspace,
    db: sqlite3.Connection,
    name: str,
    query: Query,
    targets: Sequence[str] = tuple(TARGETS),
    selected: Sequence[int] | None = None,
) -> Iterator[Draft]:
    """Judges and writes what `query` selects in one pass; what was not frozen when it ends is gone.

    `selected` are the keys that the query gave before, where somebody has looked at them since.

    Raises:
        UsageError: as `preview` does, and where the name cannot be a folder's.
        SimiaError: the disk refuses.
    """
    if not _NAME.fullmatch(name):
        raise UsageError("An export's name is made of letters, digits, dots, dashes and underscores; choose another.")
    names = _known(targets)
    selected = _selected(db, query) if selected is None else selected
    with _drafted(workspace, name) as folder:
        with _disk(workspace):
            with bundle.opened(folder, names) as files:
                walk = _Pass(db, query, names, files)
                previewed = walk.run(selected)
            entries = files.describe()
        yield Draft(workspace, db, name, folder, previewed, walk.revisions, entries)


def freeze(
    workspace: Workspace, db: sqlite3.Connection, name: str, previewed: Preview, *, accept_losses: bool = False
) -> Export:
    """Writes the set that somebody has looked at as an export. Its rows are judged again: they may have changed since.

    Raises:
        UsageError: the name cannot be a folder's.
        SimiaError: something would be lost and that was not accepted, or the disk refuses.
    """
    _agree(previewed, accept_losses)
    with draft(workspace, db, name, previewed.query, tuple(previewed.reports), previewed.selected) as made:
        return made.freeze(accept_losses=accept_losses)


def _known(targets: Sequence[str]) -> list[str]:
    """The targets, each once."""
    names = list(dict.fromkeys(targets))
    if unknown := [name for name in names if name not in formats.DECIDED and name not in formats.targets()]:
        known = ", ".join([*formats.WRITERS, *formats.DECIDED])
        raise UsageError(f"There is no export target {unknown[0]!r}; choose of: {known}.")
    return names


def _selected(db: sqlite3.Connection, query: Query) -> Sequence[int]:
    selected = trajectories.ids(db, query.but(order="source"))
    if not selected:
        raise UsageError(f"No trajectory matches {_describe(query)}; approve some episodes or choose another filter.")
    return selected


def _describe(query: Query) -> str:
    kind = {"seed": "seeds", "episode": "episodes", None: "seeds and episodes"}[query.kind]
    return f"{kind} {query.line()}".strip()


def _agree(previewed: Preview, accept_losses: bool) -> None:
    if previewed.losses and not accept_losses:
        raise SimiaError(f"The export would lose data: {'; '.join(previewed.losses)}. Mend or leave out these rows.")


def _preflight_entry(report: Preflight) -> dict[str, Any]:
    entry: dict[str, Any] = json.loads(canonical_json(report.model_dump(mode="json")))
    return entry


@contextmanager
def _drafted(workspace: Workspace, name: str) -> Iterator[Path]:
    """A new folder that is held while it is a draft, and gone when it has not got a name by the end."""
    with _disk(workspace):
        _sweep(workspace)
        folder = workspace.exports / f".{name}.{time.time_ns()}.draft"
        folder.mkdir(parents=True)
        held = os.open(folder, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        os.close(held)
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(workspace: Workspace) -> None:
    """Takes the drafts away that killed processes left behind."""
    for folder in workspace.exports.glob(".*.draft"):
        if time.time() - folder.stat().st_mtime < _ABANDONED_S:
            continue
        held = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(held)


@contextmanager
def _disk(workspace: Workspace) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SimiaError(f"The export could not be written to {workspace.exports}: {error.strerror}.") from error


class _Pass:
    """One walk over rows: every target judges each, and where there are `files` it is written."""

    def __init__(self, db: sqlite3.Connection, query: Query, names: Sequence[str], files: Bundle | None) -> None:
        self._db, self._query, self._names, self._files = db, query, names, files
        self._tallies = [formats.Tally(name) for name in names if name not in formats.DECIDED]
        self._kept = array("q")
        self._left_out: dict[str, int] = {}
        self.revisions = array("q")

    def run(self, selected: Sequence[int]) -> Preview:
        with collector.spared():
            for start in range(0, len(selected), _PORTION):
                self._portion(selected[start : start + _PORTION])
        if not self._kept:
            raise UsageError(f"Nothing to export: {'; '.join(self._left_out)} in any of {_describe(self._query)}.")
        reports = {tally.target: tally.result() for tally in self._tallies}
        others: set[int] = set()
        for name in formats.DECIDED.keys() & set(self._names):
            sink = self._files.sinks[name] if self._files else None
            reports[name], made_from = decided.preflight(self._db, self._query, name, sink)
            others |= made_from
        others.difference_update(self._kept)
        demo = provenance.demo_count(self._db, self._kept) + provenance.demo_count(self._db, sorted(others))
        broken = provenance.broken_count(self._db, self._kept)
        in_order = {name: reports[name] for name in self._names}
        undecided = len(set(remakes.landed(self._db)).intersection(self._kept))
        return Preview(self._query, selected, list(self._kept), demo, broken, in_order, self._left_out, undecided)

    def _portion(self, pks: Sequence[int]) -> None:
        with snapshot(self._db):
            read = bodies(self._db, pks)
            members = _members(self._db, pks) if self._files else []
        for n, trajectory in enumerate(read):
            reason = formats.left_out(trajectory, "trl")
            if reason is not None:
                self._left_out[reason] = self._left_out.get(reason, 0) + 1
            else:
                self._kept.append(pks[n])
            self._row(trajectory, members[n] if members and reason is None else None)

    def _row(self, trajectory: Trajectory, member: dict[str, Any] | None) -> None:
        """Has every target judge a row; one with a `member` is written to each file that can use it."""
        seen = formats.look(trajectory)
        sinks = self._files.sinks if self._files and member else {}
        for tally in self._tallies:
            sink = sinks.get(tally.target)
            row = formats.WRITERS[tally.target].write(trajectory) if sink else None
            if tally.add(trajectory, seen, row) and sink and row is not None:
                sink.add(row)
        if self._files and member:
            self.revisions.append(member["revision"])
            self._files.members.add({key: value for key, value in member.items() if key != "pk"})


def _members(db: sqlite3.Connection, pks: Sequence[int]) -> list[dict[str, Any]]:
    """Where each row comes from, with the turns that reviewers masked."""
    masks = cards.masks(db, pks)
    told = provenance.members(db, pks)
    return [m | ({"masked": sorted(masks[m["pk"]])} if m["pk"] in masks else {}) for m in told]
