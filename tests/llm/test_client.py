"""The client against a server that misbehaves over a real socket: every fault has its outcome, and no key leaks."""

import asyncio
import json
import socket
import sys
import tracemalloc
from typing import Any, NamedTuple

import pytest

from simia_tui.errors import UsageError
from simia_tui.llm import Client, Endpoint, Reply, Schema, parameters, retry_rule
from simia_tui.model import Outcome, ToolSpec, Usage

KEY = "sk-test-0123456789abcdef"
PROMPT = "Write an episode. " * 20
MESSAGES = [{"role": "user", "content": PROMPT}]
TEXT = '{"role":"user","content":"Hello"}\n{"end": true}'
VERDICT = Schema("verdict", {"type": "object", "properties": {}, "required": [], "additionalProperties": False})
TOLD = Usage(prompt=1200, completion=300, cached=1024, reasoning=64)
NOTHING = Usage()
WORST = Usage(prompt=90, completion=500, estimated=True)
"""360 characters sent and, since nobody can tell, all 500 tokens that were allowed."""
GUESSED = Usage(prompt=90, completion=len(TEXT) // 4 + 1, estimated=True)


class Want(NamedTuple):
    outcome: Outcome
    status: int | None = 200
    usage: Usage = NOTHING
    text: str = ""
    says: str = ""
    wait: float | None = None


TABLE: dict[str, Want] = {
    "ok": Want(Outcome.OK, usage=TOLD, text=TEXT),
    "bom": Want(Outcome.OK, usage=TOLD, text=TEXT),
    "gzip": Want(Outcome.OK, usage=TOLD, text=TEXT),
    "deflate": Want(Outcome.OK, usage=TOLD, text=TEXT),
    "wrong_type": Want(Outcome.OK, usage=TOLD, text=TEXT),
    "extra_fields": Want(Outcome.OK, usage=TOLD, text=TEXT),
    "finish_null": Want(Outcome.OK, usage=TOLD, text=TEXT),
    "content_parts": Want(Outcome.OK, usage=TOLD, text=TEXT),
    "bad_utf8": Want(Outcome.OK, usage=TOLD, text=TEXT.replace("Hello", "Hel\ufffdlo")),
    "lone_surrogate": Want(Outcome.OK, usage=TOLD, text="cut \ufffd here"),
    "key_in_text": Want(Outcome.OK, usage=TOLD, text="the header was [key hidden]"),
    "no_usage": Want(Outcome.OK, usage=GUESSED, text=TEXT),
    "zero_usage": Want(Outcome.OK, usage=GUESSED, text=TEXT),
    "negative_usage": Want(Outcome.OK, usage=GUESSED, text=TEXT),
    "absurd_usage": Want(Outcome.OK, usage=GUESSED, text=TEXT),
    "text_usage": Want(Outcome.OK, usage=GUESSED, text=TEXT),
    "http_429": Want(Outcome.RATE_LIMIT, 429, says="slow down"),
    "http_429_seconds": Want(Outcome.RATE_LIMIT, 429, wait=7),
    "http_429_ms": Want(Outcome.RATE_LIMIT, 429, wait=0.25),
    "http_429_date": Want(Outcome.RATE_LIMIT, 429),
    "http_429_long": Want(Outcome.RATE_LIMIT, 429, wait=900),
    "insufficient_quota": Want(Outcome.QUOTA, 429, says="quota"),
    "http_400": Want(Outcome.BAD_REQUEST, 400, says="Unknown field"),
    "http_400_context": Want(Outcome.BAD_REQUEST, 400, says="context length"),
    "http_400_policy": Want(Outcome.BAD_REQUEST, 400, says="policy"),
    "http_400_key": Want(Outcome.BAD_KEY, 400, says="key_env"),
    "http_401": Want(Outcome.BAD_KEY, 401, says="[key hidden]"),
    "http_401_masked": Want(Outcome.BAD_KEY, 401, says="[key hidden]"),
    "http_402": Want(Outcome.QUOTA, 402, says="credit"),
    "http_403": Want(Outcome.BAD_KEY, 403, says="Country not supported"),
    "http_404": Want(Outcome.NO_MODEL, 404, says="base_url"),
    "http_407": Want(Outcome.CONNECTION, 407, says="HTTPS_PROXY"),
    "http_408": Want(Outcome.TIMEOUT, 408),
    "http_409": Want(Outcome.BAD_REPLY, 409),
    "http_413": Want(Outcome.BAD_REQUEST, 413),
    "http_422": Want(Outcome.BAD_REQUEST, 422),
    "http_500": Want(Outcome.BAD_REPLY, 500, says="Internal error"),
    "http_500_text": Want(Outcome.BAD_REPLY, 500, says="Internal Server Error"),
    "http_502": Want(Outcome.BAD_REPLY, 502),
    "http_503": Want(Outcome.OVERLOAD, 503, wait=3),
    "http_504": Want(Outcome.TIMEOUT, 504),
    "http_529": Want(Outcome.OVERLOAD, 529),
    "http_429_flex": Want(Outcome.OVERLOAD, 429, says="Resource Unavailable"),
    "redirect": Want(Outcome.CONNECTION, 307, says="base_url"),
    "hang": Want(Outcome.TIMEOUT, None, WORST, says="0.3 s"),
    "hang_headers": Want(Outcome.TIMEOUT, None, WORST, says="0.3 s"),
    "stall_body": Want(Outcome.TIMEOUT, None, WORST, says="0.3 s"),
    "slow_drip": Want(Outcome.TIMEOUT, None, WORST, says="0.3 s"),
    "reset_before": Want(Outcome.CONNECTION, None, WORST, says="closed"),
    "close_before": Want(Outcome.CONNECTION, None, WORST, says="closed"),
    "reset_body": Want(Outcome.CONNECTION, None, WORST, says="middle"),
    "close_body": Want(Outcome.CONNECTION, None, WORST, says="middle"),
    "not_http": Want(Outcome.BAD_REPLY, None, WORST, says="HTTP"),
    "truncated_json": Want(Outcome.BAD_REPLY, usage=WORST, says="whole JSON"),
    "empty_body": Want(Outcome.BAD_REPLY, usage=WORST, says="empty"),
    "deep_nest": Want(Outcome.BAD_REPLY, usage=WORST, says="JSON"),
    "huge": Want(Outcome.BAD_REPLY, None, WORST, says="more than 8 MB"),
    "gzip_bomb": Want(Outcome.BAD_REPLY, None, WORST, says="more than 8 MB"),
    "deflate_bomb": Want(Outcome.BAD_REPLY, None, WORST, says="more than 8 MB"),
    "gzip_garbage": Want(Outcome.BAD_REPLY, None, WORST, says="decompressing"),
    "unasked_encoding": Want(Outcome.BAD_REPLY, usage=WORST, says="whole JSON"),
    "event_stream": Want(Outcome.BAD_REPLY, usage=WORST, says="whole JSON"),
    "html_200": Want(Outcome.BAD_REPLY, says="web page"),
    "error_200": Want(Outcome.BAD_REPLY, says="Upstream failed"),
    "error_200_code": Want(Outcome.RATE_LIMIT, says="Slow down"),
    "error_200_quota": Want(Outcome.QUOTA, says="No money"),
    "error_200_text": Want(Outcome.BAD_REPLY, says="model is loading"),
    "string_200": Want(Outcome.BAD_REPLY, says="no chat completion"),
    "list_200": Want(Outcome.BAD_REPLY, says="no chat completion"),
    "other_200": Want(Outcome.BAD_REPLY, says="no chat completion"),
    "choices_null": Want(Outcome.EMPTY, usage=TOLD),
    "choices_empty": Want(Outcome.EMPTY, usage=TOLD),
    "choices_string": Want(Outcome.BAD_REPLY, usage=TOLD, says="wrong form"),
    "choice_string": Want(Outcome.BAD_REPLY, usage=TOLD, says="wrong form"),
    "message_string": Want(Outcome.BAD_REPLY, usage=TOLD, says="wrong form"),
    "content_number": Want(Outcome.BAD_REPLY, usage=TOLD, says="wrong form"),
    "content_null": Want(Outcome.EMPTY, usage=TOLD, says="no text"),
    "content_blank": Want(Outcome.EMPTY, usage=TOLD, text=" \n"),
    "length": Want(Outcome.TRUNCATED, usage=TOLD, text=TEXT[:20], says="cut off"),
    "content_filter": Want(Outcome.CONTENT_FILTER, usage=TOLD),
    "refusal": Want(Outcome.REFUSED, usage=TOLD, text="I cannot help with that."),
    "finish_error": Want(Outcome.BAD_REPLY, usage=TOLD, text=TEXT),
}

RULES = {
    Outcome.OK: "store",
    Outcome.TRUNCATED: "store",
    Outcome.REFUSED: "store",
    Outcome.EMPTY: "store",
    Outcome.CONTENT_FILTER: "store",
    Outcome.RATE_LIMIT: "wait",
    Outcome.OVERLOAD: "wait",
    Outcome.TIMEOUT: "retry",
    Outcome.CONNECTION: "retry",
    Outcome.BAD_REPLY: "retry",
    Outcome.BAD_REQUEST: "fail task",
    Outcome.BAD_KEY: "pause job",
    Outcome.QUOTA: "pause job",
    Outcome.NO_MODEL: "pause job",
}

ENDS_BY_DEADLINE = {name for name, want in TABLE.items() if want.says == "0.3 s"}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUB_KEY", KEY)


def endpoint(base_url: str, **fields: Any) -> Endpoint:
    return Endpoint(**{"name": "stub", "base_url": base_url, "model": "stub-1", "key_env": "STUB_KEY", **fields})


async def ask(base_url: str, timeout: float = 20, **fields: Any) -> Reply:
    async with Client(endpoint(base_url, **fields), concurrency=4) as client:
        return await client.complete(MESSAGES, max_tokens=500, temperature=0.7, timeout=timeout)


def test_every_fault_of_the_server_is_in_the_table(fault_server: Any) -> None:
    assert set(sys.modules[type(fault_server).__module__].FAULTS) == set(TABLE)


@pytest.mark.parametrize("fault", ["gzip_bomb", "deflate_bomb"])
async def test_a_small_answer_that_inflates_without_end_is_not_held_in_memory(fault_server: Any, fault: str) -> None:
    sent = len(sys.modules[type(fault_server).__module__].FAULTS[fault]().body)
    assert sent < 110_000
    await ask(fault_server.base_url)
    fault_server.play([fault] * 4)
    tracemalloc.start()
    async with Client(endpoint(fault_server.base_url), concurrency=4) as client:
        replies = await asyncio.gather(*(client.complete(MESSAGES, max_tokens=500) for _ in range(4)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert all("more than 8 MB" in reply.message for reply in replies)
    assert peak < 4 * 12_000_000, "each holds what it is allowed to, and little else"


@pytest.mark.parametrize("fault", TABLE)
async def test_each_fault_has_its_outcome(fault_server: Any, fault: str) -> None:
    fault_server.play([fault])
    want = TABLE[fault]
    reply = await ask(fault_server.base_url, 0.3 if fault in ENDS_BY_DEADLINE else 20)
    assert (reply.outcome, reply.status_code, reply.text, reply.usage) == (
        want.outcome,
        want.status,
        want.text,
        want.usage,
    )
    assert retry_rule(reply.outcome) == RULES[reply.outcome]
    assert want.says in reply.message
    assert bool(reply.message) == (reply.outcome is not Outcome.OK)
    assert "\n" not in reply.message
    assert KEY not in reply.model_dump_json()
    assert "cdef" not in reply.message
    if fault == "http_429_date":
        assert reply.retry_after is not None
        assert 0 < reply.retry_after <= 60
    else:
        assert reply.retry_after == want.wait
    assert len(fault_server.journal) == 1, "asked once: never a retry, never a redirect"
    if fault_server.journal[0].billed:
        assert reply.usage.prompt > 0
        assert reply.usage.completion > 0


async def test_a_good_reply_carries_its_ids(fault_server: Any) -> None:
    reply = await ask(fault_server.base_url)
    assert (reply.response_id, reply.request_id, reply.model) == ("chatcmpl-1", "req-1", "stub-1")
    assert reply.raw is None
    assert reply.latency_ms > 0


async def test_what_cannot_be_read_is_kept_for_inspection(fault_server: Any) -> None:
    fault_server.play(["truncated_json", "http_401"])
    cut = await ask(fault_server.base_url)
    refused = await ask(fault_server.base_url)
    assert cut.raw is not None
    assert cut.raw.startswith('{"id": "chatcmpl-1"')
    assert refused.raw is not None
    assert json.loads(refused.raw)["error"]["message"] == "Incorrect API key provided: [key hidden]"


async def test_the_request_says_what_was_asked(fault_server: Any) -> None:
    await ask(fault_server.base_url)
    request = fault_server.journal[0]
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.body == {"model": "stub-1", "messages": MESSAGES, "max_tokens": 500, "temperature": 0.7}


async def test_a_reasoning_model_is_asked_in_its_own_terms(fault_server: Any) -> None:
    await ask(fault_server.base_url, model="gpt-5-mini")
    assert fault_server.journal[0].body == {
        "model": "gpt-5-mini",
        "messages": MESSAGES,
        "max_completion_tokens": 500,
    }


@pytest.mark.parametrize(
    ("model", "reasons"),
    [
        ("o1", True),
        ("o4-mini", True),
        ("openai/o3-mini-2025-01-31", True),
        ("gpt-5", True),
        ("gpt-5.1", True),
        ("openai/gpt-5-nano", True),
        ("gpt-5-chat-latest", False),
        ("gpt-4o", False),
        ("gpt-oss-20b", False),
        ("Qwen/Qwen3-8B", False),
        ("olmo-2", False),
    ],
)
def test_which_models_reason(model: str, reasons: bool) -> None:
    assert ("temperature" not in parameters(model, 5, 1.0)) is reasons
    assert ("max_completion_tokens" in parameters(model, 5, 1.0)) is reasons


async def test_an_unset_key_is_told_before_anything_is_sent(fault_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUB_KEY", "  ")
    reply = await ask(fault_server.base_url)
    assert reply.outcome is Outcome.BAD_KEY
    assert "STUB_KEY" in reply.message
    assert fault_server.journal == []


async def test_a_mangled_key_is_told_without_showing_it(fault_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUB_KEY", "secret\u201cpart\nsecond")
    reply = await ask(fault_server.base_url)
    assert reply.outcome is Outcome.BAD_KEY
    assert "part" not in reply.message
    assert fault_server.journal == []


async def test_a_keyless_endpoint_never_sees_the_key_of_another(
    fault_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    reply = await ask(fault_server.base_url, key_env=None)
    assert reply.outcome is Outcome.OK
    assert KEY not in str(fault_server.journal[0].headers)


async def test_a_foreign_server_is_not_told_the_organization(
    fault_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-private")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-private")
    await ask(fault_server.base_url)
    assert "private" not in str(fault_server.journal[0].headers)


async def test_a_proxy_is_not_asked_for_this_machine(fault_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert (await ask(fault_server.base_url)).outcome is Outcome.OK


async def test_a_proxy_that_is_down_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    reply = await ask("http://simulator.invalid/v1")
    assert reply.outcome is Outcome.CONNECTION
    assert "proxy" in reply.message


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def test_a_refused_connection_costs_nothing() -> None:
    reply = await ask(f"http://127.0.0.1:{closed_port()}/v1")
    assert (reply.outcome, reply.status_code, reply.usage) == (Outcome.CONNECTION, None, NOTHING)
    assert "refused" in reply.message


async def test_an_unknown_host_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(*_: object, **__: object) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    reply = await ask("http://simulator.invalid/v1")
    assert (reply.outcome, reply.usage) == (Outcome.CONNECTION, NOTHING)
    assert "simulator.invalid" in reply.message
    assert "name service" in reply.message


async def test_no_tls_on_the_other_side_is_told() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        reply = await ask(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
    assert (reply.outcome, reply.usage) == (Outcome.CONNECTION, NOTHING)
    assert "secure connection" in reply.message


async def test_more_requests_at_once_than_the_library_allows_by_default(fault_server: Any) -> None:
    fault_server.play([], then="hang")
    async with Client(endpoint(fault_server.base_url), concurrency=150) as client:
        asked = [asyncio.create_task(client.complete(MESSAGES, timeout=30)) for _ in range(150)]
        async with asyncio.timeout(30):
            while len(fault_server.journal) < 150:
                await asyncio.sleep(0.01)
        for task in asked:
            task.cancel()
        ended = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ended), "cancellation passes through"


async def test_connections_are_reused_and_probed(fault_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import simia_tui.llm.transport as module

    made: list[socket.socket] = []
    make = module._probing_socket
    monkeypatch.setattr(module, "_probing_socket", lambda address: made.append(make(address)) or made[-1])
    async with Client(endpoint(fault_server.base_url)) as client:
        for _ in range(3):
            assert (await client.complete(MESSAGES)).outcome is Outcome.OK
        assert len(made) == 1
        assert made[0].getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


async def test_a_fault_does_not_spoil_the_next_request(fault_server: Any) -> None:
    fault_server.play(["hang", "reset_body", "close_before", "http_500"])
    async with Client(endpoint(fault_server.base_url)) as client:
        outcomes = [(await client.complete(MESSAGES, timeout=0.3)).outcome]
        outcomes += [(await client.complete(MESSAGES)).outcome for _ in range(4)]
    assert outcomes == [
        Outcome.TIMEOUT,
        Outcome.CONNECTION,
        Outcome.CONNECTION,
        Outcome.BAD_REPLY,
        Outcome.OK,
    ]


async def test_misuse_is_an_error_not_a_reply() -> None:
    with pytest.raises(UsageError):
        Client(endpoint("http://h/v1"), concurrency=0)
    with pytest.raises(UsageError):
        await Client(endpoint("http://h/v1")).complete(MESSAGES)


async def test_effort_and_tier_are_sent_only_where_they_are_set(fault_server: Any) -> None:
    await ask(fault_server.base_url)
    await ask(fault_server.base_url, reasoning_effort="low", service_tier="flex")
    plain, flex = (request.body for request in fault_server.journal)
    assert not {"reasoning_effort", "service_tier"} & plain.keys()
    assert (flex["reasoning_effort"], flex["service_tier"]) == ("low", "flex")


async def test_the_flex_tier_is_given_time(fault_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []
    whole = Client._exchange

    async def noted(self: Client, body: Any, max_tokens: int, timeout: float) -> Reply:
        given.append(timeout)
        return await whole(self, body, max_tokens, timeout)

    monkeypatch.setattr(Client, "_exchange", noted)
    await ask(fault_server.base_url, 20)
    await ask(fault_server.base_url, 20, service_tier="flex")
    await ask(fault_server.base_url, 2000, service_tier="flex")
    assert given == [20, 900, 2000]


async def test_the_tier_that_was_used_is_read_from_the_answer(fault_server: Any) -> None:
    assert (await ask(fault_server.base_url)).service_tier is None
    module = sys.modules[type(fault_server).__module__]
    fault_server.reply = lambda ord_: {**module.completion(), "service_tier": "flex"}
    assert (await ask(fault_server.base_url)).service_tier == "flex"


async def test_azure_is_asked_by_its_own_path_version_and_header(
    fault_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_KEY", KEY)
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "token-of-somebody-else")
    root = fault_server.base_url.removesuffix("/v1")
    azure = Endpoint(
        name="azure", base_url=root, model="big-one", key_env="STUB_KEY", api="azure", api_version="2024-10-21"
    )
    async with Client(azure) as client:
        reply = await client.complete(MESSAGES)
    assert (reply.outcome, reply.text) == (Outcome.OK, TEXT)
    (asked,) = fault_server.journal
    assert asked.path == "/openai/deployments/big-one/chat/completions?api-version=2024-10-21"
    assert asked.headers["api-key"] == KEY
    assert "authorization" not in asked.headers
    assert asked.body["max_tokens"] == 8000


async def test_azure_tells_of_a_wrong_deployment_without_the_key(
    fault_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_KEY", KEY)
    fault_server.play(["http_404", "http_401", "key_in_text"])
    root = fault_server.base_url.removesuffix("/v1")
    azure = Endpoint(
        name="azure",
        base_url=root,
        model="big-one",
        key_env="STUB_KEY",
        api="azure",
        api_version="2024-10-21",
        reasoning_effort="low",
    )
    async with Client(azure) as client:
        replies = [await client.complete(MESSAGES) for _ in range(3)]
    assert [reply.outcome for reply in replies] == [Outcome.NO_MODEL, Outcome.BAD_KEY, Outcome.OK]
    assert not any(KEY in str(reply) for reply in replies)
    assert fault_server.journal[0].body["reasoning_effort"] == "low"
    assert "max_completion_tokens" in fault_server.journal[0].body


def structured(base_url: str, level: str) -> Endpoint:
    return Endpoint(name="stub", base_url=base_url, model="stub-1", structured=level)


@pytest.mark.parametrize(("level", "kind"), [("json_schema", "json_schema"), ("json_object", "json_object")])
async def test_a_reply_is_held_to_a_schema_where_that_is_offered(fault_server: Any, level: str, kind: str) -> None:
    async with Client(structured(fault_server.base_url, level)) as client:
        held = await client.complete(MESSAGES, schema=VERDICT)
        free = await client.complete(MESSAGES)
    assert (held.structured, free.structured) == (level, "none")
    first, second = (request.body for request in fault_server.journal)
    assert first["response_format"]["type"] == kind
    assert ("json_schema" in first["response_format"]) is (level == "json_schema")
    assert "response_format" not in second


async def test_no_schema_is_sent_where_none_is_offered(fault_server: Any) -> None:
    async with Client(endpoint(fault_server.base_url)) as client:
        await client.complete(MESSAGES, schema=VERDICT)
    assert "response_format" not in fault_server.journal[0].body


async def test_an_endpoint_that_refuses_schemas_is_asked_without_from_then_on(fault_server: Any) -> None:
    fault_server.takes_formats = False
    async with Client(structured(fault_server.base_url, "json_schema")) as client:
        replies = [await client.complete(MESSAGES, schema=VERDICT) for _ in range(3)]
    assert {(reply.outcome, reply.structured) for reply in replies} == {(Outcome.OK, "none")}
    assert [reply.note is None for reply in replies] == [False, True, True]
    assert "does not take json_schema" in str(replies[0].note)
    assert [("response_format" in request.body) for request in fault_server.journal] == [True, False, False, False]


async def test_a_request_that_is_bad_in_itself_says_nothing_of_schemas(fault_server: Any) -> None:
    fault_server.play(["http_400_context", "http_400_context", "http_400", "http_503"])
    async with Client(structured(fault_server.base_url, "json_schema")) as client:
        replies = [await client.complete(MESSAGES, schema=VERDICT) for _ in range(3)]
    assert [reply.outcome for reply in replies] == [Outcome.BAD_REQUEST, Outcome.OVERLOAD, Outcome.OK]
    assert [reply.note for reply in replies] == [None] * 3
    assert replies[-1].structured == "json_schema"


async def test_tools_are_offered_with_their_schemas(fault_server: Any) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    tools = (ToolSpec(name="f", description="F.", parameters=schema), ToolSpec(name="g"))
    async with Client(endpoint(fault_server.base_url)) as client:
        await client.complete(MESSAGES, tools=tools)
        await client.complete(MESSAGES)
    first, second = (request.body for request in fault_server.journal)
    assert first["tools"][0] == {
        "type": "function",
        "function": {"name": "f", "description": "F.", "parameters": schema},
    }
    assert first["tools"][1]["function"]["parameters"] == {"type": "object", "properties": {}}
    assert "tools" not in second
