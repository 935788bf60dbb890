"""Every rollout as an episode of the workspace, where reviewers browse and judge it, and as a record beside the run.

The episode holds the transcript; the record (`rollouts/000012.jsonl` in the run's folder, one line a rollout) also the
ledger, every call of simulators and judge, reward and advantage. Text in either is data and is never interpreted.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from simia_tui import checks
from simia_tui.model import Origin, Trajectory, Turn
from simia_tui.store import New, runs
from simia_tui.store.judgements import Judgement, Played
from simia_tui.training.advantages import Group
from simia_tui.training.record import RunRecord
from simia_tui.training.rollout import Rollout
from simia_tui.training.tasks import Task

ROLLOUTS = "rollouts"


class Keeper:
    """Keeps the rollouts of a run. Where each was played is its origin, so that equal words stay two episodes.

    `decode` turns a policy turn's tokens into text: one that was cut off ends the transcript, for whoever reviews it.
    """

    def __init__(self, record: RunRecord, tasks: Sequence[Task], decode: Callable[[list[int]], str]) -> None:
        self._record, self._tasks, self._decode = record, tasks, decode

    def keep(self, step: int, rollouts: Sequence[Rollout], groups: Sequence[Group]) -> None:
        """Writes one batch; a batch of a step that is played again after a kill replaces its record."""
        path = Path(self._record.run.path) / ROLLOUTS / f"{step:06}.jsonl"
        lines, news = [], []
        for rollout in rollouts:
            advantage = groups[rollout.group].advantages[rollout.member]
            meta = self._meta(step, rollout, advantage)
            trajectory = self._trajectory(rollout, step, meta)
            lines.append({**meta, "episode": trajectory.id, **rollout.result.record})
            new = self._new(rollout, trajectory, path.as_posix(), len(lines))
            news.append(runs.Rollout(new, rollout.result.reward, advantage, self._played(rollout)))
        file = self._record.folder / ROLLOUTS / path.name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
        self._record.add_rollouts(news)

    def _meta(self, step: int, rollout: Rollout, advantage: float) -> dict[str, Any]:
        played = rollout.result
        return {
            "run": self._record.id,
            "step": step,
            "group": rollout.group,
            "member": rollout.member,
            "reward": played.reward,
            "advantage": advantage,
            "termination": played.termination,
            "reason": played.reason,
            "fault": played.fault.value if played.fault else None,
            "policy_turns": rollout.turns,
            "policy_tokens": rollout.conversation.written,
        }

    def _trajectory(self, rollout: Rollout, step: int, meta: dict[str, Any]) -> Trajectory:
        played = rollout.result.trajectory
        if rollout.cut:
            said = Turn(role="assistant", content=self._decode(rollout.conversation.last), loss=False)
            played = played.with_turns((*played.turns, said))
        seed = self._tasks[rollout.task].id
        origin = Origin(seed=seed, run=self._record.id, step=step, group=rollout.group, member=rollout.member)
        return played.replace(meta=meta, origin=origin)

    def _new(self, rollout: Rollout, trajectory: Trajectory, path: str, row: int) -> New:
        checked, findings = checks.run(trajectory)
        spec = self._record.run.spec
        return New(
            trajectory=trajectory,
            checked=checked,
            findings=findings,
            kind="episode",
            source="rollout",
            path=path,
            row=row,
            seed=self._tasks[rollout.task].pk,
            demo=self._record.export.demo or (spec.endpoint == "demo" and not spec.single_turn),
        )

    def _played(self, rollout: Rollout) -> Played | None:
        """How a simulated episode was played and what its judge said; None where the environment tells neither."""
        record = dict(rollout.result.record)
        if not {"verdict", "ending"} <= record.keys():
            return None
        verdict: dict[str, Any] = record.pop("verdict")
        asked: dict[str, Any] = next((one for one in record.get("asked", ()) if one["role"] == "judge"), {})
        by = "rule" if verdict.get("by") == "rule" else asked.get("model") or self._record.run.spec.endpoint
        if verdict.get("second") is not None:
            second: dict[str, Any] = next((one for one in record.get("asked", ()) if one["role"] == "judge2"), {})
            verdict["second_by"] = second.get("model") or "judge2"
        return Played(record, Judgement(rollout.result.reward, verdict, by, asked.get("prompt_version", "")))
