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


def test_the_newest_whole_one_is_taken_and_half_ones_go(tmp_path: Path) -> None:
    _checkpoint(tmp_path, 9, json.dumps({"global_step": 9}))
    whole = _checkpoint(tmp_path, 10, json.dumps({"global_step": 10}))
    without, cut = _checkpoint(tmp_path, 20, None), _checkpoint(tmp_path, 30, '{"global_st')
    assert checkpoints.newest(tmp_path) == (whole, 10)
    assert not without.exists() and not cut.exists()


def test_none_in_a_fresh_folder(tmp_path: Path) -> None:
    assert checkpoints.newest(tmp_path / "absent") is None
