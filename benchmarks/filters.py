"""How long the count and the list of each filter take: the queries behind the filter line, without the screen.

python benchmarks/filters.py DIR      # a workspace, such as `benchmarks/workbench.py --rows 100000 --keep DIR` makes
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from simia_tui.store import Query, Workspace, trajectories

LINES = (
    "",
    "status:pending",
    "-status:approved",
    "fault:agent",
    "length:>800",
    "turns:10..20 -rule:call.unknown-tool",
    "score:>0.5",
    "date:<30d",
    "model:qwen3-8b",
    "has:edit",
    "has:dispute",
    "rule:call.unknown-tool",
    "tool:look_up",
    "refund gift",
    "order:information status:pending",
)
ROUNDS = 5


def least(act: Callable[[], object]) -> float:
    """The least milliseconds of processor time of some rounds: what the machine does besides only adds."""
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        act()
        times.append(time.process_time() - started)
    return 1000 * min(times)


def main() -> None:
    db = Workspace.open(Path(sys.argv[1])).connect(readonly=True)
    print(f"{'filter':<40}{'found':>9}{'count ms':>10}{'list ms':>9}")
    for line in LINES:
        query = Query.parse("episode", line)
        found = trajectories.count(db, query)
        counting = least(lambda query=query: trajectories.count(db, query))
        listing = least(lambda query=query: trajectories.ids(db, query))
        print(f"{line or '(all)':<40}{found:>9,}{counting:>10.0f}{listing:>9.0f}")


if __name__ == "__main__":
    main()
