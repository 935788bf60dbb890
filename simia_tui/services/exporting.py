"""Freezing a curated set: preflight, files, manifest, card. What was frozen is never changed."""

import hashlib
import json
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from simia_tui import __version__, formats, resources
from simia_tui.errors import SimiaError, UsageError
from simia_tui.formats import Preflight
from simia_tui.model import Export, Trajectory, canonical_json, content_hash
from simia_tui.store import Query, Workspace, exports, provenance, trajectories

TARGETS: dict[str, str] = {"trl": "trl.jsonl", "sharegpt-hermes": "sharegpt_hermes.json"}
"""What every export is written for, and the file of each."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Preview:
    """What an export would hold and what each target would drop or lose; nothing is written."""

    query: Query
    pks: list[int]
    demo: int
    reports: dict[str, Preflight]

    @property
    def losses(self) -> list[str]:
        """What any target would drop or lose, one sentence each; empty for a set that survives whole."""
        return [
            f"{target}: {issue.reason} ({issue.count} rows)"
            for target, report in self.reports.items()
            for issue in report.issues
            if issue.severity != "note"
        ]


def preview(db: sqlite3.Connection, query: Query, targets: tuple[str, ...] = tuple(TARGETS)) -> Preview:
    """Applies each target's own rules to what `query` selects, without writing anything.

    Raises:
        UsageError: the query selects nothing.
    """
    pks = list(trajectories.ids(db, query.but(order="source")))
    if not pks:
        raise UsageError(f"No trajectory matches {_describe(query)}; approve some episodes or choose another filter.")
    reports = {name: formats.preflight(_bodies(db, pks), name) for name in targets}
    return Preview(query, pks, provenance.demo_count(db, pks), reports)


def _bodies(db: sqlite3.Connection, pks: list[int]) -> Iterator[Trajectory]:
    return (trajectories.get(db, pk) for pk in pks)


def _describe(query: Query) -> str:
    kind = {"seed": "seeds", "episode": "episodes", None: "seeds and episodes"}[query.kind]
    return f"{kind} {query.line()}".strip()


def freeze(
    workspace: Workspace, db: sqlite3.Connection, name: str, previewed: Preview, *, accept_losses: bool = False
) -> Export:
    """Writes the set as an immutable folder and records it; the same set under the same name is written once.

    Raises:
        UsageError: the name cannot be a folder's.
        SimiaError: something would be lost and that was not accepted, or the disk refuses.
    """
    if not _NAME.fullmatch(name):
        raise UsageError("An export's name is made of letters, digits, dots, dashes and underscores; choose another.")
    if previewed.losses and not accept_losses:
        raise SimiaError(f"The export would lose data: {'; '.join(previewed.losses)}. Mend or leave out these rows.")
    draft = workspace.exports / f".{name}.{time.time_ns()}"
    try:
        draft.mkdir(parents=True)
        members = _members(db, previewed.pks)
        files = _write_files(draft, db, previewed.pks, members)
        sha = content_hash({file: entry["sha256"] for file, entry in files.items()})
        manifest = _manifest(db, name, sha, previewed, files)
        (draft / "manifest.json").write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
        (draft / "README.md").write_text(_card(manifest))
        path = workspace.exports / f"{name}-{sha[:8]}"
        if path.exists():
            known = [export for export in exports.exports(db) if export.sha256 == sha and export.name == name]
            if known:
                return known[0]
            shutil.rmtree(path)
        draft.rename(path)
    except OSError as error:
        raise SimiaError(f"The export could not be written to {workspace.exports}: {error.strerror}.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    rows = [(member["pk"], member["revision"]) for member in members]
    pk = exports.add(db, name, str(path.relative_to(workspace.root)), sha, rows, previewed.demo > 0, manifest)
    return exports.export(db, pk)


def _members(db: sqlite3.Connection, pks: list[int]) -> list[dict[str, Any]]:
    """Where each row comes from, in the order of the files."""
    return [provenance.member(db, pk) for pk in pks]


def _write_files(
    folder: Path, db: sqlite3.Connection, pks: list[int], members: list[dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    with ExitStack() as stack:
        lines = stack.enter_context(_Sink(folder / TARGETS["trl"]))
        array = stack.enter_context(_Sink(folder / TARGETS["sharegpt-hermes"], array=True))
        for trajectory in _bodies(db, pks):
            lines.add(formats.write_trl(trajectory))
            array.add(formats.write_sharegpt_hermes(trajectory))
    with _Sink(folder / "members.jsonl") as sink:
        for member in members:
            sink.add({key: value for key, value in member.items() if key != "pk"})
    (folder / "dataset_info.json").write_text(json.dumps(_dataset_info(), indent=2) + "\n")
    return {path.name: _file_entry(path, len(pks)) for path in sorted(folder.iterdir())}


class _Sink:
    """A file of rows, one JSON object a line, as JSON Lines or as one JSON array."""

    def __init__(self, path: Path, array: bool = False) -> None:
        self._file = open(path, "w", encoding="utf-8", newline="\n")  # noqa: SIM115 - closed by __exit__
        self._array = array
        self._rows = 0

    def __enter__(self) -> "_Sink":
        return self

    def add(self, row: dict[str, Any]) -> None:
        if self._array:
            self._file.write(",\n" if self._rows else "[\n")
        self._file.write(json.dumps(row, ensure_ascii=False))
        if not self._array:
            self._file.write("\n")
        self._rows += 1

    def __exit__(self, *_: object) -> None:
        if self._array:
            self._file.write("\n]\n" if self._rows else "[]\n")
        self._file.close()


def _dataset_info() -> dict[str, Any]:
    """How LLaMA-Factory is told of the ShareGPT file."""
    return {
        "simia": {
            "file_name": TARGETS["sharegpt-hermes"],
            "formatting": "sharegpt",
            "columns": {"messages": "conversations", "system": "system"},
            "tags": {
                "role_tag": "from",
                "content_tag": "value",
                "user_tag": "human",
                "assistant_tag": "gpt",
                "observation_tag": "observation",
            },
        }
    }


def _file_entry(path: Path, rows: int) -> dict[str, Any]:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    entry: dict[str, Any] = {"sha256": digest.hexdigest(), "bytes": path.stat().st_size}
    return entry if path.name == "dataset_info.json" else {**entry, "rows": rows}


def _manifest(
    db: sqlite3.Connection, name: str, sha: str, previewed: Preview, files: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    return {
        "name": name,
        "sha256": sha,
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "simia": __version__,
        "demo": previewed.demo > 0,
        "demo_rows": previewed.demo,
        "rows": len(previewed.pks),
        "filter": _describe(previewed.query),
        "files": files,
        "preflight": {target: _preflight_entry(report) for target, report in previewed.reports.items()},
        **provenance.summary(db, previewed.pks),
    }


def _preflight_entry(report: Preflight) -> dict[str, Any]:
    entry: dict[str, Any] = json.loads(canonical_json(report.model_dump(mode="json")))
    return entry


def _card(manifest: dict[str, Any]) -> str:
    def listed(key: str) -> str:
        values: dict[str, int] = manifest[key]
        return ", ".join(f"{name} ({n})" for name, n in values.items()) or "none"

    note = ""
    if manifest["demo"]:
        note = (
            f"**{manifest['demo_rows']} of these rows were made by the offline demo model. Do not publish them.**\n\n"
        )
    files = "\n".join(
        f"| `{name}` | {_purpose(name)} | {entry.get('rows', '')} | `{entry['sha256'][:16]}…` |"
        for name, entry in manifest["files"].items()
    )
    template = Template((resources.templates() / "dataset_card.md").read_text())
    return template.substitute(
        name=manifest["name"],
        demo_note=note,
        rows=manifest["rows"],
        version=manifest["simia"],
        created=manifest["created"],
        files=files,
        filter=manifest["filter"],
        domains=listed("domains"),
        models=listed("models"),
        prompts=listed("prompt_versions"),
        reviewers=listed("reviewers"),
        jobs=listed("jobs"),
        losses="\n".join(f"- {target}: {loss}" for target in TARGETS for loss in formats.WRITERS[target].loses),
    )


_PURPOSES: dict[str, str] = {
    TARGETS["trl"]: "TRL SFTTrainer, conversational with tools",
    TARGETS["sharegpt-hermes"]: "LLaMA-Factory, ShareGPT with calls inline",
    "members.jsonl": "where each row comes from",
    "dataset_info.json": "LLaMA-Factory's description of the set",
}


def _purpose(name: str) -> str:
    return _PURPOSES.get(name, "")
