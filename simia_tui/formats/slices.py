"""Pieces of a file that several processes read side by side: JSON Lines, and arrays with one element a line."""

from collections.abc import Iterator
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import IO, NamedTuple

from simia_tui.formats.lines import LONGEST, elements, lines
from simia_tui.formats.packed import is_packed
from simia_tui.formats.parser import Item
from simia_tui.formats.stream import CHUNK, array, check, opened, shape

SIZE = 1 << 22
"""Bytes (4 MiB) of a slice: of so much a process holds the results at a time."""

_TAIL = 64
"""Bytes that may come after the last element of an array."""


class Torn(Exception):
    """The array has not one element in each line, and must be read in one go."""


class Slice(NamedTuple):
    """The whole lines of a file from byte `start` to byte `stop`; `array` says that they are elements of one."""

    path: Path
    start: int
    stop: int
    array: bool
    last: bool

    def items(self) -> tuple[list[Item], int]:
        """Its records, numbered from 1, and how many numbers they take.

        Raises:
            Torn: a line does not hold one element; where that is so, also what a later slice held is worth nothing.
        """
        with self.path.open("rb") as file:
            file.seek(self.start)
            data = file.read(self.stop - self.start)
        if not self.array:
            return list(lines(BytesIO(data))), data.count(b"\n")
        text = BytesIO(data if self.start == 0 else b"[" + data)
        if self.last:
            found = list(array(text, CHUNK))
            # Where the elements cannot be read to the end, the place must be counted from the start of the file.
            if found and found[-1].reason is not None:
                raise Torn
            return found, len(found)
        found = list(_all_elements(text))
        return found, len(found)


def _all_elements(file: IO[bytes]) -> Iterator[Item]:
    rest = yield from elements(file, LONGEST)
    if rest.head.strip() not in (b"", b",") or file.read(1):
        raise Torn


def slices(path: Path, size: int = SIZE) -> list[Slice]:
    """The slices of a file in their order; none where it must be read in one go.

    Raises:
        UsageError: as `stream.items` does.
    """
    check(path)
    kind = shape(path, CHUNK)
    with opened(path) as file:
        if kind == "values" or is_packed(file):
            return []
        stops = [0]
        end = path.stat().st_size
        while stops[-1] < end:
            file.seek(min(stops[-1] + size, end))
            cut = file.readline(LONGEST)
            if len(cut) == LONGEST:
                return []
            # The end of the array must not be cut from its last element.
            stops.append(file.tell() if end - file.tell() > _TAIL else end)
    return [Slice(path, start, stop, kind == "array", stop >= end) for start, stop in pairwise(stops)]
