"""How quick the workbench is over many episodes: the real program in a pseudo-terminal, key by key.

    python benchmarks/workbench.py [--rows 100000] [--keep DIR] [--no-plain]

Measured from the moment a key is written to the terminal until the bytes have come with which the screen shows what it
should. Beside it stand the same acts with Textual's own DataTable filled with all rows (`plain_table.py`).
"""

import argparse
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

from many import LONG, SETTINGS, build
from pty_terminal import PtyTerminal, Seen

from simia_tui.store import Workspace

PAGE_DOWN, HOME, ESCAPE, DOWN = "\x1b[6~", "\x1b[H", "\x1b", "\x1b[B"
HEAD = re.compile(r"#(\d+) ")
INSTALLED = {"PYTHONDONTWRITEBYTECODE": ""}
"""The program has its bytecode, as it has after an install or its first start."""
QUIET_S = 0.15
"""Pause after every act, in which what is not urgent (counts, the place) is done as between the keys of a person."""


def show(name: str, values: list[float], goal: str = "") -> None:
    ordered = sorted(values)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    print(f"{name:<48}{statistics.median(values):>9,.0f}{p95:>9,.0f}{len(values):>6}  {goal}", flush=True)


def head(pk: int) -> Seen:
    """Whether the head line shows trajectory `pk`."""
    return lambda text: f"#{pk} " in text


def found(n: int) -> Seen:
    """Whether the filter says how many it found."""
    return lambda text: f"{n:,} found" in text


def other_than(text: str) -> Seen:
    """Whether another trajectory is shown than in `text`."""
    before = HEAD.search(text)
    return lambda now: (match := HEAD.search(now)) is not None and match[1] != (before and before[1])


class Workbench(PtyTerminal):
    """The program on a workspace."""

    def __init__(self, root: Path) -> None:
        simia = str(Path(sys.executable).with_name("simia"))
        super().__init__([simia, "--workspace", str(root)], environ=INSTALLED)

    def home(self) -> float:
        """Milliseconds from the start of the process until Home says what waits."""
        return (self.wait(lambda text: "episodes waiting for a decision" in text) - self.started) * 1000

    def each(self, keys: str, goals: Iterable[Seen]) -> list[float]:
        """The times of pressing `keys` again and again."""
        times = []
        for seen in goals:
            times.append(self.press(keys, seen))
            self.drain(QUIET_S)
        return times

    def leave_filter(self) -> None:
        self.write(ESCAPE)
        self.drain(1.0)

    def filter(self, line: str, n: int) -> float:
        """Milliseconds from typing a filter at one go until the number of its rows is shown."""
        self.press("/", lambda text: "esc drops it" in text or "enter keeps" in text)
        self.drain(QUIET_S)
        took = self.press(line, found(n))
        self.drain(QUIET_S)
        self.write("\r")
        self.drain(0.5)
        self.leave_filter()
        return took


def measure_start(root: Path) -> None:
    starts, firsts = [], []
    for n in range(6):
        terminal = Workbench(root)
        home = terminal.home()
        terminal.write("ge")
        first = (terminal.wait(head(1)) - terminal.started) * 1000
        terminal.kill()
        if n > 0:
            # The very first start may have written bytecode.
            starts.append(home)
            firsts.append(first)
    show("start to Home", starts)
    show("start to the first episode (g e pressed at Home)", firsts, "1,000")


def measure(root: Path, rows: int) -> None:
    """Runs the workbench on the workspace and prints each act."""
    measure_start(root)
    terminal = Workbench(root)
    terminal.home()
    terminal.press("ge", head(1))
    terminal.drain(1.0)
    used = terminal.cpu_s()
    show("j: next item painted", terminal.each("j", map(head, range(2, 102))), "50")
    show("a: decided, on disk, next item painted", terminal.each("a", map(head, range(102, 202))), "50")
    print(f"{'processor time of one of these keys, ms':<48}{(terminal.cpu_s() - used) * 5:>9,.0f}")
    show("page down", [once(terminal, PAGE_DOWN) for _ in range(20)], "50")
    show("to the end, back to the start", [terminal.press("G", head(rows)), terminal.press(HOME, head(1))])
    terminal.drain(1.0)
    for line, n in (
        ("rule:call.unknown-tool", rows // 20),
        ("status:approved", 100),
        ("zeppelin", rows // 1000),
        ("lighthouse", rows // 10),
        ("status:pending refund", rows - 100),
    ):
        show(f"/{line}: {n:,} counted", [terminal.filter(line, n) for _ in range(5)], "200")
    terminal.write("/order:longest\r")
    terminal.drain(2.0)
    long = min(50, rows // LONG - 1)
    show("j: next episode of 60 turns painted", [once(terminal, "j") for _ in range(long)], "100")
    print(f"{'resident memory, MB':<48}{terminal.resident_mb():>9,.0f}", flush=True)
    terminal.kill()


def once(terminal: PtyTerminal, key: str) -> float:
    """The time until `key` has brought another trajectory."""
    took = terminal.press(key, other_than(terminal.text))
    terminal.drain(QUIET_S)
    return took


def measure_plain(root: Path, rows: int) -> None:
    """The same list in a DataTable that holds every row."""
    script = Path(__file__).with_name("plain_table.py")
    terminal = PtyTerminal([sys.executable, str(script), str(root / "db" / "simia.db")], environ=INSTALLED)
    first = (terminal.wait(lambda text: f"#1 of {rows:,}" in text, 240) - terminal.started) * 1000
    show("plain DataTable: start to the first episode", [first])
    terminal.drain(2.0)
    show("plain DataTable: next item painted", [once(terminal, DOWN) for _ in range(20)])
    show("plain DataTable: page down", [once(terminal, PAGE_DOWN) for _ in range(5)])
    print(f"{'plain DataTable: resident memory, MB':<48}{terminal.resident_mb():>9,.0f}", flush=True)
    took = terminal.press("/", lambda text: f"of {rows // 10:,} found" in text, 120)
    show("plain DataTable: filter, lighthouse", [took])
    terminal.kill()


def ready(root: Path, rows: int) -> int:
    """Builds the workspace where it is not there yet; returns how many episodes it has, all waiting."""
    if not (root / "db" / "simia.db").exists():
        started = time.perf_counter()
        build(root, rows)
        size = (root / "db" / "simia.db").stat().st_size / 1e6
        print(f"built {rows:,} episodes, {size:,.0f} MB, in {time.perf_counter() - started:.0f} s", flush=True)
    (root / "simia.toml").write_text(SETTINGS)
    db = Workspace.open(root).connect()
    db.execute("UPDATE trajectories SET status = 'pending' WHERE status <> 'pending'")
    db.execute("DELETE FROM places")
    (count,) = db.execute("SELECT count(*) FROM trajectories").fetchone()
    db.close()
    return int(count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--keep", type=Path, help="build here, or use what was built here before")
    parser.add_argument("--no-plain", action="store_true", help="leave the DataTable out")
    options = parser.parse_args()
    root = options.keep or Path(tempfile.mkdtemp(prefix="simia-bench-"))
    rows = ready(root, options.rows)
    print(f"{rows:,} episodes; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"{'act':<48}{'p50 ms':>9}{'p95 ms':>9}{'n':>6}  goal")
    measure(root, rows)
    if not options.no_plain:
        measure_plain(root, rows)


if __name__ == "__main__":
    main()
