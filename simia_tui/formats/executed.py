"""Calls that were executed in a real environment: `{domain, task_id, user_instruction, system, tools, calls}`."""

from typing import Any

from simia_tui.formats.base import Format, RowError, read_tools
from simia_tui.formats.fields import shown, text_of, without
from simia_tui.formats.pairing import Draft, DraftCall, link, read_arguments
from simia_tui.model import Trajectory

_COLUMNS = ("system", "tools", "calls")


class Executed(Format):
    """Reads rows of calls with their observations, as they were recorded by running a task's actions.

    The user's instruction is the first turn; where it is an object, a line for each of its fields. Then each call
    is a turn of the side that asked for it, followed by its observation. The rest of the row, with the context
    calls, the error probes and the slice of the database, goes to `meta`.
    """

    name = "executed"
    title = "Executed actions with their observations"
    loses = ("fields of a call besides name, arguments, raw action, observation, error and requestor",)

    def detect(self, sample: dict[str, Any]) -> bool:
        calls = sample.get("calls")
        if not isinstance(calls, list) or "task_id" not in sample or "user_instruction" not in sample:
            return False
        return all(isinstance(call, dict) and "name" in call and "observation" in call for call in calls[:4])

    def read_record(self, record: dict[str, Any], domain: str = "generic") -> Trajectory:
        calls = record.get("calls")
        if not isinstance(calls, list):
            raise RowError("The row has no list under “calls”.")
        drafts = [Draft(role="user", content=_instruction(record.get("user_instruction")))]
        for index, call in enumerate(calls, 1):
            drafts += _step(call, index)
        meta = without(record, *_COLUMNS)
        meta["outcome"] = _outcome(record.get("goal_reached"))
        return Trajectory(
            domain=domain,
            policy=text_of(record.get("system")),
            tools=read_tools(record.get("tools")),
            turns=link(drafts),
            meta=meta,
        )


def _outcome(goal: Any) -> str:
    return "unknown" if not isinstance(goal, bool) else "success" if goal else "failure"


def _instruction(value: Any) -> str:
    if not isinstance(value, dict):
        return shown(value)
    return "\n".join(f"{key.replace('_', ' ').capitalize()}: {shown(text)}" for key, text in value.items() if text)


def _step(call: Any, index: int) -> list[Draft]:
    if not isinstance(call, dict):
        raise RowError(f"Call {index} is not an object.")
    asked_by_user = call.get("requestor") == "user"
    arguments, raw = read_arguments(call.get("arguments", ""))
    name = call.get("name")
    if not isinstance(name, str):
        name, arguments, raw = "", None, shown(call.get("raw_action", call.get("arguments")))
    observation = call.get("observation")
    asking = Draft(role="user" if asked_by_user else "assistant", tool_calls=[DraftCall(name, arguments, raw)])
    answer = Draft(role="tool", content=shown(observation), is_error=call.get("is_error") is True)
    answer.requestor = "user" if asked_by_user else "assistant"
    return [asking, answer]
