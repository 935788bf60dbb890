"""Bounds what one answer may fill the memory with. Imported when used: it needs the HTTP library of the SDK."""

import zlib
from collections.abc import AsyncIterator, Iterator

import httpx2

from simia_tui.llm.faults import TooLarge

MOST_BYTES = 8_000_000
"""128,000 tokens with each letter written as an escape do not reach half of it."""

ACCEPTED = "gzip, deflate"
"""How an answer may be compressed: in ways that the standard library inflates piece by piece."""

_PIECE = 256_000
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


async def bound(response: httpx2.Response) -> None:
    """A hook of the HTTP client: from now on a completion that is read beyond the bound raises `TooLarge`.

    A compressed one is inflated here, for a few kB of it may be hundreds of MB. What is compressed in a way that nobody
    asked for stays as it is.
    """
    # Other answers are files that are meant to be large.
    if response.request.url.path.endswith("/chat/completions"):
        encoding = response.headers.pop("content-encoding", "").strip().lower()
        response.stream = _Bounded(response.stream, encoding in ("gzip", "x-gzip", "deflate"))


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.SyncByteStream | httpx2.AsyncByteStream, compressed: bool) -> None:
        assert isinstance(stream, httpx2.AsyncByteStream)
        self._stream = stream
        self._inflate = zlib.decompressobj(_GZIP_OR_ZLIB) if compressed else None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        passed = 0
        async for chunk in self._stream:
            for part in self._parts(chunk):
                passed += len(part)
                if passed > MOST_BYTES:
                    raise TooLarge(MOST_BYTES)
                yield part

    def _parts(self, chunk: bytes) -> Iterator[bytes]:
        if self._inflate is None:
            yield chunk
            return
        while part := self._inflate.decompress(chunk, _PIECE):
            yield part
            chunk = self._inflate.unconsumed_tail

    async def aclose(self) -> None:
        await self._stream.aclose()
