"""An LLM as the policy of an episode, by its endpoint's own tool calls."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from simia_tui.errors import SimiaError
from simia_tui.formats.openai_chat import write_openai
from simia_tui.llm import Message, Reply, retry_rule
from simia_tui.model import Outcome, ToolSpec, Trajectory, Turn
from simia_tui.simulate.ask import Patience, pause

_SENT = ("role", "content", "tool_calls", "tool_call_id")
"""Fields of a message that every endpoint knows."""

_SAID = frozenset({Outcome.OK, Outcome.EMPTY, Outcome.REFUSED})
"""Replies that are a turn of the agent, also one without words or of refusal: the agent has to answer for it."""


class Equipped(Protocol):
    """One request to a model that may call tools. Never raises for a fault of the endpoint."""

    async def __call__(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> Reply: ...


class Agent:
    """Asks for one turn after the other; use it as the policy of `episode.play`.

    A turn that was cut off at the token limit is none, and a fault of the endpoint raises `SimiaError`.
    """

    def __init__(self, ask: Equipped, patience: Patience | None = None) -> None:
        self._ask, self._patience = ask, patience or Patience()

    async def __call__(self, trajectory: Trajectory) -> Turn | None:
        waits = 0
        while True:
            reply = await self._ask(messages(trajectory), trajectory.tools)
            if reply.outcome in _SAID:
                return Turn(role="assistant", content=reply.text or None, tool_calls=reply.calls)
            if reply.outcome is Outcome.TRUNCATED:
                return None
            waits += 1
            if retry_rule(reply.outcome) not in ("retry", "wait") or waits > self._patience.waits:
                raise SimiaError(reply.message or f"The agent gave no turn ({reply.outcome.value}).")
            await self._patience.sleep(pause(reply, waits))


def messages(trajectory: Trajectory) -> list[Mapping[str, Any]]:
    """The conversation so far as it is sent to the agent."""
    written: list[dict[str, Any]] = write_openai(trajectory)["messages"]
    return [{name: message[name] for name in _SENT if name in message} for message in written]
