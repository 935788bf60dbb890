"""A domain pack: a folder with `pack.toml` and what goes with it.

    prompts/<name>/pack.toml     title, extends, grammar, [axes], [[errors]], and what the rules need
    prompts/<name>/<kind>.md     a prompt template, `synthesize.md` and the like
    prompts/<name>/policy.md     the policy, where the data does not bring its own
    prompts/<name>/tools.json    tool specs, where the data does not bring its own
    prompts/<name>/evaluation.json  tasks that must not be trained on: a list of {name, text, ids}

A file is looked for in the same folder of every root, in order, and then in the pack that this one extends;
so a workspace overrides single files by name and inherits the rest.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

from simia_tui.domains.action import Grammar
from simia_tui.domains.grammar import GRAMMARS
from simia_tui.errors import UsageError
from simia_tui.model import ToolSpec

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""What a domain may be called; it becomes the name of a folder, so no separators and no leading dot."""

MANIFEST = "pack.toml"


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """A prompt with `$name` placeholders. `version` is the start of the SHA-256 of its text, 12 hexadecimal digits."""

    text: str
    version: str
    path: Path

    @classmethod
    def of(cls, text: str, path: Path) -> "PromptTemplate":
        """The template with this text, as it is or would be at `path`."""
        return cls(text, hashlib.sha256(text.encode()).hexdigest()[:12], path)

    @property
    def placeholders(self) -> frozenset[str]:
        """The names of what is filled in.

        Raises:
            UsageError: a `$` stands alone.
        """
        if not Template(self.text).is_valid():
            self.fill(dict.fromkeys(Template(self.text).get_identifiers(), ""))
        return frozenset(Template(self.text).get_identifiers())

    def fill(self, values: Mapping[str, str]) -> str:
        """The prompt with every placeholder replaced in one pass, so that data holding `$name` stays as it is.

        Raises:
            UsageError: a placeholder has no value, or a `$` stands alone.
        """
        try:
            return Template(self.text).substitute(values)
        except KeyError as fault:
            known = ", ".join(f"${name}" for name in sorted(values))
            raise UsageError(f"{self.path}: the placeholder ${fault.args[0]} is unknown; known are {known}.") from None
        except ValueError as fault:
            raise UsageError(f"{self.path}: {fault}; write $$ for a dollar sign.") from None


@dataclass(frozen=True, slots=True)
class ErrorTemplate:
    """How a tool of the real environment refuses: `cause` in a few words, `text` with `{placeholders}`.

    `tools` are those that say it; empty means any.
    """

    cause: str
    text: str
    tools: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """As a prompt shows it: who says it, what is said, and why."""
        tools = f"{', '.join(self.tools)}: " if self.tools else ""
        return f"- {tools}{self.text} ({self.cause})"


@dataclass(frozen=True)
class Pack:
    """What is known of a domain. `folders` are searched in order for its files; `data` is its `pack.toml`.

    `templates` take the place of files, by kind: a job reads them once, and a file that changes changes no job.
    """

    name: str
    title: str
    data: dict[str, Any]
    folders: tuple[Path, ...]
    policy: str | None = None
    tools: tuple[ToolSpec, ...] = ()
    axes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    grammar: Grammar = GRAMMARS["calls"]
    errors: tuple[ErrorTemplate, ...] = ()
    templates: Mapping[str, PromptTemplate] = field(default_factory=dict)

    @property
    def kinds(self) -> list[str]:
        """The kinds of prompt that the pack has, or has from what it extends; sorted."""
        return sorted({path.stem for folder in self.folders for path in folder.glob("*.md")} - {"policy"})

    @property
    def refusals(self) -> str:
        """The catalogue of errors as prompts show it, a line each."""
        return "\n".join(error.line for error in self.errors) or "(none is known; word them as such tools would)"

    def template(self, kind: str) -> PromptTemplate:
        """The template `<kind>.md`.

        Raises:
            UsageError: neither the pack nor what it extends has it, or it is not UTF-8 text.
        """
        if kind in self.templates:
            return self.templates[kind]
        path = find(self.folders, f"{kind}.md") if NAME.fullmatch(kind) else None
        if path is None:
            where = self.folders[0] / f"{kind}.md"
            raise UsageError(f"The pack {self.name} has no prompt template {kind!r}; write {where} to add one.")
        return PromptTemplate.of(read_text(path), path)


def find(folders: Sequence[Path], name: str) -> Path | None:
    """The first file `name` in `folders`."""
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def read_text(path: Path) -> str:
    """The text of a file of a pack. Raises `UsageError` if it cannot be read as UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text; save it as UTF-8.") from None
    except OSError as fault:
        raise UsageError(f"{path} cannot be read ({fault.strerror}).") from None


def read_manifest(path: Path) -> dict[str, Any]:
    """The content of a `pack.toml`. Raises `UsageError` naming file and place."""
    try:
        return tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as fault:
        raise UsageError(f"{path} is not valid TOML: {fault}.") from None


def read_tools(path: Path) -> tuple[ToolSpec, ...]:
    """The tool specs in a `tools.json`: a list of objects, flat or in OpenAI's nested shape.

    Raises:
        UsageError: naming the file and the entry that is wrong.
    """
    try:
        entries = json.loads(read_text(path))
    except (ValueError, RecursionError):
        raise UsageError(f"{path} is not valid JSON.") from None
    if not isinstance(entries, list):
        raise UsageError(f"{path} must hold a list of tools.")
    return tuple(_tool(path, number, entry) for number, entry in enumerate(entries, 1))


def read_evaluation(path: Path) -> list[dict[str, Any]]:
    """The tasks in an `evaluation.json`: a list of objects with a `name`, and `text`, `ids` or both.

    Raises:
        UsageError: naming the file and the entry that is wrong.
    """
    try:
        entries = json.loads(read_text(path))
    except (ValueError, RecursionError):
        raise UsageError(f"{path} is not valid JSON.") from None
    if not isinstance(entries, list):
        raise UsageError(f"{path} must hold a list of tasks.")
    for number, entry in enumerate(entries, 1):
        if (
            not isinstance(entry, dict)
            or not isinstance(entry.get("name"), str)
            or not (entry.keys() & {"text", "ids"})
        ):
            raise UsageError(f"{path}: task {number} needs a name, and a text or ids.")
    return entries


def _tool(path: Path, number: int, entry: Any) -> ToolSpec:
    if isinstance(entry, dict) and isinstance(entry.get("function"), dict):
        entry = entry["function"]
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise UsageError(f"{path}: tool {number} needs a name.")
    description, parameters = entry.get("description"), entry.get("parameters")
    if not isinstance(description, str | None) or not isinstance(parameters, dict | None):
        raise UsageError(f"{path}: tool {number} needs a text as description and an object as parameters.")
    return ToolSpec(name=entry["name"], description=description, parameters=parameters)
