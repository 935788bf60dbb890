"""Finds packs by name."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simia_tui.domains.action import Grammar
from simia_tui.domains.grammar import GRAMMARS
from simia_tui.domains.pack import (
    MANIFEST,
    NAME,
    ErrorTemplate,
    Pack,
    find,
    read_evaluation,
    read_manifest,
    read_text,
    read_tools,
)
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
    evaluation = find(folders, "evaluation.json")
    if evaluation is not None:
        data = {**data, "evaluation": [*_listed(data, "evaluation", manifest), *read_evaluation(evaluation)]}
    return Pack(
        name=name,
        title=_text(data, "title", manifest) or name,
        data=data,
        folders=tuple(folders),
        policy=read_text(policy).strip() if policy else None,
        tools=read_tools(tools) if tools else (),
        axes=_axes(data, manifest),
        grammar=_grammar(data, manifest),
        errors=_errors(data, manifest),
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


def _grammar(data: dict[str, Any], path: Path | None) -> Grammar:
    name = _text(data, "grammar", path) or "calls"
    if name not in GRAMMARS:
        raise UsageError(f"{path}: there is no grammar {name!r}; choose one of {', '.join(GRAMMARS)}.")
    return GRAMMARS[name]


def _listed(data: dict[str, Any], key: str, path: Path | None) -> list[Any]:
    entries = data.get(key, [])
    if not isinstance(entries, list):
        raise UsageError(f"{path}: {key} must be a list of tables.")
    return entries


def _errors(data: dict[str, Any], path: Path | None) -> tuple[ErrorTemplate, ...]:
    return tuple(_error(entry, number, path) for number, entry in enumerate(_listed(data, "errors", path), 1))


def _error(entry: Any, number: int, path: Path | None) -> ErrorTemplate:
    table: dict[str, Any] = entry if isinstance(entry, dict) else {}
    cause, text, tools = table.get("cause"), table.get("text"), table.get("tools", [])
    named = isinstance(tools, list) and all(isinstance(tool, str) for tool in tools)
    if not isinstance(cause, str) or not isinstance(text, str) or not cause or not text or not named:
        raise UsageError(f"{path}: error {number} needs cause and text, and tools as a list of names.")
    return ErrorTemplate(cause, text, tuple(tools))
