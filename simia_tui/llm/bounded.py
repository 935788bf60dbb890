"""Bounds what one answer may fill the memory with. Imported when used: it needs the HTTP library of the SDK."""

from collections.abc import AsyncIterator

import httpx2

from simia_tui.llm.faults import TooLarge

MOST_BYTES = 8_000_000
"""128,000 tokens with each letter written as an escape do not reach half of it."""


async def bound(response: httpx2.Response) -> None:
    """A hook of the HTTP client: from now on a completion that is read beyond the bound raises `TooLarge`."""
    # Other answers are files that are meant to be large.
    if response.request.url.path.endswith("/chat/completions"):
        response.stream = _Bounded(response.stream)


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.SyncByteStream | httpx2.AsyncByteStream) -> None:
        assert isinstance(stream, httpx2.AsyncByteStream)
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        passed = 0
        async for chunk in self._stream:
            passed += len(chunk)
            if passed > MOST_BYTES:
                raise TooLarge(MOST_BYTES)
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
