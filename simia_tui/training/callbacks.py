"""Writes what the trainer does into the workspace, step by step, and ends the training when somebody asks."""

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simia_tui.errors import SimiaError
from simia_tui.model import Metric
from simia_tui.training.record import RunRecord
from simia_tui.training.watch import Watch

if TYPE_CHECKING:
    # Type checks skip the heavy libraries; the hooks below are the whole of the interface.
    class TrainerCallback: ...
else:
    from transformers import TrainerCallback

_NAMES = {
    "grad_norm": "grad_norm",
    "learning_rate": "learning_rate",
    "mean_token_accuracy": "mean_token_accuracy",
    "entropy": "entropy",
    "epoch": "epoch",
    "kl": "kl",
    "clip_ratio/region_mean": "clipped",
}
"""What is taken over from the trainer's log, by the trainer's name and ours."""


class Reporter(TrainerCallback):
    """One metric a step, whole also across restarts: tokens and seconds go on from `before`, the last metric kept.

    Seconds are counted from the start of the process, import and loading included. `more` gives further values; it is
    told the seconds since the last metric.
    """

    def __init__(
        self,
        record: RunRecord,
        watch: Watch,
        began: float,
        before: Metric | None,
        more: Callable[[float], dict[str, float]] | None = None,
    ) -> None:
        self._record = record
        self._watch = watch
        self._began = began
        self._more = more
        self._tokens_before = before.values.get("tokens", 0.0) if before else 0.0
        self._seconds_before = before.values.get("seconds", 0.0) if before else 0.0
        self._last = (0.0, 0.0)
        self._waiting: list[Metric] = []
        self.stopped = False

    @property
    def seconds(self) -> float:
        """How long the run has taken, earlier processes included."""
        return self._seconds_before + time.monotonic() - self._began

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._watch.step = state.global_step
        self._last = (self.seconds, self._tokens_before)
        self._record.start(state.max_steps)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._watch.step = state.global_step
        if self._watch.wanted and state.global_step < state.max_steps:
            self.stopped = True
            control.should_save = control.should_training_stop = True

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        # The summary that the trainer logs at its end has no "loss" of a step.
        if logs is None or "loss" not in logs:
            return
        metric = self._metric(state.global_step, logs)
        self._waiting.append(metric)
        self._write_waiting(final=False)
        print(f"step {metric.step}/{state.max_steps} loss {logs['loss']:.4f}", flush=True)
        if metric.loss is None:
            raise SimiaError(
                f"The loss is no number any more at step {metric.step}; start again with a lower --learning-rate."
            )

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._write_waiting(final=True)

    def _metric(self, step: int, logs: dict[str, Any]) -> Metric:
        values = {ours: float(logs[theirs]) for theirs, ours in _NAMES.items() if logs.get(theirs) is not None}
        seconds, tokens = self.seconds, self._tokens_before + float(logs.get("num_tokens", 0.0))
        passed = seconds - self._last[0]
        values |= {"tokens": tokens, "seconds": seconds, **_gpu_memory()}
        if passed > 0:
            values["tokens_per_second"] = (tokens - self._last[1]) / passed
        if self._more is not None:
            values |= self._more(passed)
        self._last = (seconds, tokens)
        loss = float(logs["loss"])
        # JSON knows no NaN: such a value is left out rather than stored as something else.
        kept = {name: value for name, value in values.items() if math.isfinite(value)}
        return Metric(step=step, loss=loss if math.isfinite(loss) else None, values=kept)

    def _write_waiting(self, *, final: bool) -> None:
        """Writes what is due; a locked database makes it wait for the next step, and only the end insists."""
        try:
            while self._waiting:
                self._record.log(self._waiting[0])
                del self._waiting[0]
        except SimiaError as error:
            if final:
                raise
            print(f"metrics wait: {error}", flush=True)


def _gpu_memory() -> dict[str, float]:
    import torch

    return {"gpu_gib": torch.cuda.max_memory_allocated() / 2**30} if torch.cuda.is_initialized() else {}
