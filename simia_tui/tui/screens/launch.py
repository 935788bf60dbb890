"""`S`: starts a synthesize job on the approved seeds. `O`: jobs of the other kinds."""

from collections.abc import Mapping, Sequence
from sqlite3 import Connection
from typing import TYPE_CHECKING, Any, Self

from simia_tui.model import Status, Target
from simia_tui.services import coverage, forecasts, rollouts, synthesis
from simia_tui.services.asking import who
from simia_tui.store import Query, trajectories
from simia_tui.tui.bench import Bench
from simia_tui.tui.screens.form import Field
from simia_tui.tui.screens.job_form import COMMON, JobDialog, limits, whole
from simia_tui.tui.screens.strip import Strip
from simia_tui.tui.widgets.turn_lines import plural

if TYPE_CHECKING:
    from simia_tui.services import prefiltering

FOR_A_HOLE = 20
"""Episodes that are proposed to fill a hole of the coverage map."""


class LaunchDialog(JobDialog[synthesis.Plan]):
    """How many episodes, from which seeds, and what they are to show."""

    HEADING = "Simulate episodes"

    def __init__(self, bench: Bench, target: Target | None = None) -> None:
        super().__init__(bench)
        self._target = target

    def intro(self) -> str:
        approved = trajectories.counts(self.bench.db).get(("seed", Status.APPROVED), 0)
        asked = who(self.bench.settings, "simulator")
        return f"{plural(approved, 'approved seed')}. {asked}. The job runs in the background."

    def fields(self) -> Sequence[Field]:
        return (
            Field("n", "episodes", str(FOR_A_HOLE) if self._target else "100"),
            Field("domain", "domain", "", "all approved seeds"),
            Field(
                "target",
                "to show",
                coverage.target_line(self._target) if self._target else "",
                "anything; or tool=NAME,outcome=error",
            ),
            *COMMON,
        )

    def plan(self, db: Connection, values: Mapping[str, str]) -> synthesis.Plan:
        n, domain, target = whole(values["n"], "episodes"), values["domain"] or None, self._aim(values["target"])
        return synthesis.plan(db, self.bench.settings, n, domain=domain, target=target, **limits(values))

    def _aim(self, line: str) -> Target | None:
        """The target as it was given or as it was typed."""
        if self._target is not None and line == coverage.target_line(self._target).strip():
            return self._target
        return coverage.read_target(line) if line else None

    def told(self, db: Connection, planned: synthesis.Plan) -> str:
        return f"{_episodes(planned)} {forecasts.outlook(db, planned.spec, len(planned.seeds))}"

    def queue(self, db: Connection, planned: synthesis.Plan, priority: int) -> str:
        job = synthesis.queue(self.bench.workspace, db, planned, priority)
        return f"Job {job.id}: {_episodes(planned)}"


def _episodes(planned: synthesis.Plan) -> str:
    return f"{plural(len(planned.seeds), 'episode')} from {plural(planned.distinct, 'seed')}."


class _ByParts(JobDialog[rollouts.Plan]):
    """Jobs of the environment's parts."""

    def told(self, db: Connection, planned: rollouts.Plan) -> str:
        return f"{planned.said}. {forecasts.outlook(db, planned.spec, len(planned.chosen))}"

    def queue(self, db: Connection, planned: rollouts.Plan, priority: int) -> str:
        job, *_ = rollouts.queue(self.bench.workspace, db, planned, priority)
        return f"Job {job.id}: {planned.said}."


class RolloutDialog(_ByParts):
    """How many episodes an agent is to play, from which seeds, and how often each is judged."""

    HEADING = "Have an agent play episodes"

    def intro(self) -> str:
        cast = who(self.bench.settings, "agent", *rollouts.PARTS)
        return f"{cast}. Turn by turn, until the user is content or the agent gives up; then the judge rewards."

    def fields(self) -> Sequence[Field]:
        return (
            Field("n", "episodes", "20"),
            Field("domain", "domain", "", "all approved seeds"),
            Field("max_steps", "turns at most", "30"),
            Field("judge_samples", "judged", "1", "times each; an odd number"),
            *COMMON,
        )

    def plan(self, db: Connection, values: Mapping[str, str]) -> rollouts.Plan:
        return rollouts.plan_rollouts(
            db,
            self.bench.settings,
            whole(values["n"], "episodes"),
            domain=values["domain"] or None,
            max_steps=whole(values["max_steps"], "turns at most"),
            judge_samples=whole(values["judge_samples"], "judged"),
            **limits(values),
        )


class JudgeDialog(_ByParts):
    """Which episodes are to be judged, and how often."""

    HEADING = "Have episodes judged"

    def __init__(self, bench: Bench, line: str = "") -> None:
        """`line` is the filter that is proposed."""
        super().__init__(bench)
        self._line = line

    @classmethod
    def on(cls, bench: Bench, shown: Query | None) -> Self:
        return cls(bench, shown.line() if shown is not None and shown.kind == "episode" else "")

    def intro(self) -> str:
        judges = who(self.bench.settings, "judge", "judge2")
        return f"{judges}. Verdicts are kept beside others; they decide nothing, you do."

    def fields(self) -> Sequence[Field]:
        return (
            Field("where", "episodes", self._line, "all; or a filter like job:2 status:pending"),
            Field("samples", "judged", "1", "times each"),
            *COMMON,
        )

    def plan(self, db: Connection, values: Mapping[str, str]) -> rollouts.Plan:
        query = Query.parse("episode", values["where"])
        samples = whole(values["samples"], "judged")
        return rollouts.plan_judgements(db, self.bench.settings, query, samples=samples, **limits(values))


class PrefilterDialog(JobDialog["prefiltering.Plan"]):
    """Which seeds are to be screened."""

    HEADING = "Have seeds screened"

    def __init__(self, bench: Bench, line: str = "status:pending") -> None:
        """`line` is the filter that is proposed."""
        super().__init__(bench)
        self._line = line

    @classmethod
    def on(cls, bench: Bench, shown: Query | None) -> Self:
        return cls(bench, shown.line()) if shown is not None and shown.kind == "seed" else cls(bench)

    def intro(self) -> str:
        return f"{who(self.bench.settings, 'prefilter')}. The rules are asked first, for nothing; and you decide."

    def fields(self) -> Sequence[Field]:
        return (Field("where", "seeds", self._line, "all; or a filter like domain:library"), *COMMON)

    def plan(self, db: Connection, values: Mapping[str, str]) -> "prefiltering.Plan":
        # What knows the prompt loads the LLM client, which the workbench's process must not do before a job is planned.
        from simia_tui.services import prefiltering

        query = Query.parse("seed", values["where"])
        return prefiltering.plan(self.bench.workspace, db, self.bench.settings, query, **limits(values))

    def told(self, db: Connection, planned: "prefiltering.Plan") -> str:
        n = len(planned.seeds)
        return f"{self._said(planned)} " + (forecasts.outlook(db, planned.spec, n) if n else "It costs nothing.")

    def _said(self, planned: "prefiltering.Plan") -> str:
        known = f"{planned.ruled:,} fail by rule, {planned.remembered:,} were judged before"
        return f"{plural(len(planned.seeds), 'seed')} to be screened by {planned.spec.model}; {known}."

    def queue(self, db: Connection, planned: "prefiltering.Plan", priority: int) -> str:
        from simia_tui.services import prefiltering

        job = prefiltering.queue(self.bench.workspace, db, planned, priority)
        return f"Job {job.id}: {self._said(planned)}"


ORDERS: dict[str, tuple[str, type[JobDialog[Any]]]] = {
    "s": ("synthesize episodes", LaunchDialog),
    "r": ("rollout: an agent plays", RolloutDialog),
    "j": ("judge episodes", JudgeDialog),
    "p": ("prefilter seeds", PrefilterDialog),
}
"""Letter to words and dialog."""


class OrderStrip(Strip[type[JobDialog[Any]]]):
    """Asks which kind of job is to be started."""

    def __init__(self) -> None:
        super().__init__("Start a job", ORDERS)
