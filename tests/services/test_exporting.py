"""What an export holds: the chosen formats, masks, verdicts, and nothing that a trainer could not use."""

import hashlib
import json
import os
from typing import Any

import pytest
from samples import make_trajectory

from simia_tui import formats
from simia_tui.errors import SimiaError, UsageError
from simia_tui.formats.llamafactory import keeps_sharegpt
from simia_tui.model import Fault, Finding, Origin, Severity, ToolCall, Turn
from simia_tui.services import decided, exporting
from simia_tui.store import New, Query, decisions, exports, trajectories

SEEDS = Query(kind="seed", status="approved")
EPISODES = Query(kind="episode", status="approved")


def approve(db: Any, *bodies: Any) -> list[int]:
    pks = trajectories.add(db, [New(body, body) for body in bodies]).pks
    decisions.decide(db, pks, "approve", "tester")
    return pks


def episode(db: Any, seed: int, ord_: int, last: str, status: str, findings: Any = (), fault: Any = None) -> int:
    """An episode of `seed` that ends with `last`, decided on."""
    base = make_trajectory("the same question")
    turns = (*base.turns[:-1], Turn(role="assistant", content=last))
    body = base.replace(turns=turns, origin=Origin(job=1, ord=ord_, seed="s"))
    new = New(body, body, findings, kind="episode", source="synthetic", seed=seed)
    (pk,) = trajectories.add(db, [new]).pks
    decisions.decide(db, [pk], "approve" if status == "approved" else "reject", "tester", fault)
    return pk


@pytest.fixture
def job(db):
    """A row that episodes can refer to."""
    db.execute("INSERT INTO jobs (kind, spec, demo, target, created) VALUES ('synthesize', '{}', 0, 9, 0)")
    db.commit()


def lines(folder: Any, name: str) -> list[Any]:
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def test_every_format_that_is_asked_for_is_written_and_hashed(workspace, db):
    approve(db, make_trajectory("one"), make_trajectory("two"))
    names = [*exporting.TARGETS, *formats.WRITERS, *formats.DECIDED]
    previewed = exporting.preview(db, SEEDS, names)
    export = exporting.freeze(workspace, db, "all", previewed, accept_losses=True)
    folder = workspace.root / export.path
    files = export.manifest["files"]
    assert {path.name for path in folder.iterdir()} == {*files, "manifest.json", "README.md"}
    assert {formats.file_of(name) for name in names} <= set(files)
    for name, entry in files.items():
        assert entry["sha256"] == hashlib.sha256((folder / name).read_bytes()).hexdigest()
    for name in formats.WRITERS:
        assert files[formats.file_of(name)]["rows"] == 2
        if name not in ("trl-grpo", "verl-rl"):
            read = [row.trajectory for row in formats.read(folder / formats.file_of(name))]
            assert [t.turns[0].content for t in read if t] == ["one", "two"]
    assert files["trl_kto.jsonl"]["rows"] == 2
    card = (folder / "README.md").read_text()
    assert all(loss in card for name in names for loss in formats.losses(name))


def test_llamafactory_is_told_of_no_observations_and_keeps_every_row(workspace, db):
    approve(db, make_trajectory("one"))
    export = exporting.freeze(workspace, db, "x", exporting.preview(db, SEEDS))
    folder = workspace.root / export.path
    info = json.loads((folder / "dataset_info.json").read_text())["simia"]
    assert info["file_name"] == "sharegpt_hermes.json"
    assert "observation_tag" not in info["tags"]
    (row,) = json.loads((folder / "sharegpt_hermes.json").read_text())
    assert [turn["from"] for turn in row["conversations"]] == ["human", "gpt", "human", "gpt"]
    assert keeps_sharegpt(row).kept


def test_a_row_without_an_assistant_is_left_out_by_count(workspace, db):
    whole = make_trajectory("one")
    approve(db, whole, whole.with_turns(whole.turns[:1]), make_trajectory("two"))
    previewed = exporting.preview(db, SEEDS)
    assert previewed.losses == []
    assert previewed.left_out == {"no turn of the assistant, nothing to learn from": 1}
    assert {report.dropped for report in previewed.reports.values()} == {1}
    export = exporting.freeze(workspace, db, "x", previewed)
    folder = workspace.root / export.path
    assert export.rows == 2
    assert export.manifest["left_out"] == previewed.left_out
    rows = json.loads((folder / "sharegpt_hermes.json").read_text())
    assert [len(row["conversations"]) for row in rows] == [4, 4]
    assert len(lines(folder, "trl.jsonl")) == len(lines(folder, "members.jsonl")) == 2


def test_nothing_but_such_rows_is_no_export(db):
    approve(db, make_trajectory().with_turns((Turn(role="user", content="u"),)))
    with pytest.raises(UsageError, match="no turn of the assistant"):
        exporting.preview(db, SEEDS)


def test_what_would_be_lost_must_be_accepted_and_is_then_counted(workspace, db):
    approve(db, make_trajectory("one"))
    previewed = exporting.preview(db, SEEDS, [*exporting.TARGETS, "sharegpt"])
    with pytest.raises(SimiaError, match="overwritten"):
        exporting.freeze(workspace, db, "x", previewed)
    export = exporting.freeze(workspace, db, "x", previewed, accept_losses=True)
    assert export.manifest["preflight"]["sharegpt"]["words_lost"] == 4


def test_a_draft_that_is_not_frozen_leaves_nothing(workspace, db):
    approve(db, make_trajectory("one"))
    with exporting.draft(workspace, db, "x", SEEDS, [*exporting.TARGETS, "sharegpt"]) as draft:
        assert (draft.folder / "trl.jsonl").exists()
        with pytest.raises(SimiaError, match="overwritten"):
            draft.freeze()
    assert list(workspace.exports.glob(".*")) == list(workspace.exports.glob("x*")) == []
    assert exports.exports(db) == []
    with pytest.raises(UsageError, match="name"), exporting.draft(workspace, db, "../x", SEEDS):
        pass


def test_what_a_killed_process_left_of_a_draft_is_swept_and_a_living_one_is_not(workspace, db):
    approve(db, make_trajectory("one"))
    dead = workspace.exports / ".old.1.draft"
    dead.mkdir()
    os.utime(dead, (0, 0))
    with exporting.draft(workspace, db, "x", SEEDS) as living:
        assert not dead.exists()
        os.utime(living.folder, (0, 0))
        with exporting.draft(workspace, db, "y", SEEDS) as other:
            assert living.folder.exists()
            assert other.freeze().name == "y"
        assert living.freeze().name == "x"


def test_a_row_that_was_edited_after_the_look_is_judged_again(workspace, db):
    whole = make_trajectory("one")
    (pk,) = approve(db, whole)
    previewed = exporting.preview(db, SEEDS)
    called = Turn(role="assistant", tool_calls=(ToolCall(name="f", raw="{bad", call_id="1"),))
    decisions.edit(db, pk, whole.with_turns((*whole.turns, called)), [], "tester")
    decisions.decide(db, [pk], "approve", "tester")
    (later,) = approve(db, make_trajectory("not there at the look"))
    with pytest.raises(SimiaError, match="no object"):
        exporting.freeze(workspace, db, "x", previewed)
    export = exporting.freeze(workspace, db, "x", previewed, accept_losses=True)
    assert [tuple(row) for row in db.execute("SELECT trajectory, revision FROM export_rows")] == [(pk, 1)]
    assert later and export.rows == 1


def test_masks_of_reviewers_reach_every_file_that_can_hold_them(workspace, db):
    (pk,) = approve(db, make_trajectory("one"))
    sql = "INSERT INTO masks (trajectory, revision, turn, reason, reviewer, at) VALUES (?, 0, 3, 'bad', 'tester', 0)"
    db.execute(sql, (pk,))
    db.commit()
    previewed = exporting.preview(db, SEEDS, [*exporting.TARGETS, "axolotl", "openai"])
    assert previewed.losses == []
    reports = previewed.reports
    assert any(issue.reason == formats.MASKED for issue in reports["sharegpt-hermes"].issues)
    folder = workspace.root / exporting.freeze(workspace, db, "x", previewed).path
    assert [m.get("loss") for m in lines(folder, "trl.jsonl")[0]["messages"]] == [None, None, None, None, False]
    assert [m.get("train") for m in lines(folder, "axolotl.jsonl")[0]["messages"]][-1] is False
    assert lines(folder, "openai.jsonl")[0]["messages"][-1]["weight"] == 0
    assert lines(folder, "members.jsonl")[0]["masked"] == [3]
    assert "message_field_training: train" in (folder / "axolotl_dataset.yaml").read_text()


def test_pairs_labels_and_steps_come_from_decisions(workspace, db, job):
    (seed,) = approve(db, make_trajectory("seed"))
    bad = Finding(rule="r", severity=Severity.ERROR, message="m", turn=3)
    good = episode(db, seed, 1, "Yes.", "approved")
    episode(db, seed, 2, "No.", "rejected", [bad], Fault.AGENT)
    episode(db, seed, 3, "Hm.", "rejected", (), Fault.TOOL_SIMULATOR)
    episode(db, seed, 4, "So?", "rejected")
    previewed = exporting.preview(db, EPISODES, [*exporting.TARGETS, *formats.DECIDED])
    assert previewed.losses == []
    assert {name: previewed.reports[name].kept for name in formats.DECIDED} == {
        "trl-preference": 2,
        "trl-kto": 3,
        "trl-stepwise": 2,
    }
    folder = workspace.root / exporting.freeze(workspace, db, "x", previewed).path
    pairs = lines(folder, "trl_preference.jsonl")
    assert [(p["chosen"][-1]["content"], p["rejected"][-1]["content"]) for p in pairs] == [
        ("Yes.", "No."),
        ("Yes.", "So?"),
    ]
    assert [row["label"] for row in lines(folder, "trl_kto.jsonl")] == [True, False, False]
    assert [row["labels"] for row in lines(folder, "trl_stepwise.jsonl")] == [[True, True], [True, False]]
    reasons = [issue.reason for issue in previewed.reports["trl-stepwise"].issues]
    assert any("no finding says" in reason for reason in reasons)
    assert any("not the agent's" in reason for reason in reasons)
    assert trajectories.rows(db, [good])[0].status == "approved"


def test_a_rejected_row_of_the_demo_model_marks_the_export_that_uses_it(db, job):
    (seed,) = approve(db, make_trajectory("seed"))
    episode(db, seed, 1, "Yes.", "approved")
    db.execute("UPDATE trajectories SET demo = 1 WHERE pk = ?", (episode(db, seed, 2, "No.", "rejected"),))
    db.commit()
    assert exporting.preview(db, EPISODES).demo == 0
    assert exporting.preview(db, EPISODES, ["trl", "trl-kto"]).demo == 1


def test_an_unknown_target_is_refused_with_those_that_are(db):
    with pytest.raises(UsageError, match=r"'csv'.*trl-kto"):
        exporting.preview(db, SEEDS, ["csv"])


@pytest.mark.parametrize("by_rules", [False, True])
def test_an_edit_is_preferred_to_what_it_replaced(db, by_rules):
    came = make_trajectory("one")
    checked = came.with_turns((*came.turns[:-1], Turn(role="assistant", content="Mended."))) if by_rules else came
    (pk,) = trajectories.add(db, [New(came, checked)]).pks
    decisions.decide(db, [pk], "approve", "tester")
    assert decided.original(db, trajectories.rows(db, [pk])[0]) is None
    for text in ("First.", "Better."):
        decisions.edit(db, pk, came.with_turns((*came.turns[:-1], Turn(role="assistant", content=text))), [], "tester")
    (made,) = decided.made(db, Query(kind="seed"), "trl-preference")
    assert made.row["chosen"][-1]["content"] == "Better."
    assert made.row["rejected"][-1]["content"] == ("Mended." if by_rules else "Done, Ada.")
    steps = [entry.row["labels"] for entry in decided.made(db, Query(kind="seed"), "trl-stepwise")]
    assert steps == [[True, True], [True, False]]
    decisions.undo(db, "tester")
    decisions.undo(db, "tester")
    assert list(decided.made(db, Query(kind="seed"), "trl-preference")) == []
