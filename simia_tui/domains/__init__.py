"""Domain packs: what a folder under `prompts/` says of a domain, as data, and the grammars of actions."""

from simia_tui.domains.action import Action, ActionError, Grammar
from simia_tui.domains.grammar import GRAMMARS
from simia_tui.domains.infer import infer_tools
from simia_tui.domains.load import load, names
from simia_tui.domains.pack import ErrorTemplate, Pack, PromptTemplate

__all__ = [
    "GRAMMARS",
    "Action",
    "ActionError",
    "ErrorTemplate",
    "Grammar",
    "Pack",
    "PromptTemplate",
    "infer_tools",
    "load",
    "names",
]
