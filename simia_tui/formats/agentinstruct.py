"""AgentInstruct: ShareGPT rows `{id, conversations: [{from, value, loss}]}` whose actions are plain text."""

from typing import Any

from simia_tui.formats.sharegpt import ShareGPT


class AgentInstruct(ShareGPT):
    """Reads rows in which each turn of the assistant says whether it is trained on.

    Actions and observations stay the texts they are: what they mean is a matter of the domain's action grammar,
    and the rules of the environment stand in the first turn. The row's `id` goes to `meta`.
    """

    name = "agentinstruct"
    title = "AgentInstruct (text actions, loss per turn)"
    loses = ("fields of a turn that are null",)

    def detect(self, sample: dict[str, Any]) -> bool:
        turns = sample.get("conversations")
        if not isinstance(turns, list) or not turns or not all(isinstance(turn, dict) for turn in turns):
            return False
        marked = any(isinstance(turn.get("loss"), bool) for turn in turns)
        return marked and all(turn.get("from") in ("human", "gpt") and "loss" in turn for turn in turns)
