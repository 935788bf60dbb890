"""Exports: frozen sets of trajectories, and which revision of which trajectory went in."""

import json
import sqlite3
import time
from collections.abc import Iterable
from typing import Any

from simia_tui.errors import UsageError
from simia_tui.model import Export, canonical_json
from simia_tui.store.connection import write

_COLUMNS = "pk, name, path, sha256, rows, demo, created, manifest"


def add(
    db: sqlite3.Connection,
    name: str,
    path: str,
    sha256: str,
    rows: Iterable[tuple[int, int]],
    demo: bool,
    manifest: dict[str, Any],
) -> int:
    """Records an export; `rows` are `(trajectory key, revision)` in the order of the files."""
    with write(db):
        export = db.execute(
            "INSERT INTO exports (name, path, sha256, rows, demo, manifest, created) VALUES (?, ?, ?, 0, ?, ?, ?)",
            (name, path, sha256, demo, canonical_json(manifest), time.time()),
        ).lastrowid
        assert export is not None
        written = db.executemany(
            "INSERT INTO export_rows VALUES (?, ?, ?, ?)",
            ((export, n, pk, revision) for n, (pk, revision) in enumerate(rows)),
        ).rowcount
        db.execute("UPDATE exports SET rows = ? WHERE pk = ?", (max(0, written), export))
    return export


def exports(db: sqlite3.Connection) -> list[Export]:
    """All exports, newest first."""
    return [_export(values) for values in db.execute(f"SELECT {_COLUMNS} FROM exports ORDER BY pk DESC").fetchall()]


def export(db: sqlite3.Connection, name: int | str) -> Export:
    """An export by number, or the newest of a name.

    Raises:
        UsageError: there is no such export.
    """
    found = db.execute(
        f"SELECT {_COLUMNS} FROM exports WHERE pk = ? OR name = ? ORDER BY pk = ? DESC, pk DESC LIMIT 1",
        (name, name, name),
    ).fetchone()
    if found is None:
        raise UsageError(f"There is no export {name!r}; `simia exports list` shows them.")
    return _export(found)


def _export(values: tuple[Any, ...]) -> Export:
    names = ("id", "name", "path", "sha256", "rows", "demo", "created", "manifest")
    fields = dict(zip(names, values, strict=True))
    return Export.model_validate({**fields, "demo": bool(fields["demo"]), "manifest": json.loads(fields["manifest"])})
