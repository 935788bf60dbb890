"""Figures of runs as lines: read as they grow, read anew after a step back."""

from simia_tui.model import Metric, Run, TrainSpec
from simia_tui.store import Workspace, exports, runs
from simia_tui.tui.state.curves import Curves, points


def put(workspace: Workspace, *metrics: Metric, method: str = "sft") -> Run:
    db = workspace.connect()
    if not exports.exports(db):
        exports.add(db, "curated", "exports/curated", "0" * 64, [], False, {})
    pk = runs.add(db, 1, TrainSpec.model_validate({"method": method}), "exports/runs/1")
    for metric in metrics:
        runs.log(db, pk, metric)
    return runs.run(db, pk)


def test_a_missing_value_is_left_out() -> None:
    metrics = [Metric(step=1, loss=2.0), Metric(step=2), Metric(step=3, loss=1.0, values={"reward": 0.5})]
    assert points(metrics, "loss") == [(1, 2.0), (3, 1.0)] and points(metrics, "reward") == [(3, 0.5)]


def test_runs_are_laid_over_each_other_with_their_names(workspace: Workspace) -> None:
    db, curves = workspace.connect(), Curves()
    one = put(workspace, Metric(step=1, loss=2.0))
    two = put(
        workspace, Metric(step=1, loss=1.0, values={"reward": 0.25, "masked": 0.0, "seconds": 3.0}), method="grpo"
    )
    assert curves.figures(db, [one]) == ["loss"] and curves.figures(db, [one, two]) == ["loss", "reward", "masked"]
    assert curves.series(db, [one], "loss") == {"loss": [(1, 2.0)]}
    assert curves.series(db, [one, two], "reward") == {"run 1 tiny": [], "run 2 tiny": [(1, 0.25)]}


def test_later_steps_are_added_and_a_run_that_went_back_is_read_anew(workspace: Workspace) -> None:
    db, curves = workspace.connect(), Curves()
    run = put(workspace, *(Metric(step=step, loss=float(step)) for step in (1, 2, 3)))
    assert [metric.step for metric in curves.metrics(db, run)] == [1, 2, 3]
    runs.log(db, run.id, Metric(step=4, loss=4.0))
    assert [metric.step for metric in curves.metrics(db, runs.run(db, run.id))] == [1, 2, 3, 4]
    runs.truncate_metrics(db, run.id, 1)
    runs.log(db, run.id, Metric(step=2, loss=9.0))
    assert points(curves.metrics(db, runs.run(db, run.id)), "loss") == [(1, 1.0), (2, 9.0)]
