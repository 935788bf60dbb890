"""Tools that an MCP server answers: a stand-in for its client, and a real server where the package is there."""

import asyncio
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from simulate.parts import cast, judged, said, say, task

from simia_tui.errors import SimiaError, UsageError
from simia_tui.model import Fault, ToolCall
from simia_tui.simulate.ask import SimulatorFault
from simia_tui.simulate.environment import Environment
from simia_tui.simulate.mcp import McpTools, stdio
from simia_tui.simulate.tools import Trust

CALL = ToolCall(name="get_order", arguments={"order_id": "W1"}, call_id="c1")
VIEW: Any = None


def text(*parts: str, error: bool = False) -> SimpleNamespace:
    return SimpleNamespace(content=[SimpleNamespace(type="text", text=part) for part in parts], isError=error)


class Server:
    """A session of two pages of tools; `replies` by tool, an exception is raised."""

    def __init__(self, **replies: Any) -> None:
        self.replies, self.open = replies, 0
        self.asked: list[tuple[str, dict[str, Any]]] = []

    @asynccontextmanager
    async def connect(self) -> Any:
        self.open += 1
        yield self
        self.open -= 1

    async def list_tools(self, cursor: str | None = None) -> Any:
        first, *rest = self.replies
        shown = rest if cursor else [first]
        return SimpleNamespace(tools=[SimpleNamespace(name=name) for name in shown], nextCursor=None if cursor else "2")

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> Any:
        self.asked.append((name, arguments))
        reply = self.replies[name]
        if isinstance(reply, BaseException):
            raise reply
        return await reply if asyncio.iscoroutine(reply) else reply


async def test_a_server_answers_and_is_closed_by_who_opened_it() -> None:
    server = Server(get_order=text("one", "two"), cancel_order=text("too late", error=True))
    async with McpTools(server.connect) as tools:
        assert tools.names == {"get_order", "cancel_order"} and tools.trust is Trust.EXECUTED and server.open == 1
        assert await tools.answer(CALL, VIEW) == ("one\ntwo", False, ())
        assert await tools.answer(CALL.replace(name="cancel_order"), VIEW) == ("too late", True, ())
    assert server.open == 0 and server.asked[0] == ("get_order", {"order_id": "W1"})
    with pytest.raises(SimulatorFault, match="is gone"):
        await tools.answer(CALL, VIEW)


async def test_what_is_no_text_is_named() -> None:
    bare = SimpleNamespace(content=[], isError=False, structuredContent={"n": 1})
    image = SimpleNamespace(content=[SimpleNamespace(type="image")], isError=False)
    async with McpTools(Server(get_order=bare).connect) as tools:
        assert (await tools.answer(CALL, VIEW)).text == '{"n": 1}'
    async with McpTools(Server(get_order=image).connect) as tools:
        assert (await tools.answer(CALL, VIEW)).text == "[image]"


@pytest.mark.parametrize("failure", [RuntimeError("broken pipe"), None])
async def test_a_failure_spoils_the_episode_and_is_nobodys_0(failure: Exception | None) -> None:
    server = Server(get_order=failure or asyncio.Event().wait())
    async with McpTools(server.connect, timeout=0.01) as tools:
        with pytest.raises(SimulatorFault, match="broken pipe" if failure else "within 0.01 s") as found:
            await tools.answer(CALL, VIEW)
    assert found.value.fault is Fault.INFRASTRUCTURE


async def test_in_an_episode_its_tools_are_executed_and_the_ledger_follows() -> None:
    server = Server(get_order=text('{"order_id": "W1", "status": "lost"}'))
    async with McpTools(server.connect) as tools:
        special = dict.fromkeys(tools.names, tools)
        environment = Environment(
            cast(user=_reply(said("", True)), judge=_reply(judged(1)), special=lambda of: special)
        )
        environment.reset(task())
        step = await environment.step(say(None, tool_calls=(CALL,)))
    assert '"lost"' in str(step.turns[0].content) and environment.log[0].source == "executed"
    assert environment.ledger.record(("order", "W1")) == {
        **task().ledger["order"]["W1"],
        "status": "lost",
    }


def _reply(text_: str) -> Any:
    async def ask(messages: Any) -> Any:
        raise AssertionError(text_)

    return ask


async def test_a_server_that_does_not_come_up_is_told() -> None:
    @asynccontextmanager
    async def connect() -> Any:
        raise OSError("no such file")
        yield

    with pytest.raises(SimiaError, match="does not come up \\(no such file\\)"):
        await McpTools(connect).__aenter__()


def test_a_command_that_is_none_is_refused() -> None:
    for command in ("", "python 'x"):
        with pytest.raises(UsageError, match="no command line"):
            stdio(command)


SERVER = """
from mcp.server.fastmcp import FastMCP

desk = FastMCP("desk")

@desk.tool()
def get_order(order_id: str) -> str:
    if order_id != "W1":
        raise ValueError("there is no such order")
    return "pending"

desk.run()
"""


async def test_a_real_server_over_its_standard_streams(tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text(SERVER)
    async with McpTools(stdio(f"{sys.executable} {tmp_path / 'server.py'}")) as tools:
        assert tools.names == {"get_order"}
        assert await tools.answer(CALL, VIEW) == ("pending", False, ())
        assert (await tools.answer(CALL.replace(arguments={"order_id": "W9"}), VIEW)).is_error


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    with pytest.raises(SimiaError, match=r"simia-tui\[mcp\]"):
        stdio("python server.py")
