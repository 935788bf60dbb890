"""mini-swe-agent trajectories (`.traj.json`): `{info, messages, trajectory_format}`."""

import re
from typing import Any

from simia_tui.formats.base import Format, RowError, messages_of
from simia_tui.formats.fields import dict_of, list_of, shown, text_of, without
from simia_tui.formats.openai_chat import Messages
from simia_tui.formats.swe_agent import COMMAND
from simia_tui.model import Trajectory

_BLOCK = re.compile(r"\s*```(?:bash|sh|mswea_bash_command)\s*\n(.*?)\n?```\s*", re.DOTALL)
_RETURNED = re.compile(r"<returncode>\s*(-?\d+)\s*</returncode>")


class MiniSWEAgent(Format):
    """Reads the chat of a run, whose actions are shell commands in text or calls of a `bash` tool.

    A command in text becomes a call of `bash` with the argument `command`, and the message after it a tool turn.
    An observation whose return code is not 0 is an error. `info` goes to `meta`, with what the message that ends
    the run says.
    """

    name = "mini-swe-agent"
    title = "mini-swe-agent trajectories (.traj.json)"
    loses = ("how a command is fenced in the text", "the provider's raw answers")

    def detect(self, sample: dict[str, Any]) -> bool:
        messages, info = sample.get("messages"), sample.get("info")
        if not isinstance(messages, list) or not isinstance(info, dict):
            return False
        return str(sample.get("trajectory_format")).startswith("mini-swe-agent") or "mini_version" in info

    def read_record(self, record: dict[str, Any], domain: str = "generic") -> Trajectory:
        messages: list[dict[str, Any]] = []
        meta = without(record, "messages")
        waiting = 0
        for message in messages_of(record, "messages"):
            extra = dict_of(message.get("extra"))
            if message.get("role") == "exit" or "exit_status" in extra:
                meta["exit"] = {"content": message.get("content"), **extra}
                continue
            if message.get("role") == "assistant":
                messages.append(_acting(message, extra))
                waiting = len(list_of(messages[-1].get("tool_calls")))
            elif message.get("role") == "tool" or (message.get("role") == "user" and waiting):
                messages.append(_result(message, extra))
                waiting = max(0, waiting - 1)
            else:
                messages.append(without(message, "extra"))
        if not messages:
            raise RowError("The run holds no message.")
        return Messages(messages).trajectory(domain, (), meta)


def _acting(message: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in message.items() if key not in ("extra", "provider_specific_fields")}
    content = message.get("content")
    if message.get("tool_calls") or not isinstance(content, str):
        return kept
    actions = [action.get("command") for action in list_of(extra.get("actions")) if isinstance(action, dict)]
    blocks = _BLOCK.findall(content)
    commands = [action for action in actions if isinstance(action, str)] or (blocks if len(blocks) == 1 else [])
    if commands:
        kept["content"] = _BLOCK.sub("\n\n", content).strip() or None
        kept["tool_calls"] = [{"function": {"name": COMMAND, "arguments": {"command": c}}} for c in commands]
    return kept


def _result(message: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    content = shown(message.get("content"))
    code = extra.get("returncode")
    if not isinstance(code, int):
        found = _RETURNED.search(content)
        code = 1 if found and int(found[1][:9]) else 0
    result = {"role": "tool", "content": content, "tool_call_id": text_of(message.get("tool_call_id"))}
    return result | {"is_error": True} if code else result
