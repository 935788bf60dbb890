"""The formats of trajectory files: detection, reading row by row, writing, and what a trainer makes of it.

`read` and `detect` know a file by its content, never by its name. Each writer states what it loses.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from simia_tui.errors import UsageError
from simia_tui.formats.agentinstruct import AgentInstruct
from simia_tui.formats.anthropic_messages import AnthropicMessages
from simia_tui.formats.apigen_mt import ApigenMT
from simia_tui.formats.atif import ATIF, Atif
from simia_tui.formats.axolotl import AXOLOTL, Axolotl
from simia_tui.formats.base import RAW_CHARS, Format, Row, RowError, Writer
from simia_tui.formats.decided import KTO, PREFERENCE, STEPWISE, Decided
from simia_tui.formats.executed import Executed
from simia_tui.formats.few_shot import FewShot
from simia_tui.formats.hermes import HERMES_CHAT, Hermes
from simia_tui.formats.inspect_log import InspectLog
from simia_tui.formats.intercode import InterCode
from simia_tui.formats.langfuse import Langfuse
from simia_tui.formats.langsmith import LangSmith
from simia_tui.formats.mini_swe_agent import MiniSWEAgent
from simia_tui.formats.officebench import OfficeBench
from simia_tui.formats.openai_chat import OPENAI, OpenAIChat, write_openai
from simia_tui.formats.openai_responses import OpenAIResponses
from simia_tui.formats.openinference import OpenInference
from simia_tui.formats.otel import OpenTelemetry
from simia_tui.formats.parquet import PARQUET, Parquet, container, rows
from simia_tui.formats.parts import Parts
from simia_tui.formats.preflight import (
    KEEPS_MASKS,
    MASKED,
    Issue,
    Preflight,
    Tally,
    left_out,
    preflight,
    preflights,
    targets,
)
from simia_tui.formats.react import ALFWorld, ReAct, ReActText
from simia_tui.formats.sharegpt import SHAREGPT, ShareGPT, write_sharegpt
from simia_tui.formats.sharegpt_hermes import HERMES, ShareGPTHermes, write_sharegpt_hermes
from simia_tui.formats.simia_rl import SimiaRL
from simia_tui.formats.simia_sft import SIMIA_SFT, SimiaSFT
from simia_tui.formats.sinks import HashedFile, JsonSink, Sink, file_of, is_json, open_sink
from simia_tui.formats.slices import Slice, Torn, slices
from simia_tui.formats.source import Source, samples
from simia_tui.formats.stream import Item, check, head_of, items
from simia_tui.formats.swe_agent import SWEAgent
from simia_tui.formats.tau2 import Tau2
from simia_tui.formats.tau_bench import TauBench
from simia_tui.formats.traps import look
from simia_tui.formats.trl import TRL, write_trl
from simia_tui.formats.trl_grpo import TRL_GRPO
from simia_tui.formats.verl import VERL_RL, VERL_SFT, VerlRL, VerlSFT

__all__ = [
    "DECIDED",
    "KEEPS_MASKS",
    "MASKED",
    "WRITERS",
    "Decided",
    "Format",
    "HashedFile",
    "Issue",
    "JsonSink",
    "Preflight",
    "Row",
    "RowError",
    "Sink",
    "Slice",
    "Tally",
    "Torn",
    "Writer",
    "detect",
    "file_of",
    "is_json",
    "left_out",
    "look",
    "losses",
    "names",
    "open_sink",
    "preflight",
    "preflights",
    "read",
    "read_slice",
    "readers",
    "sliced",
    "targets",
    "title",
    "write_openai",
    "write_sharegpt",
    "write_sharegpt_hermes",
    "write_trl",
]


def readers() -> dict[str, Format]:
    """The formats that can be read, name to reader, in the order in which detection prefers them."""
    return dict(_FORMATS)


_FORMATS: dict[str, Format] = {
    reader.name: reader
    for reader in (
        TauBench(),
        FewShot(),
        Tau2(),
        Executed(),
        SimiaRL(),
        OfficeBench(),
        AgentInstruct(),
        Parts(),
        ReAct(),
        ALFWorld(),
        ReActText(),
        InterCode(),
        SWEAgent(),
        MiniSWEAgent(),
        InspectLog(),
        OpenInference(),
        OpenTelemetry(),
        Langfuse(),
        LangSmith(),
        OpenAIResponses(),
        AnthropicMessages(),
        Hermes(),
        ShareGPTHermes(),
        SimiaSFT(),
        ShareGPT(),
        ApigenMT(),
        Atif(),
        VerlRL(),
        VerlSFT(),
        Axolotl(),
        OpenAIChat(),
        Parquet(readers),
    )
}

WRITERS: dict[str, Writer] = {
    writer.name: writer
    for writer in (
        TRL,
        HERMES,
        SHAREGPT,
        OPENAI,
        HERMES_CHAT,
        SIMIA_SFT,
        AXOLOTL,
        ATIF,
        PARQUET,
        VERL_SFT,
        VERL_RL,
        TRL_GRPO,
    )
}
"""What can be written of one trajectory, by name."""

DECIDED: dict[str, Decided] = {decided.name: decided for decided in (PREFERENCE, KTO, STEPWISE)}
"""What can be written where reviewers have decided, by name."""


def title(name: str) -> str:
    """What a format that can be written is for."""
    return (WRITERS.get(name) or DECIDED[name]).title


def losses(name: str) -> tuple[str, ...]:
    """What a format that can be written does not hold of a trajectory."""
    return (WRITERS.get(name) or DECIDED[name]).loses


def names() -> list[str]:
    """The formats that can be read, as `read` takes them."""
    return list(_FORMATS)


def detect(path: Path) -> str:
    """The format of most of the file's first 32 records, by name; rows of TRL are told as "openai".

    A file that is no JSON (a log, an archive) is known by its first bytes.

    Raises:
        UsageError: when the file is missing, empty, unreadable, of no known format, or of a kind that holds no
            conversation; the sentence says which.
    """
    head = head_of(path)
    for reader in _FORMATS.values():
        if isinstance(reader, Source) and reader.sniff(head):
            return reader.name
    check(path)
    found: Counter[str] = Counter()
    seen: list[Item] = []
    for item in samples(path):
        seen.append(item)
        found.update(name for name, reader in _FORMATS.items() if _fits(reader, item))
    if found:
        name = max(_FORMATS, key=found.__getitem__)
        # One row with inline calls decides: that reader takes the plain rows of the family as well.
        return HERMES.name if name in (SHAREGPT.name, SIMIA_SFT.name) and found[HERMES.name] else name
    raise UsageError(_unknown(path, seen))


def _fits(reader: Format, item: Item) -> bool:
    """Whether a record is of this format; of a broken object only a format that reads it in pieces makes something."""
    if isinstance(item.value, dict):
        return (not item.reason or isinstance(reader, Source)) and reader.detect(item.value)
    return not item.reason and isinstance(reader, Source) and reader.detect_other(item.value)


def _unknown(path: Path, seen: list[Item]) -> str:
    """Why no format fits, as one sentence."""
    if not seen:
        return f"{path} holds no rows."
    samples_seen = [item.value for item in seen if isinstance(item.value, dict)]
    sources = [reader for reader in _FORMATS.values() if isinstance(reader, Source)]
    for reason in (reader.refusal(sample) for reader in sources for sample in samples_seen):
        if reason:
            return f"{path} cannot be imported: {reason}"
    line = head_of(path).lstrip(b"\xef\xbb\xbf").split(b"\n", 1)[0]
    if seen[-1].reason and re.search(rb"[,;\t]", line) and not re.search(rb"[{}\[\]]", line):
        return f"{path} looks like a table (CSV); turn it into JSON Lines with one conversation to a row first."
    if seen[-1].reason and all(item.reason or not isinstance(item.value, dict) for item in seen):
        return f"{path} is not JSON that can be read: {seen[-1].reason}"
    return f"{path} is in no known format; the known ones are: {', '.join(_FORMATS)}."


def read(path: Path, format: str = "auto", domain: str = "generic") -> Iterator[Row]:
    """The rows of the file at `path`, one at a time; a row that cannot be read is a bad `Row`, never an error.

    Args:
        path: JSON array, JSON Lines or a single object, plain or compressed; of some formats a log or an archive.
        format: a name of `names()`, or "auto" to look at the content.
        domain: the domain given to every trajectory.

    Raises:
        UsageError: at the first step, when the file cannot be opened or the format is not known.
    """
    if format != "auto" and format not in _FORMATS:
        raise UsageError(f"There is no format “{format}”; choose auto or one of: {', '.join(_FORMATS)}.")
    reader = _FORMATS[detect(path) if format == "auto" else format]
    for item in _records(path, reader):
        yield _row(item, reader, domain)


def sliced(path: Path, format: str) -> list[Slice]:
    """The slices of a file of the format `format` for `read_slice`, in order; none where it must be read in one go.

    Raises:
        UsageError: as `read` does.
    """
    plain = not isinstance(_FORMATS[format], Source) and not container(path)
    return slices(path) if plain else []


def read_slice(piece: Slice, format: str, domain: str = "generic") -> tuple[list[Row], int]:
    """The rows of a slice, numbered from 1, and how many numbers they take.

    Raises:
        Torn: the file cannot be read in slices after all.
    """
    items_read, count = piece.items()
    return [_row(item, _FORMATS[format], domain) for item in items_read], count


def _records(path: Path, reader: Format) -> Iterator[Item]:
    if isinstance(reader, Source):
        return reader.records(path)
    return rows(path) if container(path) else items(path)


def _row(item: Item, reader: Format, domain: str) -> Row:
    reason = item.reason
    if reason is None and not isinstance(item.value, dict):
        reason = f"The row is {_kind(item.value)}, not an object."
    if reason is None:
        try:
            return Row(item.number, reader.read_record(item.value, domain), None, "")
        except RowError as error:
            reason = str(error)
        except RecursionError as error:
            reason = f"The row does not make a trajectory ({type(error).__name__})."
    return Row(item.number, None, reason, item.raw[:RAW_CHARS])


def _kind(value: object) -> str:
    kinds = {list: "a list", str: "a text", bool: "a truth value", type(None): "null"}
    return kinds.get(type(value), "a number")
