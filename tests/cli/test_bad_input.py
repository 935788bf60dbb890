"""Bad input at the command line: one clear sentence, the right exit code, nothing lost."""

import gzip
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simia_tui.cli.entry import run
from simia_tui.services import processes
from simia_tui.store import Workspace

ROW = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}


def simia(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(list(arguments))
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def one_sentence(text: str) -> bool:
    return text.count("\n") == 1 and text.startswith("simia: ") and text.rstrip().endswith((".", "`"))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("missing.json", None, "no file"),
        ("empty.json", b"", "empty|no rows|nothing"),
        ("blank.json", b"  \n\n", "empty|no rows|nothing"),
        ("wrong.json", b'{"a": ', "JSON"),
        ("prose.txt", b"Dear reader,\nthis is no data.\n", "JSON"),
        ("other.json", b'[{"colour": "red"}]', "format"),
        ("numbers.jsonl", b"1\n2\n", "format|JSON"),
        ("binary.bin", bytes(range(256)), "JSON|UTF-8|text"),
        ("cut.json.gz", gzip.compress(json.dumps([ROW] * 500).encode(), mtime=0)[:-20], "gzip|damaged|ends|cut"),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value else "",
)
def test_a_file_that_is_no_data(
    capsys: pytest.CaptureFixture[str], workspace: Workspace, name: str, content: bytes | None, says: str
) -> None:
    import re

    path = workspace.root / name
    if content is not None:
        path.write_bytes(content)
    code, out, err = simia(capsys, "import", str(path), "--workspace", str(workspace.root))
    text = err or out
    assert re.search(says, text, re.IGNORECASE), text
    if name != "cut.json.gz":
        assert code == 2
        assert one_sentence(err), err


@pytest.mark.parametrize(
    "arguments",
    [
        ["import"],
        ["import", "x.json", "--no-such-flag"],
        ["no-such-command"],
        ["seeds", "list", "--status", "done"],
        ["seeds", "list", "--where", "status:done"],
        ["seeds", "show", "zzzz"],
        ["seeds", "approve"],
        ["seeds", "reject", "1"],
        ["synthesize"],
        ["synthesize", "-n", "0"],
        ["synthesize", "-n", "5"],
        ["jobs", "show", "99"],
        ["jobs", "cancel", "99"],
        ["export", "x"],
        ["export", "../x"],
        ["train", "sft", "none"],
        ["runs", "show", "3"],
        ["runs", "stop", "3"],
        ["eval", "rules"],
        ["check", "no-such-file.json"],
        ["import", "x.json", "--domain", "no-such-domain"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], workspace: Workspace, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(workspace.root)
    code, _, err = simia(capsys, *arguments)
    assert code == 2
    assert one_sentence(err), err


def test_a_folder_without_workspace(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, err = simia(capsys, "seeds", "list", "--workspace", str(tmp_path))
    assert code == 2
    assert "simia init" in err
    assert one_sentence(err)


def test_a_database_that_is_none(capsys: pytest.CaptureFixture[str], workspace: Workspace) -> None:
    for path in workspace.db_path.parent.glob("simia.db*"):
        path.unlink()
    workspace.db_path.write_bytes(b"this is no database at all" * 1000)
    code, _, err = simia(capsys, "seeds", "list", "--workspace", str(workspace.root))
    assert code == 2
    assert one_sentence(err)


def test_a_database_of_a_newer_version(capsys: pytest.CaptureFixture[str], workspace: Workspace) -> None:
    db = workspace.connect()
    db.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('simia', '9999_later', '')")
    db.close()
    code, _, err = simia(capsys, "seeds", "list", "--workspace", str(workspace.root))
    assert code == 2
    assert "newer version" in err


def test_a_locked_database_fails_with_1_and_keeps_what_is_there(
    capsys: pytest.CaptureFixture[str], workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workspace.root / "a.jsonl"
    path.write_text(json.dumps(ROW) + "\n")
    holder = workspace.connect()
    holder.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr("simia_tui.store.workspace.connect", _impatient)
    code, _, err = simia(capsys, "import", str(path), "--workspace", str(workspace.root))
    holder.execute("ROLLBACK")
    assert code == 1
    assert "locked" in err
    assert one_sentence(err)
    code, out, _ = simia(capsys, "seeds", "list", "--json", "--workspace", str(workspace.root))
    assert (code, json.loads(out)) == (0, [])


def _impatient(path: Path, *, readonly: bool = False, timeout: float = 5.0, any_thread: bool = False) -> object:
    from simia_tui.store.connection import connect

    return connect(path, readonly=readonly, timeout=0.05, any_thread=any_thread)


def test_settings_that_are_wrong(capsys: pytest.CaptureFixture[str], workspace: Workspace) -> None:
    (workspace.root / "simia.toml").write_text("[endpoint.x]\nbase_url = 3\n")
    code, _, err = simia(capsys, "synthesize", "-n", "2", "--workspace", str(workspace.root))
    assert code == 2
    assert "simia.toml" in err
    assert one_sentence(err)


def test_an_endpoint_that_refuses_pauses_the_job_with_a_sentence(
    capsys: pytest.CaptureFixture[str], workspace: Workspace
) -> None:
    traces = workspace.root / "a.jsonl"
    traces.write_text(json.dumps(ROW) + "\n")
    (workspace.root / "simia.toml").write_text(
        '[endpoint.dead]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"\n[roles]\nsimulator = "dead"\n'
    )
    root = str(workspace.root)
    assert simia(capsys, "import", str(traces), "--workspace", root)[0] == 0
    assert simia(capsys, "seeds", "approve", "--status", "pending", "--workspace", root)[0] == 0
    code, out, err = simia(capsys, "synthesize", "-n", "40", "--concurrency", "40", "--wait", "--workspace", root)
    assert code == 1
    assert "dead" in out
    assert "refused" in err or "connect" in err.lower(), err
    code, out, _ = simia(capsys, "jobs", "list", "--json", "--workspace", root)
    (job,) = json.loads(out)
    assert job["done"] == 0
    assert job["status"] in ("paused", "failed")
    assert not job["spec"].get("demo", True), "the demo model must not stand in for an endpoint that fails"
    assert simia(capsys, "jobs", "cancel", "1", "--workspace", root)[0] == 0
    deadline = time.monotonic() + 30
    while processes.worker_pid(workspace) is not None:
        assert time.monotonic() < deadline, "a worker whose only job was cancelled must leave"
        time.sleep(0.05)


def test_no_terminal_is_one_sentence(workspace: Workspace) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "simia_tui", "--workspace", str(workspace.root)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 2
    assert one_sentence(done.stderr)


def test_a_workspace_named_before_the_command_is_the_one_that_is_used(
    capsys: pytest.CaptureFixture[str], workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Workspace.create(tmp_path / "other")
    monkeypatch.chdir(workspace.root)
    monkeypatch.setenv("SIMIA_WORKSPACE", str(workspace.root))
    file = tmp_path / "rows.json"
    file.write_text(json.dumps([ROW]))
    assert simia(capsys, "--workspace", str(other.root), "import", str(file))[0] == 0

    listed = ("seeds", "list", "--json")
    assert json.loads(simia(capsys, *listed)[1]) == []
    assert len(json.loads(simia(capsys, "--workspace", str(other.root), *listed)[1])) == 1
    both = ("--workspace", str(workspace.root), *listed, "--workspace", str(other.root))
    assert len(json.loads(simia(capsys, *both)[1])) == 1


@pytest.mark.parametrize(
    "line",
    [
        "episodes show",
        "why",
        "jobs show",
        "runs show",
        "episodes approve",
        "jobs priority 1",
        "prompts compared",
        "episodes list --where job:",
        "episodes list --where length:>",
    ],
)
def test_a_number_that_is_too_large_is_one_sentence(
    capsys: pytest.CaptureFixture[str], workspace: Workspace, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.chdir(workspace.root)
    huge = "9" * 30
    words = line.split()
    words = [*words[:-1], words[-1] + huge] if line.endswith((":", ">")) else [*words, huge]
    code, _, err = simia(capsys, *words)
    assert code == 2 and one_sentence(err), err


@pytest.mark.parametrize("command", ["synthesize", "rollout"])
def test_a_job_of_more_tasks_than_can_be_kept_is_refused(
    capsys: pytest.CaptureFixture[str], workspace: Workspace, command: str
) -> None:
    code, _, err = simia(capsys, command, "-n", "9" * 30, "--workspace", str(workspace.root))
    assert code == 2 and one_sentence(err) and "at most 1,000,000" in err


@pytest.mark.parametrize("group", ["seeds", "episodes", "jobs", "runs", "exports", "prompts", "train", "eval"])
def test_a_group_alone_shows_its_commands_line_by_line(capsys: pytest.CaptureFixture[str], group: str) -> None:
    code, out, err = simia(capsys, group)
    assert (code, out) == (2, "")
    assert err.startswith(f"Usage: simia {group} ") and "\nCommands:\n" in err
