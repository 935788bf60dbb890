"""What calls came to: which tools succeeded, which refused and in which words, and whether a target was hit."""

import re

from simia_tui.checks.pairing import pair
from simia_tui.evaluation.calibration import template
from simia_tui.model import Target, Trajectory

SUCCESS = ""
"""Stands for the wording of an answer that is no refusal."""

ALIKE = 0.5
"""The share of words that a refusal must have in common with the wording that was asked for."""

_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_WORD = re.compile(r"\w+")


def outcomes(trajectory: Trajectory) -> set[tuple[str, str]]:
    """`(tool, wording)` of every answered call; what differs from case to case is masked, `SUCCESS` where it worked."""
    found = set()
    for (turn, position), answer in pair(trajectory).answers.items():
        call, said = trajectory.turns[turn].tool_calls[position], trajectory.turns[answer]
        wording = template(said.content or "", call.arguments) or "(nothing)" if said.is_error else SUCCESS
        found.add((call.name, wording))
    return found


class Known:
    """An error of a domain pack, as it stands in the map and as it is recognised inside an observation."""

    def __init__(self, text: str) -> None:
        """`text` holds `{placeholders}` for what differs from case to case."""
        self.wording = template(_PLACEHOLDER.sub("#", text))
        self._pattern = re.compile(".*?".join(map(re.escape, self.wording.split("#"))), re.IGNORECASE)

    def says(self, wording: str) -> bool:
        """Whether an observation with this wording is this error, whatever stands around it."""
        return self._pattern.search(wording) is not None


def hits(trajectory: Trajectory, target: Target) -> bool:
    """Whether a call of the target's tool came to what was asked for."""
    came = {wording for tool, wording in outcomes(trajectory) if tool == target.tool}
    if target.error is not None:
        return any(wording != SUCCESS and alike(wording, target.error) for wording in came)
    if target.outcome is None:
        return bool(came)
    return SUCCESS in came if target.outcome == "success" else bool(came - {SUCCESS})


def alike(one: str, other: str) -> bool:
    """Whether two wordings share at least half of their words (P. Jaccard 1901)."""
    left, right = ({*_WORD.findall(text.casefold())} for text in (one, other))
    return len(left & right) >= ALIKE * len(left | right) and bool(left)
