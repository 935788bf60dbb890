"""A reviewer at the real program while eight processes write: counts refusals for a lock, and what was lost.

    python benchmarks/writers.py [--minutes 10] [--writers 8]

Ends with 1 when the database refused anybody, or when a decision or an episode is missing at the end.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

import writing
from many import SETTINGS
from pty_terminal import PtyTerminal, Seen
from samples import make_trajectory

from simia_tui.store import New, Workspace, trajectories

STOCK = 20_000
"""Episodes that wait for the reviewer: more than anybody presses keys for in ten minutes."""
SIMIA = Path(sys.executable).with_name("simia")


class Reviewer:
    """Presses `a`, `x1`, and every tenth time `u` and `U`, each when the one before has had its effect."""

    def __init__(self, root: Path) -> None:
        self.terminal = PtyTerminal([str(SIMIA), "--workspace", str(root)])
        self.terminal.wait(lambda text: "episodes waiting for a decision" in text)
        self.decided = 0
        self.refused = 0
        self.times: list[float] = []
        self.terminal.press("ge", self._shows(1))

    def _shows(self, pk: int) -> Seen:
        return lambda text: f"#{pk} " in text or "locked" in text

    def _press(self, keys: str, pk: int) -> bool:
        self.times.append(self.terminal.press(keys, self._shows(pk)))
        if f"#{pk} " in self.terminal.text:
            return True
        self.refused += 1
        self.terminal.wait(lambda text: "locked" not in text)
        return False

    def go_on(self) -> None:
        """One more decision; the next item is the one after the number of decisions that stand."""
        done = self._press(("a", "x1")[self.decided % 2], self.decided + 2)
        self.decided += done
        if done and self.decided % 10 == 0 and self._press("u", self.decided):
            while not self._press("U", self.decided):
                pass
            self.terminal.press("J", self._shows(self.decided + 1))


def stock(root: Path) -> Workspace:
    """A workspace with episodes for the reviewer."""
    workspace = Workspace.create(root, SETTINGS)
    db = workspace.connect()
    bodies = (make_trajectory(f"Request {number}") for number in range(STOCK))
    trajectories.add(db, (New(body, body, kind="episode") for body in bodies))
    db.close()
    return workspace


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--writers", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workspace = stock(Path(folder) / "w")
        reviewer = Reviewer(workspace.root)
        limit = ("--seconds", str(options.minutes * 60))
        processes = [writing.start(workspace.root, number, *limit) for number in range(options.writers)]
        while any(process.poll() is None for process in processes):
            reviewer.go_on()
        reports = [writing.report(process) for process in processes]
        reviewer.terminal.kill()
        db = workspace.connect()
        (written,) = db.execute("SELECT count(*) FROM trajectories WHERE source = 'rollout'").fetchone()
        (standing,) = db.execute(
            "SELECT count(*) FROM trajectories WHERE status IN ('approved', 'rejected')"
        ).fetchone()
        db.close()
    return tell(reviewer, reports, written, standing)


def tell(reviewer: Reviewer, reports: list[writing.Report], written: int, standing: int) -> int:
    """Prints the figures; 1 where a promise was broken."""
    added, refused = sum(report.added for report in reports), sum(report.refused for report in reports)
    times = sorted(reviewer.times)
    p50, p95 = times[len(times) // 2], times[int(len(times) * 0.95)]
    longest = max(report.longest_s for report in reports)
    print(f"writers: {len(reports)}, episodes {added:,}, in the database {written:,}, refused {refused}, "
          f"longest write {longest:.2f} s")  # fmt: skip
    print(f"reviewer: decisions {reviewer.decided:,}, in the database {standing:,}, refused {reviewer.refused}, "
          f"key to next item p50 {p50:.0f} ms, p95 {p95:.0f} ms, longest {times[-1]:.0f} ms")  # fmt: skip
    good = not refused and not reviewer.refused and added == written and reviewer.decided == standing
    print("no lock error, no lost write" if good else "A PROMISE WAS BROKEN")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
