"""A chat-completions server over a real socket that misbehaves on demand.

Raw asyncio, because a library would not let an answer be torn, stalled or dripped. It runs in a thread of its own, so
that the client under test may block, be killed or run in another process. Each request takes the next fault of the
script, or `then` when the script is used up; each is written in the journal before its answer is sent.
"""

import asyncio
import contextlib
import email.utils
import gzip
import json
import random
import socket
import struct
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

TEXT = '{"role":"user","content":"Hello"}\n{"end": true}'
USAGE = {
    "prompt_tokens": 1200,
    "completion_tokens": 300,
    "prompt_tokens_details": {"cached_tokens": 1024},
    "completion_tokens_details": {"reasoning_tokens": 64},
}


@dataclass(frozen=True)
class Request:
    """One request as it came: `ord` from 0, the fault it met, and whether a vendor would charge for it."""

    ord: int
    fault: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    billed: bool


@dataclass(frozen=True)
class Answer:
    """What goes over the wire. `cut` bytes of the body are sent and then `end` happens; None: all of it."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)
    billed: bool = False
    cut: int | None = None
    end: str = "keep"
    drip_s: float = 0.0


def completion(**message: Any) -> dict[str, Any]:
    """A sound chat completion; keywords replace fields of the message, `finish` and `usage` those around it."""
    finish = message.pop("finish", "stop")
    usage = message.pop("usage", USAGE)
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": TEXT, **message}}
    whole = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "stub-1", "choices": [choice]}
    return {**whole, "usage": usage} if usage is not None else whole


def _json(value: Any, status: int = 200, billed: bool = True, **more: Any) -> Answer:
    return Answer(status, json.dumps(value).encode(), billed=billed, **more)


def _error(
    status: int, message: str, code: str | None = None, kind: str = "error", *headers: tuple[str, str]
) -> Answer:
    body = {"error": {"message": message, "type": kind, "code": code, "param": None}}
    return _json(body, status, billed=False, headers=(("content-type", "application/json"), *headers))


def _date_in(seconds: float) -> str:
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


_WHOLE = json.dumps(completion()).encode()


def _compressed(body: bytes, encoding: str) -> Answer:
    headers = (("content-type", "application/json"), ("content-encoding", encoding))
    return Answer(body=body, headers=headers, billed=True)


@cache
def bomb(wbits: int) -> bytes:
    """100 MB of a JSON string as 100 kB: as a gzip file (`wbits` 31) or a zlib stream (15)."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, wbits)
    parts = [squeeze.compress(b'{"choices": "'), *(squeeze.compress(b"x" * 1_000_000) for _ in range(100))]
    return b"".join([*parts, squeeze.flush()])


FAULTS: dict[str, Callable[[], Answer]] = {
    "ok": lambda: _json(completion()),
    "http_429": lambda: _error(429, "Rate limit reached", "rate_limit_exceeded"),
    "http_429_flex": lambda: _error(429, "Resource Unavailable: try again later", None, "resource_unavailable"),
    "http_429_seconds": lambda: _error(429, "Rate limit reached", None, "requests", ("Retry-After", "7")),
    "http_429_ms": lambda: _error(
        429, "Slow down", "slow_down", "error", ("retry-after-ms", "250"), ("Retry-After", "9")
    ),
    "http_429_date": lambda: _error(429, "Rate limit reached", None, "requests", ("Retry-After", _date_in(60))),
    "http_429_long": lambda: _error(429, "Rate limit reached", None, "requests", ("Retry-After", "900")),
    "insufficient_quota": lambda: _error(429, "You exceeded your quota", "insufficient_quota", "insufficient_quota"),
    "http_400": lambda: _error(400, "Unknown field", "invalid_request_error"),
    "http_400_context": lambda: _error(400, "Maximum context length is 8192", "context_length_exceeded"),
    "http_400_policy": lambda: _error(400, "Flagged by policy", "content_filter"),
    "http_400_key": lambda: _error(400, "API key not valid. Please pass a valid API key.", "INVALID_ARGUMENT"),
    "http_401": lambda: _error(401, "Incorrect API key provided: {key}", "invalid_api_key"),
    "http_401_masked": lambda: _error(401, "Incorrect API key: sk-test****cdef.", "invalid_api_key"),
    "http_402": lambda: _error(402, "Insufficient credits"),
    "http_403": lambda: _error(403, "Country not supported"),
    "http_404": lambda: _error(404, "The model does not exist", "model_not_found"),
    "http_407": lambda: Answer(407, b"", (("proxy-authenticate", "Basic"),)),
    "http_408": lambda: _error(408, "Request timed out"),
    "http_409": lambda: _error(409, "Conflict"),
    "http_413": lambda: _error(413, "Too large"),
    "http_422": lambda: _json({"detail": [{"loc": ["body"], "msg": "bad"}]}, 422, billed=False),
    "http_500": lambda: _error(500, "Internal error"),
    "http_500_text": lambda: Answer(500, b"Internal Server Error", (("content-type", "text/plain"),)),
    "http_502": lambda: Answer(502, b"<html>Bad Gateway</html>", (("content-type", "text/html"),)),
    "http_503": lambda: _error(503, "Busy", None, "error", ("Retry-After", "3")),
    "http_504": lambda: Answer(504, b"", (("content-type", "text/plain"),)),
    "http_529": lambda: _error(529, "Overloaded", None, "overloaded_error"),
    "redirect": lambda: Answer(307, b"", (("location", "http://127.0.0.1:1/elsewhere"),)),
    "hang": lambda: Answer(billed=True, cut=0, end="hang before headers"),
    "hang_headers": lambda: Answer(body=_WHOLE, billed=True, cut=0, end="hang"),
    "stall_body": lambda: Answer(body=_WHOLE, billed=True, cut=len(_WHOLE) // 2, end="hang"),
    "slow_drip": lambda: Answer(body=_WHOLE, billed=True, drip_s=0.05),
    "reset_before": lambda: Answer(billed=False, cut=0, end="reset before headers"),
    "close_before": lambda: Answer(billed=False, cut=0, end="close before headers"),
    "reset_body": lambda: Answer(body=_WHOLE, billed=True, cut=len(_WHOLE) // 2, end="reset"),
    "close_body": lambda: Answer(body=_WHOLE, billed=True, cut=len(_WHOLE) // 2, end="close"),
    "not_http": lambda: Answer(body=b"SSH-2.0-OpenSSH_9.6\r\n", end="raw"),
    "truncated_json": lambda: Answer(body=_WHOLE[:-20], billed=True),
    "empty_body": lambda: Answer(billed=True),
    "html_200": lambda: Answer(body=b"<!DOCTYPE html><p>Log in</p>", headers=(("content-type", "text/html"),)),
    "error_200": lambda: _json({"error": {"message": "Upstream failed", "code": None}}, billed=False),
    "error_200_code": lambda: _json({"error": {"message": "Slow down", "code": 429}}, billed=False),
    "error_200_quota": lambda: _json({"error": {"message": "No money", "type": "insufficient_quota"}}, billed=False),
    "error_200_text": lambda: _json({"error": "model is loading"}, billed=False),
    "string_200": lambda: _json("hello", billed=False),
    "list_200": lambda: _json([completion()], billed=False),
    "other_200": lambda: _json({"status": "fine"}, billed=False),
    "deep_nest": lambda: Answer(body=b"[" * 200_000, billed=True),
    "huge": lambda: Answer(body=b'{"choices": "' + b"x" * 9_000_000, billed=True),
    "gzip": lambda: _compressed(gzip.compress(_WHOLE), "gzip"),
    "deflate": lambda: _compressed(zlib.compress(_WHOLE), "deflate"),
    "gzip_bomb": lambda: _compressed(bomb(31), "gzip"),
    "deflate_bomb": lambda: _compressed(bomb(15), "deflate"),
    "gzip_garbage": lambda: _compressed(_WHOLE, "gzip"),
    "unasked_encoding": lambda: _compressed(b"\x1b\xff\x0f" + bytes(100), "br"),
    "event_stream": lambda: Answer(
        body=b"data: " + _WHOLE + b"\n\ndata: [DONE]\n\n", headers=(("content-type", "text/event-stream"),), billed=True
    ),
    "bom": lambda: Answer(body=b"\xef\xbb\xbf" + _WHOLE, billed=True),
    "bad_utf8": lambda: Answer(body=_WHOLE.replace(b"Hello", b"Hel\xfflo"), billed=True),
    "lone_surrogate": lambda: _json(completion(content="cut \ud83d here")),
    "wrong_type": lambda: Answer(body=_WHOLE, headers=(("content-type", "text/plain"),), billed=True),
    "choices_null": lambda: _json({**completion(), "choices": None}),
    "choices_empty": lambda: _json({**completion(), "choices": []}),
    "choices_string": lambda: _json({**completion(), "choices": "none"}),
    "choice_string": lambda: _json({**completion(), "choices": ["hello"]}),
    "message_string": lambda: _json({**completion(), "choices": [{"message": "hello"}]}),
    "content_null": lambda: _json(completion(content=None)),
    "content_blank": lambda: _json(completion(content=" \n")),
    "content_number": lambda: _json(completion(content=7)),
    "content_parts": lambda: _json(completion(content=[{"type": "text", "text": TEXT[:9]}, {"text": TEXT[9:]}])),
    "length": lambda: _json(completion(finish="length", content=TEXT[:20])),
    "content_filter": lambda: _json(completion(finish="content_filter", content="")),
    "refusal": lambda: _json(completion(content=None, refusal="I cannot help with that.")),
    "finish_error": lambda: _json(completion(finish="error")),
    "finish_null": lambda: _json(completion(finish=None)),
    "extra_fields": lambda: _json({**completion(audio=None, novel={"a": 1}), "choices_extra": 1}),
    "no_usage": lambda: _json(completion(usage=None)),
    "zero_usage": lambda: _json(completion(usage={"prompt_tokens": 0, "completion_tokens": 0})),
    "negative_usage": lambda: _json(completion(usage={"prompt_tokens": -5, "completion_tokens": -1})),
    "absurd_usage": lambda: _json(completion(usage={"prompt_tokens": 10**15, "completion_tokens": 10**9})),
    "text_usage": lambda: _json(completion(usage={"prompt_tokens": "many", "completion_tokens": True})),
    "key_in_text": lambda: _json(completion(content="the header was {key}")),
}
"""What can go wrong, by name. `{key}` in a body becomes the bearer token of the request, as careless vendors do."""


def episode(ord_: int) -> dict[str, Any]:
    """A completion that holds a short whole episode, another one for each request."""
    turns = [
        {"role": "user", "content": f"Hello, this is case {ord_}. Is the desk open today?"},
        {"role": "assistant", "content": f"It is open until six. Anything else about case {ord_}?"},
        {"role": "user", "content": "No, thank you."},
        {"role": "assistant", "content": "You are welcome."},
        {"end": True},
    ]
    return {**completion(content="\n".join(json.dumps(turn) for turn in turns)), "id": f"chatcmpl-{ord_}"}


class Limiter:
    """A true limit on requests and tokens a minute, enforced over seconds as vendors do, told in the headers.

    `tell` False keeps the headers back. Tokens are reserved up front: the prompt and the most that may be answered.
    """

    def __init__(self, rpm: float, tpm: float = 1e12, tell: bool = True, clock: Callable[[], float] = time.monotonic):
        self.rpm, self.tpm, self.tell, self._clock = rpm, tpm, tell, clock
        self.rejected = 0
        self._at = clock()
        # A vendor lets a few seconds' worth through at once.
        self._requests, self._tokens = rpm / 20, tpm / 20

    def admit(self, tokens: float) -> tuple[bool, tuple[tuple[str, str], ...]]:
        """Whether a request of so many tokens may pass, and the headers of its answer."""
        now = self._clock()
        passed, self._at = now - self._at, now
        self._requests = min(self.rpm / 20, self._requests + passed * self.rpm / 60)
        self._tokens = min(self.tpm / 20, self._tokens + passed * self.tpm / 60)
        good = self._requests >= 1 and self._tokens >= tokens
        if good:
            self._requests, self._tokens = self._requests - 1, self._tokens - tokens
        else:
            self.rejected += 1
        told = (
            ("x-ratelimit-limit-requests", f"{self.rpm:.0f}"),
            ("x-ratelimit-remaining-requests", f"{max(0.0, self._requests):.0f}"),
            ("x-ratelimit-limit-tokens", f"{self.tpm:.0f}"),
            ("x-ratelimit-remaining-tokens", f"{max(0.0, self._tokens):.0f}"),
        )
        return good, told if self.tell else ()


class FaultServer:
    """The server; use as a context manager. `play` sets the script, `journal` says what was asked.

    `reply` makes the completion of a request without a fault from its number, `latency` is the time in seconds that it
    takes (a pair: any time between), `limiter` refuses what comes too fast. Without `takes_formats` a request with a
    `response_format` is refused.
    """

    def __init__(
        self,
        reply: Callable[[int], dict[str, Any]] | None = None,
        latency: float | tuple[float, float] = 0.0,
        limiter: Limiter | None = None,
        port: int = 0,
    ) -> None:
        self.reply = reply
        self.latency = latency if isinstance(latency, tuple) else (latency, latency)
        self.limiter = limiter
        self.takes_formats = True
        self.most_at_once = 0
        self._port = port
        self._now = 0
        self._news = threading.Condition()
        self.journal: list[Request] = []
        self.then = "ok"
        self.base_url = ""
        self._script: deque[str] = deque()
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="faultserver", daemon=True)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self._held_from: int | None = None
        self._free = asyncio.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        port = self._server.sockets[0].getsockname()[1]
        self.base_url = f"http://127.0.0.1:{port}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def play(self, faults: Iterable[str], then: str = "ok") -> None:
        """The next requests meet `faults`, one each, and all later ones `then`."""
        script = deque(faults)
        unknown = {*script, then} - set(FAULTS)
        if unknown:
            raise KeyError(f"no such fault: {', '.join(sorted(unknown))}")
        with self._lock:
            self._script, self.then = script, then

    def hold_after(self, n: int) -> None:
        """Requests from the `n`-th on come in but are not answered until `release`: so the moment can be chosen."""
        self._held_from = n
        self._loop.call_soon_threadsafe(self._free.clear)

    def release(self) -> None:
        """Answers what was held, and no longer holds anything."""
        self._held_from = None
        self._loop.call_soon_threadsafe(self._free.set)

    def wait_for(self, n: int, seconds: float = 60) -> bool:
        """Waits until `n` requests have come; false when that takes too long."""
        with self._news:
            return self._news.wait_for(lambda: len(self.journal) >= n, seconds)

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._connected, "127.0.0.1", self._port, limit=2**24, backlog=2000)

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            # The client went away, or the test is over: nothing is left to be answered.
            return
        finally:
            self._open.discard(task)
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                writer.close()
                await writer.wait_closed()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False when the connection is to be closed."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        raw = await reader.readexactly(int(headers.get("content-length", "0")))
        with self._lock:
            fault = self._script.popleft() if self._script else self.then
            body = json.loads(raw) if raw else {}
            answer = self._answer(fault, body)
            path = head[0].split(" ")[1]
            with self._news:
                ord_ = len(self.journal)
                self.journal.append(Request(ord_, fault, path, headers, body, answer.billed))
                self._news.notify_all()
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            if self._held_from is not None and ord_ >= self._held_from:
                await self._free.wait()
            if fault == "ok" and self.latency[1] and answer.status == 200:
                await asyncio.sleep(random.uniform(*self.latency))
        finally:
            self._now -= 1
        return await _send(writer, answer, headers.get("authorization", "").removeprefix("Bearer "))

    def _answer(self, fault: str, body: dict[str, Any]) -> Answer:
        if not self.takes_formats and "response_format" in body:
            return _error(400, "Unrecognized request argument supplied: response_format")
        told: tuple[tuple[str, str], ...] = ()
        if self.limiter is not None and fault == "ok":
            size = sum(len(str(message["content"])) for message in body["messages"]) / 4
            good, told = self.limiter.admit(size + body.get("max_tokens", 0))
            if not good:
                return _error(429, "Rate limit reached", "rate_limit_exceeded", "requests", *told)
        if fault == "ok" and (told or self.reply is not None):
            whole = json.dumps(self.reply(len(self.journal)) if self.reply else completion()).encode()
            return Answer(200, whole, (("content-type", "application/json"), *told), billed=True)
        return FAULTS[fault]()


async def _send(writer: asyncio.StreamWriter, answer: Answer, key: str) -> bool:
    body = answer.body.replace(b"{key}", key.encode())
    if not answer.end.endswith("before headers") and answer.end != "raw":
        lines = [f"HTTP/1.1 {answer.status} Stub", f"content-length: {len(body)}", "x-request-id: req-1"]
        lines += [f"{name}: {value}" for name, value in answer.headers]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
    sent = body if answer.cut is None else body[: answer.cut]
    for piece in [sent[i : i + 1] for i in range(len(sent))] if answer.drip_s else [sent]:
        writer.write(piece)
        await writer.drain()
        if answer.drip_s:
            await asyncio.sleep(answer.drip_s)
    if answer.end.startswith("hang"):
        await asyncio.Event().wait()
    if answer.end.startswith("reset"):
        # Linger of zero makes the close a reset instead of an orderly end.
        raw: socket.socket = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    return answer.end == "keep"
