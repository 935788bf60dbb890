"""Asking an LLM for one structured answer: try, read, tell what was wrong, try again, in the end say whose fault it is.

Every simulator and the judge go through here, so that an outage or an unreadable reply is never mistaken for a result.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol, Self, TypeVar, runtime_checkable

from simia_tui.checks import parse_arguments
from simia_tui.llm import Client, Message, Reply, Schema, retry_rule
from simia_tui.model import Fault, Outcome, Record, Usage, content_hash

Messages = Sequence[Message]
Ask = Callable[[Messages], Awaitable[Reply]]
"""One request: chat messages in, one classified reply out. Never raises for a fault of the endpoint."""


@runtime_checkable
class Holding(Protocol):
    """An `Ask` whose replies can be held to a schema."""

    def held_to(self, schema: Schema) -> Ask:
        """The same, with every reply held to `schema` as far as the endpoint offers that."""
        ...


Sleep = Callable[[float], Awaitable[None]]
T = TypeVar("T")

_LONGEST_WAIT = 60.0
_SHOWN = 4000
"""Characters of a bad reply that are shown back to the model that wrote it."""


class Unreadable(Exception):
    """A reply that does not hold what was asked for; the message is one sentence that the model is told."""


class Doubted(Unreadable):
    """A readable reply that its reader wants thought over once more; it does not count as a try without use."""


class SimulatorFault(Exception):
    """No usable answer could be had. `fault` says who is to blame; an episode with one has no reward."""

    def __init__(self, fault: Fault, reason: str) -> None:
        super().__init__(reason)
        self.fault, self.reason = fault, reason


class AskedCall(Record):
    """One request of an episode as it is recorded. `problem` says why its reply was not used, None where it was."""

    role: str
    n: int
    prompt_sha: str
    prompt_version: str
    outcome: Outcome
    text: str
    problem: str | None = None
    model: str | None = None
    response_id: str | None = None
    usage: Usage = Usage()
    latency_ms: int = 0


class Patience(NamedTuple):
    """How often to ask: `tries` replies that can be judged, and `waits` for an endpoint that is busy or down.

    `sleep` takes seconds; tests give one that does not sleep.
    """

    tries: int = 3
    waits: int = 6
    sleep: Sleep = asyncio.sleep


class Request(NamedTuple):
    """Who asks what: `role` names the call in the record, `fault` whose fault an unreadable reply is.

    `schema` is what the reply is held to where that can be had.
    """

    role: str
    fault: Fault
    text: str
    version: str
    schema: Schema | None = None


@dataclass(frozen=True)
class Asking:
    """Asks through an open client; `timeout` in seconds."""

    client: Client
    max_tokens: int = 4000
    temperature: float = 1.0
    timeout: float = 120.0
    schema: Schema | None = None

    async def __call__(self, messages: Messages) -> Reply:
        return await self.client.complete(messages, self.max_tokens, self.temperature, self.timeout, self.schema)

    def held_to(self, schema: Schema) -> Self:
        return replace(self, schema=schema)


async def converse(
    ask: Ask, request: Request, read: Callable[[str], T], record: list[AskedCall], patience: Patience
) -> T:
    """The first reply that `read` accepts. A refused one goes back with the reason; every request is put on `record`.

    Raises:
        SimulatorFault: the endpoint cannot answer (infrastructure), or no reply could be read (the role's own fault).
    """
    if request.schema is not None and isinstance(ask, Holding):
        ask = ask.held_to(request.schema)
    messages: list[Message] = [{"role": "user", "content": request.text}]
    tries = waits = 0
    while True:
        reply = await ask(messages)
        problem, value, doubted = _judged(reply, read)
        record.append(_recorded(request, messages, len(record), reply, problem))
        if problem is None:
            assert value is not None
            return value[0]
        rule = retry_rule(reply.outcome)
        if rule in ("retry", "wait"):
            waits += 1
            if waits > patience.waits:
                raise SimulatorFault(Fault.INFRASTRUCTURE, f"The {request.role} did not answer: {problem}")
            await patience.sleep(pause(reply, waits))
            continue
        if rule != "store":
            raise SimulatorFault(Fault.INFRASTRUCTURE, f"The {request.role} cannot answer: {problem}")
        tries += not doubted
        if tries >= patience.tries:
            raise SimulatorFault(request.fault, f"The {request.role} gave {tries} replies without use: {problem}")
        messages = _told(messages[:1], reply.text, problem)


def pause(reply: Reply, waits: int) -> float:
    """Seconds before the next request to an endpoint that is busy or down, for the `waits`-th time."""
    return min(_LONGEST_WAIT, reply.retry_after or 0.5 * 2**waits)


def _judged(reply: Reply, read: Callable[[str], T]) -> tuple[str | None, tuple[T] | None, bool]:
    """What is wrong with a reply, or the value read from it; and whether it is only doubted."""
    if reply.outcome is not Outcome.OK:
        return reply.message or f"The reply was not usable ({reply.outcome.value}).", None, False
    try:
        return None, (read(reply.text),), False
    except Unreadable as problem:
        return str(problem), None, isinstance(problem, Doubted)


def _recorded(request: Request, messages: Messages, n: int, reply: Reply, problem: str | None) -> AskedCall:
    return AskedCall(
        role=request.role,
        n=n,
        prompt_sha=content_hash([dict(message) for message in messages]),
        prompt_version=request.version,
        outcome=Outcome.UNPARSABLE if problem is not None and reply.outcome is Outcome.OK else reply.outcome,
        text=reply.text,
        problem=problem,
        model=reply.model,
        response_id=reply.response_id,
        usage=reply.usage,
        latency_ms=reply.latency_ms,
    )


def _told(messages: list[Message], text: str, problem: str) -> list[Message]:
    """The request with the last bad reply and what was wrong with it; older bad replies are left out."""
    correction = (
        f"That reply cannot be used. {problem} Answer the request again, with the one JSON object and nothing else."
    )
    said = {"role": "assistant", "content": text[:_SHOWN] or "(nothing)"}
    return [*messages, said, {"role": "user", "content": correction}]


_FENCE = re.compile(r"```[A-Za-z0-9]*[ \t]*\n(.*?)```", re.DOTALL)


def find_object(text: str, key: str) -> dict[str, Any]:
    """The JSON object with the member `key` in a reply: alone, in a code fence, in prose, or with small slips.

    Slips are comments, missing commas and the like, where nothing but punctuation has to change.

    Raises:
        Unreadable: there is none, or there are several that differ.
    """
    found = [value for value in _objects(text) if key in value]
    if not found:
        mended = (parse_arguments(part)[0] for part in _candidates(_without_comments(text)))
        found = [value for value in mended if value is not None and key in value][:1]
    if not found:
        raise Unreadable(f'The reply holds no JSON object with the member "{key}".')
    if any(value[key] != found[0][key] for value in found):
        raise Unreadable(f'The reply holds several JSON objects with different values of "{key}".')
    return found[-1]


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """Every outermost JSON object in `text`; a brace that starts none is passed over."""
    decoder = json.JSONDecoder()
    position = tried = 0
    while (start := text.find("{", position)) != -1 and tried < 200:
        tried += 1
        try:
            value, position = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            position = start + 1
            continue
        if isinstance(value, dict):
            yield value


def _candidates(text: str) -> Iterator[str]:
    """Parts of a reply that may be an object with slips: what is fenced, then from the first brace to the last."""
    yield from _FENCE.findall(text)
    start, end = text.find("{"), text.rfind("}")
    if 0 <= start < end:
        yield text[start : end + 1]


_COMMENT = re.compile(r'("(?:[^"\\\n]|\\.)*")|//[^\n]*|/\*.*?\*/', re.DOTALL)


def _without_comments(text: str) -> str:
    return _COMMENT.sub(lambda match: match[1] or "", text)


def lines(values: Sequence[Mapping[str, Any]]) -> str:
    """JSON Lines for a block of a prompt: no value can break out of its line."""
    return "\n".join(json.dumps(value, ensure_ascii=False) for value in values) or "(none)"
