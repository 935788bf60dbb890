"""The tasks of a judge job: one verdict on an episode each."""

import sqlite3
from functools import lru_cache
from typing import NamedTuple

from simia_tui.jobs.tasks import Found, Work
from simia_tui.llm import Reply
from simia_tui.model import JudgeSpec, content_hash
from simia_tui.simulate.ask import Messages, Unreadable
from simia_tui.simulate.judge import Judge, read_verdict
from simia_tui.simulate.replay import case_of
from simia_tui.simulate.schemas import VERDICT
from simia_tui.simulate.synthesize import Prompt
from simia_tui.store import Workspace, judgements, trajectories
from simia_tui.store.judgements import Judged, Judgement
from simia_tui.store.tasks import Task


async def _nobody(messages: Messages) -> Reply:
    raise AssertionError("the job sends the request itself")


class _Case(NamedTuple):
    """An episode as it is judged."""

    revision: int
    turns: int
    prompt: Prompt


class Judging(Work):
    """Judges episodes as they are when the job starts on them. The verdicts are kept beside others; nothing follows."""

    schema = VERDICT

    def __init__(self, workspace: Workspace, db: sqlite3.Connection, spec: JudgeSpec, episodes: list[int]) -> None:
        self.spec = spec
        super().__init__(workspace, db, spec, episodes)

    def _prepare(self) -> None:
        self._case = lru_cache(maxsize=256)(self._make_case)

    def _make_case(self, pk: int) -> _Case:
        (row,) = trajectories.rows(self._db, [pk])
        episode = trajectories.get(self._db, pk, row.revision)
        pack = self._pack(episode.domain)
        episode = episode.replace(tools=self.tools(episode), policy=episode.policy or pack.policy)
        seed = self._seed(row.seed) if row.seed is not None else None
        case = case_of(episode, seed, judgements.played(self._db, pk), pack)
        messages = [{"role": "user", "content": Judge(_nobody, pack).prompt(case)}]
        prompt = Prompt(messages, content_hash(messages), pack.template("judge").version)
        return _Case(row.revision, len(episode.turns), prompt)

    def prompt(self, task: Task) -> Prompt:
        return self._case(task.seed).prompt

    def _read(self, task: Task, prompt: Prompt, text: str) -> Found | str:
        case = self._case(task.seed)
        try:
            sample = read_verdict(text)
        except Unreadable as problem:
            return str(problem)
        cited = [turn for turn in sample.evidence_turns if turn < case.turns]
        verdict = {"reward": sample.reward, "reasoning": sample.reasoning, "evidence_turns": cited}
        said = Judgement(float(sample.reward), verdict, self.spec.model, prompt.version)
        return Found(judged=Judged(task.seed, case.revision, said, task.job, task.ord))
