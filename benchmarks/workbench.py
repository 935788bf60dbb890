"""How quick the workbench is over many episodes: the real program in a pseudo-terminal, key by key.

    python benchmarks/workbench.py --rows 100000 [--keep DIR]

Measured from the moment a key is written to the terminal until the screen shows what it should. Beside it stand the
same acts with Textual's own DataTable filled with all rows, in a small app of its own, on the same machine.
"""

import argparse
import os
import pty
import random
import re
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from fcntl import ioctl
from pathlib import Path

import pyte

from simia_tui.model import Origin, ToolCall, ToolSpec, Trajectory, Turn
from simia_tui.store import New, Workspace, trajectories

COLUMNS, LINES = 120, 40
WORDS = [
    "flight",
    "refund",
    "order",
    "gift",
    "card",
    "address",
    "window",
    "seat",
    "baggage",
    "cancel",
    "confirm",
    "please",
    "account",
    "number",
    "payment",
    "delivery",
    "morning",
    "tomorrow",
    "price",
    "exchange",
    "library",
    "renew",
    "loan",
    "fine",
    "member",
    "book",
    "status",
    "pending",
    "approved",
]


class Terminal:
    """A program in a pseudo-terminal whose screen can be read."""

    def __init__(self, command: list[str]) -> None:
        self.screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.ByteStream(self.screen)
        self.started = time.perf_counter()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", COLUMNS=str(COLUMNS), LINES=str(LINES))
            os.execv(command[0], command)
        ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))

    @property
    def text(self) -> str:
        return "\n".join(self.screen.display)

    def wait(self, seen: Callable[[str], bool], limit: float = 120.0) -> float:
        """Seconds (perf_counter) at which the screen first satisfied `seen`."""
        end = time.perf_counter() + limit
        while time.perf_counter() < end:
            ready, _, _ = select.select([self._fd], [], [], 0.02)
            if ready:
                self._stream.feed(os.read(self._fd, 1 << 16))
                now = time.perf_counter()
                if seen(self.text):
                    return now
        raise TimeoutError(f"the screen never showed it:\n{self.text}")

    def press(self, keys: str, seen: Callable[[str], bool]) -> float:
        """Milliseconds from writing `keys` until the screen satisfies `seen`."""
        started = time.perf_counter()
        os.write(self._fd, keys.encode())
        return (self.wait(seen) - started) * 1000

    def drain(self, quiet: float = 0.3) -> None:
        """Reads until nothing has come for `quiet` seconds."""
        while select.select([self._fd], [], [], quiet)[0]:
            self._stream.feed(os.read(self._fd, 1 << 16))

    def resident_mb(self) -> float:
        """Resident memory of the program, in MB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        return int(found.group(1)) / 1024 if found else float("nan")

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._fd)


def build(root: Path, rows: int) -> None:
    """A workspace of `rows` episodes of about 20 kB and 20 turns; one in 500 has 60 turns."""
    workspace = Workspace.create(root)
    db = workspace.connect()
    db.execute("PRAGMA synchronous = OFF")
    db.execute(
        "INSERT INTO jobs (pk, kind, spec, demo, target, created) VALUES (1, 'synthesize', '{}', 0, ?, 0)", (rows,)
    )
    rng = random.Random(0)
    spec = ToolSpec(name="look_up", description="Looks up.", parameters={"type": "object"})
    batch = []
    for n in range(rows):
        batch.append(New(t := _episode(rng, spec, n), t, kind="episode", source="synthetic"))
        if len(batch) == 1000:
            trajectories.add(db, batch)
            batch = []
    trajectories.add(db, batch)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def _episode(rng: random.Random, spec: ToolSpec, n: int) -> Trajectory:
    pairs = 30 if n % 500 == 7 else 10
    turns = []
    for k in range(pairs // 2):
        said = " ".join(rng.choices(WORDS, k=60))
        turns += [
            Turn(role="user", content=f"episode {n} {said}"),
            Turn(role="assistant", tool_calls=(ToolCall(name="look_up", arguments={"q": n}, call_id=f"c{k}"),)),
            Turn(role="tool", call_id=f"c{k}", name="look_up", content=" ".join(rng.choices(WORDS, k=480))),
            Turn(role="assistant", content=" ".join(rng.choices(WORDS, k=80))),
        ]
    return Trajectory(
        domain="generic", policy="Be kind.", tools=(spec,), turns=tuple(turns), origin=Origin(job=1, ord=n)
    )


def show(name: str, values: list[float], goal: str) -> None:
    ordered = sorted(values)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    print(f"{name:<44}{statistics.median(values):>9.0f}{p95:>9.0f}{len(values):>6}  {goal}")


def head(pk: int) -> Callable[[str], bool]:
    """Whether the head line shows trajectory `pk`."""
    return lambda text: f"#{pk} " in text


def measure(root: Path, rows: int) -> None:
    """Runs the workbench on the workspace and prints each act."""
    db = Workspace.open(root).connect()
    db.execute("UPDATE trajectories SET status = 'pending'")
    db.close()
    simia = str(Path(sys.executable).with_name("simia"))
    print(f"{'act':<44}{'p50 ms':>9}{'p95 ms':>9}{'n':>6}  goal")
    starts = []
    for _ in range(3):
        terminal = Terminal([simia, "--workspace", str(root)])
        starts.append(
            (terminal.wait(lambda text: "From seeds to runs" in text and "episodes" in text) - terminal.started) * 1000
        )
        terminal.drain()
        opened = terminal.press("ge", head(1))
        terminal.drain()
        terminal.close()
    show("start to Home", starts, "1,000")
    show("Home to the first episode", [opened], "")
    terminal = Terminal([simia, "--workspace", str(root)])
    terminal.wait(lambda text: "From seeds to runs" in text)
    terminal.drain()
    terminal.press("ge", head(1))
    terminal.drain()
    acts = {
        "down: next item painted": ("j", [head(n) for n in range(2, 102)], "50"),
        "approve: next item painted": ("a", [head(n) for n in range(102, 202)], "50"),
    }
    for name, (key, seen, goal) in acts.items():
        times = []
        for wanted in seen:
            times.append(terminal.press(key, wanted))
            terminal.drain(0.02)
        show(name, times, goal)
    show(
        "page down",
        [terminal.press("\x1b[6~", lambda text, before=terminal.text: text != before) for _ in range(20)],
        "",
    )
    show("to the end", [terminal.press("G", head(rows))], "")
    terminal.drain()
    show("back to the start", [terminal.press("\x1b[H", head(1))], "")
    terminal.drain()
    print(f"{'resident memory, MB':<44}{terminal.resident_mb():>9.0f}")
    terminal.close()


PLAIN = """
import sqlite3, sys
from textual.app import App
from textual.widgets import DataTable, Footer, Static
class Plain(App):
    def compose(self):
        yield DataTable(cursor_type="row", id="t"); yield Static("", id="s"); yield Footer()
    def on_mount(self):
        db = sqlite3.connect(sys.argv[1])
        t = self.query_one("#t"); t.add_columns("#", "status", "rules", "title", "turns")
        for row in db.execute("SELECT pk, status, verdict, title, turns FROM trajectories ORDER BY pk"):
            t.add_row(*map(str, row))
        self.query_one("#s").update("ready"); t.focus()
    def on_data_table_row_highlighted(self, event):
        self.query_one("#s").update(f"#{event.cursor_row + 1} ")
Plain().run()
"""


def measure_plain(root: Path) -> None:
    """The same list in a DataTable that holds every row."""
    script = root / "plain.py"
    script.write_text(PLAIN)
    terminal = Terminal([sys.executable, str(script), str(root / "db" / "simia.db")])
    ready = (terminal.wait(lambda text: "#1 " in text or "ready" in text, 300) - terminal.started) * 1000
    show("plain DataTable: start to first item", [ready], "")
    terminal.drain()
    times = []
    for n in range(2, 52):
        times.append(terminal.press("\x1b[B", head(n)))
        terminal.drain(0.02)
    show("plain DataTable: down", times, "")
    print(f"{'plain DataTable: resident memory, MB':<44}{terminal.resident_mb():>9.0f}")
    terminal.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--keep", type=Path, help="build here, or use what was built here before")
    options = parser.parse_args()
    root = options.keep or Path(tempfile.mkdtemp(prefix="simia-bench-"))
    if not (root / "db" / "simia.db").exists():
        started = time.perf_counter()
        build(root, options.rows)
        size = (root / "db" / "simia.db").stat().st_size / 1e6
        print(f"built {options.rows:,} episodes, {size:,.0f} MB, in {time.perf_counter() - started:.0f} s")
    print(subprocess.run(["uptime"], capture_output=True, text=True, check=False).stdout.strip())
    measure(root, options.rows)
    measure_plain(root)


if __name__ == "__main__":
    main()
