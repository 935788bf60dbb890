"""The folder of an export: the rows of each format, where each comes from, what trainers are told, the card."""

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from simia_tui import formats, resources
from simia_tui.formats import HashedFile, JsonSink, Sink
from simia_tui.formats.axolotl import DATASET

TARGETS: dict[str, str] = {name: formats.file_of(name) for name in ("trl", "sharegpt-hermes")}
"""What every export is written for, and the file of each."""

MEMBERS = "members.jsonl"

_PURPOSES: dict[str, str] = {
    MEMBERS: "where each row comes from",
    "dataset_info.json": "LLaMA-Factory's description of its files",
    "axolotl_dataset.yaml": "Axolotl's description of its file",
}


def written(names: Iterable[str]) -> dict[str, str]:
    """Those of `names` that can be written, and the file of each; other targets are only looked at."""
    known = {*formats.WRITERS, *formats.DECIDED}
    return {name: formats.file_of(name) for name in names if name in known}


@dataclass(frozen=True)
class Bundle:
    """The files of an export while they are written, hashed on the way; `sinks` are those of its formats, by name."""

    folder: Path
    sinks: dict[str, Sink]
    members: JsonSink
    files: dict[str, HashedFile]

    def describe(self) -> dict[str, dict[str, Any]]:
        """Adds the files that describe the others once these are closed; returns what the manifest says of each."""
        rows = {formats.file_of(name): sink.rows for name, sink in self.sinks.items()} | {MEMBERS: self.members.rows}
        for name, text in _descriptions(self.sinks).items():
            with HashedFile(self.folder / name) as self.files[name]:
                self.files[name].write(text.encode())
        entries = {name: {"sha256": file.sha256, "bytes": file.size} for name, file in sorted(self.files.items())}
        return {name: entry | ({"rows": rows[name]} if name in rows else {}) for name, entry in entries.items()}


@contextmanager
def opened(folder: Path, names: Iterable[str]) -> Iterator[Bundle]:
    """New files in `folder` for the formats `names`, open for as long as it lasts."""
    by_name = written(names)
    with ExitStack() as stack:
        files = {file: stack.enter_context(HashedFile(folder / file)) for file in (*by_name.values(), MEMBERS)}
        sinks = {name: stack.enter_context(formats.open_sink(files[file], name)) for name, file in by_name.items()}
        yield Bundle(folder, sinks, stack.enter_context(JsonSink(files[MEMBERS])), files)


def _descriptions(names: Iterable[str]) -> dict[str, str]:
    """What trainers must be told of the files, in their own configuration, by the names of its files."""
    info = {"dataset_info.json": json.dumps(_dataset_info(set(names)), indent=2) + "\n"}
    return info | ({"axolotl_dataset.yaml": DATASET} if "axolotl" in names else {})


def _dataset_info(names: set[str]) -> dict[str, Any]:
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
    if "sharegpt" in names:
        info["simia_sharegpt"] = {
            "file_name": formats.file_of("sharegpt"),
            "formatting": "sharegpt",
            "columns": {**columns, "tools": "tools"},
            "tags": {**tags, "observation_tag": "observation", "function_tag": "function_call"},
        }
    return info


def card(manifest: dict[str, Any]) -> str:
    """What people read of an export, from its manifest."""

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
