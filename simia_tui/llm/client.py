"""The one client for OpenAI-compatible endpoints: one request in, one classified reply out; it never retries.

Retries live in the job's database, so the SDK's own are off: they would buy the same completion several times.
"""

import asyncio
import os
import re
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from simia_tui.errors import UsageError
from simia_tui.llm import faults, usage
from simia_tui.llm.limits import Limits, limits
from simia_tui.llm.redact import one_line, redact, redact_reply, storable
from simia_tui.llm.reply import Body, read_body
from simia_tui.model import Outcome, Record, Usage
from simia_tui.settings import EndpointSettings as Endpoint

if TYPE_CHECKING:
    import aiohttp
    import httpx2
    from openai import AsyncOpenAI

Message = Mapping[str, Any]
"""A message in the OpenAI shape: `{"role": ..., "content": ...}`."""

_RAW_CHARS = 4000
_CONNECT_SECONDS = 10.0
FLEX_SECONDS = 900.0
"""What the flex tier must be given at least: its answers wait until there is room."""

# Below the 5 s after which common Python servers drop an idle connection, so that none is used while it is closed.
_IDLE_SECONDS = 4.0
_NO_KEY = "none"
_REASONING = re.compile(r"(?:^|/)(?:o\d|gpt-[5-9](?!.*-chat))", re.IGNORECASE)
_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1")


class Reply(Record):
    """How one request ended. `message` is one redacted sentence, empty for a good reply.

    `text` is what the model wrote, also when the outcome is not `ok` (a cut reply keeps its text). `raw` is the start
    (4,000 characters) of what came where no completion could be read. `usage` is all zero where nothing was billed.
    `response_id` is the completion's id, `request_id` that of the HTTP exchange; `retry_after` is in seconds; `limits`
    is what the answer's headers say of the endpoint's limits, `service_tier` the tier that the answer says it used.
    """

    outcome: Outcome
    text: str = ""
    usage: Usage = Usage()
    response_id: str | None = None
    status_code: int | None = None
    latency_ms: int = 0
    message: str = ""
    retry_after: float | None = None
    model: str | None = None
    request_id: str | None = None
    raw: str | None = None
    limits: Limits | None = None
    service_tier: str | None = None


class Client:
    """A connection pool to one endpoint, used as `async with Client(endpoint, concurrency) as client`.

    The key is read from the environment when the client is entered. At most `concurrency` requests at a time are
    expected; the pool itself sets no limit, so that no request waits unseen for a connection within its deadline.
    """

    def __init__(self, endpoint: Endpoint, concurrency: int = 16) -> None:
        if concurrency < 1:
            raise UsageError("The concurrency must be at least 1.")
        self.endpoint = endpoint
        self.concurrency = concurrency
        self._key: str | None = None
        self._sdk: AsyncOpenAI | None = None
        # The host alone would not tell two endpoints of one gateway apart.
        options = {"reasoning_effort": endpoint.reasoning_effort, "service_tier": endpoint.service_tier}
        self._options = {name: value for name, value in options.items() if value is not None}
        self._least_timeout = FLEX_SECONDS if endpoint.service_tier == "flex" else 0.0
        self._host = f"{endpoint.name} ({urlsplit(endpoint.base_url).hostname})"

    async def __aenter__(self) -> Self:
        import openai

        self._key = os.environ.get(self.endpoint.key_env, "").strip() if self.endpoint.key_env else None
        self._sdk = openai.AsyncOpenAI(
            base_url=self.endpoint.base_url,
            # Some key must be given, or the SDK sends OPENAI_API_KEY to a server that was never meant to see it.
            api_key=self._key or _NO_KEY,
            max_retries=0,
            http_client=_http_client(self.endpoint.base_url, self.concurrency),
        )
        if not (urlsplit(self.endpoint.base_url).hostname or "").endswith(".openai.com"):
            # The SDK takes these from the environment and would tell them to every server.
            self._sdk.organization = self._sdk.project = None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._sdk is not None:
            await self._sdk.close()
            self._sdk = None

    async def complete(
        self, messages: Sequence[Message], max_tokens: int = 8000, temperature: float = 1.0, timeout: float = 600.0
    ) -> Reply:
        """Ask for one completion; `timeout` in seconds is for the whole exchange, connecting included.

        The flex tier is given 900 s at least.

        A fault of the endpoint is a `Reply` with its outcome, never an exception. Only cancellation passes through.

        Raises:
            UsageError: when the client was not entered.
        """
        if self._sdk is None:
            raise UsageError("The client is not open: use it in an `async with` block.")
        if (problem := self._key_problem()) is not None:
            return Reply(outcome=Outcome.BAD_KEY, message=problem)
        started = time.monotonic()
        reply = await self._exchange(messages, max_tokens, temperature, max(timeout, self._least_timeout))
        return reply.model_copy(update={"latency_ms": round((time.monotonic() - started) * 1000)})

    def _key_problem(self) -> str | None:
        name = self.endpoint.key_env
        if name is None:
            return None
        if not self._key:
            return f"The environment variable {name} for {self._host} is not set; set it to the key and try again."
        if not self._key.isascii() or not self._key.isprintable() or " " in self._key:
            return f"The environment variable {name} holds characters that no key has; set it anew."
        return None

    async def _exchange(
        self, messages: Sequence[Message], max_tokens: int, temperature: float, timeout: float
    ) -> Reply:
        import openai

        chars = _chars(messages)
        deadline = asyncio.timeout(timeout)
        try:
            async with deadline:
                answer = await self._send(messages, max_tokens, temperature)
        except openai.APIStatusError as error:
            return self._refused(error.response)
        except Exception as error:  # noqa: BLE001 - the SDK lets exceptions of four libraries through; each becomes a reply
            if deadline.expired():
                late = f"{self._host} did not finish its answer within {timeout:g} s."
                fault = faults.Diagnosis(Outcome.TIMEOUT, late, billed=True)
            else:
                fault = faults.of_exception(error, self._host)
            return self._failed(fault, usage.estimate(chars, max_tokens) if fault.billed else Usage())
        return self._answered(answer, read_body(answer.content, self._host), chars, max_tokens)

    async def _send(self, messages: Sequence[Message], max_tokens: int, temperature: float) -> "httpx2.Response":
        import httpx2

        assert self._sdk is not None
        # Posted as it is: the SDK's typed method would walk through the whole prompt again, 1 ms a request.
        return await self._sdk.post(
            "/chat/completions",
            cast_to=httpx2.Response,
            body={
                "model": self.endpoint.model,
                "messages": list(messages),
                **parameters(self.endpoint.model, max_tokens, temperature),
                **self._options,
            },
        )

    def _answered(self, answer: "httpx2.Response", body: Body, chars: int, max_tokens: int) -> Reply:
        unread = body.outcome is Outcome.BAD_REPLY or not body.billed
        if not body.billed:
            used = Usage()
        elif unread and body.usage is None:
            used = usage.estimate(chars, max_tokens)
        else:
            used = usage.read(body.usage, chars, body.text, max_tokens)
        return Reply(
            outcome=body.outcome,
            text=storable(redact_reply(body.text, self._key)),
            usage=used,
            response_id=self._label(body.response_id),
            status_code=answer.status_code,
            message=self._sentence(body.message),
            retry_after=None if body.outcome is Outcome.OK else faults.retry_after(answer.headers),
            model=self._label(body.model) or self.endpoint.model,
            service_tier=self._label(body.service_tier),
            request_id=self._label(answer.headers.get("x-request-id")),
            raw=self._start_of(answer.content) if unread else None,
            limits=limits(answer.headers),
        )

    def _refused(self, answer: "httpx2.Response") -> Reply:
        """An answer whose status says that there is no completion; vendors do not charge for these."""
        fault = faults.of_status(answer.status_code, answer.content, answer.headers, self._host)
        return self._failed(fault, Usage()).model_copy(
            update={
                "status_code": answer.status_code,
                "request_id": self._label(answer.headers.get("x-request-id")),
                "raw": self._start_of(answer.content),
                "limits": limits(answer.headers),
            }
        )

    def _failed(self, fault: faults.Diagnosis, used: Usage) -> Reply:
        return Reply(
            outcome=fault.outcome,
            message=self._sentence(fault.message),
            retry_after=fault.retry_after,
            usage=used,
            model=self.endpoint.model,
        )

    def _sentence(self, text: str) -> str:
        # Masked first and cut after: half a key at the cut would pass as no key.
        return one_line(redact(storable(text), self._key))

    def _label(self, text: str | None) -> str | None:
        return one_line(redact(storable(text), self._key), 200) if text else None

    def _start_of(self, raw: bytes) -> str:
        return redact(raw[: _RAW_CHARS * 16].decode("utf-8", "replace"), self._key)[:_RAW_CHARS]


def parameters(model: str, max_tokens: int, temperature: float) -> dict[str, Any]:
    """The sampling fields of a request; reasoning models (o1 and later, gpt-5 and later) take no temperature."""
    if _REASONING.search(model):
        return {"max_completion_tokens": max_tokens}
    return {"max_tokens": max_tokens, "temperature": temperature}


def _chars(messages: Iterable[Message]) -> int:
    return sum(len(content) for message in messages if isinstance(content := message.get("content"), str))


def _http_client(base_url: str, concurrency: int) -> "httpx2.AsyncClient":
    import httpx2
    from openai import DefaultAioHttpClient

    http = DefaultAioHttpClient(
        limits=httpx2.Limits(max_connections=concurrency, max_keepalive_connections=concurrency),
        timeout=httpx2.Timeout(None, connect=_CONNECT_SECONDS),
        follow_redirects=False,
        # A proxy for the outside world cannot reach this machine's own loopback.
        trust_env=not _LOOPBACK.fullmatch(urlsplit(base_url).hostname or ""),
    )
    for transport in (http._transport, *http._mounts.values()):
        # The transport makes its session at the first request, by this hook if it is set; it has no public setter.
        if getattr(transport, "client", ...) is None:
            transport.client = partial(_session, transport)  # type: ignore[union-attr] # see above
    return http


def _session(transport: Any) -> "aiohttp.ClientSession":
    """A session without aiohttp's limits (100 connections, 300 s) and with probes on silent connections."""
    import aiohttp

    connector = aiohttp.TCPConnector(
        limit=0,
        ttl_dns_cache=300,
        keepalive_timeout=_IDLE_SECONDS,
        ssl=transport.ssl_context,
        socket_factory=_probing_socket,
    )
    return aiohttp.ClientSession(
        connector=connector, timeout=aiohttp.ClientTimeout(total=None), cookie_jar=aiohttp.DummyCookieJar()
    )


def _probing_socket(address: Any) -> socket.socket:
    """A socket that asks after 30 s of silence whether the other side lives: gateways forget silent connections."""
    family, kind, protocol = address[:3]
    made = socket.socket(family=family, type=kind, proto=protocol)
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # macOS calls the first one TCP_KEEPALIVE; a system without them keeps its own intervals.
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPALIVE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made
