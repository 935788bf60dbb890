from pathlib import Path
from threading import Thread

import pytest

from simia_tui.demo.truth import Defect, Truth, append, read
from simia_tui.errors import SimiaError, UsageError


def truth(number: int) -> Truth:
    defects = (Defect(kind="unknown_tool", turn=3, call=0, detail="get → \n fetch"),)
    return Truth(response_id=f"r{number}", prompt_sha=f"{number:064}", defects=defects if number % 2 else ())


def test_what_is_appended_is_read_once(tmp_path: Path):
    path = tmp_path / "truth.jsonl"
    for number in (1, 2, 1, 3, 2):
        append(path, truth(number))
    assert list(read(path)) == [truth(1), truth(2), truth(3)]
    assert len(path.read_text().splitlines()) == 5


def test_lines_of_many_writers_stay_whole(tmp_path: Path):
    path = tmp_path / "truth.jsonl"
    writers = [Thread(target=lambda: [append(path, truth(n)) for n in range(50)]) for _ in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(path.read_text().splitlines()) == 400
    assert sum(1 for _ in read(path)) == 50


def test_a_missing_or_foreign_file_is_explained(tmp_path: Path):
    with pytest.raises(UsageError, match="no record of defects"):
        list(read(tmp_path / "none.jsonl"))
    (tmp_path / "bad.jsonl").write_text('{"response_id": 1}\n')
    with pytest.raises(SimiaError, match="Line 1"):
        list(read(tmp_path / "bad.jsonl"))
