"""Versions of prompts: what is in force, what was, and what may be put in force."""

from pathlib import Path

import pytest

from simia_tui import demo, resources
from simia_tui.domains import names
from simia_tui.errors import UsageError
from simia_tui.jobs.tasks import Synthesis
from simia_tui.model import SynthesizeSpec
from simia_tui.services import prompts
from simia_tui.services.rendering import rendered
from simia_tui.store import New, Workspace, trajectories
from simia_tui.store import prompts as store
from simia_tui.store.tasks import Task

KINDS = ("judge", "prefilter", "simulate_tool", "simulate_user", "synthesize")


@pytest.fixture
def seed(workspace: Workspace) -> int:
    db = workspace.connect()
    (made,) = demo.seeds(1, 1)
    (pk,) = trajectories.add(db, [New(made, made)]).pks
    db.close()
    return pk


def text_of(workspace: Workspace, kind: str = "synthesize", domain: str = "library") -> str:
    return prompts.template(workspace, kind, domain).text


def shipped_files() -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in resources.prompts().rglob("*.md")}


def test_an_edit_is_a_file_of_the_workspace_for_one_domain_and_the_old_text_is_kept(workspace: Workspace) -> None:
    db, before = workspace.connect(), shipped_files()
    old = prompts.template(workspace, "synthesize", "library")
    made = prompts.save(workspace, db, "synthesize", "library", f"Mine.\n{old.text}")
    assert made.path == workspace.prompts / "library" / "synthesize.md"
    assert text_of(workspace).startswith("Mine.\n") and text_of(workspace, domain="generic") == old.text
    assert shipped_files() == before
    known = {one.version: one for one in prompts.versions(workspace, db, "synthesize", "library")}
    assert {v: (one.in_force, one.shipped) for v, one in known.items()} == {
        made.version: (True, False),
        old.version: (False, True),
    }
    back = prompts.revert(workspace, db, "synthesize", "library")
    assert back.version == old.version and not made.path.exists()
    assert prompts.version(workspace, db, "synthesize", "library", made.version[:6]).text == made.text


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("$exemplar", "nothing"), "$exemplar is missing"),
        (("$axes", "$axis"), "$axis is unknown"),
        (("Variation:", "It costs $ 5."), "write $$ for a dollar sign"),
    ],
)
def test_a_text_that_could_not_be_filled_in_is_refused_before_it_is_written(
    workspace: Workspace, change: tuple[str, str], says: str
) -> None:
    db = workspace.connect()
    with pytest.raises(UsageError) as refused:
        prompts.save(workspace, db, "synthesize", "library", text_of(workspace).replace(*change))
    assert says in str(refused.value)
    assert not list(workspace.prompts.rglob("*.md"))
    assert store.kept(db, "library", "synthesize") == []


def test_every_shipped_prompt_of_every_domain_may_be_saved_as_it_is(workspace: Workspace) -> None:
    for one in prompts.listed(workspace):
        text = text_of(workspace, one.kind, one.domain)
        assert prompts.check(workspace, one.kind, one.domain, text).version == one.version
    assert {one.domain for one in prompts.listed(workspace)} == set(names([resources.prompts()]))


@pytest.mark.parametrize(("kind", "domain"), [("../evil", "library"), ("synthesize", ".."), ("synthesize", "a/b")])
def test_a_name_never_becomes_a_path_outside(workspace: Workspace, kind: str, domain: str) -> None:
    with pytest.raises(UsageError):
        prompts.save(workspace, workspace.connect(), kind, domain, "x")


def test_what_is_not_the_workspace_s_own_cannot_be_taken_away(workspace: Workspace) -> None:
    with pytest.raises(UsageError, match="comes from generic"):
        prompts.revert(workspace, workspace.connect(), "judge", "library")


def test_a_checkout_does_not_change_its_shipped_prompts() -> None:
    with pytest.raises(UsageError, match="simia init"):
        prompts.check(Workspace(resources.prompts().parent), "judge", "library", "x")


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_prompt_has_a_preview_on_a_real_seed(workspace: Workspace, seed: int, kind: str) -> None:
    db = workspace.connect()
    sent = rendered(workspace, db, kind, seed)
    text = sent.messages[0]["content"]
    policy = trajectories.get(db, seed).policy or ""
    assert sent.version == prompts.template(workspace, kind, "library").version
    assert (policy in text) or kind == "simulate_user"
    mine = prompts.check(workspace, kind, "library", f"Mine.\n{text_of(workspace, kind)}")
    assert rendered(workspace, db, kind, seed, mine).messages[0]["content"] == f"Mine.\n{text}"


def test_a_job_stays_with_the_text_that_it_began_with_and_keeps_it(workspace: Workspace, seed: int) -> None:
    db, task = workspace.connect(), Task(0, 0, seed, 0, 1)
    work = Synthesis(workspace, db, SynthesizeSpec(), [seed])
    began = work.prompt(task)
    changed = prompts.save(workspace, db, "synthesize", "library", f"Mine.\n{text_of(workspace)}")
    assert work.prompt(task) == began
    assert began.version in {kept.version for kept in store.kept(db, "library", "synthesize")}
    assert Synthesis(workspace, db, SynthesizeSpec(), [seed]).prompt(task).version == changed.version
    asked_back = SynthesizeSpec(prompts={"synthesize": began.version})
    assert Synthesis(workspace, db, asked_back, [seed]).prompt(task) == began


def test_a_name_of_a_version_must_mean_one(workspace: Workspace) -> None:
    db = workspace.connect()
    now = prompts.version(workspace, db, "judge", "library", "now")
    assert prompts.version(workspace, db, "judge", "library", "shipped") == now
    for name in ("", now.version[:3], "ffffffff", "newest"):
        with pytest.raises(UsageError, match="names no version"):
            prompts.version(workspace, db, "judge", "library", name)
