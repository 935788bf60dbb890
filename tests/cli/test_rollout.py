"""`simia rollout` and `simia judge` on the offline demo, as a script uses them."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from simia_tui.cli.entry import run
from simia_tui.store import Workspace


@pytest.fixture
def simia(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = run([*arguments, "--workspace", str(workspace.root)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


def test_the_demo_plays_and_judges(simia: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = simia("rollout", "-n", "3", "--demo", "--wait", "--json")
    played = json.loads(out)
    assert (code, played["status"], played["done"]) == (0, "done", 3)
    assert sum(played["rewards"].values()) == 3
    code, out, _ = simia("judge", "--demo", "--where", f"job:{played['job']}", "--wait", "--json")
    judged = json.loads(out)
    assert (code, judged["done"], judged["rewards"]) == (0, 3, played["rewards"])
    code, out, _ = simia("jobs", "show", str(played["job"]))
    assert "agent: " in out
    assert "rewards: " in out
    code, out, _ = simia("jobs", "show", str(played["job"]), "--json")
    costs = json.loads(out)["costs"]
    assert {part["role"] for part in costs["parts"]} == {"agent", "simulator", "user", "judge"}


def test_a_second_judge_is_asked_where_the_settings_name_one(
    workspace: Workspace, simia: Callable[..., tuple[int, str, str]]
) -> None:
    (workspace.root / "simia.toml").write_text('[roles]\njudge2 = "demo"\n')
    _, out, _ = simia("rollout", "-n", "2", "--demo", "--second-share", "1", "--wait", "--json")
    played = json.loads(out)["job"]
    code, out, _ = simia("jobs", "show", str(played), "--json")
    assert "judge2" in {part["role"] for part in json.loads(out)["costs"]["parts"]}
    code, out, _ = simia("judge", "--demo", "--where", f"job:{played}", "--second-share", "1", "--wait", "--json")
    assert (code, json.loads(out)["second"]) == (0, played + 2)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["rollout", "-n", "0", "--demo"], "at least 1"),
        (["rollout", "-n", "1", "--demo", "--judge-samples", "2"], "odd number"),
        (["rollout", "-n", "1", "--demo", "--budget", "-1"], "more than 0"),
        (["rollout", "-n", "1", "--demo", "--second-share", "0.5"], "judge2"),
        (["judge", "--demo"], "No episode matches"),
        (["judge", "--demo", "--samples", "0"], "at least 1"),
        (["synthesize", "-n", "1", "--demo", "--batch"], "approved"),
    ],
)
def test_wrong_use_is_one_sentence(simia: Callable[..., tuple[int, str, str]], arguments: list[str], says: str) -> None:
    code, _, err = simia(*arguments)
    assert code == 2
    assert says in err


def test_presets_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "presets", "vllm"]) == 0
    assert capsys.readouterr().out.startswith("[endpoint.vllm]")
    assert run(["config", "presets", "nobody"]) == 2
    assert "gpt-5" in capsys.readouterr().err


def test_the_commands_load_no_client_before_they_are_used(tmp_path: Path) -> None:
    script = "import sys; from simia_tui.cli import rollout; print({'openai', 'aiohttp'} & sys.modules.keys())"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert said.stdout.strip() == "set()"
