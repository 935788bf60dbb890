"""OfficeBench's logs: `env_history.json`, a list of `[action, observation]`, and `llm_history.json`."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simia_tui.formats.base import RowError, strict_json
from simia_tui.formats.fields import shown, text_of
from simia_tui.formats.pairing import Draft, DraftCall, link, read_arguments
from simia_tui.formats.source import Source
from simia_tui.formats.stream import Item, items
from simia_tui.model import Trajectory

ERROR = re.compile(
    r"Failed to|does not exist|already exists|Malformed action!|Traceback|command not found|No such file"
)
"""What the environment says when it refuses."""

_TASK = re.compile(r"##\s?Task: (.*?)\n##", re.DOTALL)
_ACTION = re.compile(r"<answer>(.*?)</answer>|(\{.*\})", re.DOTALL)
_STEP = re.compile(r" -> \[(.*)\]\Z", re.DOTALL)
_PAIR, _TRIPLE = 2, 3
_LONGEST = 100_000
"""A Python literal longer than this is not parsed."""


class OfficeBench(Source):
    """Reads one log file as one trajectory.

    The environment's history holds actions and their observations but not the task; the policy's history holds
    system text, prompt and reply of each step, the task in its prompts, and each observation in the history that
    the next prompt prints, where line ends are written `\\n`. An action is a call named `app.action`; one that is
    no object keeps its text in `raw` under an empty name.
    """

    name = "officebench"
    title = "OfficeBench logs (env_history.json, llm_history.json)"
    loses = ("of llm_history.json: the prompts, and the last observation, which no prompt prints",)

    def detect(self, sample: dict[str, Any]) -> bool:
        return False

    def detect_other(self, sample: Any) -> bool:
        if not isinstance(sample, list) or not all(isinstance(x, str) for x in sample[1:]):
            return False
        if len(sample) == _PAIR:
            refused = isinstance(sample[0], str) and sample[1].startswith("Malformed action!")
            return refused or (isinstance(sample[0], dict) and {"app", "action"} <= sample[0].keys())
        return len(sample) == _TRIPLE and isinstance(sample[0], str) and _TASK.search(sample[1]) is not None

    def records(self, path: Path) -> Iterator[Item]:
        steps: list[Any] = []
        for item in items(path):
            if item.reason:
                yield Item(1, None, item.reason, item.raw)
                return
            steps.append(item.value)
        yield Item(1, {"history": steps}, None, shown(steps)[:4_000])

    def read_record(self, record: dict[str, Any], domain: str = "generic") -> Trajectory:
        steps = record.get("history")
        if not isinstance(steps, list) or not steps:
            raise RowError("The log holds no step.")
        if all(isinstance(step, list) and len(step) == _TRIPLE for step in steps):
            return _from_prompts(steps, domain)
        drafts: list[Draft] = []
        for index, step in enumerate(steps, 1):
            if not isinstance(step, list) or len(step) != _PAIR:
                raise RowError(f"Step {index} of the log is not a pair of action and observation.")
            drafts += [_acting(step[0], None), _seen(shown(step[1]))]
        return Trajectory(domain=domain, turns=link(drafts))


def _from_prompts(steps: list[Any], domain: str) -> Trajectory:
    texts = [[shown(part) for part in step] for step in steps]
    task = _TASK.search(texts[0][1])
    drafts = [Draft(role="user", content=task[1] if task else texts[0][1])]
    for number, (_, _, reply) in enumerate(texts):
        action = _ACTION.search(reply)
        drafts.append(_acting((action[1] or action[2]).strip() if action else reply, reply))
        if number + 1 < len(texts) and (line := _printed(texts[number + 1][1], number)) is not None:
            drafts.append(_seen(line))
    return Trajectory(domain=domain, policy=text_of(texts[0][0]), turns=link(drafts))


def _printed(prompt: str, number: int) -> str | None:
    """The observation of step `number` (from 0) in the history that a prompt prints; None where it is missing."""
    start = prompt.find(f" - Step {number}: ")
    if start < 0:
        return None
    found = _STEP.search(prompt[start:].split("\n", 1)[0])
    return found[1].replace("\\n", "\n") if found else ""


def _acting(action: Any, reply: str | None) -> Draft:
    fields, raw = (action, None) if isinstance(action, dict) else read_arguments(shown(action))
    if fields is None:
        fields = _literal(raw or "")
    named = isinstance(fields, dict) and isinstance(fields.get("app"), str) and isinstance(fields.get("action"), str)
    if fields is None or not named:
        return Draft(role="assistant", tool_calls=[DraftCall("", None, raw or shown(action))])
    app, action_name = fields["app"], fields["action"]
    name = action_name if action_name.startswith(f"{app}.") else f"{app}.{action_name}"
    arguments = {key: value for key, value in fields.items() if key not in ("app", "action")}
    thought = re.match(r"\s*<think>(.*?)</think>", reply or "", re.DOTALL)
    return Draft(
        role="assistant", reasoning=thought[1] if thought else None, tool_calls=[DraftCall(name, arguments, raw)]
    )


def _literal(text: str) -> dict[str, Any] | None:
    """The object that a Python literal such as `{'app': 'word'}` makes, where JSON can hold it."""
    try:
        value = strict_json(json.dumps(ast.literal_eval(text.strip()))) if len(text) < _LONGEST else None
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _seen(observation: str) -> Draft:
    return Draft(role="tool", content=observation, is_error=ERROR.search(observation) is not None)
