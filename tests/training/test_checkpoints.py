"""A checkpoint that a kill left half written is not resumed from."""

import json
from pathlib import Path

from simia_tui.training import checkpoints


def _checkpoint(folder: Path, step: int, state: str | None) -> Path:
    made = folder / f"checkpoint-{step}"
    made.mkdir(parents=True)
    if state is not None:
        (made / checkpoints.STATE).write_text(state)
    return made


def _state(step: int) -> str:
    return json.dumps({"global_step": step, "max_steps": 12})


def test_the_newest_whole_one_is_taken_and_half_ones_go(tmp_path: Path) -> None:
    _checkpoint(tmp_path, 9, _state(9))
    whole = _checkpoint(tmp_path, 10, _state(10))
    without, cut = _checkpoint(tmp_path, 20, None), _checkpoint(tmp_path, 30, '{"global_st')
    assert checkpoints.newest(tmp_path) == (whole, 10, False)
    assert not without.exists() and not cut.exists()


def test_the_last_step_is_known_as_such(tmp_path: Path) -> None:
    last = _checkpoint(tmp_path, 12, _state(12))
    assert checkpoints.newest(tmp_path) == (last, 12, True)


def test_none_in_a_fresh_folder(tmp_path: Path) -> None:
    assert checkpoints.newest(tmp_path / "absent") is None
