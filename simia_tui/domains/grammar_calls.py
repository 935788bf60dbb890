"""Function calls, as Hermes and Qwen models write them: a rationale, then one `<tool_call>` block with JSON."""

import json
import re

from simia_tui.domains.action import Action, ActionError, Grammar

_BLOCK = re.compile(r"<tool_call>\s*(.*?)\s*</tool_call>\s*", re.DOTALL)


class Calls(Grammar):
    """`rationale`, a blank line, `<tool_call>`, `{"name", "arguments"}`, `</tool_call>`; one call in a text."""

    name = "calls"
    title = "function calls"

    def parse(self, text: str) -> Action:
        blocks = list(_BLOCK.finditer(text))
        if len(blocks) != 1:
            raise ActionError(f"The text holds {len(blocks)} <tool_call> blocks, and one is asked for.")
        if text[blocks[0].end() :].strip():
            raise ActionError("Text follows the <tool_call> block.")
        try:
            value = json.loads(blocks[0][1])
        except (ValueError, RecursionError):
            raise ActionError("The <tool_call> block does not hold valid JSON.") from None
        if not isinstance(value, dict) or not isinstance(value.get("name"), str):
            raise ActionError("The <tool_call> block does not hold an object with a name.")
        arguments = value.get("arguments")
        if not isinstance(arguments, dict):
            raise ActionError("The arguments of the call are not an object.")
        thought = text[: blocks[0].start()].removesuffix("\n\n")
        return Action(value["name"], arguments, thought if thought.strip() else None)

    def _write(self, action: Action) -> str:
        try:
            call = json.dumps({"name": action.name, "arguments": action.arguments}, ensure_ascii=False)
        except (ValueError, TypeError, RecursionError):
            raise ActionError("The arguments of the call are not JSON.") from None
        # A tag inside a value must not end the block; JSON can say the same sign in another way.
        call = call.replace("<", "\\u003c")
        lead = f"{action.thought}\n\n" if action.thought else ""
        return f"{lead}<tool_call>\n{call}\n</tool_call>"
