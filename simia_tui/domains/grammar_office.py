"""OfficeBench: `<think> … </think>` and `<answer> {"app", "action", …} </answer>`, each on a single line."""

import ast
import json
import re
from typing import Any

from simia_tui.domains.action import Action, ActionError, Grammar

_THINK = re.compile(r"<think>(.*?)</think>", re.DOTALL)
_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
_LONGEST = 100_000


class OfficeBench(Grammar):
    """An action is named `app.action`; the other keys of the answer are its arguments.

    Read as the environment does: the action may stand alone, as JSON or as a Python literal; `action` may itself
    be `app.action`; a list of one element stands for the element. The environment's pattern does not cross a line
    end, so a thought or an answer of several lines is refused here as there.
    """

    name = "officebench"
    title = "OfficeBench <think>/<answer>"

    def parse(self, text: str) -> Action:
        think, answer = _THINK.search(text), _ANSWER.search(text)
        if (think and "\n" in think[1].strip()) or (answer and "\n" in answer[1].strip()):
            raise ActionError("The thought and the answer must each stand on a single line.")
        value = _object(answer[1] if answer else _THINK.sub("", text))
        app, act = value.pop("app", None), value.pop("action", None)
        if not isinstance(app, str) or not isinstance(act, str) or not app or not act:
            raise ActionError('The action needs the keys "app" and "action", each a text.')
        name = act if act.startswith(f"{app}.") else f"{app}.{act}"
        arguments = {
            key: inner[0] if isinstance(inner, list) and len(inner) == 1 else inner for key, inner in value.items()
        }
        return Action(name, arguments, (think[1].strip() or None) if think else None)

    def _write(self, action: Action) -> str:
        app, _, act = action.name.partition(".")
        if not {"app", "action"}.isdisjoint(action.arguments):
            raise ActionError('An argument cannot be called "app" or "action".')
        try:
            answer = json.dumps({"app": app, "action": act, **action.arguments}, ensure_ascii=False)
        except (ValueError, TypeError, RecursionError):
            raise ActionError("The arguments of the action are not JSON.") from None
        answer = answer.replace("<", "\\u003c")
        thought = f"<think> {action.thought} </think>\n" if action.thought else ""
        return f"{thought}<answer> {answer} </answer>"


def _object(text: str) -> dict[str, Any]:
    """The object of `text`, as JSON or else as a Python literal with text keys."""
    text = text.strip()
    if len(text) > _LONGEST:
        raise ActionError("The action is too long to be read.")
    value: Any = None
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(text)
            break
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ActionError("The action is not an object in JSON.")
    return value
