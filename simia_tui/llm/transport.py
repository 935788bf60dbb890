"""The connections to an endpoint: the SDK's client with its retries off, over sockets that notice a silent death."""

import re
import socket
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from simia_tui.settings import EndpointSettings as Endpoint

if TYPE_CHECKING:
    import aiohttp
    import httpx2
    from openai import AsyncOpenAI

_CONNECT_SECONDS = 10.0
# Below the 5 s after which common Python servers drop an idle connection, so that none is used while it is closed.
_IDLE_SECONDS = 4.0
_NO_KEY = "none"
_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1")


def connect(endpoint: Endpoint, key: str | None, concurrency: int) -> "AsyncOpenAI":
    """A client of the SDK for one endpoint, for at most `concurrency` requests at a time."""
    import openai

    # Some key must be given, or the SDK sends OPENAI_API_KEY to a server that was never meant to see it.
    key, http = key or _NO_KEY, _http_client(endpoint.base_url, concurrency)
    sdk: AsyncOpenAI
    if endpoint.api == "azure":
        # Without a deployment of its own the SDK puts the one that a request names into the path.
        sdk = openai.AsyncAzureOpenAI(
            azure_endpoint=endpoint.base_url,
            api_version=endpoint.api_version,
            api_key=key,
            max_retries=0,
            http_client=http,
        )
    else:
        sdk = openai.AsyncOpenAI(base_url=endpoint.base_url, api_key=key, max_retries=0, http_client=http)
    if not (urlsplit(endpoint.base_url).hostname or "").endswith(".openai.com"):
        # The SDK takes these from the environment and would tell them to every server.
        sdk.organization = sdk.project = None
    return sdk


def _http_client(base_url: str, concurrency: int) -> "httpx2.AsyncClient":
    import httpx2
    from openai import DefaultAioHttpClient

    from simia_tui.llm.bounded import ACCEPTED, bound

    http = DefaultAioHttpClient(
        headers={"Accept-Encoding": ACCEPTED},
        limits=httpx2.Limits(max_connections=concurrency, max_keepalive_connections=concurrency),
        timeout=httpx2.Timeout(None, connect=_CONNECT_SECONDS),
        follow_redirects=False,
        event_hooks={"response": [bound]},
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
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=None),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
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
