"""The formats of trajectory files: detection, reading row by row, writing, and what a trainer makes of it.

`read` and `detect` know a file by its content, never by its name. Each writer states what it loses.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from pydantic import ValidationError

from simia_tui.errors import UsageError
from simia_tui.formats.base import RAW_CHARS, Format, Row, RowError, Writer
from simia_tui.formats.openai_chat import OPENAI, OpenAIChat, write_openai
from simia_tui.formats.preflight import Issue, Preflight, preflight, targets
from simia_tui.formats.sharegpt import SHAREGPT, ShareGPT, write_sharegpt
from simia_tui.formats.sharegpt_hermes import HERMES, ShareGPTHermes, write_sharegpt_hermes
from simia_tui.formats.stream import Item, items
from simia_tui.formats.tau_bench import TauBench
from simia_tui.formats.trl import TRL, write_trl

__all__ = [
    "WRITERS",
    "Format",
    "Issue",
    "Preflight",
    "Row",
    "RowError",
    "Writer",
    "detect",
    "names",
    "preflight",
    "read",
    "targets",
    "write_openai",
    "write_sharegpt",
    "write_sharegpt_hermes",
    "write_trl",
]

SAMPLE = 32
"""How many records detection looks at."""

_FORMATS: dict[str, Format] = {
    reader.name: reader for reader in (TauBench(), ShareGPTHermes(), ShareGPT(), OpenAIChat())
}

WRITERS: dict[str, Writer] = {writer.name: writer for writer in (TRL, HERMES, SHAREGPT, OPENAI)}
"""What can be written, by name."""


def names() -> list[str]:
    """The formats that can be read, as `read` takes them."""
    return list(_FORMATS)


def detect(path: Path) -> str:
    """The format of most of the file's first 32 records, by name; rows of TRL are told as "openai".

    Raises:
        UsageError: when the file is missing, empty, not JSON, or of no known format.
    """
    found: Counter[str] = Counter()
    last: Item | None = None
    objects = 0
    for item in islice(items(path), SAMPLE):
        last = item
        if isinstance(item.value, dict):
            objects += 1
            found.update(name for name, reader in _FORMATS.items() if reader.detect(item.value))
    if found:
        name = max(_FORMATS, key=found.__getitem__)
        # One row with inline calls decides: that reader takes the plain rows of the family as well.
        return HERMES.name if name == SHAREGPT.name and found[HERMES.name] else name
    if last is None:
        raise UsageError(f"{path} holds no rows.")
    if objects == 0 and last.reason:
        raise UsageError(f"{path} is not JSON that can be read: {last.reason}")
    raise UsageError(f"{path} is in no known format; the known ones are: {', '.join(_FORMATS)}.")


def read(path: Path, format: str = "auto", domain: str = "generic") -> Iterator[Row]:
    """The rows of the file at `path`, one at a time; a row that cannot be read is a bad `Row`, never an error.

    Args:
        path: JSON array, JSON Lines or a single object, plain or gzipped.
        format: a name of `names()`, or "auto" to look at the content.
        domain: the domain given to every trajectory.

    Raises:
        UsageError: at the first step, when the file cannot be opened or the format is not known.
    """
    if format != "auto" and format not in _FORMATS:
        raise UsageError(f"There is no format “{format}”; choose auto or one of: {', '.join(_FORMATS)}.")
    reader = _FORMATS[detect(path) if format == "auto" else format]
    for item in items(path):
        yield _row(item, reader, domain)


def _row(item: Item, reader: Format, domain: str) -> Row:
    reason = item.reason
    if reason is None and not isinstance(item.value, dict):
        reason = f"The row is {_kind(item.value)}, not an object."
    if reason is None:
        try:
            return Row(item.number, reader.read_record(item.value, domain), None, "")
        except RowError as error:
            reason = str(error)
        except (ValidationError, RecursionError) as error:
            reason = f"The row does not make a trajectory ({type(error).__name__})."
    return Row(item.number, None, reason, item.raw[:RAW_CHARS])


def _kind(value: object) -> str:
    kinds = {list: "a list", str: "a text", bool: "a truth value", type(None): "null"}
    return kinds.get(type(value), "a number")
