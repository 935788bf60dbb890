"""`S`: starts a synthesize job on the approved seeds."""

from collections.abc import Sequence

from simia_tui.errors import SimiaError
from simia_tui.model import Status
from simia_tui.services import synthesis
from simia_tui.store import trajectories
from simia_tui.tui.screens.form import Field, Form


class LaunchDialog(Form):
    """How many episodes, how many requests at a time, at what budget."""

    HEADING = "Simulate episodes"

    def intro(self) -> str:
        counts = trajectories.counts(self.bench.db)
        try:
            simulator = self.bench.simulator
        except SimiaError as error:
            simulator = str(error)
        approved = counts.get(("seed", Status.APPROVED), 0)
        return f"{approved:,} approved seeds. Simulator: {simulator}. The job runs in the background."

    def fields(self) -> Sequence[Field]:
        return (
            Field("n", "episodes", "100"),
            Field("concurrency", "at a time", "16"),
            Field("domain", "domain", "", "all approved seeds"),
            Field("budget", "budget, USD", "", "no limit"),
        )

    def submit(self) -> None:
        try:
            planned = synthesis.plan(
                self.bench.db,
                self.bench.settings,
                _whole(self.value("n"), "episodes"),
                domain=self.value("domain") or None,
                concurrency=_whole(self.value("concurrency"), "at a time"),
                budget_usd=_amount(self.value("budget")),
            )
            job = synthesis.queue(self.bench.workspace, self.bench.db, planned)
        except (SimiaError, ValueError) as error:
            self.problem(str(error))
            return
        self.dismiss(f"Job {job.id}: {job.target:,} episodes from {planned.distinct:,} seeds.")


def _whole(text: str, label: str) -> int:
    if not text.isdigit():
        raise ValueError(f"{label}: write a whole number.")
    return int(text)


def _amount(text: str) -> float | None:
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise ValueError("budget: write an amount like 2.50, or nothing.") from None
