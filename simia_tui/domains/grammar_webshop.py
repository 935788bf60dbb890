"""WebShop: `Thought:` and `Action:` with `search[...]` or `click[...]` on the next line; also ReAct's bare lines."""

import re

from simia_tui.domains.action import Action, ActionError, Grammar, argument

_ACTION = re.compile(r"[Aa]ction:[ \t]*\n\s*(search|click)\[([^\n]+?)\][ \t]*$", re.MULTILINE)
_THOUGHT = re.compile(r"Thought:\s*(.*?)\s*(?=^[Aa]ction:|\Z)", re.MULTILINE | re.DOTALL)
_BARE = re.compile(r"(search|click|think)\[(.*?)\]?", re.DOTALL)

_NAMES = ("search", "click", "think")


class WebShop(Grammar):
    """Actions `search` and `click`, each with a `value`, exactly one in a turn.

    ReAct's logs print the command alone, and besides `think`, which may be cut off, and `reset`.
    """

    name = "webshop"
    title = "WebShop Thought/Action"

    def parse(self, text: str) -> Action:
        bare = _BARE.fullmatch(text.strip())
        if bare:
            if bare[1] != "think" and not text.strip().endswith("]"):
                raise ActionError(f"The command {bare[1]} is not closed with a bracket.")
            return Action(bare[1], {"value": bare[2]})
        if text.strip() == "reset":
            return Action("reset")
        found = _ACTION.findall(text)
        if len(found) != 1:
            raise ActionError(f"The text holds {len(found)} commands after “Action:”, and one is asked for.")
        thought = _THOUGHT.search(text)
        return Action(found[0][0], {"value": found[0][1]}, (thought[1] or None) if thought else None)

    def _write(self, action: Action) -> str:
        if action.name == "reset":
            argument(action)
            return "reset"
        if action.name not in _NAMES:
            raise ActionError(f"The grammar has search and click, but no {action.name!r}.")
        command = f"{action.name}[{argument(action, 'value')[0]}]"
        if action.name == "think":
            return command
        lead = f"Thought:\n{action.thought}\n\n" if action.thought else ""
        return f"{lead}Action:\n{command}"
