"""Kills the worker many times at random moments and audits the books after each life.

    python benchmarks/kill_loop.py [--kills 400] [--seed 1] [--defect none|early|late|'two transactions']

Prints what was asked, booked and lost; ends with 1 when a promise was broken.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "tests" / folder) for folder in ("llm", "jobs")]

from faultserver import FaultServer, episode  # noqa: E402 - found by the line above
from killing import kill_loop, queue, stocked  # noqa: E402

IN_FLIGHT = 32


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--defect", default="none")
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, FaultServer(reply=episode, latency=(0.0, 0.06)) as server:
        workspace = stocked(Path(folder) / "w")
        # A life is answered 20 requests on average, so that every kill meets work; two jobs share the slots.
        n = options.kills * 11
        jobs = [queue(workspace, server.base_url, n, concurrency=IN_FLIGHT // share) for share in (2, 1)]
        report = kill_loop(workspace, server, jobs, options.kills, options.seed, options.defect, bounded=True)
    print(f"seed {options.seed}, defect {options.defect}: {time.monotonic() - started:.0f} s")
    print(f"kills {report.kills}, results {report.done}, requests {report.requests}, attempts {report.attempts},"
          f" lost {report.lost}")  # fmt: skip
    print(f"requests <= results + in flight at the kills: {report.requests} <= {report.done + report.lost}")
    print("\n".join(report.problems) or "nothing lost, nothing twice, no request without a row")
    return 1 if report.problems or report.requests > report.done + report.lost else 0


if __name__ == "__main__":
    sys.exit(main())
