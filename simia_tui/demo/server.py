"""A loopback HTTP server that speaks OpenAI chat completions, with the demo model behind it."""

import asyncio
import hashlib
import json
import threading
from collections import OrderedDict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from simia_tui.demo.agent import act
from simia_tui.demo.prompt import Ask, PromptError, read
from simia_tui.demo.reply import Reply, answer, tokens
from simia_tui.demo.truth import append
from simia_tui.errors import SimiaError, UsageError

if TYPE_CHECKING:
    from aiohttp import web

MODEL = "simia-demo"
HOST = "127.0.0.1"
BODY_LIMIT = 32 * 1024 * 1024
"""Bytes of a request body at most."""

SLOW_PROMPT = 40_000
"""Characters of a prompt above which the work leaves the event loop: a variation takes about 1 ms per 2,000."""

PREFIXES_KEPT = 4096
CREATED = 1_767_225_600
"""Time of creation in every reply: 2026-01-01. A constant, because the same prompt gets the same reply."""


class DemoServer:
    """Serves the demo model while the `with` block lasts, in a thread of its own.

    `truth` is the file that the defects of every reply are appended to, `defect_rate` the share of defective replies
    (0 to 1), `latency` the seconds that a reply waits, `port` 0 for any free one.

    Raises:
        UsageError: the rate, the latency or the folder of `truth` makes no sense.
        SimiaError: the port cannot be opened.
    """

    def __init__(
        self, truth: Path, random_seed: int = 0, defect_rate: float = 0.25, latency: float = 0.0, port: int = 0
    ) -> None:
        if not 0 <= defect_rate <= 1:
            raise UsageError(f"The defect rate is {defect_rate}; give a number from 0 to 1.")
        if latency < 0:
            raise UsageError(f"The latency is {latency} s; give a number of seconds that is not negative.")
        if not Path(truth).parent.is_dir():
            raise UsageError(f"The folder {Path(truth).parent} does not exist; make it, or name another record file.")
        self.truth, self.random_seed, self.defect_rate, self.latency = Path(truth), random_seed, defect_rate, latency
        self.port = port
        self._seen: OrderedDict[int, None] = OrderedDict()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._failure: BaseException | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._main, name="demo model", daemon=True)

    @property
    def base_url(self) -> str:
        """What an OpenAI client takes as its base URL."""
        return f"http://{HOST}:{self.port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise SimiaError(f"The demo server cannot listen on {HOST}:{self.port}: {self._failure}") from self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _main(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        from aiohttp import web

        app = web.Application(client_max_size=BODY_LIMIT)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", self._models)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            site = web.TCPSite(runner, HOST, self.port, backlog=1024)
            await site.start()
            self.port = runner.addresses[0][1]
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            self._ready.set()
            await self._stop.wait()
        finally:
            await runner.cleanup()

    async def _models(self, request: "web.Request") -> "web.Response":
        from aiohttp import web

        model = {"id": MODEL, "object": "model", "created": CREATED, "owned_by": "simia-tui"}
        return web.json_response({"object": "list", "data": [model]})

    async def _complete(self, request: "web.Request") -> "web.Response":
        from aiohttp import web

        try:
            body = await _body(request)
            limit = _limit(body)
            if body.get("tools"):
                return web.json_response(self._acted(body))
            ask = read(body.get("messages"))
        except PromptError as error:
            return _refuse(400, str(error), "invalid_request_error")
        except web.HTTPRequestEntityTooLarge:
            return _refuse(413, f"The request is larger than {BODY_LIMIT} bytes.", "invalid_request_error")
        work = (ask, self.random_seed, self.defect_rate, limit)
        slow = len(ask.text) > SLOW_PROMPT
        reply = await asyncio.to_thread(answer, *work) if slow else answer(*work)
        try:
            append(self.truth, reply.truth)
        except OSError as error:
            return _refuse(500, f"The record of defects cannot be written: {error.strerror}.", "server_error")
        if self.latency:
            await asyncio.sleep(self.latency)
        return web.json_response(_completion(reply, body, self._usage(ask, reply)))

    def _acted(self, body: dict[str, Any]) -> dict[str, Any]:
        """A turn of the assistant, with its calls in the OpenAI shape."""
        messages = body.get("messages")
        if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
            raise PromptError("'messages' must be a non-empty array of chat messages.")
        turn = act(messages, self.random_seed, self.defect_rate)
        whole = json.dumps([body["tools"], messages])
        calls = [
            {
                "id": f"call-{number}",
                "type": "function",
                "function": {"name": c.name, "arguments": json.dumps(c.arguments)},
            }
            for number, c in enumerate(turn.tool_calls)
        ]
        name = "chatcmpl-demo-" + hashlib.sha256(f"{self.random_seed}:{whole}".encode()).hexdigest()[:24]
        message = {"role": "assistant", "content": turn.content, **({"tool_calls": calls} if calls else {})}
        used = {"prompt_tokens": tokens(whole), "completion_tokens": tokens(json.dumps(message))}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "tool_calls" if calls else "stop"}
        return _enveloped(name, choice, used)

    def _usage(self, ask: Ask, reply: Reply) -> dict[str, Any]:
        """Token counts; the longest static beginning that was asked before counts as cached."""
        cached = 0
        for prefix in ask.prefixes:
            key = hash(prefix)
            if key in self._seen:
                cached = max(cached, len(prefix) // 4)
            self._seen[key] = None
            self._seen.move_to_end(key)
        while len(self._seen) > PREFIXES_KEPT:
            self._seen.popitem(last=False)
        prompt, completion = tokens(ask.text), tokens(reply.text)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": cached},
        }


async def _body(request: "web.Request") -> dict[str, Any]:
    try:
        value = json.loads(await request.read())
    except (ValueError, RecursionError) as error:
        raise PromptError("The body is not JSON.") from error
    if not isinstance(value, dict):
        raise PromptError("The body must be a JSON object.")
    if value.get("stream"):
        raise PromptError("The demo model does not stream; leave 'stream' out.")
    if value.get("n") not in (None, 1):
        raise PromptError("The demo model gives one choice; leave 'n' out.")
    return value


def _limit(body: dict[str, Any]) -> int | None:
    given = body.get("max_completion_tokens") or body.get("max_tokens")
    if given is not None and (not isinstance(given, int) or isinstance(given, bool) or given < 1):
        raise PromptError("The limit of tokens must be a whole number above 0.")
    return given


def _completion(reply: Reply, body: dict[str, Any], usage: dict[str, Any]) -> dict[str, Any]:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": reply.text},
        "logprobs": None,
        "finish_reason": "length" if reply.cut else "stop",
    }
    return _enveloped(reply.truth.response_id, choice, usage)


def _enveloped(name: str, choice: dict[str, Any], usage: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": name,
        "object": "chat.completion",
        "created": CREATED,
        "model": MODEL,
        "choices": [choice],
        "usage": usage,
    }


def _refuse(status: int, message: str, kind: str) -> "web.Response":
    """An error in the shape that OpenAI clients read."""
    from aiohttp import web

    return web.json_response({"error": {"message": message, "type": kind, "param": None, "code": None}}, status=status)
