"""Recordings of the three golden paths in a real terminal: `make recordings`.

Plays keys against the real program in tmux, 100 by 30 cells, on a demo workspace in a temporary folder, and writes for
every path a file for `asciinema play` (.cast, asciicast v2, with a marker at every key) and the same as text (.md).
The pace is set here, not measured: 1.2 s a key.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from simia_tui.model import JobStatus
from simia_tui.services import demo, processes, training
from simia_tui.store import Query, Workspace, certificates, decisions, jobs, runs, trajectories

RECORDINGS = Path(__file__).parent / "recordings"
COLUMNS, LINES = 100, 30
PACE_S = 1.2
PATIENCE_S = 240.0


class Step(NamedTuple):
    """Keys as tmux names them, what they do, and what the screen then shows."""

    keys: Sequence[str]
    does: str
    shows: str = ""


class Tmux:
    """The program in a tmux server of its own."""

    def __init__(self, folder: Path, workspace: Workspace) -> None:
        # A server that is told to leave takes its time; the next one has a place of its own.
        self._socket = Path(tempfile.mkdtemp(dir=folder)) / "tmux"
        simia = Path(sys.executable).with_name("simia")
        environ = ["env", "TERM=xterm-256color", "COLORTERM=truecolor", "SIMIA_REVIEWER=you"]
        size = ["-x", str(COLUMNS), "-y", str(LINES)]
        self._run(
            "-f", "/dev/null", "new-session", "-d", *size, *environ, str(simia), "--workspace", str(workspace.root)
        )

    def _run(self, *arguments: str) -> str:
        command = ["tmux", "-S", str(self._socket), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def press(self, keys: Sequence[str]) -> None:
        self._run("send-keys", *keys)

    @property
    def lines(self) -> list[str]:
        """The screen with its colours."""
        return self._run("capture-pane", "-e", "-p").rstrip("\n").split("\n")

    @property
    def text(self) -> str:
        return self._run("capture-pane", "-p")

    def still(self) -> None:
        """Waits until the screen no longer changes."""
        before = ""
        while before != (before := self.text):
            time.sleep(0.3)

    def close(self) -> None:
        subprocess.run(["tmux", "-S", str(self._socket), "kill-server"], capture_output=True, check=False)


def wait(holds: Callable[[], bool], what: str) -> None:
    """Polls for what another process does."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > deadline:
            sys.exit(f"docs/record.py: {what} did not come in {PATIENCE_S:.0f} s")
        time.sleep(0.1)


class Recorder:
    """Writes what a terminal shows after every step."""

    def __init__(self, terminal: Tmux, title: str, home: Path) -> None:
        """`home` is the folder of the workspace, which stands as ~ in the recording."""
        self._terminal = terminal
        self._home = str(home)
        self._title = title
        self._events: list[tuple[float, str, str]] = []
        self._shown: list[str] = [""] * LINES
        self._frames: list[tuple[str, str, str]] = []

    def play(self, step: Step) -> None:
        self._terminal.press(step.keys)
        if step.shows:
            wait(lambda: step.shows in self._terminal.text, f"{step.shows!r} after {' '.join(step.keys)}")
        self._terminal.still()
        self.frame(" ".join(step.keys), step.does)

    def frame(self, keys: str, does: str) -> None:
        """Notes the screen: of the cast only the lines that have changed."""
        at = len(self._frames) * PACE_S
        lines = [line.replace(self._home, "~") for line in (self._terminal.lines + [""] * LINES)[:LINES]]
        changed = [
            f"\x1b[{row};1H\x1b[0m{line}\x1b[0m\x1b[K"
            for row, (line, before) in enumerate(zip(lines, self._shown, strict=True), start=1)
            if line != before
        ]
        self._shown = lines
        self._events += [(at, "m", f"{keys}: {does}"), (at, "o", "".join(changed))]
        self._frames.append((keys, does, self._terminal.text.replace(self._home, "~").rstrip()))

    def save(self, name: str) -> None:
        head = {"version": 2, "width": COLUMNS, "height": LINES, "title": self._title}
        cast = [json.dumps(head), *(json.dumps(event, ensure_ascii=False) for event in self._events)]
        (RECORDINGS / f"{name}.cast").write_text("\n".join(cast) + "\n", encoding="utf-8")
        text = [f"# {self._title}\n\n`asciinema play {name}.cast` plays this.\n"]
        text += [f"\n`{keys}`: {does}\n\n```\n{screen}\n```\n" for keys, does, screen in self._frames]
        (RECORDINGS / f"{name}.md").write_text("".join(text), encoding="utf-8")
        print(f"docs/recordings/{name}.cast: {len(self._frames)} frames")


def seeds(workspace: Workspace) -> Iterator[Step]:
    """Job A: one key an item, then a bucket on a sample."""
    yield Step(["g", "s"], "to the seeds", "[Seeds")
    yield Step(["]"], "to the first turn with a finding")
    yield Step(["a"], "approved, and the next one is shown", "approved #")
    yield Step(["x"], "rejected, for which reason?", "at fault is")
    yield Step(["3"], "the user simulator", "rejected #")
    yield Step(["u"], "taken back", "undo: reject")
    yield Step(["/"], "a filter")
    yield Step(["status:pending verdict:clean"], "what waits and has no finding", "found")
    yield Step(["Enter"], "kept")
    yield Step(["B"], "all of these at once, on a random sample", "sample")
    yield Step(["Enter"], "the sample is a queue", "sample:1")
    db = workspace.connect(readonly=True)
    found = certificates.unfinished(db, "you", "seed")
    db.close()
    assert found is not None
    for n in range(1, found.sample):
        yield Step(["a"], f"{n} of {found.sample} read")
    yield Step(["a"], "the last one: what the sample says of the rest", "Approve the other")
    yield Step(["Enter"], "the rest is approved as one act", "on the sample")
    yield Step(["u"], "and taken back by one key", "undo: approve")


def error_cards(_workspace: Workspace) -> Iterator[Step]:
    """Job B: one key a card."""
    yield Step(["g", "c"], "simulated against real", "draws 60 cards")
    yield Step(["-"], "a smaller deck", "draws 40 cards")
    yield Step(["-"], "smaller still", "draws 20 cards")
    yield Step(["Enter"], "the first card", "plausible")
    words = {"a": "plausible", "f": "a second opinion"}
    for key in "aa1aaa2aaafaaaaaaaaa":
        yield Step([key], words.get(key, "a fault of the simulator"))
    yield Step(["Enter"], "what to do with the episodes", "Bad cards")
    yield Step(["x"], "excluded, as one act")
    yield Step(["u"], "taken back")


def export_and_train(workspace: Workspace) -> Iterator[Step]:
    """Job C: two keys."""
    yield Step(["T"], "what would be frozen, and what each trainer would lose of it", "words lost")
    yield Step(["Enter"], "frozen, and a run started in a process of its own", "starts")
    db = workspace.connect(readonly=True)
    wait(lambda: runs.runs(db)[0].step >= 8 or runs.runs(db)[0].status.ended, "a run with steps")
    db.close()
    yield Step(["g", "x"], "the run, as it goes", "step")


PATHS: dict[str, tuple[str, Callable[[Workspace], Iterator[Step]]]] = {
    "job-a-seeds": ("Job A: choose seeds", seeds),
    "job-b-error-cards": ("Job B: spot-check simulated tool errors", error_cards),
    "job-c-export-and-train": ("Job C: export and train", export_and_train),
}


def record(workspace: Workspace, folder: Path, name: str) -> None:
    """Plays one path and saves it."""
    title, path = PATHS[name]
    terminal = Tmux(folder, workspace)
    try:
        wait(lambda: "From seeds to runs" in terminal.text, "the workbench")
        terminal.still()
        recorder = Recorder(terminal, title, folder)
        recorder.frame("simia", "the workbench opens")
        for step in path(workspace):
            recorder.play(step)
        recorder.save(name)
    finally:
        terminal.close()


def main() -> None:
    """Makes all recordings, or those named on the command line."""
    RECORDINGS.mkdir(exist_ok=True)
    os.environ["SIMIA_REVIEWER"] = "you"
    with tempfile.TemporaryDirectory() as folder:
        workspace = demo.prepare(Path(folder) / "demo", n_seeds=120)
        db = workspace.connect()
        wait(lambda: jobs.jobs(db)[0].status is JobStatus.DONE, "the end of the job")
        decisions.decide(db, list(trajectories.ids(db, Query(kind="episode", verdict="clean")))[:70], "approve", "you")
        for name in sys.argv[1:] or PATHS:
            if name != "job-c-export-and-train" or not training.missing():
                record(workspace, Path(folder), name)
        for run in runs.runs(db):
            training.stop_run(db, run.id)
            wait(lambda pk=run.id: runs.run(db, pk).status.ended, "the end of the run")  # type: ignore[misc]
        db.close()
        wait(lambda: processes.worker_pid(workspace) is None, "the end of the worker")


if __name__ == "__main__":
    main()
