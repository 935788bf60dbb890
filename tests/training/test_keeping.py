"""What is kept of a rollout in the simulated environment: an episode that can be browsed, filtered and judged again."""

import asyncio
from typing import Any

from simia_tui.demo.errands import errands, served_by
from simia_tui.domains import load
from simia_tui.model import TrainSpec
from simia_tui.resources import prompts
from simia_tui.services import arena
from simia_tui.simulate.judge import Judge
from simia_tui.simulate.replay import case_of
from simia_tui.store import Query, Workspace, exports, judgements, runs, trajectories
from simia_tui.training import advantages
from simia_tui.training.keeping import Keeper
from simia_tui.training.practice import Practice
from simia_tui.training.record import RunRecord
from simia_tui.training.rollout import Played, Rollout

ERRAND = errands(1, 0, ("pay",))[0]


class Spoken:
    """Stands for the tokens of a conversation."""

    written, last = 7, [1]


def played(workspace: Workspace, spec: TrainSpec) -> list[Played]:
    made = arena.SimulatedArena(workspace, spec, Practice(max_turns=12), [arena.as_task(ERRAND)], arena.demo_model(0))

    async def both() -> list[Played]:
        async with made as opened:
            good, cut = await opened.group(0, 2)
            for turn in served_by(ERRAND):
                await good.step(turn)
            cut.cut("too long")
            return [await good.finish(), await cut.finish()]

    return asyncio.run(both())


def test_a_rollout_is_kept_with_ledger_and_verdict_and_can_be_judged_again(workspace: Workspace) -> None:
    db, spec = workspace.connect(), TrainSpec(method="grpo")
    exports.add(db, "curated", "exports/curated", "0" * 64, [], False, {})
    record = RunRecord(workspace, runs.add(db, 1, spec, "exports/runs/1"))
    spoken: Any = Spoken()
    rollouts = [
        Rollout(0, 0, member, None, spoken, turns=8, played=one)  # type: ignore[arg-type]  # it plays no more
        for member, one in enumerate(played(workspace, spec))
    ]
    groups = advantages.groups([one.result.reward for one in rollouts], 2)
    Keeper(record, [arena.as_task(ERRAND)], lambda ids: "").keep(1, rollouts, groups)

    good, cut = trajectories.rows(db, trajectories.ids(db, Query.parse("episode", f"run:{record.id}")))
    assert (good.path, good.row, cut.row, good.demo) == ("exports/runs/1/rollouts/000001.jsonl", 1, 2, True)
    assert [said.reward for said in judgements.judgements(db, good.pk)] == [1.0]
    assert [(said.reward, said.by) for said in judgements.judgements(db, cut.pk)] == [(0.0, "rule")]
    pack = load("library", [prompts()])
    case = case_of(trajectories.get(db, good.pk), ERRAND.seed, judgements.played(db, good.pk), pack)
    assert case.log and case.ledger.document["member"]
    task = case.task.replace(goal=ERRAND.goal)
    again = asyncio.run(Judge(arena.demo_model(0), pack).verdict(case._replace(task=task), []))
    assert again.reward == 1
