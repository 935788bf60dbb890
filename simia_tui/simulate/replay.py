"""A finished episode as a judge is shown it: one that was played here, or one that came from anywhere."""

from collections.abc import Mapping
from typing import Any

from simia_tui.checks import Hints
from simia_tui.checks.pairing import pair
from simia_tui.domains import Pack
from simia_tui.model import Trajectory
from simia_tui.simulate.controls import Controls, Ending, Termination
from simia_tui.simulate.episode import task_of
from simia_tui.simulate.judge import Case
from simia_tui.simulate.ledger import Ledger
from simia_tui.simulate.toolbox import Entry


def case_of(episode: Trajectory, seed: Trajectory | None, record: Mapping[str, Any] | None, pack: Pack) -> Case:
    """What is judged of an episode; `record` tells how it was played, `seed` what the user of it wanted.

    Where nobody knows how it was played, its calls stand for themselves and the ledger is empty. Where there is no
    seed, or the episode was written in one piece, the goal is taken from what its own user says.
    """
    known = record or {}
    source = seed if seed is not None and record is not None else episode
    wanted = source.replace(policy=episode.policy, tools=episode.tools)
    ending = known.get("ending") or {"termination": Termination.USER_DONE}
    return Case(
        task=task_of(wanted, Controls(), 0),
        trajectory=episode,
        ending=Ending.model_validate(ending),
        log=[Entry.model_validate(entry) for entry in known["log"]] if "log" in known else log_of(episode),
        ledger=Ledger.start(known.get("ledger") or {}),
        hints=Hints.of(pack.data),
    )


def log_of(trajectory: Trajectory) -> list[Entry]:
    """The answered calls of a trajectory as a session would have noted them; what they changed is not known."""
    return [
        Entry(
            call=trajectory.turns[turn].tool_calls[position],
            observation=trajectory.turns[answer].content or "",
            is_error=trajectory.turns[answer].is_error,
            source="simulated",
        )
        for (turn, position), answer in pair(trajectory).answers.items()
    ]
