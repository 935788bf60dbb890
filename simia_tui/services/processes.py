"""Background processes that outlive the terminal: the worker and the trainers."""

import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

from simia_tui.store import Workspace


def start(arguments: list[str], log: Path) -> int:
    """Starts Python with `arguments` in a session of its own, its output going to `log`; returns the process id."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "ab") as output:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    # Somebody must take note of its end, or it stays in the process table as long as the workbench is open.
    threading.Thread(target=process.wait, daemon=True).start()
    return process.pid


def start_worker(workspace: Workspace) -> int:
    """Starts a worker for the workspace's queued jobs; one that finds another at work leaves again by itself."""
    root = str(workspace.root.absolute())
    return start(["-m", "simia_tui.jobs.worker", "--workspace", root], workspace.logs / "worker.log")


def worker_pid(workspace: Workspace) -> int | None:
    """The process id of the worker that holds the lock, None when none is at work."""
    try:
        with open(workspace.worker_lock) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                text = lock.read().strip()
                return int(text) if text.isdigit() else 0
    except FileNotFoundError:
        return None
    return None


def alive(pid: int | None) -> bool:
    """Whether a process of this user with that number runs (a zombie does not)."""
    if not pid:
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return True
    return state != "Z"
