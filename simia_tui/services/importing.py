"""Files in: read, checked, stored; what cannot be read goes to quarantine with its row number and reason."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

from simia_tui import checks, collector, domains, formats
from simia_tui.errors import UsageError
from simia_tui.model import Kind, ToolSpec
from simia_tui.services.rowwise import Rowwise, workers_for
from simia_tui.settings import Settings
from simia_tui.store import Entry, New, Workspace, entry, imports, trajectories
from simia_tui.store.imports import Refused

T = TypeVar("T")

PORTION = 250
"""Rows per transaction: a reader never waits long for the lock, and a stop loses at most these."""


class _Refusal(NamedTuple):
    reason: str
    raw: str


@dataclass
class FileReport:
    """What became of one file's rows."""

    path: str
    format: str
    added: int = 0
    duplicates: int = 0
    quarantined: int = 0
    reasons: list[str] = field(default_factory=list)


@dataclass
class ImportReport:
    """What became of all files; `dry_run` says that nothing was written."""

    files: list[FileReport]
    dry_run: bool = False

    @property
    def added(self) -> int:
        return sum(file.added for file in self.files)

    @property
    def duplicates(self) -> int:
        return sum(file.duplicates for file in self.files)

    @property
    def quarantined(self) -> int:
        return sum(file.quarantined for file in self.files)


@dataclass(frozen=True)
class _Read:
    """What each row becomes: an entry for the tables, or why there is none and the start of its text.

    What is the same for every row stands here: the file, its kind, and what the domain gives to the rules.
    """

    path: str
    format: str
    kind: Kind
    tools: tuple[ToolSpec, ...]
    hints: checks.Hints

    def __call__(self, row: formats.Row) -> Entry | _Refusal:
        trajectory = row.trajectory
        if trajectory is None:
            return _Refusal(row.reason or "", row.raw)
        checked, findings = checks.run(trajectory, trajectory.tools or self.tools, self.hints)
        demo = trajectory.meta.get("demo") is True
        return entry(New(trajectory, checked, findings, kind=self.kind, format=self.format, path=self.path, demo=demo))


def import_files(
    workspace: Workspace,
    paths: Iterable[Path],
    *,
    kind: Kind = "seed",
    format_name: str = "auto",
    domain: str = "generic",
    dry_run: bool = False,
    workers: int | None = None,
    progress: Callable[[FileReport], None] = lambda _: None,
) -> ImportReport:
    """Imports files one after the other; of a folder, every file below it that is in a known format.

    A file that is named and cannot be read stops the import before anything is written; one that is only found in a
    folder is refused with a sentence in the report. Rows are read and checked by `workers` processes side by side, by
    all cores where none is given and the file is large; this one writes.

    Raises:
        UsageError: a path is missing or empty, or its format, the domain or a rule of the settings is not known.
    """
    pack = domains.load(domain, workspace.prompt_roots())
    hints = checks.hints_in(Settings.load(workspace.root), pack.name, pack.data)
    named = [found for path in paths for found in _named(path, format_name)]
    report = ImportReport([], dry_run)
    for path, name, refusal in named:
        file = FileReport(str(path), name or "refused", reasons=[refusal] if refusal else [])
        report.files.append(file)
        if name is None:
            continue
        processes = workers or workers_for(path)
        if dry_run:
            steps = _count(workspace, Rowwise(path, name, domain, _id_of).results(processes), file)
        else:
            read = _Read(file.path, name, kind, pack.tools, hints)
            steps = _store(workspace, Rowwise(path, name, domain, read).results(processes), file, kind)
        with collector.spared():
            for _ in steps:
                progress(file)
    return report


def _named(path: Path, format_name: str) -> Iterator[tuple[Path, str | None, str | None]]:
    """`(file, format, None)`, or `(file, None, why it is refused)` for a file found in a folder."""
    if not path.is_dir():
        yield path, _format_of(path, format_name), None
        return
    for file in sorted(path.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
        if hidden or not file.is_file():
            continue
        try:
            yield file, _format_of(file, format_name), None
        except UsageError as error:
            yield file, None, str(error)


def _format_of(path: Path, format_name: str) -> str:
    if not path.exists():
        raise UsageError(f"There is no file {path}; check the path.")
    if format_name == "auto":
        return formats.detect(path)
    if format_name not in formats.names():
        raise UsageError(f"There is no format {format_name!r}; choose auto or one of {', '.join(formats.names())}.")
    return format_name


Made = list[tuple[int, T | _Refusal]]
"""What came of a portion of rows, with their numbers."""


def _store(
    workspace: Workspace, rows: Iterator[tuple[int, Entry | _Refusal]], file: FileReport, kind: Kind
) -> Iterator[None]:
    db = workspace.connect()
    try:
        record = imports.begin(db, file.path, file.format, kind)
        # A portion is let go of before the next one is read.
        while _add(db, record, list(islice(rows, PORTION)), file):
            yield
    finally:
        db.close()


def _add(db: sqlite3.Connection, record: int, portion: "Made[Entry]", file: FileReport) -> bool:
    if not portion:
        return False
    added = trajectories.add_entries(db, [made._replace(row=n) for n, made in portion if isinstance(made, Entry)])
    refused = _refused(portion)
    imports.record(db, record, len(added.pks), added.duplicates, refused)
    _add_up(file, len(added.pks), added.duplicates, refused)
    return True


def _id_of(row: formats.Row) -> str | _Refusal:
    return _Refusal(row.reason or "", row.raw) if row.trajectory is None else row.trajectory.id


def _count(workspace: Workspace, rows: Iterator[tuple[int, str | _Refusal]], file: FileReport) -> Iterator[None]:
    db = workspace.connect()
    seen: set[str] = set()
    try:
        while portion := list(islice(rows, PORTION)):
            ids = [made for _, made in portion if isinstance(made, str)]
            fresh = set(ids) - trajectories.known(db, ids) - seen
            _add_up(file, len(fresh), len(ids) - len(fresh), _refused(portion))
            seen |= fresh
            yield
    finally:
        db.close()


def _refused(portion: "Made[T]") -> list[Refused]:
    return [Refused(number, *made) for number, made in portion if isinstance(made, _Refusal)]


def _add_up(file: FileReport, added: int, duplicates: int, refused: list[Refused]) -> None:
    file.added += added
    file.duplicates += duplicates
    file.quarantined += len(refused)
    file.reasons += [f"row {row.row}: {row.reason}" for row in refused[: max(0, 20 - len(file.reasons))]]
