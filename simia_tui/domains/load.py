"""Finds packs by name."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simia_tui.domains.pack import MANIFEST, NAME, Pack, find, read_manifest, read_text, read_tools
from simia_tui.errors import UsageError


def names(roots: Sequence[Path]) -> list[str]:
    """The names of all packs under `roots`, sorted; a folder with a `pack.toml` is a pack."""
    found: set[str] = set()
    for root in roots:
        found.update(path.parent.name for path in root.glob(f"*/{MANIFEST}") if NAME.fullmatch(path.parent.name))
    return sorted(found)


def load(name: str, roots: Sequence[Path]) -> Pack:
    """The pack `name`. Earlier roots win, file by file; then comes what the pack extends.

    An unknown name never falls through to another pack.

    Raises:
        UsageError: there is no such pack, or a file of it is wrong; the sentence names the file and the key.
    """
    data, folders = _collect(name, roots)
    manifest = find(folders, MANIFEST)
    policy, tools = find(folders, "policy.md"), find(folders, "tools.json")
    return Pack(
        name=name,
        title=_text(data, "title", manifest) or name,
        data=data,
        folders=tuple(folders),
        policy=read_text(policy).strip() if policy else None,
        tools=read_tools(tools) if tools else (),
        axes=_axes(data, manifest),
    )


def _collect(name: str, roots: Sequence[Path]) -> tuple[dict[str, Any], list[Path]]:
    """The pack's own manifest, completed by those it extends, and the folders to search in order."""
    chain: list[str] = []
    folders: list[Path] = []
    merged: dict[str, Any] = {}
    current: str | None = name
    while current is not None:
        own = [root / current for root in roots] if NAME.fullmatch(current) else []
        path = find(own, MANIFEST)
        if path is None:
            raise UsageError(_unknown(current, name, roots))
        if current in chain:
            raise UsageError(f"{path}: extends leads in a circle ({' -> '.join([*chain, current])}).")
        chain.append(current)
        folders.extend(own)
        data = read_manifest(path)
        merged = {**{key: value for key, value in data.items() if key != "title"}, **merged}
        if current == name:
            merged.update(data)
        current = _text(data, "extends", path)
    return merged, folders


def _unknown(missing: str, wanted: str, roots: Sequence[Path]) -> str:
    known = ", ".join(names(roots)) or "none"
    by = "" if missing == wanted else f", which the pack {wanted!r} extends"
    return f"There is no domain pack {missing!r}{by}; known packs: {known}."


def _text(data: dict[str, Any], key: str, path: Path | None) -> str | None:
    value = data.get(key)
    if value is not None and (not isinstance(value, str) or not value.strip()):
        raise UsageError(f"{path}: {key} must be a text.")
    return value


def _axes(data: dict[str, Any], path: Path | None) -> dict[str, tuple[str, ...]]:
    table = data.get("axes", {})
    if not isinstance(table, dict):
        raise UsageError(f"{path}: axes must be a table of lists of texts.")
    for key, values in table.items():
        if not isinstance(values, list) or not values or not all(isinstance(value, str) and value for value in values):
            raise UsageError(f"{path}: axes.{key} must be a list of texts.")
    return {key: tuple(values) for key, values in table.items()}
