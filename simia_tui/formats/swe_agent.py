"""SWE-agent trajectories (`.traj`): the same run told twice, as steps and as the chat the model saw."""

import re
from typing import Any

from simia_tui.formats.base import Format, RowError, messages_of
from simia_tui.formats.fields import list_of, shown, text_of, without
from simia_tui.formats.openai_chat import Messages
from simia_tui.model import Trajectory

COMMAND = "bash"
"""The tool that a command in the text of an assistant is taken as a call of; its argument is `command`."""

_ERROR = re.compile(
    r"\A\s*Your proposed edit has introduced new syntax error|\bEXECUTION TIMED OUT\b"
    r"|^Traceback \(most recent call last\)|: command not found\s*$",
    re.MULTILINE,
)
_UNKEPT = ("thought", "action", "agent", "message_type", "tool_call_ids", "is_demo", "cache_control")
_STEP = ("state", "execution_time")


class SWEAgent(Format):
    """Reads the chat (`history`) of a run, in which text, XML or function calls carry the actions.

    In the text dialects the command becomes a call of `bash`, the words before it the turn's text, and the message
    that answers it a tool turn. The chat ends before the last observation; that one is taken from the steps. A
    demonstration inside the chat is masked. State and time of each step go to `meta["steps"]`.
    """

    name = "swe-agent"
    title = "SWE-agent trajectories (.traj)"
    loses = (
        "how a text dialect wraps a command",
        "what the steps repeat: the raw response, and in newer files the whole chat at each step",
    )

    def detect(self, sample: dict[str, Any]) -> bool:
        steps = sample.get("trajectory")
        if not isinstance(steps, list) or not isinstance(sample.get("history"), list):
            return False
        return all(isinstance(step, dict) and "action" in step and "observation" in step for step in steps[:4])

    def read_record(self, record: dict[str, Any], domain: str = "generic") -> Trajectory:
        steps = [step for step in list_of(record.get("trajectory")) if isinstance(step, dict)]
        messages: list[dict[str, Any]] = []
        for index, message in enumerate(messages_of(record, "history"), 1):
            messages.append(_message(message, bool(messages) and _acts(messages[-1]), index))
        if _acts(messages[-1]) and steps:
            messages.append(_result({"content": steps[-1].get("observation")}))
        meta = without(record, "trajectory", "history")
        kept = [{key: step[key] for key in _STEP if key in step} for step in steps]
        if any(kept):
            meta["steps"] = kept
        return Messages(messages).trajectory(domain, (), meta)


def _acts(message: dict[str, Any]) -> bool:
    return message.get("role") == "assistant" and bool(message.get("tool_calls"))


def _message(message: dict[str, Any], answers: bool, index: int) -> dict[str, Any]:
    """One message of the chat in OpenAI's shape."""
    role = message.get("role")
    if role == "tool" or (role == "user" and answers):
        return _result(message)
    kept = without(message, *_UNKEPT)
    if role != "assistant":
        return kept
    if message.get("is_demo") is True:
        kept["loss"] = False
    action = message.get("action")
    if not message.get("tool_calls") and isinstance(action, str) and action.strip():
        thought = message.get("thought")
        kept["content"] = thought.strip() if isinstance(thought, str) else shown(message.get("content"))
        kept["tool_calls"] = [{"function": {"name": COMMAND, "arguments": {"command": action}}}]
    elif action is not None and not isinstance(action, str):
        raise RowError(f"The action of message {index} is not text.")
    return kept


def _result(message: dict[str, Any]) -> dict[str, Any]:
    content = _plain(message.get("content"))
    ids = list_of(message.get("tool_call_ids"))
    kept = without(message, *_UNKEPT, "role", "content")
    call_id = text_of(ids[0]) if ids else text_of(message.get("tool_call_id"))
    result = kept | {"role": "tool", "content": content, "tool_call_id": call_id}
    return result | {"is_error": True} if _ERROR.search(content) else result


def _plain(content: Any) -> str:
    """The text of a result, which newer versions wrap in a list of parts."""
    if not isinstance(content, list):
        return shown(content)
    return "\n".join(shown(part.get("text")) if isinstance(part, dict) else shown(part) for part in content)
