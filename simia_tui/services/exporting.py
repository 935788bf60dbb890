"""Freezing a curated set: preflight, files, manifest, card. What was frozen is never changed."""

import hashlib
import json
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

from simia_tui import __version__, collector, formats, resources
from simia_tui.errors import SimiaError, UsageError
from simia_tui.formats import JsonSink, Preflight
from simia_tui.formats.axolotl import DATASET
from simia_tui.model import Export, Trajectory, canonical_json, content_hash
from simia_tui.services import decided
from simia_tui.services.bodies import bodies, body
from simia_tui.store import Query, Workspace, cards, certificates, exports, provenance, trajectories

TARGETS: dict[str, str] = {name: formats.file_of(name) for name in ("trl", "sharegpt-hermes")}
"""What every export is written for, and the file of each."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Preview:
    """What an export would hold and what each target would drop or lose; nothing is written."""

    query: Query
    pks: list[int]
    demo: int
    broken: int
    reports: dict[str, Preflight]
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def losses(self) -> list[str]:
        """What any target would drop or lose, one sentence each; empty for a set that survives whole.

        Rows without a turn of the assistant are not among them: no file holds them, and `left_out` counts them.
        Nor are masks, where another file of the bundle keeps them.
        """
        told = {*self.left_out, *({formats.MASKED} if formats.KEEPS_MASKS & set(self.reports) else ())}
        return [
            f"{target}: {issue.reason} ({issue.count} rows)"
            for target, report in self.reports.items()
            for issue in report.issues
            if issue.severity != "note" and issue.reason not in told
        ]

    @property
    def written(self) -> dict[str, str]:
        """The formats that the export will hold, and the file of each; other targets are only looked at."""
        known = {*formats.WRITERS, *formats.DECIDED}
        return {name: formats.file_of(name) for name in self.reports if name in known}


def preview(db: sqlite3.Connection, query: Query, targets: Sequence[str] = tuple(TARGETS)) -> Preview:
    """Applies each target's own rules to what `query` selects, without writing anything.

    Raises:
        UsageError: the query selects nothing, or nothing with a turn of the assistant; a target is not known.
    """
    names = list(dict.fromkeys(targets))
    if unknown := [name for name in names if name not in formats.DECIDED and name not in formats.targets()]:
        known = ", ".join([*formats.WRITERS, *formats.DECIDED])
        raise UsageError(f"There is no export target {unknown[0]!r}; choose of: {known}.")
    selected = list(trajectories.ids(db, query.but(order="source")))
    if not selected:
        raise UsageError(f"No trajectory matches {_describe(query)}; approve some episodes or choose another filter.")
    kept: list[int] = []
    left_out: dict[str, int] = {}

    def looked_at() -> Iterator[Trajectory]:
        for pk in selected:
            trajectory = body(db, pk)
            reason = formats.left_out(trajectory, "trl")
            if reason is None:
                kept.append(pk)
            else:
                left_out[reason] = left_out.get(reason, 0) + 1
            yield trajectory

    with collector.spared():
        reports = formats.preflights(looked_at(), [name for name in names if name not in formats.DECIDED])
    if not kept:
        raise UsageError(f"Nothing to export: {'; '.join(left_out)} in any of {_describe(query)}.")
    used = set(kept)
    for name in formats.DECIDED.keys() & set(names):
        reports[name], made_from = decided.preflight(db, query, name)
        used |= made_from
    demo = provenance.demo_count(db, sorted(used))
    broken = provenance.broken_count(db, kept)
    return Preview(query, kept, demo, broken, {name: reports[name] for name in names}, left_out)


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
        files = _write_files(draft, db, previewed, members)
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
    members = []
    for pk in pks:
        masked = sorted(cards.masked_turns(db, pk))
        members.append({**provenance.member(db, pk), **({"masked": masked} if masked else {})})
    return members


def _write_files(
    folder: Path, db: sqlite3.Connection, previewed: Preview, members: list[dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Writes one file a format, and those that describe them; returns what the manifest says of each."""
    rows = {file: 0 for file in previewed.written.values()}
    with ExitStack() as stack:
        writers = {name: file for name, file in previewed.written.items() if name in formats.WRITERS}
        sinks = {name: stack.enter_context(formats.open_sink(folder / file, name)) for name, file in writers.items()}
        stack.enter_context(collector.spared())
        for trajectory in bodies(db, previewed.pks):
            for name, sink in sinks.items():
                row = formats.WRITERS[name].write(trajectory)
                if formats.left_out(trajectory, name, row) is None:
                    sink.add(row)
                    rows[writers[name]] += 1
    for name in formats.DECIDED.keys() & previewed.written.keys():
        file = previewed.written[name]
        with formats.open_sink(folder / file, name) as sink:
            for entry in decided.made(db, previewed.query, name):
                if entry.row is not None:
                    sink.add(entry.row)
                    rows[file] += 1
    with JsonSink(folder / MEMBERS) as sink:
        for member in members:
            sink.add({key: value for key, value in member.items() if key != "pk"})
    rows[MEMBERS] = len(members)
    _describe_files(folder, previewed)
    return {path.name: _file_entry(path, rows.get(path.name)) for path in sorted(folder.iterdir())}


def _describe_files(folder: Path, previewed: Preview) -> None:
    """What trainers must be told of the files, in their own configuration."""
    (folder / "dataset_info.json").write_text(json.dumps(_dataset_info(previewed), indent=2) + "\n")
    if "axolotl" in previewed.written:
        (folder / "axolotl_dataset.yaml").write_text(DATASET)


def _dataset_info(previewed: Preview) -> dict[str, Any]:
    """How LLaMA-Factory is told of its files. Results are human turns in the first: no tag of their own."""
    tags = {"role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt"}
    columns = {"messages": "conversations", "system": "system"}
    info: dict[str, Any] = {
        "simia": {
            "file_name": TARGETS["sharegpt-hermes"],
            "formatting": "sharegpt",
            "columns": columns,
            "tags": tags,
        }
    }
    if "sharegpt" in previewed.written:
        info["simia_sharegpt"] = {
            "file_name": previewed.written["sharegpt"],
            "formatting": "sharegpt",
            "columns": {**columns, "tools": "tools"},
            "tags": {**tags, "observation_tag": "observation", "function_tag": "function_call"},
        }
    return info


def _file_entry(path: Path, rows: int | None) -> dict[str, Any]:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    entry: dict[str, Any] = {"sha256": digest.hexdigest(), "bytes": path.stat().st_size}
    return entry if rows is None else {**entry, "rows": rows}


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
        "left_out": previewed.left_out,
        "formats": previewed.written,
        "files": files,
        "preflight": {target: _preflight_entry(report) for target, report in previewed.reports.items()},
        "certificates": certificates.of(db, previewed.pks),
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
    purposes = {**_PURPOSES, **{file: formats.title(name) for name, file in manifest["formats"].items()}}
    files = "\n".join(
        f"| `{name}` | {purposes.get(name, '')} | {entry.get('rows', '')} | `{entry['sha256'][:16]}…` |"
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
        left_out=listed("left_out"),
        losses="\n".join(f"- {name}: {loss}" for name in manifest["formats"] for loss in formats.losses(name)),
    )


MEMBERS = "members.jsonl"

_PURPOSES: dict[str, str] = {
    MEMBERS: "where each row comes from",
    "dataset_info.json": "LLaMA-Factory's description of its files",
    "axolotl_dataset.yaml": "Axolotl's description of its file",
}
