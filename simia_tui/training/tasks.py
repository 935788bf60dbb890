"""What the policy is trained on by reinforcement: the trajectories of an export, of which only the start is played."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from simia_tui import formats
from simia_tui.errors import SimiaError
from simia_tui.model import Trajectory
from simia_tui.training import data

MEMBERS = "members.jsonl"


class Task(NamedTuple):
    """A trajectory that an episode starts from; `pk` and `id` are those of its row in the workspace, if it has one.

    `turn` is the assistant turn that is played alone; None: the episode starts with the first words of the user.
    """

    trajectory: Trajectory
    pk: int | None = None
    id: str | None = None
    turn: int | None = None


Body = Callable[[int, int], Trajectory]
"""Reads a trajectory of the workspace: key and revision in."""


def read(bundle: Path, body: Body) -> list[Task]:
    """The export's trajectories, each distinct start once.

    They come from the workspace where the bundle names them; a bundle that was brought along is read itself.

    Raises:
        SimiaError: the bundle cannot be read, or no trajectory begins with a user's words.
    """
    path = bundle / MEMBERS
    if path.is_file():
        members = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        found = [Task(body(row["pk"], row["revision"]), row["pk"], row.get("id")) for row in members]
    else:
        rows = formats.read(bundle / data.ROWS, "openai")
        found = [Task(row.trajectory) for row in rows if row.trajectory is not None]
    playable = {opening_key(task.trajectory): task for task in reversed(found) if _playable(task.trajectory)}
    if not playable:
        raise SimiaError("No trajectory of the export begins with a user's words; export episodes that do.")
    return list(reversed(playable.values()))


def _playable(trajectory: Trajectory) -> bool:
    first = next((turn for turn in trajectory.turns if turn.role in ("user", "tool")), None)
    return first is not None and first.role == "user" and bool(first.content)


def opening_key(trajectory: Trajectory) -> str:
    """Equal for trajectories with the same policy, tools and turns."""
    return trajectory.replace(origin=None).id


def fitting(lengths: Sequence[int], room: int) -> list[int]:
    """The numbers of the tasks whose prompt is at most `room` tokens long.

    Raises:
        SimiaError: none fits.
    """
    kept = [number for number, length in enumerate(lengths) if length <= room]
    if not kept:
        raise SimiaError(
            f"Policy, tools and first words of the shortest task take {min(lengths):,} tokens, and {max(room, 0):,}"
            " are left for them beside the conversation; raise --max-length or lower --conversation-tokens."
        )
    return kept


def rows(numbers: Sequence[int]) -> list[dict[str, Any]]:
    """The trainer's data set: one prompt a task, whose first message carries the task's number."""
    return [{"prompt": [{"role": "user", "content": "", "task": number}]} for number in numbers]


def start(trajectory: Trajectory, turn: int | None = None) -> Trajectory:
    """The trajectory up to where an episode begins: before `turn`, or with the first words of the user."""
    if turn is None:
        turn = next(index for index, one in enumerate(trajectory.turns) if one.role == "user") + 1
    return trajectory.with_turns(tuple(one for one in trajectory.turns[:turn] if one.role != "system"))
