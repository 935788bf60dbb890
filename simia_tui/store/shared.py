"""What many trajectories share is stored once: policies and lists of tools, each under the hash of its content."""

import json
import sqlite3
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from simia_tui.model import ToolSpec, canonical_json, content_hash


class Policy(NamedTuple):
    """A policy with its SHA-256."""

    sha: str
    text: str


class Tool(NamedTuple):
    """A tool spec as it is stored: its SHA-256, its name, its JSON text."""

    sha: str
    name: str
    spec: str


class Toolset(NamedTuple):
    """A list of tools with the SHA-256 over theirs."""

    sha: str
    tools: tuple[Tool, ...]


@lru_cache(maxsize=256)
def policy(text: str) -> Policy:
    """The policy of a text; trajectories that share it share the object."""
    return Policy(content_hash(text), text)


_MOST_TOOLSETS = 64
_toolsets: dict[tuple[int, ...], tuple[tuple[ToolSpec, ...], Toolset]] = {}
"""Lists by the identities of their specs, which rows share and which are kept beside: an id alone could be reused."""


def toolset(specs: tuple[ToolSpec, ...]) -> Toolset:
    """The list of tools; trajectories that share their specs share the object."""
    key = tuple(map(id, specs))
    known = _toolsets.get(key)
    if known is None:
        if len(_toolsets) >= _MOST_TOOLSETS:
            _toolsets.clear()
        tools = tuple(Tool(content_hash(spec.dump()), spec.name, canonical_json(spec.dump())) for spec in specs)
        known = _toolsets[key] = (specs, Toolset(content_hash([tool.sha for tool in tools]), tools))
    return known[1]


class Keys:
    """The keys of what is shared, inserted where it is new; for the length of one transaction, which it is part of."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._known: dict[tuple[str, str], int] = {}

    def policy(self, policy: Policy | None) -> int | None:
        """The key of a policy."""
        return policy and self._once("policies", policy.sha, lambda: ("text", policy.text))

    def toolset(self, toolset: Toolset | None) -> int | None:
        """The key of a list of tools."""
        return toolset and self._once("toolsets", toolset.sha, lambda: ("tools", self._tools(toolset.tools)))

    def _tools(self, tools: tuple[Tool, ...]) -> str:
        self._db.executemany("INSERT OR IGNORE INTO tools (id, name, spec) VALUES (?, ?, ?)", tools)
        found = (self._db.execute("SELECT pk FROM tools WHERE id = ?", (tool.sha,)).fetchone()[0] for tool in tools)
        return canonical_json(list(found))

    def _once(self, table: str, sha: str, column: Callable[[], tuple[str, str]]) -> int:
        known = self._known.get((table, sha))
        if known is None:
            found = self._db.execute(f"SELECT pk FROM {table} WHERE id = ?", (sha,)).fetchone()
            known = self._known[table, sha] = int(found[0]) if found else self._insert(table, sha, *column())
        return known

    def _insert(self, table: str, sha: str, name: str, value: str) -> int:
        key = self._db.execute(f"INSERT INTO {table} (id, {name}) VALUES (?, ?)", (sha, value)).lastrowid
        assert key is not None
        return key


class Specs:
    """The tools behind stored lists of keys, each list read once."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._known: dict[str, tuple[ToolSpec, ...]] = {}

    def of(self, keys: str | None) -> tuple[ToolSpec, ...]:
        """The tools of a list as `Keys.toolset` stores it."""
        if not keys:
            return ()
        if keys not in self._known:
            pks: list[int] = json.loads(keys)
            marks = ",".join("?" * len(pks))
            found = dict(self._db.execute(f"SELECT pk, spec FROM tools WHERE pk IN ({marks})", pks).fetchall())
            self._known[keys] = tuple(_spec(found[pk]) for pk in pks)
        return self._known[keys]


@lru_cache(maxsize=1024)
def _spec(text: str) -> ToolSpec:
    """The spec that JSON text holds; trajectories that share their tools share the objects."""
    return ToolSpec.load(json.loads(text))
