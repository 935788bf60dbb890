"""Tools that an MCP server answers: the highest trust, since a program runs behind them.

One connection serves all episodes of a run, and the server keeps whatever state it has for all of them: take a server
whose tools only read, or one that keeps its state apart by an argument. Written for version 1 of the official client.
"""

import asyncio
import json
import shlex
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.util import find_spec
from types import TracebackType
from typing import Any, Protocol, Self

from simia_tui.errors import SimiaError, UsageError
from simia_tui.model import Fault, ToolCall
from simia_tui.simulate.ask import SimulatorFault
from simia_tui.simulate.consistency import Answer
from simia_tui.simulate.tools import Trust, View


class Session(Protocol):
    """What is used of a client's session."""

    def list_tools(self, cursor: str | None = None) -> Awaitable[Any]: ...

    def call_tool(self, name: str, arguments: dict[str, Any]) -> Awaitable[Any]: ...


Connect = Callable[[], AbstractAsyncContextManager[Session]]
"""Opens a session with a server."""


def stdio(command: str) -> Connect:
    """Starts a server as a process of its own and talks to it over its standard streams.

    Raises:
        UsageError: the command is empty or cannot be split into words.
        SimiaError: the package is not installed.
    """
    try:
        program, *arguments = shlex.split(command)
    except ValueError:
        raise UsageError(f"{command!r} is no command line; give one that starts an MCP server.") from None
    if find_spec("mcp") is None:
        raise SimiaError("An MCP server needs a package that is not installed: pip install 'simia-tui[mcp]'.")

    @asynccontextmanager
    async def connect() -> Any:
        from mcp import ClientSession, StdioServerParameters
        from mcp.client.stdio import stdio_client

        started = StdioServerParameters(command=program, args=arguments)
        async with stdio_client(started) as (read, write), ClientSession(read, write) as session:
            await session.initialize()
            yield session

    return connect


class McpTools:
    """The tools of one server; entered on the loop that episodes are played on. `names` are known from then on."""

    trust = Trust.EXECUTED

    def __init__(self, connect: Connect, timeout: float = 60.0) -> None:
        self.names: frozenset[str] = frozenset()
        self._connect, self._timeout = connect, timeout
        self._session: Session | None = None
        self._closing = asyncio.Event()

    async def __aenter__(self) -> Self:
        # The client has to be left by the task that entered it, so one task holds it for as long as it is open.
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._holder = asyncio.create_task(self._hold(ready))
        await ready
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        await self._holder

    async def _hold(self, ready: "asyncio.Future[None]") -> None:
        try:
            async with self._connect() as session:
                self.names = await _listed(session)
                self._session = session
                ready.set_result(None)
                await self._closing.wait()
        except Exception as error:  # noqa: BLE001  a server of others may fail in any way; who waits for it is told
            if not ready.done():
                ready.set_exception(SimiaError(f"The MCP server does not come up ({_first(error)}); start it by hand."))
        finally:
            self._session = None

    async def answer(self, call: ToolCall, view: View) -> Answer:
        if self._session is None:
            raise SimulatorFault(Fault.INFRASTRUCTURE, "The MCP server is gone.")
        try:
            found = await asyncio.wait_for(self._session.call_tool(call.name, call.arguments or {}), self._timeout)
        except TimeoutError:
            reason = f"The MCP server did not answer {call.name} within {self._timeout:g} s."
            raise SimulatorFault(Fault.INFRASTRUCTURE, reason) from None
        except Exception as error:
            reason = f"The MCP server failed at {call.name}: {_first(error)}"
            raise SimulatorFault(Fault.INFRASTRUCTURE, reason) from error
        return Answer(_text(found), bool(found.isError))


async def _listed(session: Session) -> frozenset[str]:
    names: set[str] = set()
    cursor: str | None = None
    while True:
        page = await session.list_tools(cursor)
        names |= {tool.name for tool in page.tools}
        cursor = page.nextCursor
        if cursor is None:
            return frozenset(names)


def _text(found: Any) -> str:
    """What a result says, as text; parts that are no text are named by their kind."""
    parts = [part.text if part.type == "text" else f"[{part.type}]" for part in found.content]
    if not parts and getattr(found, "structuredContent", None) is not None:
        return json.dumps(found.structuredContent, ensure_ascii=False)
    return "\n".join(parts) or "(nothing)"


def _first(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
