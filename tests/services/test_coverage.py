"""The coverage map, its holes, and jobs that are to fill them."""

import json
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stage import put

from simia_tui.errors import UsageError
from simia_tui.evaluation.coverage import hits, outcomes
from simia_tui.jobs.tasks import Synthesis
from simia_tui.llm import Reply
from simia_tui.model import Outcome, SynthesizeSpec, Target, ToolCall, ToolSpec, Trajectory, Turn
from simia_tui.services import coverage, synthesis
from simia_tui.settings import Settings
from simia_tui.store import Workspace, decisions, jobs, tasks, trajectories
from simia_tui.store.outcomes import TARGET_MISSED
from simia_tui.store.tasks import Result

TOOLS = tuple(
    ToolSpec(name=name, parameters={"type": "object", "properties": {"id": {"type": "string"}}})
    for name in ("renew", "lend", "waive")
)
REFUSED = "The loan X17 is too old."


def desk(*calls: tuple[str, str | None], words: str = "Hello") -> Trajectory:
    """A visit with these calls; with a text the call is refused in these words."""
    turns = [Turn(role="user", content=words)]
    for n, (tool, refusal) in enumerate(calls):
        called = ToolCall(name=tool, arguments={"id": f"X{n}"}, call_id=f"c{n}")
        answer = refusal or '{"done": true}'
        turns += [
            Turn(role="assistant", tool_calls=(called,)),
            Turn(role="tool", content=answer, call_id=f"c{n}", name=tool, is_error=refusal is not None),
        ]
    turns.append(Turn(role="assistant", content="Good-bye."))
    return Trajectory(domain="desk", tools=TOOLS, turns=tuple(turns))


def seed(db: sqlite3.Connection, *calls: tuple[str, str | None], words: str = "Hello") -> int:
    pk = put(db, "seed", desk(*calls, words=words))
    decisions.decide(db, [pk], "approve", "tester")
    return pk


def episode(db: sqlite3.Connection, *calls: tuple[str, str | None], words: str = "Hello") -> int:
    return put(db, "episode", desk(*calls, words=f"Episode: {words}"), source="synthetic")


def pack(workspace: Workspace, more: str = "") -> None:
    """The pack of the domain, in the workspace."""
    folder = workspace.prompts / "desk"
    folder.mkdir(parents=True)
    (folder / "pack.toml").write_text(f'title = "Desk"\nextends = "generic"\n{more}')


def the_map(workspace: Workspace, db: sqlite3.Connection) -> dict[str, coverage.Cell]:
    coverage.catch_up(db)
    return {coverage.target_line(cell.target): cell for cell in coverage.cells(workspace, db)}


def test_what_seeds_show_or_declare_and_episodes_lack_is_a_hole(workspace: Workspace, db: sqlite3.Connection) -> None:
    seed(db, ("renew", REFUSED), ("lend", None))
    seed(db, ("renew", "The loan Y4 is too old."), words="Once more")
    episode(db, ("lend", None), ("lend", "No such thing."))
    found = the_map(workspace, db)
    assert {line: (cell.seeds, cell.episodes, cell.hole) for line, cell in found.items()} == {
        "tool=renew,outcome=success": (0, 0, True),
        "tool=renew,outcome=error": (2, 0, True),
        "tool=renew,outcome=error,error=The loan # is too old.": (2, 0, True),
        "tool=waive,outcome=success": (0, 0, True),
        "tool=lend,outcome=success": (1, 1, False),
        "tool=lend,outcome=error": (0, 1, False),
        "tool=lend,outcome=error,error=No such thing.": (0, 1, False),
    }


def test_the_map_follows_decisions_edits_and_what_comes_later(workspace: Workspace, db: sqlite3.Connection) -> None:
    seed(db, ("renew", None))
    one = episode(db, ("renew", None))
    assert the_map(workspace, db)["tool=renew,outcome=success"].episodes == 1
    decisions.decide(db, [one], "reject", "tester")
    assert the_map(workspace, db)["tool=renew,outcome=success"].hole
    two = episode(db, ("renew", None), words="again")
    assert not the_map(workspace, db)["tool=renew,outcome=success"].hole
    decisions.edit(db, two, desk(("lend", None)), (), "tester")
    now = the_map(workspace, db)
    assert now["tool=renew,outcome=success"].hole and now["tool=lend,outcome=success"].episodes == 1
    decisions.undo(db, "tester")
    assert not the_map(workspace, db)["tool=renew,outcome=success"].hole


def test_errors_that_only_the_pack_knows_are_holes_too(workspace: Workspace, db: sqlite3.Connection) -> None:
    pack(workspace, '[[errors]]\ncause = "too old"\ntext = "The loan {id} is too old."\ntools = ["renew"]\n')
    seed(db, ("lend", None))
    line = "tool=renew,outcome=error,error=The loan # is too old."
    assert the_map(workspace, db)[line].hole
    episode(db, ("renew", REFUSED))
    cell = the_map(workspace, db)[line]
    assert (cell.seeds, cell.episodes, cell.hole) == (0, 1, False)


NAMES = st.text(alphabet="abcxyz_.-", min_size=1, max_size=12)


@given(
    NAMES,
    st.sampled_from(
        [(None, None), ("success", None), ("error", None), ("error", "The loan # is, well, error=too old.")]
    ),
)
def test_a_target_reads_back(tool: str, rest: tuple[str | None, str | None]) -> None:
    target = Target(tool=tool, outcome=rest[0], error=rest[1])  # type: ignore[arg-type]
    assert coverage.read_target(coverage.target_line(target)) == target


WRONG = ("", "renew", "tool=", "outcome=error", "tool=a,outcome=maybe", "tool=a,outcome=success,error=x")


@pytest.mark.parametrize("line", WRONG)
def test_what_is_no_target_is_refused_with_how_it_is_written(line: str) -> None:
    with pytest.raises(UsageError, match="written tool=NAME"):
        coverage.read_target(line)


@pytest.mark.parametrize(
    ("target", "calls", "hit"),
    [
        (Target(tool="renew"), [("lend", None)], False),
        (Target(tool="renew"), [("renew", REFUSED)], True),
        (Target(tool="renew", outcome="success"), [("renew", REFUSED)], False),
        (Target(tool="renew", outcome="success"), [("renew", REFUSED), ("renew", None)], True),
        (Target(tool="renew", outcome="error"), [("renew", None), ("lend", REFUSED)], False),
        (
            Target(tool="renew", outcome="error", error="The loan # is too old."),
            [("renew", "Loan Q9 is too old")],
            True,
        ),
        (Target(tool="renew", outcome="error", error="The loan # is too old."), [("renew", "No card.")], False),
    ],
)
def test_whether_a_target_is_hit(target: Target, calls: list[tuple[str, str | None]], hit: bool) -> None:
    assert hits(desk(*calls), target) is hit


def test_an_unanswered_call_came_to_nothing() -> None:
    visit = desk(("renew", None))
    assert outcomes(visit.replace(turns=visit.turns[:2])) == set()


def test_seeds_that_show_the_target_come_first(db: sqlite3.Connection) -> None:
    shows = [seed(db, ("renew", REFUSED), words=f"shows {n}") for n in range(coverage.FEWEST)]
    calls = seed(db, ("renew", None), words="calls it")
    declares = seed(db, ("lend", None), words="declares it")
    approved = [*shows, calls, declares]
    target = Target(tool="renew", outcome="error")
    assert coverage.seeds_for(db, approved, target) == shows
    assert coverage.seeds_for(db, approved[1:], target) == [*shows[1:], calls]
    assert coverage.seeds_for(db, [declares], target) == [declares]
    with pytest.raises(UsageError, match="No approved seed has the tool fly"):
        coverage.seeds_for(db, approved, Target(tool="fly"))


def reply(visit: Trajectory) -> Reply:
    """An answer that writes this visit as turns."""
    lines = []
    for turn in visit.turns:
        calls = [{"name": call.name, "arguments": call.arguments} for call in turn.tool_calls]
        line = {"role": turn.role, "content": turn.content, "tool_calls": calls, "is_error": turn.is_error or None}
        lines.append(json.dumps({name: value for name, value in line.items() if value}))
    return Reply(outcome=Outcome.OK, text="\n".join([*lines, '{"end": true}']))


def test_a_job_asks_for_its_target_and_tells_which_episodes_missed_it(
    workspace: Workspace, db: sqlite3.Connection
) -> None:
    pack(workspace)
    pk = seed(db, ("renew", REFUSED))
    target = Target(tool="renew", outcome="error", error="The loan # is too old.")
    planned = synthesis.plan(db, Settings.load(workspace.root), 2, target=target)
    job = jobs.create(db, planned.spec, planned.seeds)
    jobs.start(db, job, 1)
    assert isinstance(planned.spec, SynthesizeSpec)
    work = Synthesis(workspace, db, planned.spec, [pk])

    results: list[Result] = []
    for task in tasks.turn(db, job, want=2).tasks:
        prompt = work.prompt(task)
        assert "the tool refuses in words like these: The loan # is too old." in prompt.messages[0]["content"]
        visit = desk(("renew", "That loan is too old." if task.ord else None), words=f"I am visitor {task.ord}")
        results.append(work.result(task, prompt, reply(visit), 0.0))
    tasks.turn(db, job, results)
    first, second = (trajectories.get(db, pk) for pk in sorted(_episodes(db, job)))
    assert first.meta["target"] == second.meta["target"] == target.model_dump()
    missed = {pk for pk in _episodes(db, job) if TARGET_MISSED in {f.rule for f in trajectories.findings(db, pk)}}
    assert len(missed) == 1
    assert coverage.told(db, jobs.job(db, job)) == f"1 of 2 episodes show {coverage.target_line(target)}"


def _episodes(db: sqlite3.Connection, job: int) -> list[int]:
    return [pk for (pk,) in db.execute("SELECT pk FROM trajectories WHERE job = ? ORDER BY ord", (job,)).fetchall()]


def test_a_target_that_fails_and_no_errors_do_not_go_together(workspace: Workspace, db: sqlite3.Connection) -> None:
    seed(db, ("renew", None))
    with pytest.raises(UsageError, match="forbids it"):
        synthesis.plan(
            db, Settings.load(workspace.root), 1, errors="none", target=Target(tool="renew", outcome="error")
        )
