"""Stand-ins that several tests of the simulated environment need."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from simia_tui import resources
from simia_tui.checks import Hints
from simia_tui.demo import roles
from simia_tui.domains import Pack, load
from simia_tui.llm import Reply
from simia_tui.model import Outcome, ToolCall, ToolSpec, Trajectory, Turn
from simia_tui.simulate.ask import Ask, Messages, Patience
from simia_tui.simulate.controls import Controls, Task
from simia_tui.simulate.environment import Cast
from simia_tui.simulate.judge import Judge
from simia_tui.simulate.tools import SimulatedTools, Trust
from simia_tui.simulate.user import SimulatedUser

ORDER_ID = {"type": "string", "pattern": "^W[0-9]+$"}


def spec(name: str, **properties: Any) -> ToolSpec:
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return ToolSpec(name=name, description=name, parameters=parameters)


TOOLS = (
    spec("get_order", order_id=ORDER_ID),
    spec("list_orders", user_id={"type": "string"}),
    spec("cancel_order", order_id=ORDER_ID),
    spec("get_time"),
)
SEED = Trajectory(policy="Be careful.", tools=TOOLS, turns=(Turn(role="user", content="Cancel W1, please."),))
LEDGER = {
    "order": {
        "W1": {"order_id": "W1", "status": "pending", "total": 20.5, "user_id": "u1"},
        "W2": {"order_id": "W2", "status": "shipped", "total": 7, "user_id": "u1"},
    },
    "user": {"u1": {"user_id": "u1", "name": "Ada", "orders": 2}},
}


def task(seed: Trajectory = SEED, ledger: dict[str, Any] | None = None, **controls: Any) -> Task:
    return Task(
        seed=seed, goal="Cancel W1.", ledger=LEDGER if ledger is None else ledger, controls=Controls(**controls)
    )


def say(text: str | None, **more: Any) -> Turn:
    return Turn(role="assistant", content=text, **more)


def act(*calls: tuple[str, dict[str, Any]], **more: Any) -> Turn:
    made = tuple(ToolCall(name=name, arguments=arguments) for name, arguments in calls)
    return Turn(role="assistant", tool_calls=made, **more)


def answer(observation: Any, is_error: bool = False, patch: Iterable[dict[str, Any]] = ()) -> str:
    return json.dumps({"observation": observation, "is_error": is_error, "patch": list(patch)})


def said(message: str, done: bool = False) -> str:
    return json.dumps({"message": message, "done": done})


def judged(reward: Any, **more: Any) -> str:
    return json.dumps({"reasoning": "because", "reward": reward, **more})


class Script:
    """An endpoint that gives its replies one after the other (the last one for ever) and keeps what it was asked."""

    def __init__(self, *replies: str | Reply) -> None:
        self.replies = list(replies)
        self.asked: list[list[dict[str, Any]]] = []

    async def __call__(self, messages: Messages) -> Reply:
        self.asked.append([dict(message) for message in messages])
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return Reply(outcome=Outcome.OK, text=reply) if isinstance(reply, str) else reply

    def prompt(self, number: int = -1) -> str:
        return str(self.asked[number][0]["content"])


def failed(outcome: Outcome, **more: Any) -> Reply:
    return Reply(outcome=outcome, message=f"no luck ({outcome.value})", **more)


async def never(messages: Messages) -> Reply:
    raise AssertionError("nobody was to be asked")


def patience(slept: list[float] | None = None) -> Patience:
    async def sleep(seconds: float) -> None:
        if slept is not None:
            slept.append(seconds)

    return Patience(sleep=sleep)


def pack(name: str = "generic") -> Pack:
    return load(name, [resources.prompts()])


def cast(
    tools: Ask = never,
    user: Ask = never,
    judge: Ask = never,
    trust: Trust = Trust.RULE_CHECKED,
    domain: str = "generic",
    **more: Any,
) -> Cast:
    held = pack(domain)
    return Cast(
        SimulatedTools(tools, held, trust, patience()),
        SimulatedUser(user, held, patience()),
        Judge(judge, held, patience=patience()),
        hints=Hints.of(held.data),
        **more,
    )


class Desk:
    """The demo's library as an endpoint without a server; `most` is how many requests were in flight at once."""

    def __init__(self, rate: float = 0.0, hold: Callable[[int], Awaitable[None]] | None = None) -> None:
        self.rate, self.hold, self.flying, self.most, self.count = rate, hold, 0, 0, 0

    async def __call__(self, messages: Messages) -> Reply:
        self.flying += 1
        self.count += 1
        self.most = max(self.most, self.flying)
        try:
            await (self.hold(self.flying) if self.hold else asyncio.sleep(0))
            text = "\n".join(str(message["content"]) for message in messages)
            played = roles.play(text, text, 0, self.rate)
            assert played is not None
            return Reply(outcome=Outcome.OK, text=played.text)
        finally:
            self.flying -= 1


def scripted(turns: list[Turn]) -> Callable[[Trajectory], Awaitable[Turn | None]]:
    """A policy that says its turns one after the other, whatever is answered, and then nothing of use."""

    async def policy(trajectory: Trajectory) -> Turn | None:
        done = sum(turn.role == "assistant" for turn in trajectory.turns)
        return turns[done] if done < len(turns) else say("Is there anything else?")

    return policy
