"""Files in: read, checked, stored; what cannot be read goes to quarantine with its row number and reason."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from simia_tui import checks, collector, domains, formats
from simia_tui.errors import UsageError
from simia_tui.model import Kind, ToolSpec
from simia_tui.settings import Settings
from simia_tui.store import New, Workspace, imports, trajectories

PORTION = 250
"""Rows per transaction: a reader never waits long for the lock, and a stop loses at most these."""


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


class _Ground(NamedTuple):
    """What is the same for every row: its kind, and what the domain gives to the rules."""

    kind: Kind
    tools: tuple[ToolSpec, ...]
    hints: checks.Hints


def import_files(
    workspace: Workspace,
    paths: Iterable[Path],
    *,
    kind: Kind = "seed",
    format_name: str = "auto",
    domain: str = "generic",
    dry_run: bool = False,
    progress: Callable[[FileReport], None] = lambda _: None,
) -> ImportReport:
    """Imports files one after the other; of a folder, every file below it that is in a known format.

    A file that is named and cannot be read stops the import before anything is written; one that is only found in a
    folder is refused with a sentence in the report.

    Raises:
        UsageError: a path is missing or empty, or its format, the domain or a rule of the settings is not known.
    """
    pack = domains.load(domain, workspace.prompt_roots())
    ground = _Ground(kind, pack.tools, checks.hints_in(Settings.load(workspace.root), pack.name, pack.data))
    named = [entry for path in paths for entry in _named(path, format_name)]
    report = ImportReport([], dry_run)
    for path, name, refusal in named:
        file = FileReport(str(path), name or "refused", reasons=[refusal] if refusal else [])
        report.files.append(file)
        if name is None:
            continue
        rows = formats.read(path, name, domain)
        with collector.spared():
            for _ in _count(workspace, rows, file) if dry_run else _store(workspace, rows, file, ground):
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


def _portions(rows: Iterator[formats.Row]) -> Iterator[list[formats.Row]]:
    while portion := list(islice(rows, PORTION)):
        yield portion


def _store(workspace: Workspace, rows: Iterator[formats.Row], file: FileReport, ground: _Ground) -> Iterator[None]:
    db = workspace.connect()
    try:
        record = imports.begin(db, file.path, file.format, ground.kind)
        for portion in _portions(rows):
            added = trajectories.add(db, (_new(row, file, ground) for row in portion if row.trajectory))
            refused = [imports.Refused(row.number, row.reason or "", row.raw) for row in portion if not row.trajectory]
            imports.record(db, record, len(added.pks), added.duplicates, refused)
            _add_up(file, len(added.pks), added.duplicates, refused)
            yield
    finally:
        db.close()


def _new(row: formats.Row, file: FileReport, ground: _Ground) -> New:
    assert row.trajectory is not None
    checked, findings = checks.run(row.trajectory, row.trajectory.tools or ground.tools, ground.hints)
    return New(
        row.trajectory,
        checked,
        findings,
        kind=ground.kind,
        format=file.format,
        path=file.path,
        row=row.number,
        demo=row.trajectory.meta.get("demo") is True,
    )


def _count(workspace: Workspace, rows: Iterator[formats.Row], file: FileReport) -> Iterator[None]:
    db = workspace.connect()
    seen: set[str] = set()
    try:
        for portion in _portions(rows):
            ids = [row.trajectory.id for row in portion if row.trajectory]
            known = trajectories.known(db, ids)
            fresh = set(ids) - known - seen
            refused = [imports.Refused(row.number, row.reason or "", row.raw) for row in portion if not row.trajectory]
            _add_up(file, len(fresh), len(ids) - len(fresh), refused)
            seen |= fresh
            yield
    finally:
        db.close()


def _add_up(file: FileReport, added: int, duplicates: int, refused: list[imports.Refused]) -> None:
    file.added += added
    file.duplicates += duplicates
    file.quarantined += len(refused)
    file.reasons += [f"row {row.row}: {row.reason}" for row in refused[: max(0, 20 - len(file.reasons))]]
