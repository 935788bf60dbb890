"""What every training process does round its training: one at a time, calm, heard, and ended with a sentence."""

import argparse
import fcntl
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from simia_tui.errors import SimiaError
from simia_tui.model import RunStatus
from simia_tui.store import Workspace
from simia_tui.training import check, faults, profiles
from simia_tui.training.profiles import Profile
from simia_tui.training.record import RunRecord
from simia_tui.training.watch import Stopped, Watch

Train = Callable[[RunRecord, Profile, Watch, float], tuple[RunStatus, dict[str, Any]]]
"""The training itself: record, settings, watch and the start (monotonic seconds) in; end and figures out."""


def main(module: str, train: Train, argv: Sequence[str] | None = None) -> int:
    """Carries out the run named on the command line and returns the exit code."""
    parser = argparse.ArgumentParser(prog=module, description="Carries out one training run.")
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--run", type=int, required=True)
    options = parser.parse_args(argv)
    try:
        return carry_out(RunRecord(Workspace.open(options.workspace), options.run), train)
    except SimiaError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def carry_out(record: RunRecord, train: Train) -> int:
    """Trains, and ends the run's row as done, stopped or failed; returns the exit code.

    Raises:
        SimiaError: another process trains this run; its row is left alone.
    """
    began = time.monotonic()
    calm_the_machine()
    profile: Profile | None = None
    with only_one(record.folder), Watch(record) as watch:
        try:
            record.start()
            watch.poll()
            check.require()
            check.require_tracker(record.run.spec.report_to)
            profile = profiles.settle(record.run.spec)
            status, result = train(record, profile, watch, began)
        except Stopped:
            status, result = RunStatus.STOPPED, record.run.result
        except Exception as error:  # noqa: BLE001  whatever it was, the run must not look alive for ever
            traceback.print_exc()
            record.finish(RunStatus.FAILED, faults.sentence(error, profile, record.run.spec.method))
            return 1
    record.finish(status, result=result)
    print(f"{status} {json.dumps(result)}", flush=True)
    return 0


def calm_the_machine() -> None:
    """Keeps torch from spinning on cores that others need, from the network, and to one GPU. Before torch's import.

    With spinning OpenMP threads a second busy process makes training ten times slower.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = {
        "OMP_WAIT_POLICY": "PASSIVE",
        "GOMP_SPINCOUNT": "0",
        "OMP_NUM_THREADS": str(min(cores, 8)),
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
        "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
        "TRL_EXPERIMENTAL_SILENCE": "1",
    }
    if "LOCAL_RANK" not in os.environ:
        # Without a launcher that gives each process its GPU, the trainer would spread over all by DataParallel.
        wanted["CUDA_VISIBLE_DEVICES"] = "0"
    for name, value in wanted.items():
        os.environ.setdefault(name, value)
    os.environ["HF_HUB_OFFLINE"] = "1"


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Holds the run's folder against a second trainer; the lock dies with the process."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "trainer.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SimiaError(f"Another process already trains the run in {folder}; stop it first.") from error
        yield
