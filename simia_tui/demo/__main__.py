"""`python -m simia_tui.demo`: serve the demo model by hand, for any program that speaks OpenAI chat completions."""

import argparse
import sys
import threading
from pathlib import Path

from simia_tui.demo.server import DemoServer
from simia_tui.errors import SimiaError


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m simia_tui.demo", description=__doc__)
    parser.add_argument("--port", type=int, default=8765, help="port on 127.0.0.1, 0 for any free one")
    parser.add_argument(
        "--truth", type=Path, default=Path("truth.jsonl"), help="file the injected defects are recorded in"
    )
    parser.add_argument("--defect-rate", type=float, default=0.25, help="share of defective replies, 0 to 1")
    parser.add_argument("--random-seed", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that every reply waits")
    given = parser.parse_args(arguments)
    try:
        with DemoServer(given.truth, given.random_seed, given.defect_rate, given.latency, given.port) as server:
            print(f"Serving the demo model at {server.base_url}; Ctrl-C ends it.", flush=True)
            threading.Event().wait()
    except KeyboardInterrupt:
        return 0
    except SimiaError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
