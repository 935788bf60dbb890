"""Inspect's evaluation logs: a JSON object with `samples`, or a ZIP archive (`.eval`) with a file for each sample."""

import json
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simia_tui.errors import UsageError
from simia_tui.formats.base import RAW_CHARS, RowError, messages_of, read_tools, strict_json
from simia_tui.formats.fields import dict_of, list_of, shown, text_of, without
from simia_tui.formats.openai_chat import Messages
from simia_tui.formats.source import Source, members
from simia_tui.formats.stream import Item, items
from simia_tui.model import ToolSpec, Trajectory

ENTRY_BYTES = 1 << 28
"""A file of an archive that unpacks to more than this (256 MiB) is not read."""

_SAMPLES = "samples"
_LINK = "attachment://"
_UNKEPT = ("messages", "events", "attachments", "store", "output")
_HEADS = ("header.json", "_journal/start.json")
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError)
_DEPTH = 64


class InspectLog(Source):
    """Reads one sample at a time; texts kept in `attachments` are put back in their places.

    The tools are those that the sample's first model event declares. An `error` of a tool message marks it, and
    is its text where it has none. Scores, target, metadata and the log's task and model go to `meta`.
    """

    name = "inspect"
    title = "Inspect evaluation logs (.eval, JSON)"
    loses = ("a sample's events, store and output", "fields of a call besides id, function and arguments")

    def sniff(self, head: bytes) -> bool:
        return head.startswith(b"PK\x03\x04") and any(name.encode() in head for name in ("_journal/", "header.json"))

    def detect(self, sample: dict[str, Any]) -> bool:
        samples = sample.get(_SAMPLES)
        if isinstance(samples, list) and isinstance(sample.get("eval"), dict):
            return any(isinstance(one, dict) and "messages" in one for one in samples)
        return isinstance(sample.get("messages"), list) and {"epoch", "input", "target"} <= sample.keys()

    def refusal(self, sample: dict[str, Any]) -> str | None:
        if isinstance(sample.get("eval"), dict) and "status" in sample and not sample.get(_SAMPLES):
            return "it is the log of an Inspect evaluation that holds no samples."
        return None

    def records(self, path: Path) -> Iterator[Item]:
        if zipfile.is_zipfile(path):
            yield from _archive(path)
        elif any(member.key == _SAMPLES for member in members(path, {_SAMPLES})):
            yield from _log(path)
        else:
            yield from items(path)

    def read_record(self, record: dict[str, Any], domain: str = "generic") -> Trajectory:
        sample = record.get("sample")
        if not isinstance(sample, dict):
            sample = record
        linked = dict_of(sample.get("attachments"))
        sample = {**sample, "messages": _put_back(messages_of(sample, "messages"), linked, 0)}
        messages = [_message(message, turn) for turn, message in enumerate(sample["messages"], 1)]
        meta = without(sample, *_UNKEPT)
        if header := dict_of(record.get("header")):
            told = dict_of(header.get("eval"))
            meta["eval"] = {key: told[key] for key in ("task", "model", "run_id", "created") if key in told}
        return Messages(messages).trajectory(domain, _tools(sample, linked), meta)


def _log(path: Path) -> Iterator[Item]:
    header: dict[str, Any] = {}
    number = 0
    for member in members(path, {_SAMPLES}):
        if member.key == "eval" and isinstance(member.item.value, dict):
            header = {"eval": member.item.value}
        if member.place is not None:
            number += 1
            value = member.item.value
            value = {"header": header, "sample": value} if isinstance(value, dict) else value
            yield Item(number, value, member.item.reason, member.item.raw)
        elif member.item.reason and member.key == "":
            yield Item(number + 1, None, member.item.reason, member.item.raw)


def _archive(path: Path) -> Iterator[Item]:
    try:
        archive = zipfile.ZipFile(path)
    except _DAMAGED as error:
        raise UsageError(f"{path} is a damaged archive; copy or download it again.") from error
    with archive:
        names = [entry for entry in archive.infolist() if entry.filename.startswith("samples/")]
        names = [entry for entry in names if entry.filename.endswith(".json")]
        if not names:
            raise UsageError(f"{path} is an archive without samples; only those of Inspect (.eval) can be read.")
        heads = [archive.NameToInfo[name] for name in _HEADS if name in archive.NameToInfo]
        header: Any = next((value for value, _, _ in (_entry(archive, head) for head in heads) if value), {})
        for number, entry in enumerate(names, 1):
            value, reason, raw = _entry(archive, entry)
            if reason is None and not isinstance(value, dict):
                reason = f"{entry.filename} is not an object."
            yield Item(number, None if reason else {"header": header, "sample": value}, reason, raw)


def _entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> tuple[Any, str | None, str]:
    """The JSON value of one file of the archive, the reason why there is none, and the beginning of its text."""
    if entry.file_size > ENTRY_BYTES:
        return None, f"{entry.filename} unpacks to more than {ENTRY_BYTES >> 20} MiB.", ""
    try:
        with archive.open(entry) as file:
            data = file.read(ENTRY_BYTES + 1)
        text = data[:ENTRY_BYTES].decode()
    except NotImplementedError:
        return None, f"{entry.filename} is packed in a manner unknown here; turn the log into JSON first.", ""
    except _DAMAGED as error:
        return None, f"{entry.filename} cannot be unpacked ({type(error).__name__}).", ""
    try:
        return strict_json(text), None, text[:RAW_CHARS]
    except (ValueError, json.JSONDecodeError):
        return None, f"{entry.filename} is not JSON.", text[:RAW_CHARS]


def _put_back(value: Any, linked: dict[str, Any], depth: int) -> Any:
    """The value with each `attachment://` link replaced by the text it names."""
    if isinstance(value, str) and value.startswith(_LINK):
        text = linked.get(value.removeprefix(_LINK))
        return text if isinstance(text, str) else value
    if depth > _DEPTH or not linked:
        return value
    if isinstance(value, list):
        return [_put_back(entry, linked, depth + 1) for entry in value]
    if isinstance(value, dict):
        return {key: _put_back(entry, linked, depth + 1) for key, entry in value.items()}
    return value


def _message(message: dict[str, Any], turn: int) -> dict[str, Any]:
    kept = {key: value for key, value in message.items() if value is not None and key not in ("id", "internal")}
    content, reasoning = _content(message.get("content"), turn)
    kept["content"] = content
    if reasoning:
        kept["reasoning_content"] = reasoning
    if isinstance(calls := message.get("tool_calls"), list):
        kept["tool_calls"] = [_call(call) for call in calls]
    if message.get("role") == "tool":
        kept["name"] = text_of(kept.pop("function", None))
        if error := dict_of(message.get("error")):
            kept["content"] = content or shown(error.get("message"))
    return kept


def _content(value: Any, turn: int) -> tuple[str | None, str | None]:
    """Text and reasoning of a message.

    Raises:
        RowError: for an image or another part that is no text.
    """
    if not isinstance(value, list):
        if value is None or isinstance(value, str):
            return value, None
        raise RowError(f"The content of message {turn} is neither text nor a list of parts.")
    texts, thoughts = [], []
    for part in value:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text":
            texts.append(shown(part.get("text")))
        elif kind == "reasoning":
            thoughts.append(shown(part.get("reasoning")))
        else:
            raise RowError(f"Message {turn} has a content part of the kind “{str(kind)[:40]}”; only text can be read.")
    return "\n".join(texts) if texts else None, "\n".join(thoughts) or None


def _call(call: Any) -> Any:
    if not isinstance(call, dict) or not isinstance(call.get("function"), str):
        return call
    return {"id": call.get("id"), "function": {"name": call["function"], "arguments": call.get("arguments", "")}}


def _tools(sample: dict[str, Any], linked: dict[str, Any]) -> tuple[ToolSpec, ...]:
    for event in list_of(sample.get("events")):
        if isinstance(event, dict) and event.get("event") == "model" and event.get("tools"):
            try:
                return read_tools(_put_back(event["tools"], linked, 0))
            except RowError:
                return ()
    return ()
