"""A workspace: a folder with `db/simia.db`, `prompts/`, `exports/` and `simia.toml`."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from simia_tui import resources
from simia_tui.errors import UsageError
from simia_tui.store.connection import connect, explain, migrate


@dataclass(frozen=True)
class Workspace:
    """The paths of one workspace, and the way to its database."""

    root: Path

    @classmethod
    def create(cls, root: Path, settings_text: str = "") -> "Workspace":
        """Makes the folders, an empty database and `simia.toml`; an existing workspace is left as it is.

        Raises:
            UsageError: `root` is a file, or cannot be written.
        """
        workspace = cls(root)
        try:
            for folder in (workspace.db_path.parent, workspace.prompts, workspace.exports, workspace.logs):
                folder.mkdir(parents=True, exist_ok=True)
            settings = root / "simia.toml"
            if not settings.exists():
                settings.write_text(settings_text)
        except OSError as error:
            raise UsageError(f"Cannot make a workspace in {root}: {error.strerror}; choose another folder.") from error
        migrate(workspace.db_path)
        return workspace

    @classmethod
    def open(cls, root: Path) -> "Workspace":
        """The workspace in `root`, brought to the newest schema.

        Raises:
            UsageError: there is none; make one with `simia init`.
        """
        workspace = cls(root)
        if not workspace.db_path.is_file():
            raise UsageError(f"{root} is not a workspace; make one with `simia init {root}`.")
        migrate(workspace.db_path)
        return workspace

    @property
    def db_path(self) -> Path:
        return self.root / "db" / "simia.db"

    @property
    def prompts(self) -> Path:
        return self.root / "prompts"

    @property
    def exports(self) -> Path:
        return self.root / "exports"

    @property
    def logs(self) -> Path:
        return self.root / "db" / "logs"

    @property
    def truth(self) -> Path:
        """Where the demo model writes down the defects it injects."""
        return self.root / "db" / "demo-truth.jsonl"

    @property
    def worker_lock(self) -> Path:
        """Locked by the worker for its whole life."""
        return self.root / "db" / "worker.lock"

    def prompt_roots(self) -> list[Path]:
        """Where domain packs are looked for: the workspace's own first, then the shipped ones."""
        return [self.prompts, resources.prompts()]

    def connect(self, *, readonly: bool = False, timeout: float = 5.0, any_thread: bool = False) -> sqlite3.Connection:
        """A connection to the database; one per thread (see `store.connection.connect`)."""
        return connect(self.db_path, readonly=readonly, timeout=timeout, any_thread=any_thread)

    @contextmanager
    def session(self, *, readonly: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection for as long as one piece of work in a thread takes.

        Raises:
            SimiaError: the database could not be read or written; the sentence says what to do.
        """
        db = self.connect(readonly=readonly)
        try:
            yield db
        except sqlite3.Error as error:
            raise explain(error) from error
        finally:
            db.close()
