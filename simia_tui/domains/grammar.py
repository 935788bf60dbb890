"""The action grammars by the name that a `pack.toml` gives under `grammar`."""

from simia_tui.domains.action import Grammar
from simia_tui.domains.grammar_calls import Calls
from simia_tui.domains.grammar_mind2web import Mind2Web
from simia_tui.domains.grammar_office import OfficeBench
from simia_tui.domains.grammar_os import AgentBenchOS
from simia_tui.domains.grammar_webshop import WebShop

GRAMMARS: dict[str, Grammar] = {
    grammar.name: grammar for grammar in (Calls(), OfficeBench(), AgentBenchOS(), WebShop(), Mind2Web())
}
