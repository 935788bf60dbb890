"""AgentBench OS: `Think:` and `Act: bash` with a fenced block, `Act: finish`, or `Act: answer(...)`."""

import re

from simia_tui.domains.action import Action, ActionError, Grammar, argument

_ACT = re.compile(r"^Act:[ \t]*(bash|finish|answer\((.*)\))[ \t]*$", re.MULTILINE)
_THINK = re.compile(r"^Think:[ \t]?(.*?)(?=^Act:|\Z)", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"```bash\n(.*?)\n?```", re.DOTALL)


class AgentBenchOS(Grammar):
    """Actions `bash` (command), `finish`, `answer` (answer).

    The last `Act:` line counts and all blocks together are one command, as in the environment.
    """

    name = "agentbench-os"
    title = "AgentBench OS Think/Act"

    def parse(self, text: str) -> Action:
        acts = list(_ACT.finditer(text))
        if not acts:
            raise ActionError("The text has no line “Act: bash”, “Act: finish” or “Act: answer(...)”.")
        think, act = _THINK.search(text), acts[-1]
        thought = (think[1].strip() or None) if think else None
        if act[1] == "finish":
            return Action("finish", {}, thought)
        if act[2] is not None:
            return Action("answer", {"answer": act[2]}, thought)
        blocks = _BLOCK.findall(text)
        if not blocks:
            raise ActionError("“Act: bash” is not followed by a ```bash block.")
        return Action("bash", {"command": "\n".join(blocks)}, thought)

    def _write(self, action: Action) -> str:
        lead = f"Think: {action.thought}\n\n" if action.thought else ""
        if action.name == "finish":
            argument(action)
            return f"{lead}Act: finish"
        if action.name == "answer":
            return f"{lead}Act: answer({argument(action, 'answer')[0]})"
        if action.name == "bash":
            return f"{lead}Act: bash\n\n```bash\n{argument(action, 'command')[0]}\n```"
        raise ActionError(f"The grammar has bash, finish and answer, but no {action.name!r}.")
