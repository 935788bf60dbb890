"""Simia TUI: a terminal workbench that grows and curates training sets for tool-using agents."""

__version__ = "0.1.0"
