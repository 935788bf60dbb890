"""Opening the workspace's SQLite file, and the one shape in which anything is written to it."""

import fcntl
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from simia_tui import resources
from simia_tui.errors import SimiaError, UsageError
from simia_tui.store.guard import GuardedConnection

MIGRATION_SET = "simia"
PAGE_SIZE = 8192


def connect(path: Path, *, readonly: bool = False, timeout: float = 5.0, any_thread: bool = False) -> GuardedConnection:
    """A connection in WAL mode with foreign keys on; one per thread.

    Args:
        path: the database file; it must exist unless its folder is a fresh workspace.
        timeout: seconds to wait for another writer before a write is refused.
        any_thread: it may go from one thread to another, but is never used by two at a time.

    Raises:
        UsageError: the file is missing, is no SQLite database, or was made by a newer version.
    """
    mode = "ro" if readonly else "rwc"
    try:
        db = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=timeout,
            isolation_level=None,
            check_same_thread=not any_thread,
            factory=GuardedConnection,
        )
        db.path, db.timeout_s = path.absolute(), timeout
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        if not readonly:
            db.execute(f"PRAGMA page_size = {PAGE_SIZE}")
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        raise explain(error, path) from error
    return db


def migrate(path: Path) -> None:
    """Brings the database at `path` to the newest schema; a file that already has one is copied first.

    Raises:
        UsageError: the file was made by a newer version of the program.
    """
    files = sorted(resources.migrations().glob("[0-9]*.sql"))
    with connect(path) as db:
        applied = _applied(db)
    db.close()
    unknown = applied - {file.stem for file in files}
    if unknown:
        raise UsageError(f"{path} was made by a newer version of simia (it has {max(unknown)}); update simia.")
    if len(applied) == len(files):
        return
    with open(path.with_suffix(".migrating"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if applied:
            shutil.copy2(path, path.with_suffix(f".before-{files[len(applied)].stem}"))
        _apply(path, files)


def _applied(db: sqlite3.Connection) -> set[str]:
    exists = db.execute("SELECT 1 FROM sqlite_master WHERE name = '_sqlite_migrations'").fetchone()
    if not exists:
        return set()
    rows = db.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = ?", (MIGRATION_SET,))
    return {name for (name,) in rows.fetchall()}


def _apply(path: Path, files: list[Path]) -> None:
    from sqlite_utils import Database
    from sqlite_utils.migrations import Migrations

    from simia_tui.store.codec import score_in

    migrations = Migrations(MIGRATION_SET)
    for file in files:

        def step(db: Database, text: str = file.read_text()) -> None:
            for statement in _statements(text):
                db.conn.execute(statement)

        migrations(name=file.stem)(step)
    connection = connect(path)
    connection.create_function("score_in", 1, score_in, deterministic=True)
    try:
        with connection.turn():
            migrations.apply(Database(connection))
    finally:
        connection.close()


def _statements(text: str) -> Iterator[str]:
    """The statements of an SQL file, one by one: `executescript` would commit behind the migration's back."""
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


@contextmanager
def write(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One short write transaction, taken at once; rolled back as a whole if anything fails.

    While it lasts nobody else writes or checkpoints (see `store.guard`).

    Raises:
        SimiaError: the database is locked, read-only or full; nothing was written.
    """
    guarded = db if isinstance(db, GuardedConnection) else None
    with ExitStack() as stack:
        try:
            if guarded is not None:
                stack.enter_context(guarded.turn())
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise explain(error) from error
        try:
            yield db
            db.execute("COMMIT")
        except BaseException as error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError):
                raise explain(error) from error
            raise
        if guarded is not None:
            guarded.copy_back()


@contextmanager
def snapshot(db: sqlite3.Connection) -> Iterator[None]:
    """What is read within is of one moment, whatever others commit meanwhile; to be short, as a write is."""
    if db.in_transaction:
        yield
        return
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.execute("ROLLBACK")


def data_version(db: sqlite3.Connection) -> int:
    """A number that changes when another connection has committed (costs microseconds)."""
    (version,) = db.execute("PRAGMA data_version").fetchone()
    return int(version)


def explain(error: sqlite3.Error, path: Path | None = None) -> SimiaError:
    """The sentence a user gets for an SQLite error."""
    text = str(error)
    where = f"The database {path}" if path else "The workspace's database"
    if "locked" in text or "busy" in text:
        return SimiaError(
            f"{where} is locked by another program or a busy job; nothing was written, try again in a moment."
        )
    if "readonly" in text or "read-only" in text:
        return SimiaError(f"{where} is read-only; nothing was written, check the file's permissions.")
    if "full" in text:
        return SimiaError(f"{where} could not grow because the disk is full; free some space and try again.")
    if "unable to open" in text:
        return UsageError(f"{where} cannot be opened; check that the file exists and may be read.")
    if "not a database" in text or "malformed" in text:
        return UsageError(f"{where} is damaged or not an SQLite file ({text}); restore it from a copy.")
    return SimiaError(f"{where} refused the work: {text}.")
