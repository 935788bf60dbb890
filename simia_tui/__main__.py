"""`python -m simia_tui` is `simia`."""

from simia_tui.cli import main

main()
