"""Mind2Web: `Answer:` with the letter of an element, `Action:` with an operation, and its `Value:`."""

import re

from simia_tui.domains.action import Action, ActionError, Grammar, argument

_ANSWER = re.compile(r"^Answer:[ \t]*([A-Z])\b", re.MULTILINE)
_ACTION = re.compile(r"^Action:[ \t]*(CLICK|TYPE|SELECT)\b", re.MULTILINE)
_VALUE = re.compile(r"^Value:[ \t]?([^\n]*)", re.MULTILINE)
_THOUGHT = re.compile(r"^Thought:[ \t]?(.*?)(?=^Answer:|\Z)", re.MULTILINE | re.DOTALL)


class Mind2Web(Grammar):
    """Actions `click` (element), `type` and `select` (element, value), and `none`, the answer A: none of the above."""

    name = "mind2web"
    title = "Mind2Web Answer/Action/Value"

    def parse(self, text: str) -> Action:
        answer, act, value = _ANSWER.search(text), _ACTION.search(text), _VALUE.search(text)
        if answer is None:
            raise ActionError("The text has no line “Answer:” with a letter.")
        told = _THOUGHT.search(text)
        thought = (told[1].strip() or None) if told else None
        if answer[1] == "A":
            return Action("none", {}, thought)
        if act is None:
            raise ActionError("The text has no line “Action:” with CLICK, TYPE or SELECT.")
        if act[1] == "CLICK":
            return Action("click", {"element": answer[1]}, thought)
        if value is None or not value[1].strip():
            raise ActionError(f"{act[1]} needs a line “Value:”.")
        return Action(act[1].lower(), {"element": answer[1], "value": value[1]}, thought)

    def _write(self, action: Action) -> str:
        lead = f"Thought: {action.thought}\n" if action.thought else ""
        if action.name == "none":
            argument(action)
            return f"{lead}Answer: A."
        if action.name == "click":
            return f"{lead}Answer: {argument(action, 'element')[0]}.\nAction: CLICK"
        if action.name in ("type", "select"):
            element, value = argument(action, "element", "value")
            return f"{lead}Answer: {element}.\nAction: {action.name.upper()}\nValue: {value}"
        raise ActionError(f"The grammar has click, type, select and none, but no {action.name!r}.")
