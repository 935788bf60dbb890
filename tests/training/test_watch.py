"""Wishes to stop are heard from the run's row and from signals, and the heartbeat goes on."""

import os
import signal
from collections.abc import Callable

import pytest

from simia_tui.store import Workspace, runs
from simia_tui.training.record import RunRecord
from simia_tui.training.watch import Stopped, Watch


def test_a_wish_in_the_runs_row_is_heard(workspace: Workspace, new_run: Callable[..., RunRecord]) -> None:
    record = new_run()
    watch = Watch(record)
    watch.step = 12
    watch.poll()
    watch.check()
    runs.request_stop(workspace.connect(), record.id)
    watch.poll()
    with pytest.raises(Stopped):
        watch.check()
    row = runs.run(workspace.connect(), record.id)
    assert row.heartbeat is not None and row.step == 12


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_heard_once_and_the_old_handler_comes_back(
    new_run: Callable[..., RunRecord], number: signal.Signals
) -> None:
    before = signal.getsignal(number)
    with Watch(new_run(), interval=60) as watch:
        os.kill(os.getpid(), number)
        assert watch.wanted
    assert signal.getsignal(number) == before
