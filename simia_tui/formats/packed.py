"""Compressed files: known by their first bytes, and unpacked as they are read."""

import bz2
import gzip
import io
import lzma
import zlib
from typing import IO, Any, cast

import zstandard

CHUNK = 1 << 16
"""Bytes of one read. While a record is incomplete the reads double, so that a long one is not parsed n times."""

GZIP, BZIP2, XZ, ZSTANDARD = b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"
MAGIC = (GZIP, BZIP2, XZ, ZSTANDARD)

DAMAGED = (EOFError, OSError, zlib.error, lzma.LZMAError, zstandard.ZstdError)
"""What reading a damaged archive raises."""


class Unpacked(io.RawIOBase):
    """The content of a file of frames, one after the other; it can be read from front to back only.

    Raises:
        EOFError: at the end of a file that ends within a frame.
    """

    def __init__(self, file: IO[bytes], magic: bytes) -> None:
        self._file = file
        self._magic = magic
        self._frame = self._begin()
        self._inside = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        room = memoryview(buffer)
        while not self._ready:
            packed = self._frame.unused_data if self._frame.eof else b""
            packed = packed or self._file.read(CHUNK)
            if not packed:
                if self._inside:
                    raise EOFError("it ends too early")
                return 0
            if self._frame.eof:
                self._frame = self._begin()
            self._ready = self._frame.decompress(packed)
            self._inside = not self._frame.eof
        given, self._ready = self._ready[: len(room)], self._ready[len(room) :]
        room[: len(given)] = given
        return len(given)

    _ready: bytes = b""

    def _begin(self) -> Any:
        if self._magic == ZSTANDARD:
            return zstandard.ZstdDecompressor().decompressobj()
        return bz2.BZ2Decompressor() if self._magic == BZIP2 else lzma.LZMADecompressor()


def unpacked(file: IO[bytes]) -> IO[bytes]:
    """The content of `file`, which stands at its start; the file itself where it is not compressed."""
    head = file.read(8)
    file.seek(0)
    magic = next((magic for magic in MAGIC if head.startswith(magic)), None)
    if magic is None:
        return file
    if magic == GZIP:
        return cast("IO[bytes]", gzip.GzipFile(fileobj=file))
    return cast("IO[bytes]", io.BufferedReader(Unpacked(file, magic), CHUNK))


def is_packed(file: IO[bytes]) -> bool:
    """Whether `unpacked` has made `file`."""
    return isinstance(file, gzip.GzipFile) or isinstance(getattr(file, "raw", None), Unpacked)
