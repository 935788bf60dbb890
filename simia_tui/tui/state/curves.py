"""The figures of training runs as lines of a chart, several runs laid over each other, read as they grow."""

import sqlite3
from collections.abc import Sequence

from simia_tui.model import Metric, Run
from simia_tui.store import runs
from simia_tui.tui.widgets.braille import Point

FIGURES = (
    "loss",
    "reward",
    "masked",
    "zero_variance_groups",
    "kl",
    "entropy",
    "waiting",
    "tokens_per_second",
    "gpu_gib",
)
"""What can be charted, in the order in which the key goes through it; a run has some of these."""


class Curves:
    """The metrics of runs; what was read once is kept, and only later steps are read again."""

    def __init__(self) -> None:
        self._read: dict[int, list[Metric]] = {}

    def metrics(self, db: sqlite3.Connection, run: Run) -> list[Metric]:
        """All metrics of a run so far. One that went back to a checkpoint is read anew."""
        held = self._read.get(run.id, [])
        if held and run.step < held[-1].step:
            held = []
        held = held + runs.metrics(db, run.id, held[-1].step if held else -1)
        self._read[run.id] = held
        return held

    def figures(self, db: sqlite3.Connection, shown: Sequence[Run]) -> list[str]:
        """The figures that at least one of the runs has."""
        had = {"loss"} if any(m.loss is not None for run in shown for m in self.metrics(db, run)) else set()
        had |= {name for run in shown for m in self.metrics(db, run)[-1:] for name in m.values}
        return [name for name in FIGURES if name in had]

    def series(self, db: sqlite3.Connection, shown: Sequence[Run], figure: str) -> dict[str, list[Point]]:
        """One line a run, each with its name; a single run's line is named after the figure."""
        several = len(shown) > 1
        return {
            f"run {run.id} {run.spec.profile}" if several else figure: points(self.metrics(db, run), figure)
            for run in shown
        }


def points(metrics: Sequence[Metric], figure: str) -> list[Point]:
    """The values of one figure over the steps."""
    found = ((metric.step, metric.loss if figure == "loss" else metric.values.get(figure)) for metric in metrics)
    return [(float(step), value) for step, value in found if value is not None]
