"""Simia-SFT: what the authors' generator reads as seeds and writes before its post-processing.

Like ShareGPT with `function_call` and `observation` turns, but the tools are flat objects in a string, and a row
says which seed it was made from.
"""

from typing import Any

from simia_tui.formats.base import Format, RowError, Writer, json_text, loss_of, messages_of, read_tools, write_tool
from simia_tui.formats.pairing import Draft, link
from simia_tui.formats.sharegpt import (
    call_json,
    is_sharegpt,
    read_calls,
    read_meta,
    read_role,
    read_system,
    read_value,
    take_thought,
)
from simia_tui.model import Trajectory, Turn

_COLUMNS = ("based_on_sample", "sample_turns", "generated_turns", "sample_question", "domain")
_TELLING = ("based_on_sample", "sample_question", "generated_turns")


class SimiaSFT(Format):
    """Reads the rows of Simia-SFT. The columns that describe the seed go to `meta`.

    A `gpt` turn right before a `function_call` turn and the call are one turn: the two belong to one reply.
    """

    name = "simia-sft"
    title = "Simia-SFT, seeds and generated trajectories"
    loses = ("white space around a call's JSON, and its fields besides name and arguments",)

    def detect(self, sample: dict[str, Any]) -> bool:
        return is_sharegpt(sample) and any(key in sample for key in _TELLING)

    def read_record(self, record: dict[str, Any], domain: str = "generic") -> Trajectory:
        messages = messages_of(record, "conversations")
        policy, start = read_system(record, messages)
        drafts: list[Draft] = []
        spoken = False
        for number, message in enumerate(messages[start:], 1):
            draft = _draft(message, number)
            if spoken and draft.tool_calls and drafts[-1].loss == draft.loss:
                drafts[-1].tool_calls, drafts[-1].reasoning = draft.tool_calls, draft.reasoning
            else:
                drafts.append(draft)
            spoken = message.get("from") == "gpt" and draft.reasoning is None and bool(draft.content)
        if not drafts:
            raise RowError("The row holds no turn, only a system message.")
        meta = read_meta(record, messages[start:])
        return Trajectory(
            domain=domain, policy=policy, tools=read_tools(record.get("tools")), turns=link(drafts), meta=meta
        )


def _draft(message: dict[str, Any], number: int) -> Draft:
    role, loss = read_role(message, number), loss_of(message)
    if role != "assistant":
        return Draft(role=role, content=read_value(message, number), loss=loss)
    reasoning, text = take_thought(read_value(message, number))
    if message["from"] == "function_call":
        return Draft(role=role, reasoning=reasoning, tool_calls=read_calls(text or ""), loss=loss)
    return Draft(role=role, content=text, reasoning=reasoning, loss=loss)


def write_simia_sft(trajectory: Trajectory) -> dict[str, Any]:
    """A row with the eight columns. What the seed was comes from `meta` where a row of this format was read.

    Text beside a call becomes a `gpt` turn of its own before it, so that no word is lost.
    """
    conversations = [message for turn in trajectory.turns for message in _messages(turn)]
    origin = trajectory.origin
    question = next((m["value"] for m in conversations if m["from"] == "human"), "")
    told: dict[str, Any] = {
        "based_on_sample": (origin.seed if origin else None) or "",
        "sample_turns": 0,
        "sample_question": question,
        "domain": trajectory.domain,
    }
    told |= {key: trajectory.meta[key] for key in _COLUMNS if key in trajectory.meta}
    return {
        "conversations": conversations,
        "tools": json_text([write_tool(tool)["function"] for tool in trajectory.tools]),
        "system": trajectory.policy or "",
        **told,
        "generated_turns": len(conversations),
    }


def _messages(turn: Turn) -> list[dict[str, Any]]:
    loss = {} if turn.loss is None else {"loss": turn.loss}
    if turn.role != "assistant":
        return [{"from": "observation" if turn.role == "tool" else "human", "value": turn.content or "", **loss}]
    thought = f"<think>\n{turn.reasoning}\n</think>\n\n" if turn.reasoning else ""
    if not turn.tool_calls:
        return [{"from": "gpt", "value": thought + (turn.content or ""), **loss}]
    calls = [call_json(call) for call in turn.tool_calls]
    value = calls[0] if len(calls) == 1 else f"[{', '.join(calls)}]"
    text = [{"from": "gpt", "value": turn.content, **loss}] if turn.content else []
    return [*text, {"from": "function_call", "value": thought + value, **loss}]


SIMIA_SFT = Writer(
    name="simia-sft",
    title="Simia-SFT",
    write=write_simia_sft,
    loses=(
        "call ids and error marks; names of observations",
        "the difference between null and empty content; an empty policy",
        "where one turn ends when the assistant speaks and then calls in two turns",
        "calls of the user; system messages after the first, which become the user's",
        "text that looks like a thought block, which reads back as one",
        "meta, domain and origin, besides the seed",
    ),
)
