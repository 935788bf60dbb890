"""An LLM that plays the user: it knows a goal and the dialogue, and sees no calls, no observations, no reasoning."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from simia_tui.domains import Pack
from simia_tui.model import Fault, Trajectory, Turn
from simia_tui.simulate.ask import Ask, AskedCall, Patience, Request, Unreadable, converse, find_object, lines
from simia_tui.simulate.controls import Task
from simia_tui.simulate.schemas import MESSAGE

_UNSPOKEN = re.compile(
    r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)|<tool_call>.*?(?:</tool_call>|\Z)", re.DOTALL | re.IGNORECASE
)


class Said(NamedTuple):
    """What the user says next. `done`: the dialogue is over with this message, which may then be empty."""

    message: str
    done: bool


class User(Protocol):
    """Whoever speaks for the user."""

    async def reply(self, task: Task, turns: Sequence[Turn], record: list[AskedCall]) -> Said:
        """The next message. Raises `SimulatorFault` when none can be had."""
        ...


def spoken(turn: Turn) -> str:
    """What others hear of a turn: its text without the reasoning and the calls that were written into it."""
    return _UNSPOKEN.sub("", turn.content or "").strip()


def dialogue(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """What user and assistant have said to each other, one line a turn."""
    heard = ((turn.role, spoken(turn)) for turn in turns if turn.role in ("user", "assistant"))
    return [{"role": role, "content": text} for role, text in heard if text]


def goal_of(task: Task) -> str:
    """The user's goal in one paragraph: as given, or what the user of the seed says, in JSON Lines."""
    if task.goal:
        return task.goal
    said = [{"said": turn.content} for turn in task.seed.turns if turn.role == "user" and turn.content]
    return (
        "There is no written goal. In a recorded conversation this user said the following, in this order. What the\n"
        "user wants and knows is in it; the assistant of now may ask otherwise, and then the user answers that.\n"
        + lines(said)
    )


class SimulatedUser:
    """An LLM as the user. `pack` brings the template `simulate_user`."""

    def __init__(self, ask: Ask, pack: Pack, patience: Patience | None = None) -> None:
        self._ask, self._template = ask, pack.template("simulate_user")
        self._patience = patience or Patience()

    def prompt(self, task: Task, turns: Sequence[Turn]) -> str:
        """The request: goal first, dialogue last."""
        return self._template.fill({"goal": goal_of(task), "dialogue": lines(dialogue(turns))})

    async def reply(self, task: Task, turns: Sequence[Turn], record: list[AskedCall]) -> Said:
        text = self.prompt(task, turns)
        request = Request("user simulator", Fault.USER_SIMULATOR, text, self._template.version, MESSAGE)
        return await converse(self._ask, request, read_said, record, self._patience)


def read_said(text: str) -> Said:
    """The message in a reply.

    Raises:
        Unreadable: the reply is not of the form that was asked for.
    """
    value = find_object(text, "message")
    message, done = value["message"], value.get("done", False)
    if isinstance(done, str) and done.casefold() in ("true", "false"):
        done = done.casefold() == "true"
    if not isinstance(message, str) or not isinstance(done, bool):
        raise Unreadable('"message" must be a text, and "done" true or false.')
    if not message.strip() and not done:
        raise Unreadable('"message" is empty although "done" is false.')
    return Said(message.strip(), done)


def numbered(trajectory: Trajectory) -> list[dict[str, Any]]:
    """Every turn with its number, without reasoning: the transcript a judge reads."""
    rows: list[dict[str, Any]] = []
    for index, turn in enumerate(trajectory.turns):
        row: dict[str, Any] = {"turn": index, "role": turn.role}
        if text := turn.content if turn.role == "tool" else spoken(turn):
            row["content"] = text
        if turn.tool_calls:
            calls = [{"name": call.name, "arguments": call.arguments, "raw": call.raw} for call in turn.tool_calls]
            row["tool_calls"] = [{key: part for key, part in call.items() if part is not None} for call in calls]
        if turn.is_error:
            row["is_error"] = True
        rows.append(row)
    return rows
