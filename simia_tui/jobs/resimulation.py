"""The tasks of a resimulate job: the end of one episode each, written anew from a turn on."""

import sqlite3
from functools import lru_cache
from typing import NamedTuple

from simia_tui.jobs.tasks import Found, Work
from simia_tui.model import Job, Trajectory
from simia_tui.simulate import resimulate
from simia_tui.simulate.ask import Unreadable
from simia_tui.simulate.schemas import EPISODE
from simia_tui.simulate.synthesize import Prompt
from simia_tui.store import Workspace, remakes, trajectories
from simia_tui.store.remakes import Remade
from simia_tui.store.tasks import Task


class _Case(NamedTuple):
    """An episode as it was when its new end was asked for, the first turn to write, and the prompt's filling."""

    episode: Trajectory
    turn: int
    writer: resimulate.Writer


class Resimulation(Work):
    """Asks for new ends. An answer is a proposal: the episode stays as it is until a person has decided."""

    schema = EPISODE

    def __init__(self, workspace: Workspace, db: sqlite3.Connection, job: Job, episodes: list[int]) -> None:
        self._wishes = {wish.trajectory: wish for wish in remakes.of_job(db, job.id)}
        super().__init__(workspace, db, job.spec, episodes)

    def _prepare(self) -> None:
        self._case = lru_cache(maxsize=256)(self._make_case)

    def _make_case(self, pk: int) -> _Case:
        wish = self._wishes[pk]
        turn = wish.turn or 0
        episode = trajectories.get(self._db, pk, wish.revision)
        (row,) = trajectories.rows(self._db, [pk])
        seed = trajectories.get(self._db, row.seed) if row.seed is not None else episode
        said = resimulate.remarks(trajectories.findings(self._db, pk, wish.revision), turn)
        said = [wish.why, *said] if wish.why else said
        pack = self._pack(episode.domain)
        return _Case(episode, turn, resimulate.Writer(pack, seed, episode, turn, self.tools(episode), said))

    def prompt(self, task: Task) -> Prompt:
        return self._case(task.seed).writer.prompt(task.ord, self._spec.random_seed, task.draw)

    def _read(self, task: Task, prompt: Prompt, text: str) -> Found | str:
        episode, turn, _ = self._case(task.seed)
        try:
            found = resimulate.read_ending(text, episode, turn, self.tools(episode), self._hints(episode.domain))
        except Unreadable as problem:
            return str(problem)
        return Found(remade=Remade(found.body, found.findings))
