"""The record of what the demo model broke on purpose: JSON Lines, one line a reply.

Checks and reviewers are measured against it; nothing in the reply itself says what is wrong with it.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from simia_tui.errors import SimiaError, UsageError
from simia_tui.model import Record

DefectKind = Literal["broken_json", "unknown_tool", "missing_argument", "invented_error", "contradiction"]


class Defect(Record):
    """One known defect: `turn` counts from 0 in the reply, `call` from 0 in that turn where one call is meant."""

    kind: DefectKind
    turn: int
    call: int | None = None
    detail: str = ""


class Truth(Record):
    """All defects of one reply; none where the reply is sound."""

    response_id: str
    prompt_sha: str
    defects: tuple[Defect, ...] = ()


def append(path: Path, truth: Truth) -> None:
    """Add one line to the record, whole or not at all: several servers may write to one file.

    Raises:
        OSError: the file cannot be written.
    """
    line = (json.dumps(truth.model_dump(), ensure_ascii=False) + "\n").encode()
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, line)
    finally:
        os.close(handle)


def read(path: Path) -> Iterator[Truth]:
    """The record of each reply once, however often the same prompt was asked.

    Raises:
        UsageError: there is no such file.
        SimiaError: a line is not of this form.
    """
    if not path.is_file():
        raise UsageError(f"There is no record of defects at {path}; it is written when the demo model answers.")
    seen: set[str] = set()
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            try:
                truth = Truth.model_validate_json(line)
            except ValidationError as error:
                raise SimiaError(f"Line {number} of {path} is not a record of defects; remove it.") from error
            if truth.response_id not in seen:
                seen.add(truth.response_id)
                yield truth
