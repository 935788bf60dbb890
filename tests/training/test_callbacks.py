"""Every step's figures reach the workspace, a locked database or a broken loss notwithstanding."""

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from simia_tui.errors import SimiaError
from simia_tui.model import Metric
from simia_tui.training.record import RunRecord
from simia_tui.training.watch import Watch

pytest.importorskip("transformers", reason="needs the train extra")


def _reporter(record: RunRecord, before: Metric | None = None) -> Any:
    from simia_tui.training.callbacks import Reporter

    return Reporter(record, Watch(record), time.monotonic(), before)


def _log(reporter: Any, step: int, **logs: Any) -> None:
    reporter.on_log(None, SimpleNamespace(global_step=step, max_steps=9), None, logs=logs)


def test_the_trainers_closing_summary_is_no_step(new_run: Callable[..., RunRecord]) -> None:
    record = new_run()
    _log(_reporter(record), 9, train_loss=1.0, train_runtime=3.0)
    assert record.metrics() == []


def test_a_loss_that_is_no_number_ends_the_run_and_is_kept_as_none(new_run: Callable[..., RunRecord]) -> None:
    record = new_run()
    with pytest.raises(SimiaError, match=r"at step 3; .* lower --learning-rate"):
        _log(_reporter(record), 3, loss=float("nan"), grad_norm=float("inf"), epoch=0.5)
    (metric,) = record.metrics()
    assert metric.loss is None and "grad_norm" not in metric.values and metric.values["epoch"] == 0.5


def test_tokens_and_seconds_go_on_from_the_last_metric_kept(new_run: Callable[..., RunRecord]) -> None:
    record = new_run()
    _log(_reporter(record, Metric(step=4, values={"tokens": 1000.0, "seconds": 500.0})), 5, loss=1.0, num_tokens=70.0)
    values = record.metrics()[0].values
    assert values["tokens"] == 1070 and values["seconds"] >= 500


def test_metrics_wait_while_the_database_is_locked(
    new_run: Callable[..., RunRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    record = new_run()
    reporter = _reporter(record)

    def locked(_: Metric) -> None:
        raise SimiaError("The database is locked.")

    with monkeypatch.context() as during:
        during.setattr(record, "log", locked)
        _log(reporter, 1, loss=3.0)
        _log(reporter, 2, loss=2.0)
        assert record.metrics() == []
        with pytest.raises(SimiaError, match="locked"):
            reporter.on_train_end(None, None, None)
    _log(reporter, 3, loss=1.0)
    assert [(metric.step, metric.loss) for metric in record.metrics()] == [(1, 3.0), (2, 2.0), (3, 1.0)]
