"""The tasks of a prefilter job: one verdict on a seed each."""

import sqlite3
from functools import lru_cache
from typing import NamedTuple

from simia_tui.jobs.tasks import Found, Work
from simia_tui.model import Opinion, PrefilterSpec, Screening
from simia_tui.simulate import prefilter
from simia_tui.simulate.ask import Unreadable
from simia_tui.simulate.schemas import SCREENING
from simia_tui.simulate.synthesize import Prompt
from simia_tui.store import Workspace, screenings, trajectories
from simia_tui.store.screenings import Screened
from simia_tui.store.tasks import Result, Task


class _Case(NamedTuple):
    """A seed as it is judged: its revision, its number of turns, the hash of what is judged, the prompt's filling."""

    revision: int
    turns: int
    sha: str
    writer: prefilter.Writer


class SeedScreening(Work):
    """Judges seeds as they are when the job starts on them. A task that fails leaves the verdict `error`, no other."""

    schema = SCREENING

    def __init__(self, workspace: Workspace, db: sqlite3.Connection, spec: PrefilterSpec, seeds: list[int]) -> None:
        self.spec = spec
        super().__init__(workspace, db, spec, seeds)

    def _prepare(self) -> None:
        self._case = lru_cache(maxsize=256)(self._make_case)

    def _make_case(self, pk: int) -> _Case:
        (row,) = trajectories.rows(self._db, [pk])
        seed = trajectories.get(self._db, pk, row.revision)
        said = prefilter.remarks(trajectories.findings(self._db, pk, row.revision))
        writer = prefilter.Writer(self._pack(seed.domain), seed, self.tools(seed), said)
        return _Case(row.revision, len(seed.turns), screenings.judged_hash(seed, said), writer)

    def prompt(self, task: Task) -> Prompt:
        return self._case(task.seed).writer.prompt(task.draw)

    def _read(self, task: Task, prompt: Prompt, text: str) -> Found | str:
        try:
            verdict = prefilter.read_verdict(text, self._case(task.seed).turns)
        except Unreadable as problem:
            return str(problem)
        return Found(screened=self._about(task, verdict, prompt.version))

    def _given_up(self, result: Result, prompt: Prompt | None) -> Result:
        if result.state != "failed":
            return result
        verdict = Screening(opinion=Opinion.ERROR, reason=result.why or "No verdict could be had.")
        return result._replace(screened=self._about(result.task, verdict, prompt.version if prompt else ""))

    def _about(self, task: Task, verdict: Screening, version: str) -> Screened:
        case = self._case(task.seed)
        # The model that was asked for, not the dated name that it answers with: the next job asks for the same one.
        known = verdict.replace(by=self.spec.model, version=version)
        return Screened(task.seed, case.revision, case.sha, known, task.job, task.ord)
