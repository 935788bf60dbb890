"""Which checkpoint a run can go on from."""

import json
import shutil
from pathlib import Path

STATE = "trainer_state.json"
"""The file that the trainer writes last; a checkpoint in which it can be read is whole."""


def newest(folder: Path) -> tuple[Path, int] | None:
    """The newest whole checkpoint in `folder` and its step.

    Newer ones that a kill left half written are deleted: the trainer would trip over them.
    """
    found = sorted(folder.glob("checkpoint-*"), key=_step, reverse=True)
    for checkpoint in found:
        if _whole(checkpoint):
            return checkpoint, _step(checkpoint)
        shutil.rmtree(checkpoint)
    return None


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix("checkpoint-"))


def _whole(checkpoint: Path) -> bool:
    try:
        state = json.loads((checkpoint / STATE).read_bytes())
    except (OSError, ValueError):
        return False
    return bool(state.get("global_step") == _step(checkpoint))
