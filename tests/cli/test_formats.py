"""`simia formats` and `simia convert`."""

import json

import pytest
from samples import make_trajectory

from simia_tui import formats
from simia_tui.cli.entry import run


@pytest.fixture
def source(tmp_path):
    """Two rows of OpenAI messages, one without an assistant, and one that cannot be read."""
    whole = make_trajectory()
    rows = [formats.write_openai(whole), formats.write_openai(whole.with_turns(whole.turns[:1])), {"messages": 3}]
    path = tmp_path / "in.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def test_formats_are_listed_with_direction_and_losses(capsys):
    assert run(["formats", "--json"]) == 0
    rows = {row["format"]: row for row in json.loads(capsys.readouterr().out)}
    assert set(rows) == {*formats.names(), *formats.WRITERS, *formats.DECIDED}
    assert (rows["atif"]["in"], rows["atif"]["out"]) == (True, True)
    assert (rows["tau-bench"]["in"], rows["tau-bench"]["out"]) == (True, False)
    assert (rows["trl-kto"]["in"], rows["trl-kto"]["out"], rows["trl-kto"]["from_decisions"]) == (False, True, True)
    for row in rows.values():
        assert not row["out"] or row["writing_loses"]
    assert run(["formats", "verl-sft"]) == 0
    printed = capsys.readouterr().out
    assert all(loss in printed for loss in rows["verl-sft"]["writing_loses"])
    assert "verl_sft.parquet" in printed


def test_an_unknown_format_is_refused(capsys):
    assert run(["formats", "csv"]) == 2
    assert "no format 'csv'" in capsys.readouterr().err


@pytest.mark.parametrize("name", list(formats.WRITERS))
def test_a_file_is_converted_and_what_is_left_out_is_counted(source, tmp_path, capsys, name):
    out = tmp_path / "out"
    assert run(["convert", str(source), "--to", name, "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    prompts = name in ("verl-rl", "trl-grpo")
    assert told["rows"] == (2 if prompts else 1)
    assert sum(told["left_out"].values()) == (1 if prompts else 2)
    if name != "trl-grpo":
        (row, *_) = formats.read(out)
        assert row.trajectory is not None
        assert row.trajectory.turns[0].content == make_trajectory().turns[0].content


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--to", "trl-kto"], "made from decisions"),
        (["--to", "tau-bench"], "cannot be written"),
        (["--to", "openai", "--out", "SOURCE"], "the file that is read"),
        (["--to", "openai", "--out", "no/folder/x"], "cannot be written"),
    ],
)
def test_what_cannot_be_converted_is_told_in_one_sentence(source, tmp_path, capsys, arguments, words):
    given = [str(source) if argument == "SOURCE" else argument for argument in arguments]
    given += [] if "--out" in given else ["--out", str(tmp_path / "out")]
    assert run(["convert", str(source), *given]) in (1, 2)
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_a_missing_file_is_refused_before_anything_is_written(tmp_path, capsys):
    out = tmp_path / "out"
    assert run(["convert", str(tmp_path / "none"), "--to", "trl", "--out", str(out), "--format", "openai"]) == 2
    assert not out.exists()


def test_without_pyarrow_one_sentence_says_how_to_install_it(source, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    assert run(["convert", str(source), "--to", "parquet", "--out", str(tmp_path / "out")]) == 2
    assert "pip install 'simia-tui[parquet]'" in capsys.readouterr().err
