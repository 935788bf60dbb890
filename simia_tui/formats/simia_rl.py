"""Simia-RL training records: one episode with its reward, played against a simulator and scored by a judge."""

import json
import re
from typing import Any

from simia_tui.formats.base import Format, messages_of, strict_json
from simia_tui.formats.fields import dict_of, list_of, text_of, without
from simia_tui.formats.sharegpt_hermes import ShareGPTHermes
from simia_tui.model import Trajectory

_UNKEPT = ("system_prompt", "conversation_history", "gpt_call_history")
_OBJECT = re.compile(r"\{")
_HERMES = ShareGPTHermes()
_OUTCOMES = {1.0: "success", 0.0: "failure"}
_TRIES = 50
"""Places in a judge's reply at which an object may begin that are tried."""


class SimiaRL(Format):
    """Reads `conversation_history`, in which the simulator speaks as `human` for user and tools alike.

    What follows a turn with calls is taken as their result. A reward of 0 is also what the recorder writes when
    the judge's reply could not be parsed, the simulator failed or the text grew too long; so `meta["reward"]` is 0
    only where the judge's own reply says so, else null with `meta["outcome"]` "unknown". The number in the file
    stays in `meta["recorded_reward"]`.
    """

    name = "simia-rl"
    title = "Simia-RL training records"
    loses = ("the simulator's prompts and replies (gpt_call_history), but for the judge's last reply",)

    def detect(self, sample: dict[str, Any]) -> bool:
        return isinstance(sample.get("conversation_history"), list) and "reward" in sample and "env_id" in sample

    def read_record(self, record: dict[str, Any], domain: str = "generic") -> Trajectory:
        turns: list[dict[str, Any]] = []
        called = False
        for message in messages_of(record, "conversation_history"):
            source, value = message.get("role"), message.get("content")
            if source in ("assistant", "gpt"):
                called = isinstance(value, str) and "</tool_call>" in value
                turns.append({"from": "gpt", "value": value})
            else:
                source = "observation" if called and source in ("human", "user", "tool") else source
                turns.append({"from": source, "value": value})
                called = False
        system = text_of(record.get("system_prompt")) or ""
        trajectory = _HERMES.read_record({"conversations": turns, "system": system}, domain)
        return trajectory.replace(meta=without(record, *_UNKEPT) | _verdict(record))


def _verdict(record: dict[str, Any]) -> dict[str, Any]:
    """Reward and outcome as far as they are proven, and the judge's last reply."""
    recorded = record.get("reward")
    replies = [
        call.get("response")
        for call in list_of(record.get("gpt_call_history"))
        if isinstance(call, dict) and dict_of(call.get("metadata")).get("type") == "final_evaluation"
    ]
    reply = replies[-1] if replies and isinstance(replies[-1], str) else None
    proven = judged(reply) if reply else None
    if proven is None and recorded == 1 and not isinstance(recorded, bool):
        proven = 1.0
    verdict = {"reward": proven, "outcome": _OUTCOMES.get(-1.0 if proven is None else proven, "unknown")}
    return verdict | {"recorded_reward": recorded} | ({"judge_reply": reply} if reply else {})


def judged(reply: str) -> float | None:
    """The reward, 0 or 1, of the last object in a judge's reply that names one; None where there is none."""
    found = None
    for mark in list(_OBJECT.finditer(reply))[:_TRIES]:
        try:
            value, end = json.JSONDecoder().raw_decode(reply, mark.start())
            strict_json(reply[mark.start() : end])
        except (ValueError, RecursionError):
            continue
        reward = value.get("reward")
        if isinstance(reward, bool | int | float) and reward in (0, 1):
            found = float(reward)
    return found
