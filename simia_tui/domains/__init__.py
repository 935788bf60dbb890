"""Domain packs: what a folder under `prompts/` says of a domain, as data."""

from simia_tui.domains.infer import infer_tools
from simia_tui.domains.load import load, names
from simia_tui.domains.pack import Pack, PromptTemplate

__all__ = ["Pack", "PromptTemplate", "infer_tools", "load", "names"]
