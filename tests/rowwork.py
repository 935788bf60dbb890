"""Work on rows that other processes can take a copy of, and a process that has it done; for tests of `Rowwise`."""

import os
import sys
import time
from pathlib import Path

from simia_tui.formats import Row
from simia_tui.services.rowwise import Rowwise


def question(row: Row) -> str | None:
    """The first words of a row that can be read."""
    return row.trajectory.turns[0].content if row.trajectory else row.reason


def stand_still(row: Row) -> None:
    """Says which process it is and never ends."""
    print(os.getpid(), flush=True)
    while True:
        time.sleep(60)


if __name__ == "__main__":
    sys.exit(len(list(Rowwise(Path(sys.argv[1]), "openai", "generic", stand_still).results(2))))
