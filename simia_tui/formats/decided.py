"""Rows that need a verdict: preference pairs, approved or rejected completions, steps up to the first bad one.

Pure functions over trajectories; which ones belong together is for the store to say. For TRL's `DPOTrainer`,
`KTOTrainer` and its stepwise supervision type.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from simia_tui.formats.base import RowError, json_text, write_tool
from simia_tui.formats.sharegpt import cut
from simia_tui.formats.sharegpt_hermes import response_block, said, write_section
from simia_tui.formats.trl import write_trl
from simia_tui.formats.verl import prompt_length
from simia_tui.model import Fault, Finding, Severity, Trajectory

BLAMELESS = frozenset((Fault.TOOL_SIMULATOR, Fault.USER_SIMULATOR, Fault.JUDGE, Fault.INFRASTRUCTURE, Fault.DUPLICATE))
"""Faults for which a rejection says nothing of what the agent did."""


@dataclass(frozen=True)
class Decided:
    """A format made from decisions; `loses` says what of the trajectories its rows do not hold."""

    name: str
    title: str
    loses: tuple[str, ...]


_LOSES = ("call ids, error marks and null content", "the turns after the assistant's last one", "meta and origin")
PREFERENCE = Decided("trl-preference", "TRL preference pairs (DPO) from decisions", _LOSES)
KTO = Decided("trl-kto", "TRL unpaired preference (KTO) from decisions", _LOSES)
STEPWISE = Decided("trl-stepwise", "TRL stepwise supervision from decisions and findings", _LOSES)


def preference_row(chosen: Trajectory, rejected: Trajectory) -> dict[str, Any]:
    """A row `{prompt, chosen, rejected, tools, chosen_id, rejected_id}`.

    The prompt is what both share, up to a turn of the assistant where there is one to begin with; `tools` is JSON
    text. Where the user differs before the assistant speaks, the completions begin with the user's words.

    Raises:
        RowError: when the two cannot be compared, with the reason.
    """
    if (chosen.policy, chosen.tools) != (rejected.policy, rejected.tools):
        raise RowError("the two have different policies or tools")
    good, bad = _messages(chosen), _messages(rejected)
    if good == bad:
        raise RowError("the two are the same for the trainer")
    shared = common_length(good, bad)
    begin = max((n for n in range(1, shared + 1) if _speaks(good, n) and _speaks(bad, n)), default=shared)
    if begin == 0:
        raise RowError("the two share no beginning that could be a prompt")
    if not all(any(m["role"] == "assistant" for m in side[shared:]) for side in (good, bad)):
        raise RowError("one of the two holds no further turn of the assistant after what they share")
    return {
        "prompt": good[:begin],
        "chosen": good[begin:],
        "rejected": bad[begin:],
        "tools": _tools(chosen),
        "chosen_id": chosen.id,
        "rejected_id": rejected.id,
    }


def common_length(one: Sequence[Any], other: Sequence[Any]) -> int:
    """How many elements two sequences share from the start."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _speaks(messages: list[dict[str, Any]], index: int) -> bool:
    return index < len(messages) and messages[index]["role"] == "assistant"


def kto_row(trajectory: Trajectory, label: bool) -> dict[str, Any]:
    """A row `{prompt, completion, label, tools, id}`; the prompt ends before the assistant's first turn.

    Raises:
        RowError: when nothing stands before the assistant's first turn, or there is none.
    """
    messages = _messages(trajectory)
    begin = next((n for n, message in enumerate(messages) if message["role"] == "assistant"), 0)
    if begin == 0:
        raise RowError("nothing stands before the assistant's first turn")
    row: dict[str, Any] = {"prompt": messages[:begin], "completion": messages[begin:], "label": label}
    return row | {"tools": _tools(trajectory), "id": trajectory.id}


def stepwise_row(trajectory: Trajectory, bad: int | None) -> dict[str, Any]:
    """A row `{prompt, completions, labels, id}` of texts: one step for each turn of the assistant, up to `bad`.

    A step holds what was heard since the last one and then what the assistant said, with calls and results in
    Hermes' tags. Steps before the first bad one are good; after it there are none, for they build on it.

    Args:
        trajectory: what was done.
        bad: the index of the first bad turn, None where every step is good.

    Raises:
        RowError: when there is no step, or `bad` is not a turn of the assistant.
    """
    turns = cut(trajectory.turns)
    if bad is not None and (bad >= len(turns) or turns[bad].role != "assistant"):
        raise RowError("the first bad turn is not the assistant's")
    begin = prompt_length(trajectory)
    steps: list[str] = []
    heard: list[str] = []
    for turn in turns[begin : None if bad is None else bad + 1]:
        if turn.role == "assistant":
            steps.append("\n\n".join(part for part in (*heard, said(turn)) if part))
            heard = []
        else:
            heard.append(response_block(turn.content or "") if turn.role == "tool" else turn.content or "")
    if not steps:
        raise RowError("there is no turn of the assistant")
    calls = any(turn.tool_calls for turn in turns)
    asked = [write_section(trajectory.policy, trajectory.tools, calls), *(t.content or "" for t in turns[:begin])]
    labels = [True] * len(steps) if bad is None else [True] * (len(steps) - 1) + [False]
    prompt = "\n\n".join(part for part in asked if part)
    return {"prompt": prompt, "completions": steps, "labels": labels, "id": trajectory.id}


def first_bad(trajectory: Trajectory, findings: Sequence[Finding]) -> int | None:
    """The first turn of the assistant with an error that stands; None where no finding names one."""
    turns = trajectory.turns
    return min(
        (
            f.turn
            for f in findings
            if f.severity is Severity.ERROR
            and not f.repaired
            and f.turn is not None
            and f.turn < len(turns)
            and turns[f.turn].role == "assistant"
        ),
        default=None,
    )


def first_changed(before: Trajectory, after: Trajectory) -> int | None:
    """The first turn of the assistant of `before` that `after` does not have at its place; None where all stand."""
    shared = common_length(before.turns, after.turns)
    turns = before.turns
    return shared if shared < len(turns) and turns[shared].role == "assistant" else None


def _messages(trajectory: Trajectory) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = write_trl(trajectory.with_turns(cut(trajectory.turns)))["messages"]
    return messages


def _tools(trajectory: Trajectory) -> str:
    return json_text([write_tool(tool) for tool in trajectory.tools])
