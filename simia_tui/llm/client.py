"""The one client for OpenAI-compatible endpoints: one request in, one classified reply out; it never retries.

Retries live in the job's database, so the SDK's own are off: they would buy the same completion several times.
"""

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar
from urllib.parse import urlsplit

from simia_tui.errors import SimiaError, UsageError
from simia_tui.llm import faults, usage
from simia_tui.llm.limits import Limits, limits
from simia_tui.llm.redact import one_line, redact, redact_reply, storable
from simia_tui.llm.reply import read_body
from simia_tui.llm.structure import Schema, response_format
from simia_tui.llm.transport import connect
from simia_tui.model import Outcome, Record, Structured, ToolCall, ToolSpec, Usage
from simia_tui.settings import EndpointSettings as Endpoint

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

Message = Mapping[str, Any]
"""A message in the OpenAI shape: `{"role": ..., "content": ...}`."""

T = TypeVar("T")
NO_ARGUMENTS = {"type": "object", "properties": {}}
_RAW_CHARS = 4000
FLEX_SECONDS = 900.0
"""What the flex tier must be given at least: its answers wait until there is room."""

_REASONING = re.compile(r"(?:^|/)(?:o\d|gpt-[5-9](?!.*-chat))", re.IGNORECASE)


class Reply(Record):
    """How one request ended. `message` is one redacted sentence, empty for a good reply.

    `text` is what the model wrote, also when the outcome is not `ok` (a cut reply keeps its text). `raw` is the start
    (4,000 characters) of what came where no completion could be read. `usage` is all zero where nothing was billed.
    `response_id` is the completion's id, `request_id` that of the HTTP exchange; `retry_after` is in seconds; `limits`
    is what the answer's headers say of the endpoint's limits, `service_tier` the tier that the answer says it used.
    `calls` are those that the model made of the tools it was offered, `structured` is what the reply was held to;
    `note` is a sentence on the endpoint that the user is to hear of once.
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
    calls: tuple[ToolCall, ...] = ()
    structured: Structured = "none"
    note: str | None = None

    @property
    def refused(self) -> bool:
        """Whether the endpoint does not take such a request, as one that knows no schemas does not."""
        return self.outcome is Outcome.BAD_REQUEST and self.status_code in (400, 422)


class Answer(Protocol):
    """An HTTP answer with its whole body."""

    @property
    def status_code(self) -> int: ...

    @property
    def content(self) -> bytes: ...

    @property
    def headers(self) -> Mapping[str, str]: ...


class EndpointFault(SimiaError):
    """A call that is not for a completion brought nothing; the message is one redacted sentence."""

    def __init__(self, outcome: Outcome, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.outcome, self.retry_after = outcome, retry_after


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
        self._structured = endpoint.offers
        self._least_timeout = FLEX_SECONDS if endpoint.service_tier == "flex" else 0.0
        self._host = f"{endpoint.name} ({urlsplit(endpoint.base_url).hostname})"

    async def __aenter__(self) -> Self:
        self._key = os.environ.get(self.endpoint.key_env, "").strip() if self.endpoint.key_env else None
        self._sdk = connect(self.endpoint, self._key, self.concurrency)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._sdk is not None:
            await self._sdk.close()
            self._sdk = None

    async def complete(
        self,
        messages: Sequence[Message],
        max_tokens: int = 8000,
        temperature: float = 1.0,
        timeout: float = 600.0,
        schema: Schema | None = None,
        tools: Sequence[ToolSpec] = (),
    ) -> Reply:
        """Ask for one completion; `timeout` in seconds is for the whole exchange, connecting included.

        The flex tier is given 900 s at least. The reply is held to `schema` as far as the endpoint offers it. One that
        refuses the request because of that is asked again without, in the same attempt, and never held to one again.

        A fault of the endpoint is a `Reply` with its outcome, never an exception. Only cancellation passes through.

        Raises:
            UsageError: when the client was not entered.
        """
        if self._sdk is None:
            raise UsageError("The client is not open: use it in an `async with` block.")
        if (problem := self._key_problem()) is not None:
            return Reply(outcome=Outcome.BAD_KEY, message=problem)
        started = time.monotonic()
        body = self.body(messages, max_tokens, temperature, schema, tools)
        seconds = max(timeout, self._least_timeout)
        level = self._structured if "response_format" in body else "none"
        reply = await self._exchange(body, max_tokens, seconds)
        if level != "none" and reply.refused:
            refused = reply
            del body["response_format"]
            reply = await self._exchange(body, max_tokens, seconds)
            level = "none"
            if reply.status_code == 200:
                reply = reply.replace(note=self.ask_plainly(refused.message))
        passed = round((time.monotonic() - started) * 1000)
        return reply.replace(latency_ms=passed, structured=level)

    @property
    def level(self) -> Structured:
        """What replies are held to by now."""
        return self._structured

    def ask_plainly(self, said: str) -> str | None:
        """Holds no reply to a schema from now on, since the endpoint `said` no to it; the sentence about it, once."""
        if self._structured == "none":
            return None
        was, self._structured = self._structured, "none"
        return f"{self._host} does not take {was}, so replies are read as they come from now on ({said})"

    def body(
        self,
        messages: Sequence[Message],
        max_tokens: int,
        temperature: float,
        schema: Schema | None = None,
        tools: Sequence[ToolSpec] = (),
    ) -> dict[str, Any]:
        """The request for one completion as it is sent."""
        endpoint = self.endpoint
        # The name of an Azure deployment need not tell its model.
        reasons = endpoint.api == "azure" and endpoint.reasoning_effort is not None
        return {
            "model": endpoint.model,
            "messages": list(messages),
            **parameters(endpoint.model, max_tokens, temperature, reasons),
            **self._options,
            **response_format(self._structured, schema),
            **({"tools": [_offered(tool) for tool in tools]} if tools else {}),
        }

    def _key_problem(self) -> str | None:
        name = self.endpoint.key_env
        if name is None:
            return None
        if not self._key:
            return f"The environment variable {name} for {self._host} is not set; set it to the key and try again."
        if not self._key.isascii() or not self._key.isprintable() or " " in self._key:
            return f"The environment variable {name} holds characters that no key has; set it anew."
        return None

    async def _exchange(self, body: dict[str, Any], max_tokens: int, timeout: float) -> Reply:
        import openai

        chars = _chars(body["messages"])
        deadline = asyncio.timeout(timeout)
        try:
            async with deadline:
                answer = await self._send(body)
        except openai.APIStatusError as error:
            return self._refused(error.response)
        except Exception as error:  # noqa: BLE001 - the SDK lets exceptions of four libraries through; each becomes a reply
            if deadline.expired():
                late = f"{self._host} did not finish its answer within {timeout:g} s."
                fault = faults.Diagnosis(Outcome.TIMEOUT, late, billed=True)
            else:
                fault = faults.of_exception(error, self._host)
            return self._failed(fault, usage.estimate(chars, max_tokens) if fault.billed else Usage())
        return self._answered(answer, chars, max_tokens)

    def read(self, answer: "Answer", body: Mapping[str, Any], max_tokens: int) -> Reply:
        """The reply in an answer that came by another way than `complete`, to the request `body`."""
        if answer.status_code >= 400:
            return self._refused(answer)
        return self._answered(answer, _chars(body["messages"]), max_tokens)

    async def call(self, work: Callable[["AsyncOpenAI"], Awaitable[T]], timeout: float = 120.0) -> T:
        """What a call of the SDK gives that is not for a completion; `timeout` in seconds is for the whole of it.

        Raises:
            EndpointFault: the endpoint refused, failed or was not to be reached.
            UsageError: when the client was not entered.
        """
        import openai

        if self._sdk is None:
            raise UsageError("The client is not open: use it in an `async with` block.")
        if (problem := self._key_problem()) is not None:
            raise EndpointFault(Outcome.BAD_KEY, problem)
        deadline = asyncio.timeout(timeout)
        try:
            async with deadline:
                return await work(self._sdk)
        except openai.APIStatusError as error:
            told = error.response
            fault = faults.of_status(told.status_code, told.content, told.headers, self._host)
        except Exception as error:  # noqa: BLE001 - the SDK lets exceptions of four libraries through; each becomes a fault
            late = faults.Diagnosis(Outcome.TIMEOUT, f"{self._host} did not answer within {timeout:g} s.")
            fault = late if deadline.expired() else faults.of_exception(error, self._host)
        raise EndpointFault(fault.outcome, self._sentence(fault.message), fault.retry_after)

    async def _send(self, body: dict[str, Any]) -> "httpx2.Response":
        import httpx2

        assert self._sdk is not None
        # Posted as it is: the SDK's typed method would walk through the whole prompt again, 1 ms a request.
        return await self._sdk.post("/chat/completions", cast_to=httpx2.Response, body=body)

    def _answered(self, answer: "Answer", chars: int, max_tokens: int) -> Reply:
        body = read_body(answer.content, self._host)
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
            # Masking could not mend a call into which a careless gateway has put the key, so it is not made.
            calls=tuple(call for call in body.calls if not self._key or self._key not in str(call)),
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

    def _refused(self, answer: "Answer") -> Reply:
        """An answer whose status says that there is no completion; vendors do not charge for these."""
        fault = faults.of_status(answer.status_code, answer.content, answer.headers, self._host)
        return self._failed(fault, Usage()).replace(
            status_code=answer.status_code,
            request_id=self._label(answer.headers.get("x-request-id")),
            raw=self._start_of(answer.content),
            limits=limits(answer.headers),
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


def parameters(model: str, max_tokens: int, temperature: float, reasons: bool = False) -> dict[str, Any]:
    """The sampling fields of a request; reasoning models (o1 and later, gpt-5 and later) take no temperature.

    `reasons` says of a model that it is one where its name does not tell.
    """
    if reasons or _REASONING.search(model):
        return {"max_completion_tokens": max_tokens}
    return {"max_tokens": max_tokens, "temperature": temperature}


def _offered(tool: ToolSpec) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description or "", "parameters": tool.parameters or NO_ARGUMENTS}
    return {"type": "function", "function": function}


def _chars(messages: Iterable[Message]) -> int:
    return sum(len(content) for message in messages if isinstance(content := message.get("content"), str))
