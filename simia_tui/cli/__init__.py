"""The command line: thin commands over the services. Without a command it opens the workbench."""

import sys


def main(arguments: list[str] | None = None) -> None:
    """Runs `simia` and exits: 0 done, 1 the work failed, 2 wrong usage or bad input."""
    from simia_tui.cli.entry import run

    sys.exit(run(sys.argv[1:] if arguments is None else arguments))
