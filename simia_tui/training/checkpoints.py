"""Which checkpoint a run can go on from."""

import json
import shutil
from pathlib import Path
from typing import NamedTuple

STATE = "trainer_state.json"
"""The file that the trainer writes last; a checkpoint in which it can be read is whole."""


class Checkpoint(NamedTuple):
    """A whole checkpoint; `final` if no step of the run is left."""

    folder: Path
    step: int
    final: bool


def newest(folder: Path) -> Checkpoint | None:
    """The newest whole checkpoint in `folder`.

    Newer ones that a kill left half written are deleted: the trainer would trip over them.
    """
    for found in sorted(folder.glob("checkpoint-*"), key=_step, reverse=True):
        checkpoint = _read(found)
        if checkpoint:
            return checkpoint
        shutil.rmtree(found)
    return None


def _step(folder: Path) -> int:
    return int(folder.name.removeprefix("checkpoint-"))


def _read(folder: Path) -> Checkpoint | None:
    try:
        state = json.loads((folder / STATE).read_bytes())
    except (OSError, ValueError):
        return None
    step = _step(folder)
    return Checkpoint(folder, step, step >= state["max_steps"]) if state["global_step"] == step else None
