"""InterCode runs: one object keyed by numbers, a run holding parallel lists of actions and observations."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simia_tui.formats.base import RowError, messages_of
from simia_tui.formats.fields import dict_of, list_of, shown, text_of, without
from simia_tui.formats.pairing import Draft, DraftCall, link
from simia_tui.formats.source import Source, members
from simia_tui.formats.stream import Item
from simia_tui.model import Trajectory

_EXECUTE = re.compile(r"\s*execute\[(.*)\]\s*", re.DOTALL)
_ERROR = re.compile(r"\AError executing query:")


class InterCode(Source):
    """Reads each member of the object as a trajectory; the task (`query`) is the first turn.

    A command becomes a call of `execute` with the argument `command`, wrapped as `execute[...]` or not, and
    `submit` a call of `submit`. A thought becomes `reasoning`. An observation is an error where `valid_action` is
    false; files of human runs have no such list, there the text says `Error executing query:`.
    """

    name = "intercode"
    title = "InterCode runs (bash, SQL)"
    loses = ("whether a command was wrapped as execute[...]",)

    def detect(self, sample: dict[str, Any]) -> bool:
        runs = list(sample.values())[:4]
        return bool(runs) and all(_is_run(run) for run in runs)

    def records(self, path: Path) -> Iterator[Item]:
        for number, member in enumerate(members(path), 1):
            item = member.item
            value = {"key": member.key, **item.value} if isinstance(item.value, dict) else item.value
            yield Item(number, value, item.reason, item.raw)

    def read_record(self, record: dict[str, Any], domain: str = "generic") -> Trajectory:
        drafts = [Draft(role="user", content=query)] if isinstance(query := record.get("query"), str) else []
        history = record.get("turn_history")
        if isinstance(history, dict):
            meta = without(record, "turn_history") | {"rewards": list_of(history.get("rewards"))}
            reward = dict_of(record.get("summary")).get("max_reward")
            drafts += _parallel(history)
        else:
            meta, reward = without(record, "trajectory"), record.get("reward")
            for step in messages_of(record, "trajectory"):
                seen = shown(step.get("observation"))
                drafts += _step(None, step.get("action"), seen, _ERROR.search(seen) is not None)
        known = isinstance(reward, int | float) and not isinstance(reward, bool)
        meta["reward"] = reward if known else None
        meta["outcome"] = "unknown" if not known else "success" if reward == 1 else "failure"
        return Trajectory(domain=domain, turns=link(drafts), meta=meta)


def _is_run(value: Any) -> bool:
    if not isinstance(value, dict) or "query" not in value:
        return False
    history = value.get("turn_history")
    return isinstance(value.get("trajectory"), list) or (isinstance(history, dict) and "actions" in history)


def _parallel(history: dict[str, Any]) -> Iterator[Draft]:
    actions, seen = history.get("actions"), history.get("observations")
    if not isinstance(actions, list) or not isinstance(seen, list) or len(actions) != len(seen):
        raise RowError("The run's actions and observations are not two lists of the same length.")
    thoughts, valid = list_of(history.get("thoughts")), list_of(history.get("valid_action"))
    for index, (action, observation) in enumerate(zip(actions, seen, strict=True)):
        thought = text_of(thoughts[index]) if index < len(thoughts) else None
        refused = index < len(valid) and valid[index] is False
        yield from _step(thought, action, shown(observation), refused)


def _step(thought: str | None, action: Any, observation: str, is_error: bool) -> tuple[Draft, Draft]:
    text = shown(action)
    wrapped = _EXECUTE.fullmatch(text)
    if text.strip() == "submit":
        call = DraftCall("submit", {})
    else:
        call = DraftCall("execute", {"command": wrapped[1] if wrapped else text})
    acting = Draft(role="assistant", reasoning=thought, tool_calls=[call])
    return acting, Draft(role="tool", content=observation, is_error=is_error)
