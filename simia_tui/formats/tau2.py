"""tau2-bench results: `{timestamp, info, tasks, simulations}`, a simulation holding the messages of one run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simia_tui.formats.base import RowError, messages_of, read_tools
from simia_tui.formats.fields import dict_of, list_of, shown, text_of, without
from simia_tui.formats.openai_chat import Messages
from simia_tui.formats.source import Source, members
from simia_tui.formats.stream import Item, items
from simia_tui.model import ToolSpec, Trajectory

_RUNS = "simulations"
_VOICE = "it is a voice simulation, whose ticks are pieces of sound; only runs with written messages can be read."
_UNKEPT = ("raw_data", "turn_idx")
_HEAD = ("info", "tasks")


class Tau2(Source):
    """Reads one run at a time out of a results file, or single runs as rows of their own.

    Both sides may call tools: a user turn holds the user's calls, and a tool turn says who asked (`requestor`).
    The policy is that of `info.environment_info`, the tool schemas its `tool_defs` where it has them. What the
    run and its task say goes to `meta`, with `reward`, `outcome` and `task`.
    """

    name = "tau2"
    title = "tau2-bench results"
    loses = ("the provider's raw answer of each message", "message fields that are null")

    def detect(self, sample: dict[str, Any]) -> bool:
        runs = sample.get(_RUNS)
        if isinstance(runs, list) and "tasks" in sample:
            return any(isinstance(run, dict) and not _is_voice(run) for run in runs)
        return _is_run(sample) and isinstance(sample.get("messages"), list)

    def refusal(self, sample: dict[str, Any]) -> str | None:
        runs = sample.get(_RUNS)
        if runs == [] and "tasks" in sample:
            return "it is a results file of tau2 that holds no simulations."
        held = list_of(runs) if isinstance(runs, list) else [sample]
        return _VOICE if any(isinstance(run, dict) and _is_run(run) and _is_voice(run) for run in held) else None

    def records(self, path: Path) -> Iterator[Item]:
        sample = next((member.key for member in members(path, {_RUNS}) if member.key == _RUNS), None)
        yield from items(path) if sample is None else _runs(path)

    def read_record(self, record: dict[str, Any], domain: str = "generic") -> Trajectory:
        run = record.get("simulation")
        if not isinstance(run, dict):
            run = record
        if _is_voice(run):
            raise RowError(_VOICE[:1].upper() + _VOICE[1:])
        info = dict_of(record.get("info"))
        environment = dict_of(info.get("environment_info"))
        messages = [_message(message) for message in _flat(messages_of(run, "messages"))]
        policy = environment.get("policy")
        if isinstance(policy, str) and messages[0].get("role") != "system":
            messages.insert(0, {"role": "system", "content": policy})
        meta = without(run, "messages") | {key: record[key] for key in ("task",) if record.get(key) is not None}
        if info:
            meta["info"] = {**info, "environment_info": without(environment, "policy", "tool_defs")}
        return Messages(messages).trajectory(domain, _tools(environment.get("tool_defs")), _judged(meta))


def _is_run(value: dict[str, Any]) -> bool:
    return "task_id" in value and "termination_reason" in value


def _is_voice(run: dict[str, Any]) -> bool:
    return isinstance(run.get("ticks"), list) and not run.get("messages")


def _runs(path: Path) -> Iterator[Item]:
    """Each run with its task and the file's info; what stands behind the runs is looked up first."""
    head: dict[str, Any] = {}
    for member in members(path, {_RUNS}):
        if member.place is None and member.key in _HEAD:
            head[member.key] = member.item.value
            if len(head) == len(_HEAD):
                break
    tasks = {str(task["id"]): task for task in list_of(head.get("tasks")) if isinstance(task, dict) and "id" in task}
    number = 0
    for member in members(path, {_RUNS}):
        if member.key != _RUNS and not member.item.reason:
            continue
        number += 1
        run = member.item.value
        if isinstance(run, dict):
            run = {"info": head.get("info"), "task": tasks.get(str(run.get("task_id"))), "simulation": run}
        elif member.key == _RUNS and member.place is None and not member.item.reason:
            continue
        yield Item(number, run, member.item.reason, member.item.raw)


def _flat(messages: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The messages, those with several tool results in one taken apart."""
    for message in messages:
        inner = message.get("tool_messages")
        if isinstance(inner, list) and inner:
            yield from (part for part in inner if isinstance(part, dict))
        else:
            yield message


def _message(message: dict[str, Any]) -> dict[str, Any]:
    """A message in the shape of OpenAI's, with the id of the call it answers where it is a result."""
    kept = {key: value for key, value in message.items() if value is not None and key not in _UNKEPT}
    if kept.get("role") == "tool":
        kept["tool_call_id"] = text_of(kept.pop("id", None))
        kept["content"] = shown(message.get("content"))
    return kept


def _tools(value: Any) -> tuple[ToolSpec, ...]:
    try:
        return read_tools(value)
    except RowError:
        return ()


def _judged(meta: dict[str, Any]) -> dict[str, Any]:
    """The run's reward where all can see it, and whether the task was solved."""
    reward = dict_of(meta.get("reward_info")).get("reward")
    known = isinstance(reward, int | float) and not isinstance(reward, bool)
    outcome = "unknown" if not known else "success" if reward == 1 else "failure"
    return meta | {"reward": reward if known else None, "outcome": outcome}
